"""Buys keys from suppliers when a product runs short: plans, calls, asks, and takes the keys into the vault."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from core.desk.reads import Reads
from core.model.clock import Clock
from core.model.effects import Outcome, Result
from core.model.lifecycle import PurchaseState
from core.model.restock import Restock
from core.pipeline import purchases
from core.pipeline.purchases import Ended, PurchaseRow
from core.ports import Bought, Stocker, Wanted
from core.store.writer import StoreError, StoreFull, Writer
from core.vault import imports, keyfile
from core.vault.plan import Plan
from core.vault.seal import Vault

log = structlog.get_logger("restock")
CALL_S = 40.0  # a call of buying or asking; what takes longer is unknown
PAUSE_S = 2.0


Wished = Callable[[], Sequence[Restock]]
Answering = Awaitable[Bought]


class Buyer:
    """One loop for all suppliers. ``wishes`` gives the catalogue in force: it is swapped as a whole when it changes."""

    def __init__(
        self, stockers: Mapping[str, Stocker], wishes: Wished, vault: Vault, writer: Writer, reads: Reads, clock: Clock
    ) -> None:
        self._stockers, self._wishes, self._vault = stockers, wishes, vault
        self._writer, self._reads, self._clock = writer, reads, clock
        self._busy: set[int] = set()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now: stock may be short."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. A call under way when that happens is unknown, and asked about at the next start."""
        calls: set[asyncio.Task[None]] = set()
        try:
            while True:
                try:
                    for row in await self._due():
                        self._busy.add(row.id)
                        task = asyncio.create_task(self._further(row), name=f"purchase:{row.id}")
                        calls.add(task)
                        task.add_done_callback(calls.discard)
                except StoreFull:
                    pass  # nothing is bought that cannot be written down; it is looked at again
                try:
                    async with asyncio.timeout(PAUSE_S):
                        await self._woken.wait()
                except TimeoutError:
                    pass
                self._woken.clear()
        finally:
            for task in calls:
                task.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    async def _due(self) -> list[PurchaseRow]:
        wanted = tuple(one for one in self._wishes() if one.supplier in self._stockers)
        if wanted:
            await self._writer.do(purchases.plan_purchases, wanted)
        # One that is being bought and is not under way here was left by a call whose end could not be written down.
        now, due = self._clock(), (PurchaseState.PLANNED, PurchaseState.BUYING, PurchaseState.UNKNOWN)
        # What was under way when the rows were read may have ended since; such a row tells of the past.
        busy = frozenset(self._busy)
        rows = purchases.rows_of(await self._reads.all(purchases.OPEN))
        return [row for row in rows if row.state in due and row.next_at <= now and row.id not in busy]

    async def _further(self, row: PurchaseRow) -> None:
        try:
            await self._step(row)
        except StoreError as error:
            log.warning("purchase_unwritten", purchase=row.id, error=type(error).__name__)
        except Exception as error:  # a supplier's module must not end the loop; its purchase is asked about or waits
            log.error("purchase_failed", purchase=row.id, error=type(error).__name__)
            unknown = Outcome(result=Result.UNKNOWN, why=f"failed here: {type(error).__name__}")
            await self._end(Ended(row.id, unknown, waits=True))
        finally:
            self._busy.discard(row.id)

    async def _step(self, row: PurchaseRow) -> None:
        stocker = self._stockers.get(row.supplier)
        wanted = Wanted(reference=row.reference, code=row.code, qty=row.qty, price=row.price)
        if stocker is None:
            gone = Outcome(result=Result.UNKNOWN, why=f"supplier {row.supplier} is not set up any more")
            if row.state != PurchaseState.PLANNED:
                await self._end(Ended(row.id, gone, waits=True))
            return
        if row.state == PurchaseState.PLANNED:
            if not await self._writer.do(purchases.open_purchases, row.id):
                return
            came = await _in_time(stocker.buy(wanted))
        elif stocker.askable:
            came = await _in_time(stocker.bought(wanted))
        else:
            came = Bought(outcome=Outcome(result=Result.UNKNOWN, why="the supplier cannot be asked by our number"))
        await self._came(row, stocker, came)

    async def _came(self, row: PurchaseRow, stocker: Stocker, came: Bought) -> None:
        outcome = came.outcome
        first = row.state == PurchaseState.PLANNED
        if first and stocker.askable and outcome.result is Result.UNKNOWN and outcome.retry_after is None:
            outcome = _again(outcome)  # the first unknown is a reason to ask, not yet one for a person
        elif not first and outcome.result in (Result.NOT_SENT, Result.LATER):
            outcome = _again(outcome)  # the question did not get there; that says nothing of the purchase
        if outcome.result is not Result.CONFIRMED:
            await self._end(Ended(row.id, outcome))
            return
        plan = await self._planned(row, came.keys)
        if isinstance(plan, str):
            await self._end(Ended(row.id, outcome, why=plan, waits=True))
            return
        short = f"{len(came.keys)} keys came for {row.qty}" if len(came.keys) != row.qty else ""
        await self._end(Ended(row.id, outcome, plan, short))

    async def _planned(self, row: PurchaseRow, keys: Sequence[str]) -> Plan | str:
        """The keys sealed under a batch of their own; a text when they cannot be taken in whole."""
        title = next((one.title for one in self._wishes() if one.product == row.product), row.product)
        read = keyfile.read("\n".join(keys).encode(), max(len(keys), 1))
        plan = Plan(self._vault, row.product, f"{row.supplier} {row.reference}", title, read)
        for sql, params in plan.questions():
            plan.answer(await self._reads.all(sql, params))
        if read.bad or len(read.keys) != len(keys):
            return f"{read.bad or len(keys) - len(read.keys)} of {len(keys)} keys cannot be stored as they are"
        if plan.new != len(keys):
            return f"{len(keys) - plan.new} of {len(keys)} keys were in the vault before"
        try:
            ids = await self._writer.do(imports.reserve, plan.ids_needed())
            await asyncio.to_thread(plan.seal, ids)
        except imports.ImportRefused as refused:
            return str(refused)
        return plan

    async def _end(self, ended: Ended) -> None:
        try:
            took = await self._writer.do(purchases.end_purchases, ended)
        except StoreFull:
            # What came is not lost: the purchase stays open, and the supplier shows its keys again.
            log.warning("purchase_unwritten", purchase=ended.purchase, error="disk full")
            return
        result = ended.outcome.result.value
        log.info("purchase", purchase=ended.purchase, result=result, waits=ended.waits, taken=bool(took))


async def _in_time(work: Answering) -> Bought:
    try:
        async with asyncio.timeout(CALL_S):
            return await work
    except TimeoutError:
        return Bought(outcome=Outcome(result=Result.UNKNOWN, why="no answer in time"))


def _again(outcome: Outcome) -> Outcome:
    return Outcome(
        result=Result.UNKNOWN,
        why=outcome.why,
        remote_ref=outcome.remote_ref,
        retry_after=outcome.retry_after or 1.0,
        evidence=outcome.evidence,
    )
