"""60 hostile payloads in every field that a stranger can fill, over every screen: what goes to the terminal stays text."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from tests.console.conftest import until
from tests.console.fixture_server import Served
from tests.console.hostile import PAYLOADS, Poison
from tests.console.hostile_tour import Tour, bad_shop_floor
from tests.console.paintkit import Screens, in_terminal

SIZE = (200, 130)  # every row of 60 is in view


PANES = {
    "stock": "StockScreen", "rules": "RulesScreen", "connections": "ConnectionsScreen", "doctor": "DoctorScreen",
    "jobs": "JobsScreen", "recall": "ListScreen", "history": "HistoryScreen", "xray": "XrayScreen", "wall": "WallScreen",
    "palette": "MenuScreen",
}  # fmt: skip


@pytest.fixture
def poisoned(serve: Callable[..., Served]) -> Served:
    """A core of which every answer is hostile."""
    served = serve(120)
    served.do(bad_shop_floor)
    served.alter = Poison()
    return served


async def test_every_place_beside_the_queue(poisoned: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        tour = Tour(pilot, screens)
        for name, kind in PANES.items():

            async def begin(name: str = name) -> None:
                tour.desk.perform(name)

            seen = await tour.see(name, begin, lambda kind=kind: tour.top(kind))  # type: ignore[misc]
            # The wall holds its tables to what fits beside each other; everything else shows all 60 at once.
            assert len(seen) >= (50 if name == "wall" else len(PAYLOADS)), (name, sorted(seen))

    await in_terminal(poisoned, SIZE, script)


async def test_what_opens_inside_of_places(poisoned: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        tour = Tour(pilot, screens)

        async def inside(place: str, kind: str, *keys: str) -> None:
            async def begin() -> None:
                tour.desk.perform(place)
                await until(pilot, lambda: tour.top(PANES[place]), place)
                tour.check(place)
                await tour.press(*keys)

            seen = await tour.see(f"{place} {keys}", begin, lambda: tour.top(kind))
            assert len(seen) == len(PAYLOADS), (place, sorted(seen))

        await inside("stock", "StockScreen", "enter")
        await inside("connections", "ConnectionsScreen", "enter", "j", "j")
        await inside("rules", "ReportScreen", "c")
        await inside("rules", "RulesScreen", "j", "j", "j")
        await inside("history", "HistoryScreen", "j", "j")

        async def drilled() -> None:
            tour.desk.perform("wall")
            await until(pilot, lambda: tour.top("WallScreen") and tour.desk.wall.figures, "the wall")
            await tour.press("enter")

        await tour.see("drill", drilled, lambda: tour.screens.app.screen is tour.desk)

    await in_terminal(poisoned, SIZE, script)


async def test_the_desk_and_what_acts_on_orders(poisoned: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        tour = Tour(pilot, screens)
        seen: set[str] = set()
        for _ in range(4):
            await tour.press("j")
            await pilot.pause(0.15)
            seen |= tour.seen("the order in full")
        assert len(seen) == len(PAYLOADS)
        for keys, kind, least in (
            (("question_mark",), "HelpScreen", 0), (("V", "pagedown", "V", "h"), "PromptScreen", 0),
            (("x",), "XrayScreen", 60), (("f", "7", "enter"), "ListScreen", 20), (("colon", "tab"), "CommandScreen", 0),
        ):  # fmt: skip
            await tour.press(*keys)
            await until(pilot, lambda kind=kind: tour.top(kind), kind)  # type: ignore[misc]
            assert len(tour.seen(str(keys))) >= least, keys
            await tour.home()
        await tour.press("a")
        await until(pilot, lambda: tour.desk.query_one("#leader").size.height > 1, "the box of what can be done")
        tour.seen("a leader")
        await tour.press("escape")
        await tour.press("U", "space", "space", "R")
        await until(pilot, lambda: tour.top("PreviewScreen"), "a preview")
        assert len(tour.seen("a preview of what is blocked")) > 20
        await tour.home()
        await tour.press("U", "n")
        await pilot.pause(0.2)
        await tour.press("s")
        await until(pilot, lambda: tour.top("PromptScreen"), "why skip")
        tour.seen("skip")
        await tour.home()
        await tour.press("L")
        await until(pilot, lambda: tour.top("LogScreen"), "messages")
        assert tour.seen("messages"), "what was claimed is told there"

    await in_terminal(poisoned, SIZE, script)


async def test_exceptions_with_their_decisions(poisoned: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        tour = Tour(pilot, screens)
        await tour.press("e")
        await until(pilot, lambda: tour.desk.cases.groups, "groups")
        tour.seen("groups")
        await tour.press("enter")
        await until(pilot, lambda: len(tour.desk.cases.cases) > 60, "cases")
        seen = tour.seen("cases")
        for key in ("j", "j", "j"):
            await tour.press(key)
            seen |= tour.seen("a case")
        assert len(seen) == len(PAYLOADS)
        for key, kind in (("1", "PreviewScreen"), ("A", "DigitScreen")):
            await tour.press(key)
            await until(pilot, lambda kind=kind: tour.top(kind), kind)  # type: ignore[misc]
            tour.seen(kind)
            await tour.press("escape")

    await in_terminal(poisoned, SIZE, script)


async def test_keys_that_are_revealed(poisoned: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        tour = Tour(pilot, screens)
        tour.desk.perform("reveal")
        await until(pilot, lambda: tour.top("PromptScreen"), "the reason")
        await tour.press("x", "enter")
        await until(pilot, lambda: tour.top("RevealScreen"), "the keys")
        # A key of 900 characters is shown whole, so not every key has room.
        assert len(tour.seen("the keys")) > 40

    await in_terminal(poisoned, SIZE, script)
