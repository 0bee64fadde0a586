"""Plain ``keydesk``: the console on the running core; starts a private core first if there is none."""

import argparse
import gc
import os
import subprocess
import sys
import time
from pathlib import Path

from console import sockets
from console.i18n import LANGUAGES
from console.sign_in import sign_in
from console.terminal import is_dumb
from core.private_files import open_log, private_folder, tail_since

START_S = 20.0
NO_TERMINAL = "The console needs a terminal. For scripts: keydesk status --json, keydesk orders --json, keydesk --help."
DUMB = (
    "This terminal (TERM={term}) cannot show the console. If it is another one, say so: TERM=xterm-256color keydesk. "
    "For reading line by line: keydesk status, keydesk orders, keydesk cases."
)


def parser() -> argparse.ArgumentParser:
    """The options of the plain console."""
    made = argparse.ArgumentParser(prog="keydesk", add_help=False)
    made.add_argument("--socket")
    made.add_argument("--settings")
    made.add_argument("--language", choices=LANGUAGES)
    made.add_argument("--view")
    made.add_argument("--theme")
    made.add_argument("--ascii", action="store_true")
    made.add_argument("--read-only", action="store_true")
    made.add_argument("--mouse", action="store_true")
    made.add_argument("--wall", action="store_true")
    made.add_argument("--no-direct", action="store_true")
    made.add_argument("--bell", action="store_true")
    made.add_argument("--no-tour", action="store_true")
    made.add_argument("--auto-next", action="store_true")
    return made


def main(argv: list[str]) -> int:
    """Find or start a core, run the console on it, leave the core running."""
    given = parser().parse_args(argv)
    unfit = _unfit()  # first of all: a core that nobody will look at must not be left running
    if unfit:
        return _fail(unfit)
    try:
        path, private = sockets.find(given.socket)
    except sockets.SocketError as error:
        return _fail(str(error))
    if not sockets.answers(path):
        if not private:
            return _fail(
                f"No core answers at {path}. Start it (systemctl start keydesk, or: keydesk core --socket {path}), "
                "then try again. No second core was started, since two cores on the same shops would sell keys twice."
            )
        problem = start_core(path, given.settings)
        if problem:
            return _fail(problem)
    unknown = sign_in(path, given.language)
    if unknown:
        return _fail(unknown)
    return run_console(path, given)


def run_console(path: Path, given: argparse.Namespace) -> int:
    """The console alone. Needs a terminal."""
    unfit = _unfit()
    if unfit:
        return _fail(unfit)
    gc.disable()  # nothing that a start makes is garbage; looking for it takes a tenth of the time (run_desk ends this)
    # Both are read when textual is imported: a data frame must not make the next key wait for its paint timer.
    os.environ.setdefault("TEXTUAL_FPS", "1000")
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from console.app import run_desk
    from console.options import Options

    options = Options(
        given.ascii,
        given.read_only,
        given.mouse,
        direct=not given.no_direct,
        view=given.view or "",
        resume=True,
        bell=given.bell,
        wall=given.wall,
        tour=not given.no_tour,
        auto_next=given.auto_next,
    )
    return run_desk(os.fspath(path), given.language, given.theme, options)


def start_core(path: Path, settings: str | None, log: Path | None = None) -> str:
    """Start a detached private core at ``path`` and wait until it answers. Returns "" or what went wrong."""
    private_folder(path.parent)
    log = log or path.parent / "core.log"
    command = [sys.executable, "-P", "-m", "console.cli", "core", "--socket", os.fspath(path)]
    command += ["--settings", settings] if settings else []
    with open_log(log) as out:
        start = os.fstat(out.fileno()).st_size
        core = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if sockets.answers(path, 0.2):
            return ""
        if core.poll() is not None:
            return f"The core did not start:\n  {tail_since(log, start, 8)}"
        time.sleep(0.05)
    return f"The core did not answer within {START_S:.0f} s; its log is {log}."


def _unfit() -> str:
    """Why the console cannot be shown here; "" when it can."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return NO_TERMINAL
    return DUMB.format(term=os.environ["TERM"]) if is_dumb() else ""


def _fail(message: str) -> int:
    sys.stderr.write(f"keydesk: {message}\n")
    return 2
