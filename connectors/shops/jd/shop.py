"""A JD shop on the open platform: orders by modified windows, requests for money back, write-back (facts: JD 4.1).

JD has no field for a key here. Keys leave by the channel named in ``deliver``, to the address in the buyer's remark; JD is
told "shipped by the seller's own means".
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure
from connectors.shops.base import ShopBase, outcome_of, read_again
from connectors.shops.jd.api import Api
from connectors.shops.jd.client import Jos, JosFailure
from connectors.shops.jd.mapping import number_of, order_of
from connectors.shops.jd.refunds import still_open, with_refunds
from connectors.shops.windows import Mark, Seen, Walker
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError

OWN_DELIVERY: Final = "1274"  # the carrier that needs no waybill: delivered by the merchant himself
_SHIPPED: Final = (PlatformState.SHIPPED, PlatformState.FINISHED)
_AGAIN: Final = 30  # seconds after which open requests are asked about again
_MOST_OPEN: Final = 500


class _Cursor(Struct, frozen=True):
    """``refunds``: UTC seconds up to which requests were listed; ``open``: orders whose requests have not ended."""

    orders: Mark
    refunds: int
    open: tuple[str, ...] = ()


class JdShop(ShopBase):
    """Implements core.ports.Shop. ``overlap`` and ``deep`` in seconds, see connectors.shops.windows."""

    platform = "jd"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.B,
            source="jingdong.pop.order.shipment: what a repeat does is not documented, so a repeat reads the order first "
            "(jingdong.pop.order.get) and ships it only while it waits to be shipped",
        )
    }

    def __init__(
        self,
        name: str,
        jos: Jos,
        clock: Clock,
        http: Http,
        deliver: str = "email",
        carrier: str = OWN_DELIVERY,
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 60,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = jos.tokens
        self.send_via = deliver
        self._api, self._carrier = Api(jos, http, self._fetch), carrier
        self._orders, self._seen = Walker(overlap, deep), Seen()
        self._asked_at: int | None = None

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders, and those whose requests for money back changed. Raises ConnectorError."""
        place, now = self._place(cursor), self._now()
        self._seen.begin(cursor)
        rows, mark, more = await self._orders.step(place.orders, now, self._api.orders)
        updates: list[Update] = [order_of(raw, self.name) for raw in rows if self._seen.fresh(raw)]
        requests, listed = await self._api.requests(place.refunds, now)
        touched: dict[str, None] = {}
        for raw in requests:
            if not self._seen.fresh(raw):
                continue
            number = number_of(raw)
            if number:
                touched[number] = None
            else:
                updates.append(Quarantined(ext_id="", field="refund.orderId", why="unreadable", raw=bytes(raw)))
        again = self._asked_at is None or not 0 <= now - self._asked_at < _AGAIN
        if again:
            touched |= dict.fromkeys(place.open)
        # The requests' rows are not believed by themselves: each order is looked up, with all of its requests.
        looked = await self._looked_up(list(touched))
        if again:
            self._asked_at = now
        updates += looked
        text = msgspec.json.encode(_Cursor(mark, listed, _open(place.open, looked))).decode()
        self._seen.end(text)
        return Batch(updates=tuple(updates), cursor=text, more=more or listed < now - 1)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as JD shows it now, and its requests, which the order itself does not show. Raises ConnectorError."""
        update = self._asked_for(ext_id, order_of(await self._api.order(ext_id), self.name), "orderInfo.orderId")
        if isinstance(update, Quarantined):
            return update
        return with_refunds(update, await self._api.of_order(ext_id), self.name)

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper.

        A request for money back says nothing without its order, so that the order is asked for.
        """
        if kept.field.startswith("refund.") and kept.ext_id:
            return (await self.read(kept.ext_id),)
        return read_again(kept, lambda raw: [order_of(raw, self.name)])

    async def perform(self, call: Call) -> Outcome:
        """SHIP: one shipment by the seller's own means. Never raises for what JD or the network does."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        if call.attempt > 1:
            settled = await self._settled(call, None)
            if settled is not None:
                return settled
        try:
            refusal = await self._api.ship(call.ext_id, self._carrier)
        except HttpFailure as failure:
            return outcome_of(failure)
        except JosFailure as failure:
            refusal = failure
        return await self._refused(call, refusal) if refusal else Outcome(result=Result.CONFIRMED)

    async def ask(self, call: Call) -> Outcome:
        """Whether the order is shipped by now; says nothing about who shipped it."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        return await self._settled(call, None) or Outcome(result=Result.UNKNOWN, why="still to be shipped")

    async def _settled(self, call: Call, failure: JosFailure | None) -> Outcome | None:
        """What the order itself says; None while it waits to be shipped."""
        evidence = failure.evidence() if failure else {}
        try:
            update = await self.read(call.ext_id)
        except ConnectorError as error:
            why = f"{failure}; order unread: {error.kind}" if failure else f"order unread: {error.kind}"
            # A refusal that could not be looked into proves nothing; before a repeat nothing was done.
            result = Result.UNKNOWN if failure else Result.LATER
            return Outcome(result=result, why=why, retry_after=error.retry_after or 5.0, evidence=evidence)
        if isinstance(update, Quarantined):
            return Outcome(result=Result.UNKNOWN, why=f"order not understood: {update.field}", evidence=evidence)
        evidence["state"] = update.state.name
        if update.state in _SHIPPED:
            return Outcome(result=Result.CONFIRMED, why="already shipped", evidence=evidence)
        if update.state is PlatformState.FORBIDDEN:
            return Outcome(result=Result.LATER, why=f"forbidden: {update.forbid}", retry_after=30.0, evidence=evidence)
        if update.state is PlatformState.PAID:
            return None
        return Outcome(result=Result.REJECTED, why=f"the order is {update.state.name.lower()}", evidence=evidence)

    async def _refused(self, call: Call, failure: JosFailure) -> Outcome:
        evidence = failure.evidence()
        if failure.kind == "rate":
            return Outcome(result=Result.LATER, why="rate", retry_after=failure.wait or 5.0, evidence=evidence)
        if failure.kind in ("expired", "dead"):
            return Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=evidence)
        if failure.kind == "router":
            return Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)
        if failure.kind != "refused":
            return Outcome(result=Result.UNKNOWN, why=str(failure), evidence=evidence)
        settled = await self._settled(call, failure)
        return settled or Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)

    def _place(self, cursor: str | None) -> _Cursor:
        if cursor is None:
            return _Cursor(Mark(high=self._start), self._start)
        try:
            return msgspec.json.decode(cursor, type=_Cursor)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None


def _open(before: tuple[str, ...], looked: list[OrderUpdate | Quarantined]) -> tuple[str, ...]:
    """Orders to ask about again. One that is not understood stays: its end would otherwise never be seen."""
    numbers = dict.fromkeys(before)
    for update in looked:
        if isinstance(update, OrderUpdate) and not still_open(update):
            numbers.pop(update.ext_id, None)
        elif update.ext_id:
            numbers[update.ext_id] = None
    return tuple(numbers)[-_MOST_OPEN:]
