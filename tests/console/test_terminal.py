"""The console in a real pseudo-terminal: hostile text, silence when idle, signals, hang-up, a frozen terminal."""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.console.fixture_core import Core
from tests.console.fixture_server import Served

ROOT = Path(__file__).parents[2]
HOSTILE = (
    "\x1b]52;c;ZXZpbA==\x07", "\x1b]0;pwned-title\x07", "\x1b[2J\x1b[H", "\x9b31mred", "\x1bP1$r\x1b\\", "\x1b[?1049l",
    "\u202eevil", "a\u200bb\u2066c", "[/]", "[red", "[@click=app.quit]go", "[bold]x[/bold]", "\x07\x07", "\x00\x7f",
    "a\tb\nc\r\nd", "\x1b[6n\x1b[c", "\x85\x8d", "e\u0301\u0301\u0301\u0301\u0301\u0301", "\U000e0041tag", "$(reboot)`id`",
)  # fmt: skip
MARKS = ("52;c;", "pwned-title", "1049l", "31mred", "1$r")


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

    def press(self, keys: str) -> None:
        """Keys as a terminal sends them."""
        self.child.send(keys)

    def ended(self, seconds: float = 6.0) -> bool:
        """Whether the process ends in time."""
        end = time.monotonic() + seconds
        while self.child.isalive():
            if time.monotonic() > end:
                return False
            self.read(0.05)
        return True


def poison(core: Core) -> None:
    """Hostile text in every field that a stranger can fill, of the first orders."""
    for n, key in enumerate(core.order[: len(HOSTILE)]):
        row, text = core.rows[key[2]], HOSTILE[n]
        row.update(ext_id=f"{n}{text}", title=text, buyer=text, shop=text, tag=text, note=text, product=text)
        row["cases"], row["holds"], row["why"] = ["no_stock"], [text], f"case:{text}"
        if n % 2:
            row["claim"] = {"by": text, "until": 1}


@pytest.fixture
def terminals(serve: Callable[..., Served]) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals and ends what is still running in them."""
    opened: list[Terminal] = []

    def open_one(
        *options: str, orders: int = 60, change: Callable[[Core], None] | None = None, **kinds: object
    ) -> Terminal:
        served = serve(orders)
        if change is not None:
            served.do(change)
        terminal = Terminal(served, *options, **kinds)  # type: ignore[arg-type]
        opened.append(terminal)
        return terminal

    yield open_one
    for terminal in opened:
        if terminal.gone:
            continue
        if terminal.child.isalive():
            terminal.child.kill(signal.SIGKILL)
        terminal.child.close()


def assert_harmless(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")
    for own in ("\x1b]22;default\x07",):  # the toolkit's pointer shape
        text = text.replace(own, "")
    assert "\x1b]" not in text, "no OSC reaches the terminal"
    for mark in MARKS:
        for found in re.finditer(re.escape(mark), text):
            # The letters may be shown; what would make them a command may not stand before them.
            assert not re.search(
                r"(\x1b[\]\[P?]|\x9b|\x90|\x9d)[^\x1b]{0,3}$", text[max(found.start() - 6, 0) : found.start()]
            )
    assert not set(text) & {chr(c) for c in range(0x80, 0xA0)}
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00\x7f]", text)
    body = re.sub(r"\x1b\[[0-9;:?<>=$]*[ -/]*[@-~]|\x1b[=>78()][B0]?", "", text)
    assert not re.search(r"[\x00-\x06\x07\x0e-\x1a\x1c-\x1f]", body)


def test_hostile_text_stays_text_on_every_screen(terminals: Callable[..., Terminal]) -> None:
    terminal = terminals(change=poison, cols=160, rows=48)
    terminal.until("backlog")
    terminal.until("why it is not moving")
    for _ in range(len(HOSTILE)):
        terminal.press("j")
        terminal.read(0.25)
    terminal.press("e")
    terminal.until("no stock")
    terminal.press("\r")
    terminal.until("decide")
    terminal.press("jjj1")
    terminal.until("enter applies")
    terminal.press("\x1b")
    terminal.read(0.4)
    terminal.press("\x1b")
    terminal.read(0.4)
    terminal.press("\x1b")
    terminal.read(0.4)
    terminal.press("gVGVR")
    terminal.until("allowed")
    terminal.press("60\r")
    terminal.until("done")
    terminal.press("J")
    terminal.until("resend")
    terminal.read(0.5)
    terminal.press("\x1b")
    terminal.read(0.4)
    terminal.press("q")
    assert terminal.ended()
    assert_harmless(terminal.raw.split(b"\x1b[?1049l")[0])


def test_an_idle_screen_writes_nothing(terminals: Callable[..., Terminal]) -> None:
    def old(core: Core) -> None:
        now = time.time_ns() // 1000
        for row in core.rows.values():
            row.update(created_at=now - 30 * 3_600_000_000, deadline=None, lateness="none")
        core.order = sorted((-r["priority"], 1 << 62, r["id"]) for r in core.rows.values())

    terminal = terminals(change=old)
    terminal.until("why it is not moving")
    end = time.monotonic() + 20
    while terminal.read(1.0) and time.monotonic() < end:
        pass
    assert terminal.read(3.0) == b""


@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_the_console_in_order(terminals: Callable[..., Terminal], kill: signal.Signals) -> None:
    terminal = terminals()
    terminal.until("backlog")
    terminal.child.kill(kill)
    assert terminal.ended()
    assert terminal.child.exitstatus == 0
    assert b"\x1b[?1049l" in terminal.raw, "the terminal is given back as it was"


def test_a_closed_terminal_ends_the_console(terminals: Callable[..., Terminal]) -> None:
    terminal = terminals()
    terminal.until("backlog")
    pid = terminal.child.pid
    terminal.gone = True
    os.close(terminal.child.child_fd)
    end = time.monotonic() + 8
    while time.monotonic() < end:
        done, _ = os.waitpid(pid, os.WNOHANG)
        if done:
            return
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("it lived on without a terminal")


def test_a_frozen_terminal_still_ends_on_a_signal(terminals: Callable[..., Terminal]) -> None:
    terminal = terminals(orders=300)
    terminal.until("backlog")
    for _ in range(60):
        terminal.press("\x1b[6~\x1b[5~")
    terminal.child.kill(signal.SIGTERM)
    end = time.monotonic() + 8
    while time.monotonic() < end:  # nothing is read meanwhile: the pty is full
        if not terminal.child.isalive():
            return
    raise AssertionError("it hangs on a terminal that takes nothing")


def test_a_crash_shows_no_values(terminals: Callable[..., Terminal], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from console.app import run_desk\n"
        "from console.widgets.queue_table import QueueTable\n"
        "def broken(self, action):\n"
        "    secret_name = 'CANARY-KEY-1'\n"
        "    raise ValueError('CANARY-KEY-2')\n"
        "QueueTable.move = broken\n"
        "run_desk(sys.argv[1], 'en')\n"
    )
    script = tmp_path / "crash.py"
    script.write_text(code)
    first = terminals()
    served_path = next(a for a in first.child.args if isinstance(a, str) and a.endswith("/s"))
    child = pexpect.spawn(
        sys.executable, [str(script), served_path], cwd=str(ROOT), dimensions=(24, 80), timeout=20,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
    )  # fmt: skip
    child.expect("backlog")
    child.send("j")
    child.expect(pexpect.EOF)
    text = child.before.decode("utf-8", "replace")
    child.close()
    assert "ValueError" in text
    assert "queue_table" in text or "crash.py" in text
    assert "CANARY" not in text


def test_no_color_and_ascii_show_the_same_words(terminals: Callable[..., Terminal]) -> None:
    terminal = terminals("--ascii", NO_COLOR="1")
    terminal.until("why it is not moving")
    whole = terminal.until("backlog")  # the bars may be painted before the counters have come
    assert "⣿" not in whole
