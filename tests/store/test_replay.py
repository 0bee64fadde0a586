"""Replay: what could not be read once is read by today's mapping, taken in as of then, and never more than that."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import build_shop
from core.model.lifecycle import CaseKind, EventKind, Stage
from core.model.order import Quarantined, RefundState, Update
from core.pipeline.paid_via import paid_via
from core.pipeline.replay import Came, Page, Replayer, Told
from core.ports import ConnectorError
from tests.rig import Rig, order, pay, refund

DATA = Path(__file__).parent.parent / "data"
Made = dict[bytes, tuple[Update, ...] | Exception]


class Mapping:
    """A connector whose mapping was put right: what it makes of a payload is looked up. All else of it is unused."""

    platform = "test"
    name, send_via, specs, poll_seconds = "mailshop", "email", {}, 1.0  # type: ignore[var-annotated]

    def __init__(self) -> None:
        self.made: Made = {}
        self.asked: list[tuple[str, int]] = []

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        self.asked.append((kept.ext_id, at))
        made = self.made.get(kept.raw, (kept,))
        if isinstance(made, Exception):
            raise made
        return made


class Reads:
    """The writer's own view, so that it sees every commit."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def all(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        return await self._rig.all(sql, *params)


class Case:
    """A rig, a mapping, and what is asked of both."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.mapping = rig, Mapping()
        self.shops: dict[int, Any] = {1: self.mapping}

    async def aside(
        self, raw: bytes, ext_id: str = "A1", field: str = "$", why: str = "missing", shop: int = 1
    ) -> None:
        await self.rig.pull(Quarantined(ext_id=ext_id, field=field, why=why, raw=raw), shop=shop)

    async def replay(self, dry: bool = False, shop: int | None = None, after: int = 0, limit: int = 50) -> Page:
        rig = self.rig
        replayer = Replayer(self.shops, rig.setup, rig.writer, Reads(rig), rig.clock)
        return await replayer.page("me", shop, after, limit, dry)

    async def one(self, dry: bool = False) -> Told:
        (told,) = (await self.replay(dry)).items
        return told

    async def waiting(self) -> int:
        return int(await self.rig.one("SELECT count(*) FROM quarantine WHERE resolved_at IS NULL"))


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[Case]:
    async with Rig(tmp_path) as rig:
        yield Case(rig)


async def test_an_order_is_taken_in_and_read_anew_before_a_key_moves(case: Case) -> None:
    rig, then = case.rig, case.rig.clock()
    await rig.stock("p1", 1)
    await case.aside(b"old", "")
    case.mapping.made[b"old"] = (order(paid=1000),)
    told = await case.one()
    assert (told.came, told.took, told.shop, told.ext_id) == (Came.TAKEN, 1, "mailshop", "")
    assert case.mapping.asked == [("", then)]
    assert await case.waiting() == 0
    assert await rig.stage() == Stage.OPEN, "it was set aside a moment ago, and still it is no news"
    done = await rig.pass_gate()
    assert (done.allocated, [ext for _, ext, _ in done.stale]) == (0, ["A1"])
    await rig.pull(order(paid=1000))
    assert (await rig.pass_gate()).allocated == 1
    rows = await rig.all("SELECT actor, order_id, body FROM event WHERE kind = ?", int(EventKind.REPLAYED))
    ((actor, number, body),) = rows
    assert actor == "me"
    assert number == await rig.one("SELECT id FROM orders")
    assert json.loads(body)["ext_id"] == "A1"
    assert await case.replay() == Page([], None), "a second time there is nothing"


async def test_a_dry_run_changes_nothing(case: Case) -> None:
    await case.aside(b"old")
    case.mapping.made[b"old"] = (order(paid=1000),)
    before = await case.rig.one("SELECT max(seq) FROM event")
    assert (await case.one(dry=True)).came is Came.TAKEN
    assert await case.waiting() == 1
    assert await case.rig.one("SELECT count(*) FROM orders") == 0
    assert await case.rig.one("SELECT max(seq) FROM event") == before


async def test_what_is_still_not_understood_stays_as_it_was(case: Case) -> None:
    await case.aside(b"x", field="total")
    case.mapping.made[b"x"] = (Quarantined(ext_id="A1", field="paid", why="missing", raw=b"x"),)
    before = await case.rig.all("SELECT * FROM quarantine"), await case.rig.all("SELECT * FROM drift")
    told = await case.one()
    assert (told.came, told.field, told.why) == (Came.STILL, "total", "paid: missing")
    assert (await case.rig.all("SELECT * FROM quarantine"), await case.rig.all("SELECT * FROM drift")) == before


async def test_one_that_speaks_of_another_order_is_not_taken(case: Case) -> None:
    await case.aside(b"x", "A1", why="answer is about another order")
    case.mapping.made[b"x"] = (order("B2", paid=1000),)
    assert (await case.one()).came is Came.STILL
    assert await case.rig.one("SELECT count(*) FROM orders") == 0


async def test_news_that_is_known_already_is_not_undone(case: Case) -> None:
    rig = case.rig
    await rig.pull(order("A1", rev=order().rev + 5, paid=1000, message="newer"))
    await case.aside(b"older")
    case.mapping.made[b"older"] = (order(paid=1000, message="older"),)
    assert (await case.one()).came is Came.TAKEN
    assert await rig.one("SELECT message FROM orders") == "newer"
    assert await rig.one("SELECT count(*) FROM payment") == 1


async def test_its_case_closes_with_the_last_of_its_items_and_no_sooner(case: Case) -> None:
    rig = case.rig
    await rig.pull(order(paid=1000))
    await case.aside(b"one", field="total")
    await case.aside(b"two", field="refund.state")
    assert CaseKind.POISON_PAYLOAD in await rig.cases()
    case.mapping.made[b"one"] = (order(paid=1000),)
    assert [one.came for one in (await case.replay()).items] == [Came.TAKEN, Came.STILL]
    assert CaseKind.POISON_PAYLOAD in await rig.cases(), "the claim is still not understood"
    case.mapping.made[b"two"] = (refund("A1", RefundState.OPEN),)
    assert (await case.one()).came is Came.TAKEN
    assert CaseKind.POISON_PAYLOAD not in await rig.cases()
    assert await rig.one("SELECT refund_open FROM orders") == 1


async def test_a_reading_meanwhile_wins(case: Case) -> None:
    rig = case.rig
    await case.aside(b"old")

    class Slow(Mapping):
        async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
            await rig.pull(order(paid=1000, message="read meanwhile"))
            return (order(paid=1000),)

    case.shops[1] = Slow()
    assert (await case.one()).came is Came.GONE
    assert await rig.one("SELECT message FROM orders") == "read meanwhile"


async def test_one_bad_item_does_not_stop_the_others(case: Case) -> None:
    for raw in (b"a", b"b", b"c", b"d"):
        await case.aside(raw, raw.decode())
    case.mapping.made = {
        b"a": ConnectorError("network", "nobody answers"),
        b"b": KeyError("secret-of-a-payload"),
        b"c": (order("c", paid=1000, currency=None),),  # the store refuses it
        b"d": (order("d", paid=1000),),
    }
    told = (await case.replay()).items
    assert [one.came for one in told] == [Came.FAILED, Came.FAILED, Came.FAILED, Came.TAKEN]
    assert told[0].why == "the shop was asked: network"
    assert "secret" not in told[1].why
    assert await case.waiting() == 3
    assert await case.rig.one("SELECT count(*) FROM orders") == 1


async def test_pages_shops_and_connectors_that_cannot(case: Case) -> None:
    await case.aside(b"a", "a")
    await case.aside(b"b", "b", shop=2)
    await case.aside(b"", "c")

    class Plain:
        platform = "plain"

    case.shops[2] = Plain()
    first = await case.replay(limit=2)
    assert [(one.shop, one.came) for one in first.items] == [("mailshop", Came.STILL), ("pddshop", Came.NO_WAY)]
    assert "plain" in first.items[1].why
    assert first.after is not None
    rest = await case.replay(after=first.after, limit=2)
    assert [(one.ext_id, one.came, one.why) for one in rest.items] == [("c", Came.NO_WAY, "no payload was kept")]
    assert rest.after is None
    assert [one.ext_id for one in (await case.replay(shop=2)).items] == ["b"]
    del case.shops[2]
    assert (await case.replay(shop=2)).items[0].why == "its shop is not in the settings"


async def test_a_shop_that_a_gateway_pays_tells_nothing_of_money(case: Case) -> None:
    class Till:
        name, account, per_minute = "till", "till:1", 60.0

    async def booked(ext_id: str) -> int:
        return 1000

    case.shops[1] = paid_via(case.mapping, Till(), booked)  # type: ignore[arg-type]
    case.mapping.made = {b"a": (order("a", paid=1000), pay("a", 7, "more")), b"b": (order("b", paid=1000),)}
    await case.aside(b"a", "a")
    await case.aside(b"b", "b", field="payments", why="till has less money for this order than was booked")
    assert [one.came for one in (await case.replay()).items] == [Came.TAKEN, Came.NO_WAY]
    assert await case.rig.one("SELECT count(*) FROM payment") == 0


async def test_a_real_connector_reads_its_own_payload(case: Case) -> None:
    options = {"platform": "woocommerce", "url": "https://127.0.0.1:1", "consumer_key": "k", "consumer_secret": "s"}
    shop = case.shops[1] = build_shop("mailshop", options, case.rig.clock)
    raw = (DATA / "woocommerce" / "order.json").read_bytes()
    await case.aside(raw, field="line_items[].total", why="as an older version said")
    told = await case.one()
    assert told.came is Came.STILL, "the payload names another order than it was set aside for"
    number = str(json.loads(raw)["id"])
    await case.aside(raw, number, field="line_items[].total")
    assert [one.came for one in (await case.replay()).items] == [Came.STILL, Came.TAKEN]
    assert await case.rig.one("SELECT ext_id FROM orders") == number
    await shop.close()
