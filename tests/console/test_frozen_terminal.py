"""A terminal that takes nothing for a while (a stalled line, ctrl+s): nothing grows, nobody waits, the screen is right after."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from console.commands.benches.growth import held
from console.commands.benches.stage import live_core
from core.bench.merchant import build
from tests.console.terminalkit import Terminal

FROZEN_S = 3.0
_ORDER = re.compile(r"K[DN]\d{10}")


@pytest.fixture
def core(tmp_path: Path) -> Iterator[tuple[Any, Path]]:
    """A live core: 300 changes a second once it is told."""
    build(tmp_path / "keydesk.db", 5000)
    with live_core(tmp_path, 300) as running:
        yield running


def wait(socket: Path) -> float:
    """Seconds that another client waits for an answer."""
    begun = time.monotonic()
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=10) as client:
        assert client.get("http://core/v1/counters").status_code == 200
    return time.monotonic() - begun


def test_nothing_grows_and_nobody_waits_while_a_terminal_is_frozen(core: tuple[Any, Path]) -> None:
    process, socket = core
    terminal = Terminal(SimpleNamespace(path=socket), cols=160, rows=48)  # type: ignore[arg-type]
    fresh: Terminal | None = None
    try:
        terminal.until("why it is not moving")
        process.send_signal(signal.SIGUSR1)
        terminal.read(2.0)
        console, server = held(terminal.child.pid).own_mb, held(process.pid).own_mb
        terminal.press("\x1b[6~\x1b[5~" * 200)  # whole screens of output: the pty is full at once
        longest, end = 0.0, time.monotonic() + FROZEN_S
        while time.monotonic() < end:
            longest = max(longest, wait(socket))
            time.sleep(0.1)
        assert longest < 2.0, "the core answers others"
        assert held(terminal.child.pid).own_mb - console < 12
        assert held(process.pid).own_mb - server < 25
        terminal.read(3.0)
        process.send_signal(signal.SIGUSR2)
        terminal.press("g")
        terminal.read(HAND_S + 1.0)
        terminal.press(",")
        terminal.read(1.0)
        fresh = Terminal(SimpleNamespace(path=socket), cols=160, rows=48)  # type: ignore[arg-type]
        fresh.until("why it is not moving")
        fresh.read(1.0)
        assert rows(terminal) == rows(fresh), "what a console shows that was never frozen"
        assert len(rows(fresh)) > 30
        terminal.press("\x1bq")
        terminal.read(0.3)
        terminal.press("q")
        assert terminal.ended()
        assert terminal.child.exitstatus == 0
    finally:
        for one in (terminal, fresh):
            if one is not None and one.child.isalive():
                one.child.kill(signal.SIGKILL)
            if one is not None:
                one.child.close()


HAND_S = 3.0  # after a key the list stays still so long


def rows(terminal: Terminal) -> list[str]:
    """The rows of the list without what moves by itself."""
    lines = [line[:60] for line in terminal.whole().splitlines() if _ORDER.search(line[:30])]
    return [line.strip() for line in lines]
