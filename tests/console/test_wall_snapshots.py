"""Pictures of the wall. One a test; each says what it guards. Behaviour is asserted elsewhere."""

from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from console.screens.wall import WallScreen
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.fixture_wall import empty, many
from tests.console.test_snapshots import NARROW, WIDE, Snap


def wall(*pressed: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Opens the wall and presses keys on it."""

    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await pilot.press("W")
        desk: Any = pilot.app.desk  # type: ignore[attr-defined]
        await until(pilot, lambda: desk.wall.figures is not None, "the figures")
        await pilot.press(*pressed)
        await pilot.pause()
        assert isinstance(pilot.app.screen, WallScreen)

    return run


def test_wall_zh_narrow(served: Served, snap_compare: Snap) -> None:
    """Chinese at 80x24: totals and their cursor, one table, the last hour; columns straight under Chinese headings."""
    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=wall("right", "right", "right"))


def test_wall_en_wide(served: Served, snap_compare: Snap) -> None:
    """English at 160x48: six tables in pairs, three charts, the cursor on a late shop, what is wrong marked by sign."""
    assert snap_compare(
        desk_app(served, "en"), terminal_size=WIDE, run_before=wall("j", "j", "j", "right", "right", "right")
    )


def test_wall_empty_read_only(served: Served, snap_compare: Snap) -> None:
    """Nothing came yet, seen read-only by a viewer: words in place of lines, people hidden and counted."""
    served.core.wall, served.core.role = empty, "viewer"
    run = wall("tab", "tab")
    assert snap_compare(desk_app(served, read_only=True), terminal_size=NARROW, run_before=run)


def test_wall_people_ascii(served: Served, snap_compare: Snap) -> None:
    """English at 80x24 in plain ASCII: the table of people, the day's history."""
    run = wall("tab", "tab", "right", "t")
    assert snap_compare(desk_app(served, "en", ascii=True), terminal_size=NARROW, run_before=run)


def test_wall_history_narrow(served: Served, snap_compare: Snap) -> None:
    """The history alone at 80x24: a shop's backlog of a day over two axes with units, gaps where nobody looked, a cursor."""
    run = wall("shift+tab", "t", "f", "f", "s", "left", "left", "left")
    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)


def test_wall_of_twelve_shops_medium(served: Served, snap_compare: Snap) -> None:
    """Chinese at 120x36 with twelve shops, long names and large numbers: names keep both ends, columns go before names do."""
    served.core.wall = many
    run = wall("shift+tab", "tab", "down", "down", "t", "f", "f", "f")
    assert snap_compare(desk_app(served), terminal_size=(120, 36), run_before=run)
