"""Keys bought from suppliers: planned when short, recorded before the call, never bought twice, taken in whole."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.audit.run import audit
from core.desk.reads import Reader
from core.model.effects import Outcome, Result
from core.model.lifecycle import EventKind, PurchaseState
from core.model.restock import Restock
from core.pipeline import purchases
from core.pipeline.purchases import Verdict
from core.pipeline.restock import Buyer
from core.ports import Bought, Wanted
from core.store.engines import reader_engine
from tests.rig import Rig, order

WISH = Restock("p1", "点卡", "cards", "41560", below=3, buy=5, price="49.50", most_a_day=12)


def came(result: Result, *keys: str, wait: float | None = None) -> Bought:
    return Bought(outcome=Outcome(result=result, why=result.value, retry_after=wait), keys=keys)


class Seller:
    """A supplier that says what it is told to; ``sold`` holds every purchase by our number."""

    name, askable = "cards", True

    def __init__(self) -> None:
        self.sold: list[Wanted] = []
        self.asked = 0
        self.buying: Callable[[Wanted], Bought] = self.keys
        self.asking: Callable[[Wanted], Bought] = self.keys
        self.hangs = False

    def keys(self, wanted: Wanted) -> Bought:
        return came(Result.CONFIRMED, *(f"{wanted.reference}-{n:03d}" for n in range(wanted.qty)))

    async def buy(self, wanted: Wanted) -> Bought:
        self.sold.append(wanted)
        if self.hangs:
            await asyncio.sleep(60)
        return self.buying(wanted)

    async def bought(self, wanted: Wanted) -> Bought:
        self.asked += 1
        return self.asking(wanted)

    async def close(self) -> None:
        """Nothing is open."""


class Desk:
    """A rig with a buyer whose loop runs when told."""

    def __init__(self, rig: Rig, seller: Seller) -> None:
        self.rig, self.seller = rig, seller
        self.wishes: tuple[Restock, ...] = (WISH,)
        self.reads = Reader(reader_engine(rig.path))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Buyer]:
        buyer = Buyer(
            {"cards": self.seller}, lambda: self.wishes, self.rig.vault, self.rig.writer, self.reads, self.rig.clock
        )
        task = asyncio.create_task(buyer.run())
        try:
            yield buyer
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def until(self, state: PurchaseState) -> purchases.PurchaseRow:
        """Run until the newest purchase stands so."""
        async with self.running() as buyer, asyncio.timeout(20):
            while True:
                rows = await self.rows()
                if rows and rows[0].state == state:
                    return rows[0]
                buyer.wake()
                await asyncio.sleep(0.01)

    async def rows(self) -> list[purchases.PurchaseRow]:
        return purchases.rows_of(await self.reads.all(purchases.LATEST, (100,)))

    async def free(self) -> int:
        found = await self.reads.one("SELECT free FROM stock WHERE product = 'p1'")
        return int(found[0]) if found else 0


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Rig(tmp_path) as rig:
        made = Desk(rig, Seller())
        yield made
        clean = audit(rig.path)
        assert not clean.violations, clean
        await made.reads._engine.dispose()


async def test_what_runs_short_is_bought_and_waiting_orders_go_on(desk: Desk) -> None:
    await desk.rig.pull(order("A1", paid=1000))
    await desk.rig.pass_gate()
    assert await desk.rig.one("SELECT count(*) FROM case_ WHERE kind = 'no_stock' AND closed_at IS NULL") == 1
    row = await desk.until(PurchaseState.DONE)
    assert (row.got, row.qty, row.tries) == (5, 5, 1)
    assert [one.reference for one in desk.seller.sold] == [row.reference]
    assert await desk.free() == 5
    assert await desk.rig.one("SELECT count(*) FROM case_ WHERE kind = 'no_stock' AND closed_at IS NULL") == 0
    kinds = [int(kind) for (kind,) in await desk.reads.all("SELECT kind FROM event WHERE kind >= 40 ORDER BY seq")]
    assert kinds == [EventKind.BUYING, EventKind.BOUGHT]
    assert (await desk.rig.pass_gate()).allocated == 1


async def test_enough_is_enough(desk: Desk) -> None:
    await desk.rig.stock("p1", 3)
    async with desk.running() as buyer:
        for _ in range(5):
            buyer.wake()
            await asyncio.sleep(0.02)
    assert desk.seller.sold == []


async def test_no_more_a_day_than_allowed(desk: Desk) -> None:
    do = desk.rig.writer.do
    for qty in (5, 5, 2):
        assert await do(purchases.plan_purchases, (WISH,)) == 1
        assert await do(purchases.plan_purchases, (WISH,)) == 0  # one at a time
        row = (await desk.rows())[0]
        assert row.qty == qty
        assert await do(purchases.open_purchases, row.id)
        assert not await do(purchases.open_purchases, row.id)
        await do(purchases.end_purchases, purchases.Ended(row.id, Outcome(result=Result.UNKNOWN)))
        assert await do(purchases.decide, Verdict(row.id, True, "ann", "imported by hand"))
        desk.rig.clock.step(60)
    assert await do(purchases.plan_purchases, (WISH,)) == 0
    desk.rig.clock.step(86_400)
    assert await do(purchases.plan_purchases, (WISH,)) == 1


async def test_a_doubt_is_asked_about_and_never_bought_again(desk: Desk) -> None:
    desk.seller.buying = lambda _: came(Result.UNKNOWN)
    answers = iter([came(Result.UNKNOWN, wait=0.01), came(Result.NOT_SENT), came(Result.LATER, wait=0.01)])
    desk.seller.asking = lambda wanted: next(answers, None) or desk.seller.keys(wanted)
    async with desk.running() as buyer, asyncio.timeout(20):
        while not (rows := await desk.rows()) or rows[0].state != PurchaseState.DONE:
            desk.rig.clock.step(2)
            buyer.wake()
            await asyncio.sleep(0.01)
    assert (len(desk.seller.sold), desk.seller.asked) == (1, 4)
    assert await desk.free() == 5


async def test_who_cannot_be_asked_leaves_it_to_a_person(desk: Desk) -> None:
    desk.seller.askable = False
    desk.seller.buying = lambda _: came(Result.UNKNOWN)
    row = await desk.until(PurchaseState.WAITS)
    async with desk.running() as buyer:
        for _ in range(5):
            desk.rig.clock.step(600)
            buyer.wake()
            await asyncio.sleep(0.02)
    assert (len(desk.seller.sold), desk.seller.asked) == (1, 0)
    decided = await desk.rig.writer.do(purchases.decide, Verdict(row.id, False, "ann", "not on their site"))
    assert decided
    assert not await desk.rig.writer.do(purchases.decide, Verdict(row.id, True, "ann", "again"))
    desk.seller.buying = desk.seller.keys
    desk.rig.clock.step(601)
    again = await desk.until(PurchaseState.DONE)
    assert again.reference != row.reference


async def test_a_core_that_stops_mid_call_asks_at_its_next_start(desk: Desk) -> None:
    desk.seller.hangs = True
    async with desk.running() as buyer, asyncio.timeout(10):
        while not desk.seller.sold:
            buyer.wake()
            await asyncio.sleep(0.01)
    (row,) = await desk.rows()
    assert row.state == PurchaseState.BUYING
    assert await desk.rig.writer.do(purchases.left_open, None) == 1
    row = await desk.until(PurchaseState.DONE)
    assert (len(desk.seller.sold), desk.seller.asked, row.got) == (1, 1, 5)


async def test_a_refusal_rests_before_it_is_tried_again(desk: Desk) -> None:
    desk.seller.buying = lambda _: came(Result.REJECTED)
    await desk.until(PurchaseState.REFUSED)
    desk.rig.clock.step(590)
    async with desk.running() as buyer:
        for _ in range(5):
            buyer.wake()
            await asyncio.sleep(0.02)
    assert len(desk.seller.sold) == 1
    desk.rig.clock.step(11)
    async with desk.running() as buyer, asyncio.timeout(10):
        while len(desk.seller.sold) < 2:
            buyer.wake()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("keys", [("A\x07B",), ("SAME", "SAME"), ("", "X")])
async def test_keys_that_cannot_be_stored_whole_wait_for_a_person(desk: Desk, keys: tuple[str, ...]) -> None:
    desk.seller.buying = lambda _: came(Result.CONFIRMED, *keys)
    row = await desk.until(PurchaseState.WAITS)
    assert await desk.free() == 0
    assert not any(key and key in f"{row!r}" for key in keys)


async def test_a_key_that_the_vault_knows_is_not_sold_twice(desk: Desk) -> None:
    desk.seller.buying = lambda wanted: came(Result.CONFIRMED, "ONE", "TWO", "THREE", "FOUR", "FIVE")
    await desk.until(PurchaseState.DONE)
    await desk.rig.writer.do(_bind_all, None)
    desk.rig.clock.step(60)
    row = await desk.until(PurchaseState.WAITS)
    assert "in the vault before" in row.why
    await desk.rig.writer.do(_free_again, None)


def _bind_all(tx: Any, items: list[None]) -> list[None]:
    tx.run("UPDATE stock SET free = 0, sold = 5")  # the audit is told the truth again below
    return items


def _free_again(tx: Any, items: list[None]) -> list[None]:
    tx.run("UPDATE stock SET free = 5, sold = 0")
    return items


async def test_fewer_than_ordered_are_taken_and_told(desk: Desk) -> None:
    desk.wishes = (replace(WISH, below=1),)  # so that what came is enough, and nothing is bought after it
    desk.seller.buying = lambda wanted: came(Result.CONFIRMED, "ONE", "TWO")
    row = await desk.until(PurchaseState.DONE)
    assert (row.got, row.why) == (2, "2 keys came for 5")


async def test_a_restored_copy_asks_before_it_buys(desk: Desk) -> None:
    """What the copy was about to buy may have been bought since it was made."""
    from core.pipeline import restored

    await desk.rig.writer.do(purchases.plan_purchases, (WISH,))

    def reopen(tx: Any, items: list[None]) -> list[int]:
        tx.run("INSERT INTO meta(name, value) VALUES('restored', '{}')")
        return [restored.reopen(tx, desk.rig.setup)] * len(items)

    assert await desk.rig.writer.do(reopen, None) == 1
    await desk.until(PurchaseState.DONE)
    assert (len(desk.seller.sold), desk.seller.asked) == (0, 1)
