"""The floor of ``bench demo``: the same pulls, sends and write-backs by the same connectors, in a loop without a core.

It keeps nothing: no database, no rules, no gate, no keys at rest, no record of what it did.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from core.model.effects import Call, Effect, Result, Slot
from core.model.order import OrderUpdate, PlatformState
from core.pipeline.message import render
from core.ports import Channel, Shop

ROOM = 48  # calls under way at once on one way, as a lane of the core has
READS = 8  # single orders read at once of one shop, as the core reads them
PAUSE_S = 0.2  # after a pull that brought nothing more


class BareLoop:
    """Delivers until ``wanted`` orders have been sent and written back.

    ``fresh`` in seconds: news of an order that is older is read again before the send, as the core must do.
    """

    def __init__(
        self,
        shops: Mapping[str, Shop],
        channels: Mapping[str, Channel],
        keys: Sequence[Path],
        wanted: int,
        fresh: float,
    ) -> None:
        self._shops, self._wanted, self._fresh = shops, wanted, fresh
        self._reading = {name: asyncio.Semaphore(READS) for name in shops}
        self._ways: dict[str, Channel] = {**channels, **shops}
        self._room = {name: asyncio.Semaphore(ROOM) for name in self._ways}
        self._secrets: Iterator[str] = itertools.chain.from_iterable(file.read_text("utf-8").split() for file in keys)
        self._numbers = itertools.count(1)
        self._works: set[asyncio.Task[None]] = set()
        self._done = asyncio.Event()
        self.good = 0

    async def run(self, seconds: float) -> float:
        """CPU milliseconds an order. Raises RuntimeError when not enough was delivered in time."""
        cpu = time.process_time()
        pulls = [asyncio.create_task(self._pull(shop)) for shop in self._shops.values()]
        try:
            async with asyncio.timeout(seconds):
                await self._done.wait()
        except TimeoutError:
            raise RuntimeError(
                f"the bare loop delivered {self.good} of {self._wanted} orders in {seconds:.0f} s"
            ) from None
        finally:
            for task in (*pulls, *self._works):
                task.cancel()
            await asyncio.gather(*pulls, *self._works, return_exceptions=True)
        return (time.process_time() - cpu) * 1000 / self.good

    async def _pull(self, shop: Shop) -> None:
        cursor: str | None = None
        known: set[str] = set()
        while True:
            seen = time.monotonic()
            batch = await shop.pull(cursor)
            cursor = batch.cursor
            for update in batch.updates:
                if isinstance(update, OrderUpdate) and update.ext_id not in known and _deliverable(shop, update):
                    known.add(update.ext_id)
                    work = asyncio.create_task(self._deliver(shop, update, seen))
                    self._works.add(work)
                    work.add_done_callback(self._works.discard)
            if not batch.more:
                await asyncio.sleep(PAUSE_S)

    async def _deliver(self, shop: Shop, order: OrderUpdate, seen: float) -> None:
        lane = shop.name if shop.send_via == "shop" else shop.send_via
        slots = tuple(Slot(x.line, n, x.title, next(self._secrets)) for x in order.lines for n in range(1, x.qty + 1))
        subject, text = render("zh_CN", shop.name, order.ext_id, slots)
        send = Call(
            reference=f"{shop.name}:{next(self._numbers)}", effect=Effect.SEND, attempt=1, ext_id=order.ext_id,
            recipient=order.contact, subject=subject, text=text, slots=slots,
        )  # fmt: skip
        async with self._room[lane]:
            if time.monotonic() - seen > self._fresh:
                async with self._reading[shop.name]:
                    await shop.read(order.ext_id)
            good = (await self._ways[lane].perform(send)).result is Result.CONFIRMED
        if good and Effect.SHIP in shop.specs:
            reference = f"{shop.name}:{next(self._numbers)}"
            ship = Call(reference=reference, effect=Effect.SHIP, attempt=1, ext_id=order.ext_id, recipient="")
            async with self._room[shop.name]:
                good = (await shop.perform(ship)).result is Result.CONFIRMED
        self.good += good
        if self.good >= self._wanted:
            self._done.set()


def _deliverable(shop: Shop, order: OrderUpdate) -> bool:
    paid = sum(payment.amount for payment in order.payments)
    return order.state is PlatformState.PAID and paid >= order.total and bool(order.contact or shop.send_via == "shop")
