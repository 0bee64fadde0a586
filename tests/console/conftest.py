# ruff: noqa: E402
"""One screen for every run: no animation, one zone, no blink, an injected clock, no feed unless a test wants it."""

import os

# Textual reads these at import, so they stand before any import of it.
os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ["TZ"] = "Asia/Shanghai"
for _name in ("NO_COLOR", "COLORTERM", "TEXTUAL_COLOR_SYSTEM", "TEXTUAL_THEME", "KEYDESK_SOCKET"):
    os.environ.pop(_name, None)

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from console import i18n
from console.app import DeskApp
from console.client import Client
from console.options import Options
from tests.console.fixture_core import Core
from tests.console.fixture_orders import NOW
from tests.console.fixture_server import Served

if TYPE_CHECKING:
    from tests.console.terminalkit import Opener

time.tzset()
NOWHERE = Path("/nonexistent/keymap.toml")


@pytest.fixture(autouse=True)
def one_language() -> None:
    """Words do not depend on which test ran before."""
    i18n.use("zh_CN")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes what the person who runs it has."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


@pytest.fixture(autouse=True)
def steady_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """An input's cursor does not blink, so two pictures of one state are equal."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts cores on sockets of their own and ends them."""
    running: list[tuple[Served, Path]] = []

    def start(orders: int = 60, seed: int = 7, **kinds: Any) -> Served:
        folder = Path(tempfile.mkdtemp(prefix="kd"))  # short: a socket's path has 107 bytes
        served = Served(lambda: Core(orders, seed), folder / "s")
        for name, value in kinds.items():
            setattr(served.core, name, value)
        running.append((served, folder))
        return served

    yield start
    for served, folder in running:
        served.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """The app takes two signals; the test run gets them back."""
    kept = {one: signal.getsignal(one) for one in (signal.SIGHUP, signal.SIGTERM)}
    yield
    for one, handler in kept.items():
        signal.signal(one, handler)


@pytest.fixture
def terminals(serve: Callable[..., Served]) -> Iterator["Opener"]:
    """Consoles in terminals of their own."""
    from tests.console.terminalkit import Opener

    opener = Opener(serve)
    yield opener
    opener.end()


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """A core with 60 orders."""
    return serve()


def desk_app(served: Served, language: str = "zh_CN", **changes: Any) -> DeskApp:
    """The desk on a core, without feed, timers or the user's keymap unless the test asks for them."""
    options: dict[str, Any] = {"live": False, "direct": False, "keymap": NOWHERE, **changes}
    return DeskApp(Client(str(served.path)), lambda: NOW, language, "keydesk-dark", Options(**options))


async def until(pilot: Pilot[None], true: Callable[[], object], what: str = "", seconds: float = 8.0) -> None:
    """Waits until a condition holds, and fails with its name when it never does."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"never: {what or true}")
        await pilot.pause(0.01)
    await pilot.pause()


async def ready(pilot: Pilot[None]) -> None:
    """Waits until the list and the head are shown."""
    desk = pilot.app.desk  # type: ignore[attr-defined]
    await until(pilot, lambda: desk.queue.model.loaded and desk.standing.stock, "the desk is filled")


async def write_line(pilot: Pilot[None], text: str) -> None:
    """A long line into the box that has the focus, pasted: typing it would take seconds."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()
    await pilot.press("enter")
