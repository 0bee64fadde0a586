"""A shop whose buyers pay through a gateway: the shop tells of orders, the gateway alone tells of money.

What the shop says was paid is not taken: a shop that a forged notice has fooled would say so too. And before a key moves
on news that has aged, the gateway is asked together with the shop whether it still has the money that was booked.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from core.model.effects import Call, Effect, EffectSpec, Outcome
from core.model.order import Batch, OrderUpdate, Payment, PaymentKind, Quarantined, Refund, Update
from core.ports import Gateway, Inbound, Received, Receiver, Shop

Booked = Callable[[str], Awaitable[int]]  # order number -> minor units charged through the gateway, as booked


def paid_via(shop: Shop, gateway: Gateway, booked: Booked) -> Shop:
    """The shop with its gateway. It receives requests of its platform if the shop does."""
    return _Receiving(shop, gateway, booked) if isinstance(shop, Receiver) else PaidVia(shop, gateway, booked)


class PaidVia:
    """The shop's own connector behind the rule above."""

    def __init__(self, shop: Shop, gateway: Gateway, booked: Booked) -> None:
        self.shop, self.gateway, self._booked = shop, gateway, booked
        self.name, self.platform, self.send_via = shop.name, shop.platform, shop.send_via
        self.specs: Mapping[Effect, EffectSpec] = shop.specs
        self.poll_seconds = shop.poll_seconds

    def __repr__(self) -> str:
        return f"PaidVia({self.shop!r}, {self.gateway.name!r})"

    async def pull(self, cursor: str | None) -> Batch:
        """The shop's batch without its word on money. Raises ConnectorError."""
        batch = await self.shop.pull(cursor)
        return msgspec.structs.replace(batch, updates=without_money(batch.updates))

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as the shop shows it, with its money as the gateway has it. Raises ConnectorError.

        Less money there than was booked is no news of an order but a contradiction: quarantined, for a person.
        """
        update = await self.shop.read(ext_id)
        if isinstance(update, Quarantined):
            return update
        money = await self.gateway.query(ext_id)
        payments = tuple(fact for fact in money if isinstance(fact, Payment))
        charged = sum(fact.amount for fact in payments if fact.kind == PaymentKind.CHARGE)
        if charged < await self._booked(ext_id):
            why = f"{self.gateway.name} has less money for this order than was booked"
            return Quarantined(ext_id=ext_id, field="payments", why=why, raw=update.raw)
        refunds = tuple(fact for fact in money if isinstance(fact, Refund))
        return msgspec.structs.replace(update, payments=payments, refunds=(*update.refunds, *refunds))

    async def perform(self, call: Call) -> Outcome:
        """The shop's own."""
        return await self.shop.perform(call)

    async def ask(self, call: Call) -> Outcome:
        """The shop's own."""
        return await self.shop.ask(call)

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        """The shop's own."""
        return await self.shop.hint(headers, body)

    async def close(self) -> None:
        """Both let go of their connections."""
        await self.shop.close()
        await self.gateway.close()


class _Receiving(PaidVia):
    async def receive(self, request: Inbound) -> Received:
        """The shop's own, without its word on money."""
        assert isinstance(self.shop, Receiver)
        received = await self.shop.receive(request)
        return msgspec.structs.replace(received, batch=without_money(received.batch))


def without_money(updates: Sequence[Update]) -> tuple[Update, ...]:
    """What the shop says, but for money."""
    return tuple(
        msgspec.structs.replace(update, payments=()) if isinstance(update, OrderUpdate) else update
        for update in updates
        if not isinstance(update, Payment)
    )
