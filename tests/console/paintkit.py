"""The desk on a terminal that records: what was painted, held against what the compositor would paint now."""

from collections.abc import Awaitable, Callable
from typing import Any

import pyte
from rich.color import ColorSystem
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from console.app import DeskApp
from console.widgets.direct import Direct
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served

NAMES = ("张三丰先生收", "alice", "王", "欧阳修文ab", "e\u0301clair", "１２３", "", "한국어", "x" * 60)


class RecordingDriver(HeadlessDriver):
    """A terminal that keeps what is written. It says that it is real, so the painter uses it."""

    written: list[str]

    def __init__(self, *args: Any, **kinds: Any) -> None:
        super().__init__(*args, **kinds)
        self.written = []

    @property
    def is_headless(self) -> bool:
        """No: this one has a screen."""
        return False

    def write(self, data: str) -> None:
        """Keeps what is written."""
        self.written.append(data)


class Screens:
    """The screen that all writes made, and the one that the compositor would make now."""

    def __init__(self, app: DeskApp, size: tuple[int, int]) -> None:
        self.app, self.size = app, size
        self.painted = pyte.Screen(*size)
        self._stream = pyte.Stream(self.painted)

    @property
    def driver(self) -> RecordingDriver:
        driver = self.app._driver
        assert isinstance(driver, RecordingDriver)
        return driver

    def resized(self, size: tuple[int, int]) -> None:
        self.size = size
        self.painted.resize(size[1], size[0])

    def compare(self, step: str) -> None:
        """Fails with the first cell that differs."""
        for data in self.driver.written:
            self._stream.feed(data.replace("\x1b]22;default\x07", ""))
        self.driver.written.clear()
        whole = pyte.Screen(*self.size)
        # Asking the compositor must not teach the painter what it should have known by itself.
        memories = [one.painter._screen for one in self.app.desk.query(Direct)]
        kept = [dict(one) for one in memories]
        update = self.app.screen._compositor.render_full_update()
        for memory, before in zip(memories, kept, strict=True):
            memory.clear()
            memory.update(before)
        pyte.Stream(whole).feed(update.render_segments(self.app.console))
        for y in range(self.size[1]):
            for x in range(self.size[0]):
                have, want = self.painted.buffer[y][x], whole.buffer[y][x]
                assert have == want, f"after {step}: row {y} column {x}: {have} is on the screen, {want} is meant"


async def in_terminal(
    served: Served, size: tuple[int, int], script: Callable[[Pilot[None], Screens], Awaitable[None]]
) -> None:
    """Runs the desk on a recording terminal."""
    app = desk_app(served, direct=True)
    app.driver_class = RecordingDriver
    # A look keeps the codes it was first drawn with, and tests of one process share looks: all draw at one depth, whatever
    # the TERM that the suite runs in.
    app.console._color_system = ColorSystem.TRUECOLOR
    failed: list[BaseException] = []

    async def pilot_run(pilot: Pilot[None]) -> None:
        try:
            app._sync_available = True
            await ready(pilot)
            await until(pilot, lambda: app.desk.browse._seen_detail or not app.desk.detail_open, "the detail")
            await script(pilot, Screens(app, size))
        except BaseException as error:
            failed.append(error)
        finally:
            app.exit()

    await app.run_async(headless=False, size=size, mouse=False, auto_pilot=pilot_run)  # type: ignore[arg-type]
    if failed:
        raise failed[0]


async def settle(pilot: Pilot[None]) -> None:
    for _ in range(4):
        await pilot.pause()


def change_rows(served: Served, app: DeskApp, salt: int) -> None:
    """Changes of every kind in the rows in view, as the core would send them."""
    queue = app.desk.queue
    ids = queue.model.shown[queue.top : queue.top + queue.size.height]
    for n, order_id in enumerate(ids):
        if (n + salt) % 3:
            continue
        name = NAMES[(n + salt) % len(NAMES)]
        served.do(
            lambda core, i=order_id, t=name: core.change(i, title=t, buyer=t, tag=t[:3], why="unknown", qty=len(t))
        )
