"""The wall on the real service: from a figure to the orders that it counts, and back, by keyboard alone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import DeskApp
from console.client import Client
from console.options import Options
from console.screens.wall import WallScreen
from core.desk.filter_times import stretch
from core.model.clock import now_us
from tests.console.conftest import NOWHERE, until
from tests.end_to_end.servicekit import Desk, desk
from tests.store.deskdata import query, writer_on
from tests.store.walldata import fill_day


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Desk]:
    writer = await writer_on(tmp_path)
    await writer.do(fill_day, None)
    async with desk(tmp_path, writer=writer) as at:
        yield at
    await writer.stop()


def app_on(floor: Desk, **more: Any) -> DeskApp:
    options = Options(live=False, direct=False, keymap=NOWHERE, **more)
    return DeskApp(Client(str(floor.path)), now_us, "en", options=options)


def listed(pilot: Pilot[None]) -> list[str]:
    queue = pilot.app.desk.queue.model  # type: ignore[attr-defined]
    return [queue.rows[order]["ext_id"] for order in queue.shown]


async def wall(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, WallScreen), "the wall")
    await until(pilot, lambda: "by machine" in pilot.app.screen.board.plain, "its figures")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("keys", "orders"),
    [
        ("enter", ["W1", "W2", "W5", "W4", "W3"]),  # in
        ("right right right enter", ["W5"]),  # the oldest that is paid for
        ("right right right right enter", ["W4"]),  # late
        ("right right right right right enter", ["W5"]),  # errors
        ("end right enter", ["W3"]),  # by hand
        ("tab shift+tab right enter", ["W1", "W2"]),  # taobao-main sent
        ("tab shift+tab right right right right right enter", ["W2"]),  # taobao-main not on time
        ("tab down right right enter", ["W4"]),  # qq-10 waiting
        ("tab tab enter", ["W3"]),  # amei worked
        ("tab tab tab right right enter", ["W5"]),  # by e-mail, waiting
    ],
)
async def test_the_orders_behind_a_figure(floor: Desk, keys: str, orders: list[str]) -> None:
    async with app_on(floor, wall=True).run_test(size=(80, 24)) as pilot:
        await wall(pilot)
        await pilot.press(*keys.split())
        await until(pilot, lambda: listed(pilot) == orders, f"{orders}, not {listed(pilot)}")
        assert pilot.app.screen is pilot.app.desk  # type: ignore[attr-defined]
        await pilot.press("escape")
        await wall(pilot)


async def test_the_way_back_leaves_the_list_as_it_was(floor: Desk) -> None:
    async with app_on(floor).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: listed(pilot) == ["W4", "W5"], "what is to be done")
        desk_screen = pilot.app.desk  # type: ignore[attr-defined]
        await pilot.press("colon", *"view", "space", *"delivering", "enter")
        await until(pilot, lambda: listed(pilot) == ["W5"], "what is being sent")
        await pilot.press("W")
        await wall(pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: listed(pilot) == ["W1", "W2", "W3"], "delivered")
        assert "esc back to the wall" in desk_screen.said.plain
        await pilot.press("escape")
        await wall(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: listed(pilot) == ["W5"], "the list as it was")
        assert (desk_screen.standing.view, desk_screen.standing.filter) == ("delivering", "")
        assert desk_screen.said.plain == "", "the way back is gone: the foot does not go on naming it"


async def test_a_figure_without_orders_says_so(floor: Desk) -> None:
    async with app_on(floor, wall=True).run_test(size=(80, 24)) as pilot:
        await wall(pilot)
        pilot.app.desk.wall.figures["shops"] = []  # type: ignore[attr-defined]
        await pilot.press("tab", "shift+tab", "enter")
        await until(pilot, lambda: "no orders" in pilot.app.screen.bars["say"].plain, "why nothing opens")  # type: ignore[attr-defined]


async def test_the_orders_behind_a_bar_of_the_history(floor: Desk) -> None:
    async with app_on(floor, wall=True).run_test(size=(80, 24)) as pilot:
        await wall(pilot)
        desk_screen: Any = pilot.app.desk  # type: ignore[attr-defined]
        control = desk_screen.wall
        await pilot.press("t", "t", "shift+tab")
        await until(pilot, lambda: control.history["span"] == "week", "a week of it")
        await pilot.press("down", "s")
        await until(pilot, lambda: control.history["shop"] == "pdd-main", "the second shop")
        await pilot.press("f", "f", "f", "f", "f", "enter")  # round to what came
        await until(pilot, lambda: pilot.app.screen is desk_screen, "the orders of the newest bar")
        assert desk_screen.standing.filter.startswith('shop="pdd-main" came:')
        start = stretch(desk_screen.standing.filter.rpartition("came:")[2])
        assert start is not None
        expected = query(
            floor.writer.path,
            "SELECT ext_id FROM orders WHERE shop = 2 AND received_at >= ? AND received_at < ? ORDER BY id DESC",
            start,
        )
        await until(pilot, lambda: listed(pilot) == [row[0] for row in expected], f"{expected}, not {listed(pilot)}")
        assert "pdd-main in " in desk_screen.said.plain
        await pilot.press("escape")
        await wall(pilot)
