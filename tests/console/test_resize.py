"""A window that changes its size again and again, down to nothing: the console lives, and its screen is right after."""

import random

import pytest
from textual.geometry import Size
from textual.pilot import Pilot

from console.screens.too_small import COLUMNS, LINES, TooSmallScreen
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.paintkit import Screens, change_rows, in_terminal, settle
from tests.console.terminalkit import Opener

SIZES = (
    (1, 1),
    (20, 5),
    (80, 24),
    (300, 100),
    (49, 14),
    (50, 13),
    (50, 14),
    (121, 30),
    (119, 31),
    (2, 60),
    (200, 2),
    (160, 48),
)
KEYS = ("j", "k", "pagedown", "space", "pageup", "enter", "e", "escape", "question_mark", "escape", "G", "g")


@pytest.mark.parametrize("place", ["", "wall", "command"])
async def test_a_storm_of_sizes_leaves_the_compositors_screen(served: Served, place: str) -> None:
    """Keys and changes come between the sizes; afterwards every cell is what a fresh paint of that size would give."""

    async def script(pilot: Pilot[None], screens: Screens) -> None:
        app, rng = screens.app, random.Random(len(place))
        if place:
            app.desk.perform(place)
            await until(pilot, lambda: app.screen is not app.desk, place)
        for n in range(16):
            size = rng.choice(SIZES)
            screens.driver._size = size
            screens.driver.written.clear()  # of another size
            await pilot.resize_terminal(*size)
            if n % 3:
                await pilot.press(rng.choice(KEYS if not place else ("j", "k")))
            change_rows(served, app, n)
            await app.desk.loader.renew()
        for size in ((160, 48), (80, 24), (30, 6), (100, 30)):
            screens.driver._size = size
            screens.resized(size)
            await pilot.resize_terminal(*size)
            await until(pilot, lambda s=size: app.screen.size == Size(*s), f"{size}")  # type: ignore[misc]
            await settle(pilot)
            await settle(pilot)
            screens.compare(f"{place} at {size}")
            assert isinstance(app.screen, TooSmallScreen) == (size == (30, 6))
        await pilot.press("j", "k")
        change_rows(served, app, 1)
        await app.desk.loader.renew()
        await settle(pilot)
        screens.compare("keys and changes after the storm")

    await in_terminal(served, (160, 48), script)


@pytest.mark.parametrize("size", [(COLUMNS - 1, 40), (100, LINES - 1), (20, 5), (1, 1)], ids=str)
async def test_too_small_a_window_says_so_and_no_key_acts(served: Served, size: tuple[int, int]) -> None:
    app = desk_app(served, "en")
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("j", "h")
        await until(pilot, lambda: type(app.screen).__name__ == "PromptScreen", "the note")
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: isinstance(app.screen, TooSmallScreen), "the sentence")
        cursor = app.desk.queue.model.cursor
        await pilot.press("enter", "j", "escape", "G")
        assert app.desk.queue.model.cursor == cursor
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: type(app.screen).__name__ == "PromptScreen", "what was open is open again")
        await pilot.press("escape", "j")
        await until(pilot, lambda: app.desk.queue.model.cursor != cursor, "keys act again")
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: isinstance(app.screen, TooSmallScreen), "the sentence")
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running, "it quits")


def test_a_storm_in_a_real_terminal(terminals: Opener) -> None:
    """As a window that is dragged: the program hears of some sizes only, and too late."""
    terminal = terminals(orders=300)
    terminal.until("backlog")
    rng = random.Random(5)
    for n in range(80):
        columns, lines = rng.choice(SIZES)
        terminal.resize(lines, columns)
        if n % 4 == 0:
            terminal.press(rng.choice("jk \x1b"))
        terminal.read(0.01)
    terminal.resize(24, 80)
    terminal.press("\x1b")
    terminal.read(0.6)
    terminal.press("g")
    terminal.until("1/300")
    assert "help" in terminal.whole().splitlines()[-1]
    assert "Keydesk" in terminal.whole().splitlines()[0]
    terminal.press("q")
    assert terminal.ended()
    assert terminal.child.exitstatus == 0
