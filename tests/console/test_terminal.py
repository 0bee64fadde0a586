"""The console in a real pseudo-terminal: hostile text, silence when idle, signals, hang-up, a frozen terminal."""

import os
import signal
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests.console.fixture_core import Core
from tests.console.hostile import Poison, assert_harmless
from tests.console.hostile_tour import bad_shop_floor
from tests.console.terminalkit import ROOT, Opener


def test_hostile_text_stays_text_in_a_real_terminal(terminals: Opener) -> None:
    """The way through a real pty, start and end of the console among it; every screen is in test_hostile_bytes.py."""
    terminal = terminals(change=bad_shop_floor, alter=Poison(), cols=160, rows=48)
    terminal.until("why it is not moving")
    for keys, text in (("jjjj", "Zq"), ("e\r", "Zq"), ("\x1b\x1b", "backlog"), ("W", "by hand"), ("\x1b", "backlog")):
        terminal.press(keys)
        terminal.until(text)
        terminal.read(0.4)
    terminal.press("q")
    assert terminal.ended(), terminal.whole()
    assert_harmless(terminal.shown())


def test_an_idle_screen_writes_nothing(terminals: Opener) -> None:
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
def test_signals_end_the_console_in_order(terminals: Opener, kill: signal.Signals) -> None:
    terminal = terminals()
    terminal.until("backlog")
    terminal.child.kill(kill)
    assert terminal.ended()
    assert terminal.child.exitstatus == 0
    assert b"\x1b[?1049l" in terminal.raw, "the terminal is given back as it was"


def test_a_closed_terminal_ends_the_console(terminals: Opener) -> None:
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


def test_a_frozen_terminal_still_ends_on_a_signal(terminals: Opener) -> None:
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


def test_a_crash_shows_no_values(terminals: Opener, tmp_path: Path) -> None:
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


def test_no_color_and_ascii_show_the_same_words(terminals: Opener) -> None:
    terminal = terminals("--ascii", NO_COLOR="1")
    terminal.until("why it is not moving")
    whole = terminal.until("backlog")  # the bars may be painted before the counters have come
    assert "⣿" not in whole
