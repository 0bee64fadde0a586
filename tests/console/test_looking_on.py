"""A filter that matches little, in a merchant's whole database: how far was looked is said, a key looks on, a view ends it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import DeskApp, Options
from console.client import Client
from core.bench.merchant import build
from core.model.clock import now_us
from core.store.writer import Writer
from tests.console.conftest import NOWHERE, until
from tests.end_to_end.servicekit import Desk, desk

ORDERS = 250_000


@pytest.fixture(scope="module")
def merchant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "keydesk.db"
    build(path, ORDERS)
    return path


@pytest.fixture
async def floor(tmp_path: Path, merchant: Path) -> AsyncIterator[Desk]:
    writer = Writer(merchant)
    await writer.start("test")
    async with desk(tmp_path, writer=writer) as at:
        yield at
    await writer.stop()


def app_on(floor: Desk) -> DeskApp:
    return DeskApp(
        Client(str(floor.path)), now_us, "en", options=Options(live=False, direct=False, keymap=NOWHERE, view="all")
    )


async def filtered(pilot: Pilot[None], text: str) -> Any:
    """The desk, with a filter."""
    desk_screen: Any = pilot.app.desk  # type: ignore[attr-defined]
    await until(pilot, lambda: desk_screen.queue.model.loaded, "the list")
    await pilot.press("slash", *text, "enter")
    await until(pilot, lambda: desk_screen.standing.filter == text, "the filter")
    return desk_screen


def empty(desk_screen: Any) -> str:
    return str(desk_screen.query_one("#empty").plain)


async def test_what_is_nowhere_is_looked_for_so_far_at_a_time(floor: Desk) -> None:
    async with app_on(floor).run_test(size=(80, 24)) as pilot:
        at = await filtered(pilot, "buyer=nobody")
        await until(pilot, lambda: "looked at 100,000 orders, back to" in empty(at), "how far")
        assert "down looks on, esc drops the filter" in empty(at)
        await pilot.press("down")
        await until(pilot, lambda: "looked at 200,000 orders" in empty(at), "further")
        await pilot.press("down")
        await until(pilot, lambda: "No order matches the filter" in empty(at), "all of it")
        assert at.said.plain.strip() == "that was all of them"
        assert (at.queue.model.at_end, at.queue.model.look) == (True, None)
        await pilot.press("down")
        await pilot.pause()
        assert "No order matches the filter" in empty(at)


async def test_what_is_far_away_is_found_by_looking_on(floor: Desk) -> None:
    async with app_on(floor).run_test(size=(80, 24)) as pilot:
        at = await filtered(pilot, "ext=KD0000000500 or ext=KD0000240000 or ext=KD0000239999")
        model = at.queue.model
        await until(pilot, lambda: len(model.shown) == 2, "what is near")
        notice = at.bars["notice"].plain
        assert "looked at 100,000 orders, back to" in notice
        assert "down looks on" in notice
        assert notice.rstrip().endswith("1/?"), "how many there are is not known"
        await pilot.press("down")
        await pilot.pause()
        assert len(model.shown) == 2, "to go to the last row looks no further"
        await pilot.press("down")
        await until(pilot, lambda: model.look is not None and model.look.orders == 200_000, "further")
        await at.loader.renew()
        assert [model.rows[i]["ext_id"] for i in model.shown] == ["KD0000240000", "KD0000239999"]
        await pilot.press("down")
        await until(pilot, lambda: len(model.shown) == 3, "what is far")
        await until(pilot, lambda: model.at_end and model.look is None, "the end")
        assert "looked at" not in at.bars["notice"].plain


async def test_from_the_end_it_looks_back(floor: Desk) -> None:
    async with app_on(floor).run_test(size=(80, 24)) as pilot:
        at = await filtered(pilot, "ext=KD0000240000")
        model = at.queue.model
        await until(pilot, lambda: len(model.shown) == 1, "what is near the head")
        await pilot.press("G")
        await until(pilot, lambda: "up looks on" in empty(at), "nothing near the end")
        await pilot.press("up")
        await until(pilot, lambda: "looked at 200,000 orders" in empty(at), "further back")
        await pilot.press("up")
        await until(pilot, lambda: [model.rows[i]["ext_id"] for i in model.shown] == ["KD0000240000"], "found")
        assert model.at_head


async def test_another_view_ends_the_looking_at_once(floor: Desk) -> None:
    async with app_on(floor).run_test(size=(80, 24)) as pilot:
        at = await filtered(pilot, "buyer=nobody")
        await until(pilot, lambda: "looked at 100,000 orders" in empty(at), "how far")
        asked: list[tuple[str, str]] = []
        answer, gate = at.client._window, asyncio.Event()

        async def noting(query: Any) -> Any:
            asked.append((query["view"], query["filter"]))
            if query["filter"]:
                await gate.wait()
            return await answer(query)

        at.client._window = noting
        await pilot.press("down")
        await until(pilot, lambda: asked, "it looks on")
        at.standing.filter = ""
        await pilot.press("1")
        await until(pilot, lambda: at.queue.model.shown, "the other view, before the long answer came")
        shown = list(at.queue.model.shown)
        gate.set()
        await pilot.pause(0.2)
        assert [one for one in asked if one[1]] == [("all", "buyer=nobody")], (
            "one answer, and then no other was asked for"
        )
        assert at.queue.model.shown == shown
        assert at.queue.model.look is None
