"""Pulling: one task a shop, each at its own pace; a shop that hangs or fails slows nobody else."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Protocol

import msgspec
import structlog

from core.model.clock import Clock
from core.model.order import Batch, OrderUpdate, Quarantined
from core.pipeline.attempts import Opened
from core.pipeline.intake import Intake, IntakeDone, IntakeItem
from core.ports import ConnectorError, Shop
from core.store.writer import StoreError, StoreFull, Writer

log = structlog.get_logger("pull")
PULL_DEADLINE_S = 60.0
BACKOFF_S = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)


class Lender(Protocol):
    """A lane, as far as intake knows it."""

    name: str

    def lend(self, most: int) -> int:
        """Take up to ``most`` free places aside."""
        ...

    def give_back(self, lent: int, opened: Iterable[Opened] = ()) -> None:
        """The places come back, some filled with opened attempts that are to be made now."""
        ...


def _give_back(lane: Lender, lent: int, stored: "asyncio.Future[IntakeDone]") -> None:
    failed = stored.cancelled() or stored.exception() is not None
    lane.give_back(lent, () if failed else stored.result().opened)


class Health:
    """How a shop's intake is doing; read by the counters."""

    def __init__(self) -> None:
        self.last_pull_at: int | None = None
        self.state = "starting"  # starting, ok, failing
        self.error = ""
        self.failures = 0

    def good(self, now: int) -> None:
        """A pull came through."""
        self.last_pull_at, self.state, self.error, self.failures = now, "ok", "", 0

    def bad(self, kind: str, message: str) -> None:
        """A pull failed."""
        self.state, self.error, self.failures = "failing", f"{kind}: {message}", self.failures + 1


class Puller:
    """Runs the pull loop of one shop and its single-order reads."""

    def __init__(
        self, shop_id: int, shop: Shop, writer: Writer, intake: Intake, clock: Clock, lane: Lender | None = None
    ) -> None:
        """``lane``: the way of this shop's keys; its free places let first attempts open with the orders' intake."""
        self.shop_id, self.shop, self.health, self.lane = shop_id, shop, Health(), lane
        self._writer, self._intake, self._clock = writer, intake, clock
        self._hinted = asyncio.Event()
        self._reads = asyncio.Semaphore(8)
        self._reading: dict[str, asyncio.Future[bool]] = {}

    def hint(self) -> None:
        """A webhook said that there is news: pull at once."""
        self._hinted.set()

    async def run(self, cursor: str | None) -> None:
        """Pull for ever. A batch counts only once it is durable: its cursor is taken after the commit."""
        while True:
            try:
                self._hinted.clear()  # before the pull: a hint that comes during it asks for another one
                seen_at = self._clock()
                async with asyncio.timeout(PULL_DEADLINE_S):
                    batch = await self.shop.pull(cursor)
                await self._store(IntakeItem(self.shop_id, batch, seen_at))
                cursor = batch.cursor
                self.health.good(self._clock())
                if batch.more:
                    continue
                pause = self.shop.poll_seconds
            except ConnectorError as error:
                self.health.bad(error.kind, str(error))
                pause = error.retry_after or BACKOFF_S[min(self.health.failures, len(BACKOFF_S)) - 1]
                log.warning("pull_failed", shop=self.shop.name, kind=error.kind, pause_s=pause)
            except TimeoutError:
                self.health.bad("timeout", f"no answer within {PULL_DEADLINE_S:.0f} s")
                pause = BACKOFF_S[min(self.health.failures, len(BACKOFF_S)) - 1]
            except StoreError:
                raise
            except Exception as error:  # a connector's own mistake stops its shop, not the others
                self.health.bad("protocol", f"the connector failed: {type(error).__name__}")
                pause = BACKOFF_S[min(self.health.failures, len(BACKOFF_S)) - 1]
                log.error("connector_raised", shop=self.shop.name, why=type(error).__name__)
            await self._sleep(pause)

    async def _store(self, item: IntakeItem) -> None:
        while True:
            try:
                await self._commit(item)
                return
            except StoreFull as error:
                self.health.bad("disk", str(error))
                await asyncio.sleep(2.0)
            except StoreError:
                raise
            except Exception as error:
                await self._isolate(item, error)
                return

    async def _commit(self, item: IntakeItem) -> None:
        lane, most = self.lane, len(item.batch.updates)
        lent = lane.lend(most) if lane is not None and most else 0
        if lane is None or not lent:
            await self._writer.do(self._intake.apply, item)
            return
        stored = self._writer.submit(self._intake.apply, msgspec.structs.replace(item, places=((lane.name, lent),)))
        # By callback: what was opened must be made even if nobody waits here any more.
        stored.add_done_callback(partial(_give_back, lane, lent))
        await asyncio.shield(stored)

    async def _isolate(self, item: IntakeItem, error: Exception) -> None:
        """Something in this batch cannot be taken in. Find it by halves; the rest goes in, it goes to quarantine."""
        updates = item.batch.updates
        if len(updates) > 1:
            half = len(updates) // 2
            for part in (updates[:half], updates[half:]):
                await self._store(
                    IntakeItem(self.shop_id, Batch(updates=part, cursor=None, more=False), item.seen_at, False)
                )
        elif len(updates) == 1 and not isinstance(updates[0], Quarantined):
            log.error("intake_failed", shop=self.shop.name, why=type(error).__name__)
            one = updates[0]
            raw = one.raw if isinstance(one, OrderUpdate) else b""
            poison = Quarantined(ext_id=one.ext_id, field="$", why=f"intake failed: {type(error).__name__}", raw=raw)
            await self._store(
                IntakeItem(self.shop_id, Batch(updates=(poison,), cursor=None, more=False), item.seen_at, False)
            )
        else:
            raise error
        if item.keep_cursor:
            empty = Batch(updates=(), cursor=item.batch.cursor, more=item.batch.more)
            await self._store(IntakeItem(self.shop_id, empty, item.seen_at))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hinted.wait()
        except TimeoutError:
            pass

    def refresh(self, ext_id: str, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> "asyncio.Future[bool]":
        """Read one order again before the gate; asked for twice, it is read once. Answers whether news of it came."""
        held = self._reading.get(ext_id)
        if held is None:
            held = self._reading[ext_id] = asyncio.get_running_loop().create_future()
            spawn(self._refresh(ext_id, held))
        return held

    async def _refresh(self, ext_id: str, told: "asyncio.Future[bool]") -> None:
        try:
            async with self._reads:
                seen_at = self._clock()
                async with asyncio.timeout(PULL_DEADLINE_S):
                    update = await self.shop.read(ext_id)
            await self._store(
                IntakeItem(self.shop_id, Batch(updates=(update,), cursor=None, more=False), seen_at, False)
            )
            told.set_result(True)
        except (ConnectorError, TimeoutError) as error:
            log.warning("read_failed", shop=self.shop.name, why=type(error).__name__)
            told.set_result(False)
            await asyncio.sleep(1.0)  # the gate asks again; this keeps a broken shop from spinning it
        finally:
            if not told.done():
                told.set_result(False)
            del self._reading[ext_id]
