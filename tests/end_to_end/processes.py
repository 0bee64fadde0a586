"""Real processes for the end-to-end tests: the command, a core, a pseudo-terminal, and polling with a deadline."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pexpect
import pyte

from console import sockets
from console.commands.calls import Core
from tests.console.terminalkit import Terminal

T = TypeVar("T")
KEYDESK = (sys.executable, "-P", "-m", "console.cli")


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A folder with a short path: the kernel takes about 100 bytes for a socket's, and a runner's folder can be longer."""
    with tempfile.TemporaryDirectory(prefix="kd-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """An environment in which nothing of the user's is found: no settings, no socket, no home of theirs."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("KEYDESK_", "TEXTUAL_", "XDG_", "COLUMNS", "LINES"))
    }
    made = {"HOME": "h", "XDG_RUNTIME_DIR": "r", "XDG_STATE_HOME": "s", "XDG_DATA_HOME": "d", "XDG_CONFIG_HOME": "c"}
    for name in made.values():
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    toured = folder / made["XDG_STATE_HOME"] / "keydesk" / "console" / "toured"  # these people know the desk
    toured.parent.mkdir(parents=True, exist_ok=True)
    toured.touch()
    return {
        **kept,
        **{variable: os.fspath(folder / name) for variable, name in made.items()},
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        **more,
    }


def keydesk(
    *arguments: object, env: Mapping[str, str], seconds: float = 30, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run one command line to its end. What hangs is asked to end, so that it takes its children along."""
    with subprocess.Popen(
        [*KEYDESK, *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, **more,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(timeout=seconds)
        except BaseException:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def until(probe: Callable[[], T | None], what: str, seconds: float = 20) -> T:
    """Ask until the answer is true-ish."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := probe():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def gone(pid: int) -> bool:
    """Whether a process ended; one that nobody has collected yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def children(pid: int) -> dict[int, str]:
    """The children of a process with their command lines."""
    try:
        pids = [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return {}
    return {child: command_line(child) for child in pids}


def command_line(pid: int) -> str:
    """The words that a process was started with, "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


class CoreProcess:
    """``keydesk core`` in the foreground; what it logs goes to a file."""

    def __init__(self, folder: Path, settings: Path, socket: Path, env: Mapping[str, str]) -> None:
        self.socket, self.log = socket, folder / "core.log"
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*KEYDESK, "core", "--settings", os.fspath(settings), "--socket", os.fspath(socket)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
            )  # fmt: skip
        try:
            until(self._up, "the core answers")
        except BaseException:
            self.end()
            raise

    def _up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return sockets.answers(self.socket)

    def call(self) -> Core:
        """Its socket, for calls."""
        return Core(os.fspath(self.socket))

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log's lines of one kind."""
        lines = [line for line in self.log.read_text("utf-8").splitlines() if line.startswith("{")]
        return [entry for line in lines if (entry := json.loads(line))["event"] == event]

    def end(self) -> None:
        """Whatever happened: it is not left behind."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
            self.process.kill()
        self.process.wait()


class Pty(Terminal):
    """The command in a pseudo-terminal with a screen behind it."""

    def __init__(self, *arguments: object, env: Mapping[str, str], cols: int = 160, rows: int = 48) -> None:
        self.screen = pyte.Screen(cols, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.gone = False
        command = [*KEYDESK[1:], *map(str, arguments)]
        self.child = pexpect.spawn(KEYDESK[0], command, env=dict(env), dimensions=(rows, cols), timeout=20)

    def pid(self) -> int:
        """The process on the terminal."""
        assert self.child.pid is not None
        return self.child.pid

    def text(self) -> str:
        """What stands on the screen, after reading what has come."""
        self.read(0.1)
        return "\n".join(self.screen.display)

    def end(self) -> None:
        """Hang up; what does not go by itself is killed."""
        if self.child.isalive():
            self.child.kill(signal.SIGHUP)
            if not self.ended(30):
                self.child.kill(signal.SIGKILL)
        self.child.close()
