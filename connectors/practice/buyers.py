"""The buyers at work: one task places orders, pays, closes, asks for money back, each act at its second."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Iterator

from connectors.practice import markets
from connectors.practice.plans import Plan
from connectors.practice.stripe_objects import Provider
from connectors.practice.world import Flag, Order, World

_CHUNK = 20


class Buyers:
    """Plays the plans. ``rate`` orders a second, 0 as fast as they can; ``late`` bounds how long one takes."""

    def __init__(
        self, world: World, provider: Provider | None, source: Iterator[Plan], rate: float, late: float
    ) -> None:
        self._world, self._provider, self._source = world, provider, source
        self._rate, self._late = rate, late
        self._heap: list[tuple[float, int, Order, str]] = []
        self._count = itertools.count()
        self._wake = asyncio.Event()
        self._placing = True
        self._task: asyncio.Task[None] | None = None
        self._shop_of = {shop.platform: shop for shop in world.shops.values()}
        self._acts: dict[str, Callable[[Order], None]] = {
            "pay": lambda order: self._pay(order, order.due),
            "pay_short": lambda order: self._pay(order, order.due - max(1, order.due // 10)),
            "pay_rest": lambda order: self._pay_extra(order, order.due - order.gross),
            "pay_again": lambda order: self._pay_extra(order, order.due),
            "close": self._close,
            "cleared": world.clear,
            "failed": world.cancel_paid,
            "refund": lambda order: world.open_refund(order, "不想要了"),
            "refund_agreed": lambda order: world.settle_refund(order, True),
            "refund_withdrawn": lambda order: world.settle_refund(order, False),
            "finish": world.finish,
        }
        world.on_ship = self._shipped

    @property
    def begun(self) -> bool:
        """Whether the first order may have been placed."""
        return self._task is not None

    @property
    def done(self) -> bool:
        """Every buyer has finished acting; what a buyer does after shipping counts once the shipping has happened."""
        return self._task is not None and not self._placing and not self._heap

    def begin(self) -> None:
        """Starts them; a second call changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Sends them home."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def failure(self) -> BaseException | None:
        """What broke the buyers' task, if anything did: a world without buyers must not look idle."""
        task = self._task
        return task.exception() if task is not None and task.done() and not task.cancelled() else None

    async def _run(self) -> None:
        begun = time.monotonic()
        placed = 0
        while True:
            now = time.monotonic()
            self._act(now)
            if self._placing:
                due = _CHUNK if not self._rate else min(_CHUNK, int((now - begun) * self._rate) + 1 - placed)
                got = 0
                for plan in itertools.islice(self._source, max(0, due)):
                    self._place(plan, now)
                    got += 1
                placed += got
                if got < due:
                    self._placing = False
                elif due == _CHUNK:
                    await asyncio.sleep(0)
                    continue
            await self._rest(begun + placed / self._rate if self._placing and self._rate else None)

    async def _rest(self, next_place: float | None) -> None:
        times = [at for at in (next_place, self._heap[0][0] if self._heap else None) if at is not None]
        self._wake.clear()
        try:
            async with asyncio.timeout(max(0.0, min(times) - time.monotonic()) if times else None):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _act(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            _, _, order, act = heapq.heappop(self._heap)
            self._acts[act](order)

    def _place(self, plan: Plan, now: float) -> None:
        shop = self._shop_of[plan.platform]
        order = Order(
            shop, plan.n, order_number(plan, self._world.seed), self._world.products[plan.product], plan.qty, plan.due
        )
        order.buyer, order.nick, order.email, order.message = plan.buyer, plan.nick, plan.email, plan.message
        order.later = plan.later
        self._world.place(order)
        if shop.market.cards and self._provider is not None:
            self._provider.open(order, plan.typed_email)
        for delay, act in plan.acts:
            if delay:
                self._soon(now + delay, order, act)
            elif act == "pay":
                self._pay(order, order.due, Flag(plan.flag))
            else:
                self._acts[act](order)

    def _soon(self, at: float, order: Order, act: str) -> None:
        heapq.heappush(self._heap, (at, next(self._count), order, act))

    def _shipped(self, order: Order) -> None:
        if order.later is None:
            return
        (delay, act), order.later = order.later, None
        at = time.monotonic() + delay
        if act == "finish":
            self._soon(at, order, act)
        else:
            self._soon(at, order, "refund")
            self._soon(at + self._late * 0.9, order, act)
        self._wake.set()

    def _pay(self, order: Order, amount: int, flag: Flag = Flag.NONE) -> None:
        txn = self._provider.succeed(order, amount) if order.pis is not None and self._provider else ""
        self._world.pay(order, amount, txn, flag)

    def _pay_extra(self, order: Order, amount: int) -> None:
        """A second payment for the same order: only where orders and payments are separate things."""
        if order.pis is not None and self._provider is not None and amount > 0:
            self._world.pay(order, amount, self._provider.again(order, amount))

    def _close(self, order: Order) -> None:
        if order.pis is not None and self._provider is not None:
            self._provider.cancel(order)
        self._world.close(order, "buyer")


def order_number(plan: Plan, seed: int) -> str:
    """The platform's own order number: one plan of one seed always gets the same."""
    return markets.of(plan.platform).number(plan.n, seed)
