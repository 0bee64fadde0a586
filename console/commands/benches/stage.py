"""What the terminal benches stand on: a live core in a process of its own, and one plain terminal for all programs."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from console import sockets
from core.private_files import open_log

READY_S = 60.0


@contextmanager
def live_core(folder: Path, rate: int) -> "Iterator[tuple[subprocess.Popen[bytes], Path]]":
    """A core on ``folder``'s database and its socket. SIGUSR1 makes ``rate`` orders a second change."""
    socket = folder / "core.sock"
    sockets.check_length(socket)
    command = [sys.executable, "-P", "-m", "core.bench.live_core", os.fspath(folder / "keydesk.db"), os.fspath(socket)]
    with open_log(folder / "core.log") as log:
        core = subprocess.Popen([*command, str(rate)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until = time.monotonic() + READY_S
        while not sockets.answers(socket, 0.2):
            if core.poll() is not None or time.monotonic() > until:
                raise click.ClickException(f"the core of the bench did not start: {tail(folder)}")
            time.sleep(0.02)
        yield core, socket
    finally:
        core.terminate()
        try:
            core.wait(10)
        except subprocess.TimeoutExpired:
            core.kill()
            core.wait()


def tail(folder: Path) -> str:
    """The end of the core's log."""
    return (folder / "core.log").read_text("utf-8", "replace").strip()[-800:]


def desk_command(socket: Path) -> list[str]:
    """The console on this core, as a person starts it."""
    return [sys.executable, "-P", "-m", "console.cli", "--socket", os.fspath(socket), "--language", "en"]


def plain_terminal(folder: Path) -> dict[str, str]:
    """The same plain terminal for every program, which remembers nothing: a console that went on where the last one was
    would look elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEXTUAL_", "KEYDESK_"))}
    for name in ("COLORTERM", "NO_COLOR", "LINES", "COLUMNS", "TMUX", "TERM_PROGRAM"):
        kept.pop(name, None)
    state = tempfile.mkdtemp(prefix="state-", dir=folder)
    return kept | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "XDG_STATE_HOME": state}
