"""Requests from platforms: what they state is durable before they are answered, and no caller holds up another."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from core.model.clock import Clock
from core.model.lifecycle import Stage
from core.model.order import Batch, OrderUpdate, Quarantined, Update
from core.pipeline.intake import Intake, IntakeItem
from core.pipeline.pull import Puller
from core.ports import ConnectorError, Inbound, Received, Receiver, Reply, Shop, Standing
from core.store.writer import StoreError, Writer

log = structlog.get_logger("inbound")
ANSWER_S = 10.0  # to check, commit and answer; platforms give up after 5 to 15 seconds
AT_ONCE = 32  # requests of one name; a flood at one door leaves the others open
LOOK = "SELECT stage, blocks, delivered_at FROM orders WHERE shop = ? AND ext_id = ?"
LATER = Reply(status=503, body=b"later")
REFUSED = Reply(status=400, body=b"refused")
OK = Reply(body=b"ok")


class HintReceiver:
    """A shop that takes nothing from its webhooks: a right signature makes the core pull, and that is all."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def receive(self, request: Inbound) -> Received:
        """POST without a tail only."""
        if request.method != "POST" or request.tail:
            return Received(render=lambda _: Reply(status=404, body=b"not here"))
        if not await self._shop.hint(request.headers, request.body):
            return Received(render=lambda _: REFUSED)
        return Received(render=lambda _: OK, pull=True)


class Door:
    """Everything that one name under ``/hook`` needs. ``puller`` is its shop's, or that of the shop a gateway pays."""

    def __init__(
        self,
        name: str,
        receiver: Receiver,
        puller: Puller,
        writer: Writer,
        intake: Intake,
        readers: AsyncEngine,
        clock: Clock,
    ) -> None:
        self.name, self._receiver, self._puller = name, receiver, puller
        self._writer, self._intake, self._readers, self._clock = writer, intake, readers, clock
        self._busy = 0
        self.refused = 0

    async def take(self, request: Inbound) -> Reply:
        """The answer to one request. Never raises: whatever goes wrong here, the platform shall ask again."""
        if self._busy >= AT_ONCE:
            return LATER
        self._busy += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._take(request)
        except (TimeoutError, ConnectorError, StoreError) as error:
            log.warning("inbound_later", name=self.name, why=type(error).__name__)
        except Exception as error:  # a connector's own mistake, or a row that cannot be read
            log.error("inbound_failed", name=self.name, why=type(error).__name__)
        finally:
            self._busy -= 1
        return LATER

    async def _take(self, request: Inbound) -> Reply:
        seen_at = self._clock()
        received = await self._receiver.receive(request)
        if received.batch:
            await self._commit(received.batch, seen_at)
        if received.pull:
            self._puller.hint()
        reply = received.render(await self._standing(received.look) if received.look else None)
        if 400 <= reply.status < 500:
            self.refused += 1
            if self.refused & (self.refused - 1) == 0:  # the 1st, 2nd, 4th, 8th ...: a flood must not fill the log too
                log.warning("inbound_refused", name=self.name, status=reply.status, count=self.refused)
        return reply

    async def _commit(self, updates: Sequence[Update], seen_at: int) -> None:
        try:
            await self._store(tuple(updates), seen_at)
        except StoreError:
            raise
        except Exception as error:
            # One of them cannot be taken in. It is kept for a person; a platform's repeats would change nothing.
            if len(updates) > 1:
                for update in updates:
                    await self._commit((update,), seen_at)
                return
            (one,) = updates
            if isinstance(one, Quarantined):
                raise
            log.error("intake_failed", name=self.name, why=type(error).__name__)
            raw = one.raw if isinstance(one, OrderUpdate) else b""
            why = f"intake failed: {type(error).__name__}"
            await self._store((Quarantined(ext_id=one.ext_id, field="$", why=why, raw=raw),), seen_at)

    async def _store(self, updates: tuple[Update, ...], seen_at: int) -> None:
        batch = Batch(updates=updates, cursor=None, more=False)
        await self._writer.do(self._intake.apply, IntakeItem(self._puller.shop_id, batch, seen_at, False))

    async def _standing(self, ext_id: str) -> Standing | None:
        async with self._readers.connect() as connection:
            row: Any = (await connection.exec_driver_sql(LOOK, (self._puller.shop_id, ext_id))).first()
        if row is None:
            return None
        stage = Stage(int(row[0]))
        done = row[2] is not None and stage in (Stage.DELIVERED, Stage.CLOSED)
        return Standing(stage=stage, delivered=done, waits=int(row[1]) > 0, delivered_at=row[2])
