"""The console in a real pseudo-terminal, with a screen behind it."""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pyte

from tests.console.fixture_core import Core
from tests.console.fixture_server import Served

ROOT = Path(__file__).parents[2]
# What Textual asks and sets at the start and the end: focus and paste reports, mouse off, key protocol, what is known.
_ASKED = re.compile(rb"\x1b\[(?:[<>=]\d*u|\?[0-9;]*(?:\$p|u)|\?(?:1004|2004|2048|7|100[0-9]|1015|1016)[hl])")


class Terminal:
    """A pty with a screen behind it; everything that was written is kept."""

    def __init__(self, served: Served, *options: str, cols: int = 120, rows: int = 36, **env: str) -> None:
        self.screen = pyte.Screen(cols, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.gone = False
        # COLUMNS and LINES, which a test runner may set, would overrule the pty's own size.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("TEXTUAL_", "COLUMNS", "LINES"))}
        environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "XDG_CONFIG_HOME": "/nonexistent"}
        environment |= {"XDG_STATE_HOME": str(served.path.parent), **env}
        self.served = served
        self.child = pexpect.spawn(
            sys.executable, ["-m", "console", "--socket", str(served.path), "--language", "en", *options],
            cwd=str(ROOT), env=environment, dimensions=(rows, cols), timeout=20,
        )  # fmt: skip

    def read(self, seconds: float) -> bytes:
        """What comes within a time."""
        out, end = b"", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.child.child_fd], [], [], left)[0]:
                break
            try:
                data = os.read(self.child.child_fd, 65536)
            except OSError:
                break
            out += data
        self.raw += out
        self.stream.feed(re.sub(rb"\x1b\[[<>=?][0-9;]*[u$a-zA-Z]p?|\x1b\[\?[0-9;]*\$p", b"", out))
        return out

    def whole(self) -> str:
        """What stands on the screen. pyte's own ``display`` fails on a wide character that is half painted over."""
        screen = self.screen
        return "\n".join("".join(screen.buffer[y][x].data for x in range(screen.columns)) for y in range(screen.lines))

    def until(self, text: str, seconds: float = 15.0) -> str:
        """Reads until a text is on the screen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.05)
            whole = self.whole()
            if text in whole:
                return whole
        raise AssertionError(f"never on the screen: {text!r}\n" + self.whole())

    def shown(self) -> bytes:
        """What was written between taking the terminal over and giving it back, without the toolkit's own questions."""
        body = self.raw.split(b"\x1b[?1049h")[1].split(b"\x1b[?1049l")[0]
        return _ASKED.sub(b"", body.replace(b"\r\n", b"\n"))  # the pty's own carriage returns

    def press(self, keys: str) -> None:
        """Keys as a terminal sends them."""
        self.child.send(keys)

    def resize(self, lines: int, columns: int) -> None:
        """Another size of the window."""
        self.child.setwinsize(lines, columns)
        self.screen.resize(lines, columns)

    def ended(self, seconds: float = 6.0) -> bool:
        """Whether the process ends in time."""
        end = time.monotonic() + seconds
        while self.child.isalive():
            if time.monotonic() > end:
                return False
            self.read(0.05)
        return True


class Opener:
    """Opens terminals on cores of their own, and ends what still runs in them."""

    def __init__(self, serve: Callable[..., Served]) -> None:
        self._serve = serve
        self._opened: list[Terminal] = []

    def __call__(
        self,
        *options: str,
        orders: int = 60,
        change: Callable[[Core], None] | None = None,
        alter: Callable[[Any], Any] | None = None,
        **kinds: Any,
    ) -> Terminal:
        served = self._serve(orders)
        served.alter = alter
        if change is not None:
            served.do(change)
        self._opened.append(Terminal(served, *options, **kinds))
        return self._opened[-1]

    def end(self) -> None:
        """Kills what is left."""
        for terminal in self._opened:
            if terminal.gone:
                continue
            if terminal.child.isalive():
                terminal.child.kill(signal.SIGKILL)
            terminal.child.close()
