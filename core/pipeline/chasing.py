"""Asking after money: an order that a gateway should have paid and that is unpaid is asked about, less and less often.

Notices get lost, and a core that was down never heard them. When an order is due for a question follows from its age
alone, which its id holds, so nothing is stored for it and a restart forgets nothing.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from core.model.clock import SECOND, Clock
from core.model.ids import first_id
from core.model.order import Batch
from core.pipeline.intake import Intake, IntakeItem
from core.pipeline.pull import Health
from core.ports import ConnectorError, Gateway
from core.store.writer import StoreError, StoreFull, Writer

log = structlog.get_logger("chasing")

# Ages in seconds at which an order is asked about: after 5 s, 15 s more, 60 s more, 5 min more, 30 min more ...
AGES_S: tuple[float, ...] = (5.0, 20.0, 80.0, 380.0, 2180.0)
SLOW_S = 1800.0  # ... and from then on every half hour, until the order is closed or paid
TICK_S = 1.0
QUERY_S: Final = 10.0
AT_ONCE: Final = 4
WAITING_MAX: Final = 20_000  # orders; what finds no room is found again at its next age
PAGE: Final = 500
PAUSE_S: Final = (5.0, 15.0, 60.0, 300.0)
COUNT_S: Final = 60.0
LOOSE_S: Final = 600.0  # money may come before its order, but not by so much

# The plus keeps the planner from the index by shop, which holds every order the shop ever had.
UNPAID: Final = "+o.shop = ? AND o.stage < 2 AND o.paid = 0"
BY_AGE: Final = (
    "SELECT o.id, o.ext_id FROM json_each(?) j CROSS JOIN orders o ON o.id >= j.value ->> 0 AND o.id < j.value ->> 1 "
    f"WHERE {UNPAID}"
)
# The index of working orders is the only thing walked here, a page at a time.
WORKING: Final = (
    "SELECT o.nprio, o.due_at, o.id, o.ext_id FROM orders o INDEXED BY ix_orders_queue WHERE o.stage < 4 "
    f"AND (o.nprio, o.due_at, o.id) > (?, ?, ?) AND {UNPAID} AND o.id < ? ORDER BY o.nprio, o.due_at, o.id LIMIT {PAGE}"
)
LOOSE: Final = (
    "SELECT count(*) FROM payment INDEXED BY ix_payment_loose WHERE order_id IS NULL AND shop = ? AND account = ? "
    "AND seen_at < ?"
)
STILL: Final = f"SELECT 1 FROM orders o WHERE o.id = ? AND {UNPAID}"


class Chaser:
    """The loop of one shop and the gateway that pays it."""

    def __init__(
        self, shop_id: int, gateway: Gateway, writer: Writer, intake: Intake, readers: AsyncEngine, clock: Clock
    ) -> None:
        self.shop_id = self._shop = shop_id
        self.gateway, self._writer, self._intake = gateway, writer, intake
        self._readers, self._clock = readers, clock
        self._young: dict[int, str] = {}  # orders to ask about, in the order in which they came up
        self._old: dict[int, str] = {}
        self._failures = 0
        self._looked = self._rested = self._resume = clock()
        self._walked: int | None = None
        self._allowed = 1.0
        self._counted = 0
        self.asked = 0
        self.health = Health()
        self.health.state = "ok"  # nothing to ask about is no trouble

    async def run(self) -> None:
        """Work for ever."""
        while True:
            await self.step()
            await asyncio.sleep(TICK_S)

    async def step(self) -> None:
        """Gather the orders that came of age since the last step, and ask about as many as are allowed by now.

        The first step gathers every unpaid order: nobody knows what was missed while no core ran.
        """
        now = self._clock()
        if self._walked is None:
            await self._walk(now)
        elif now - self._walked >= SLOW_S * SECOND:
            await self._walk(now - int(AGES_S[-1] * SECOND))
        if now - self._counted >= COUNT_S * SECOND:
            await self._count_loose(now)
        await self._come_of_age(self._looked, now)
        self._looked = now
        # At most a few seconds' worth is saved up, so that a pause is not followed by a burst.
        per_second = self.gateway.per_minute / 60
        earned = per_second * max(now - self._rested, 0) / SECOND
        self._allowed, self._rested = min(self._allowed + earned, max(per_second * 5, 1.0)), now
        if now >= self._resume:
            self._resume = now + int(await self._ask_some() * SECOND)

    async def _rows(self, sql: str, params: Sequence[Any]) -> Sequence[Any]:
        async with self._readers.connect() as connection:
            return (await connection.exec_driver_sql(sql, tuple(params))).all()

    async def _come_of_age(self, last: int, now: int) -> None:
        spans = [[first_id(last - int(age * SECOND)), first_id(now - int(age * SECOND))] for age in AGES_S]
        for order, ext_id in await self._rows(BY_AGE, (str(spans), self._shop)):
            self._put(self._young, int(order), str(ext_id))

    async def _count_loose(self, now: int) -> None:
        """Money of orders that the shop does not have: most likely it gives the gateway other numbers than its own."""
        self._counted = now
        rows = await self._rows(LOOSE, (self._shop, self.gateway.name, now - int(LOOSE_S * SECOND)))
        loose = int(rows[0][0])
        if loose:
            self.health.state, self.health.error = "unmatched", f"{loose} payments name no order of the shop"
        elif self.health.state == "unmatched":
            self.health.state, self.health.error = "ok", ""

    async def _walk(self, before: int) -> None:
        """All unpaid orders that came before ``before``."""
        self._walked = self._clock()
        after: tuple[int, int, int] = (-(2**62), 0, 0)
        while len(self._old) < WAITING_MAX:
            page = await self._rows(WORKING, (*after, self._shop, first_id(before)))
            for _, _, order, ext_id in page:
                self._put(self._old, int(order), str(ext_id))
            if len(page) < PAGE:
                return
            after = (int(page[-1][0]), int(page[-1][1]), int(page[-1][2]))

    def _put(self, waiting: dict[int, str], order: int, ext_id: str) -> None:
        if order not in self._young and order not in self._old and len(waiting) < WAITING_MAX:
            waiting[order] = ext_id

    async def _ask_some(self) -> float:
        """Ask as many as are allowed now. Returns how many seconds to leave the gateway alone."""
        while self._allowed >= 1 and (self._young or self._old):
            some: list[tuple[int, str]] = []
            while len(some) < AT_ONCE and self._allowed >= 1 and (self._young or self._old):
                waiting = self._young or self._old
                order = next(iter(waiting))
                some.append((order, waiting.pop(order)))
                self._allowed -= 1
            pauses = await asyncio.gather(*(self._ask(order, ext_id) for order, ext_id in some))
            if any(pauses):
                self._failures += 1
                return max(*pauses, PAUSE_S[min(self._failures, len(PAUSE_S)) - 1])
            self._failures = 0
        return 0.0

    def _answered(self) -> None:
        state, error = self.health.state, self.health.error
        self.health.good(self._clock())
        if state == "unmatched":
            self.health.state, self.health.error = state, error

    async def _ask(self, order: int, ext_id: str) -> float:
        """Ask about one order and book what was found. Returns seconds to pause, 0 when it went well."""
        if not await self._rows(STILL, (order, self._shop)):
            self._allowed += 1
            return 0.0
        try:
            self.asked += 1
            async with asyncio.timeout(QUERY_S):
                money = await self.gateway.query(ext_id)
            self._answered()
            if money:
                batch = Batch(updates=money, cursor=None, more=False)
                await self._writer.do(self._intake.apply, IntakeItem(self._shop, batch, self._clock(), False))
                log.info("money_found", gateway=self.gateway.name, facts=len(money))
        except (ConnectorError, TimeoutError, StoreFull) as error:
            self._old[order] = ext_id  # behind the others: one that always fails holds up none
            why = getattr(error, "kind", type(error).__name__)
            self.health.bad(why, str(error) or f"no answer within {QUERY_S:.0f} s")
            log.warning("query_failed", gateway=self.gateway.name, why=why)
            return getattr(error, "retry_after", None) or PAUSE_S[0]
        except StoreError:
            raise
        except Exception as error:  # a gateway's own mistake, or facts that cannot be booked: asked again when older
            log.error("query_raised", gateway=self.gateway.name, why=type(error).__name__)
        return 0.0
