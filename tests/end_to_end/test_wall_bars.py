"""The wall's history through the real service: its answer, its refusals, and the orders behind each bar."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from console.presenters.wall_history import Bar, drill
from console.wire_wall import WallHistory
from core.model.clock import HOUR, MINUTE, SECOND
from core.model.lifecycle import WRONG, Stage
from tests.end_to_end.servicekit import Desk, desk
from tests.store.deskdata import SHOPS, query, writer_on
from tests.store.walldata import EVENTS, ORDERS, fill_day


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[tuple[Desk, int]]:
    writer = await writer_on(tmp_path)
    now = await writer.do(fill_day, None)
    async with desk(tmp_path, writer=writer) as at:
        yield at, now
    await writer.stop()


async def test_the_last_hour_of_all_and_of_one(floor: tuple[Desk, int]) -> None:
    at, now = floor
    told = await at.client.get("/v1/wall/history")
    assert (told["span"], told["shop"], told["bucket_minutes"], len(told["in"])) == ("hour", "", 1, 60)
    assert (sum(told["in"]), sum(told["delivered"]), sum(told["failed"])) == (11, 9, 1)
    assert told["first"] <= now - 59 * MINUTE
    own = await at.client.get("/v1/wall/history", span="day", shop="pdd-main")
    assert (own["shop"], sum(own["in"]), len(own["backlog"])) == ("pdd-main", 2, 96)


async def test_the_service_notes_what_waits(floor: tuple[Desk, int]) -> None:
    at, _ = floor
    await at.service.levels.sample()
    told = await at.client.get("/v1/wall/history", span="week")
    assert (told["backlog"][-1], told["late"][-1]) == (2, 1)
    assert told["backlog"][-2] is None


@pytest.mark.parametrize("asked", [{"span": "year"}, {"shop": "nobody"}])
async def test_what_it_does_not_have_is_refused(floor: tuple[Desk, int], asked: dict[str, str]) -> None:
    status, told = await floor[0].client.fails("GET", "/v1/wall/history", **asked)
    assert (status, told["code"]) == (400, "bad_request")


def _behind(figure: str, bar: Bar, shop: str, now: int) -> set[str]:
    """Counted by hand: the orders of the made-up day that a bar stands for."""
    start, end = bar.start, bar.start + bar.minutes * MINUTE
    names = {number: name for number, name, _ in SHOPS}
    found = set()
    for number, of, _, stage, *times in ORDERS:
        _, _, received, delivered, deadline = (None if t is None else now - t * SECOND for t in times)
        assert received is not None
        wrong = [now - ago * SECOND for n, ago, kind, _ in EVENTS if n == number and kind in WRONG]
        waits = received < start and (stage < Stage.DELIVERED or (delivered is not None and delivered >= start))
        counts = {
            "in": start <= received < end,
            "delivered": delivered is not None and start <= delivered < end,
            "errors": any(start <= at < end for at in wrong),
            "backlog": waits,
            "late": waits and deadline is not None and deadline < start,
        }[figure]
        if counts and shop in ("", names[of]):
            found.add(f"W{number}")
    return found


@pytest.mark.parametrize("shop", ["", "taobao-main"])
@pytest.mark.parametrize("figure", ["in", "delivered", "errors", "backlog", "late"])
async def test_the_orders_behind_every_bar(floor: tuple[Desk, int], figure: str, shop: str) -> None:
    at, now = floor
    history = cast(WallHistory, {"shop": shop})
    some = 0
    for ago in range(-70, 3 * 60, 5):  # some deadlines are to come
        bar = Bar((now - ago * MINUTE) // MINUTE * MINUTE, 5, None)
        drilled: Any = drill(history, figure, bar)
        window = await at.client.get("/v1/queue", view=drilled.view, filter=drilled.filter)
        found = {row["ext_id"] for row in window["rows"]}
        assert found == _behind(figure, bar, shop, now), drilled.filter
        some += len(found)
    assert some, "nothing was ever found: the test says nothing"
    if figure == "in" and not shop:
        old = Bar(now - 3 * 24 * HOUR, 2 * 24 * 60, None)
        drilled = drill(history, figure, old)
        window = await at.client.get("/v1/queue", view=drilled.view, filter=drilled.filter)
        assert {row["ext_id"] for row in window["rows"]} == {"W6"}
        assert query(at.writer.path, "SELECT count(*) FROM orders")[0][0] == len(ORDERS)
