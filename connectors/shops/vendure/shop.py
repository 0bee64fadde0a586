"""A Vendure shop: orders by the time they were placed, write-back by a fulfilment and a public note (facts: A9).

Vendure has no time of last change that could be listed by: paying, shipping and refunding leave ``updatedAt`` as it is (run
against 3.7.3). So new orders come by ``orderPlacedAt``, and the orders of the last days are gone over again and again, a page a
pull, for what became of them. The gate reads each order itself before a key is bound.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from connectors.http import Http
from connectors.shops.base import Refused, ShopBase, read_again
from connectors.shops.marks import mark_text, read_mark
from connectors.shops.vendure.answers import Fulfilled, Listed, Moved, Noted, Precision, Standing, Standings
from connectors.shops.vendure.client import Vendure
from connectors.shops.vendure.mapping import OURS, order_of
from connectors.shops.vendure.queries import FULFIL, NOTE, ORDER, PLACED, PRECISION, SHIP, STANDING
from connectors.shops.windows import PAGE, Page, Seen, Walker
from core.model.clock import SECOND, Clock, iso
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Quarantined, Update
from core.model.text import clean
from core.ports import ConnectorError

NOTE_TEXT: Final = "卡密已发送到您下单时填写的邮箱。Your key was sent to the e-mail address of your order."
_SHIPPED: Final = ("Shipped", "Delivered")
_HANDLER: Final = "manual-fulfillment"
_DAY: Final = 86_400
_STUMBLES: Final = 5


class _Sweep(Struct, frozen=True):
    """Going over the orders placed from ``start`` to ``end`` (UTC seconds by the server); ``skip`` of them are done."""

    start: int
    end: int
    skip: int = 0


class VendureShop(ShopBase):
    """Implements core.ports.Shop. ``overlap``, ``deep`` and ``sweep_seconds`` in seconds."""

    platform = "vendure"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.A,
            source="Vendure 3.7.3, run: a second addFulfillmentToOrder over the same lines is ItemsAlreadyFulfilledError, a second "
            "transition FulfillmentStateTransitionError, and neither changes anything",
        )
    }

    def __init__(
        self,
        name: str,
        vendure: Vendure,
        clock: Clock,
        http: Http,
        deliver: str = "email",
        note: str = NOTE_TEXT,
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 60,
        sweep_seconds: float = 60.0,
        sweep_days: float = 7.0,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = vendure.tokens
        self.send_via = deliver
        self._vendure, self._note = vendure, " ".join(note.split())
        self._placed, self._seen = Walker(overlap, deep), Seen()
        self._sweep_seconds, self._sweep_span = sweep_seconds, int(sweep_days * _DAY)
        self._sweep: _Sweep | None = None
        self._swept_at = clock() // SECOND
        self._stumbles = 0
        self._precision: int | None = None

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders placed after ``cursor``, and a page of what became of earlier ones. Raises ConnectorError."""
        mark = read_mark(cursor, self._start)
        self._seen.begin(cursor)
        precision = await self._digits()
        rows, after, more = await self._placed.step(mark, self._vendure.now(), self._page)
        swept, sweep = ([], self._sweep) if more else await self._go_over(after.high)
        updates: list[Update] = [
            order_of(raw, self.name, precision) for raw in (*rows, *swept) if self._seen.fresh(raw)
        ]
        if sweep is None and self._sweep is not None:
            self._swept_at = self._now()
        self._sweep = sweep
        text = mark_text(after)
        self._seen.end(text)
        return Batch(updates=tuple(updates), cursor=text, more=more)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as it stands now. Raises ConnectorError."""
        precision = await self._digits()
        found = (await self._vendure.ask(ORDER, {"code": ext_id}, Listed)).orders.items
        if not found:
            raise Refused("there is no such order")
        if len(found) > 1:
            raise ConnectorError("protocol", "two orders of one code")
        return self._asked_for(ext_id, order_of(found[0], self.name, precision), "code")

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        precision = await self._digits()
        return read_again(kept, lambda raw: [order_of(raw, self.name, precision)])

    async def perform(self, call: Call) -> Outcome:
        """SHIP: fulfil what is left, then tell the buyer without the key. Never raises for what the outside does."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        try:
            standing = await self._standing(call.ext_id)
        except Refused as refusal:
            return Outcome(result=Result.REJECTED, why=str(refusal))
        except ConnectorError as error:
            # Nothing was changed yet.
            return Outcome(
                result=Result.LATER, why=f"order not read: {error.kind}", retry_after=error.retry_after or 2.0
            )
        shipped = standing.state in _SHIPPED
        if not shipped:
            if standing.state != "PaymentSettled":
                return Outcome(result=Result.REJECTED, why=f"order is {clean(standing.state, 40)}")
            outcome = await self._ship(call, standing)
            if outcome is not None:
                return outcome
        told = await self._tell(standing)
        if isinstance(told, Outcome) and told.result is not Result.REJECTED:
            return told
        # A server that refuses notes has the order shipped all the same.
        note = f"refused: {told.why}" if isinstance(told, Outcome) else told
        return Outcome(result=Result.CONFIRMED, why="already shipped" if shipped else "", evidence={"note": note})

    async def ask(self, call: Call) -> Outcome:
        """Whether the order is shipped by now; says nothing about who did it."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        try:
            state = (await self._standing(call.ext_id)).state
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"not read: {error.kind}")
        result = Result.CONFIRMED if state in _SHIPPED else Result.UNKNOWN
        return Outcome(result=result, evidence={"state": clean(state, 40)})

    async def _ship(self, call: Call, standing: Standing) -> Outcome | None:
        """A fulfilment of everything that is left, shipped; None when that is done."""
        # One that an earlier try began is gone on with.
        begun = [
            one for one in standing.fulfillments or [] if one.method == OURS and one.state in ("Created", "Pending")
        ]
        if begun:
            number = begun[0].id
        else:
            lines = [{"orderLineId": one.id, "quantity": one.quantity} for one in standing.lines if one.quantity > 0]
            arguments = [{"name": "method", "value": OURS}, {"name": "trackingCode", "value": call.reference}]
            handler = {"code": _HANDLER, "arguments": arguments}
            made = await self._vendure.change(FULFIL, {"lines": lines, "handler": handler}, Fulfilled)
            if isinstance(made, Outcome):
                return made
            if made.add_fulfillment_to_order.typename != "Fulfillment":
                return await self._settled(call, made.add_fulfillment_to_order.code)
            number = made.add_fulfillment_to_order.id
        moved = await self._vendure.change(SHIP, {"id": number}, Moved)
        if isinstance(moved, Outcome):
            return moved
        if moved.transition_fulfillment_to_state.typename != "Fulfillment":
            return await self._settled(call, moved.transition_fulfillment_to_state.code)
        return None

    async def _settled(self, call: Call, code: str) -> Outcome | None:
        """A refusal settled by the order itself: another hand may have been quicker."""
        why = clean(code or "refused", 80)
        try:
            now = await self._standing(call.ext_id)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"{why}; order unread: {error.kind}")
        return (
            None if now.state in _SHIPPED else Outcome(result=Result.REJECTED, why=why, evidence={"state": now.state})
        )

    async def _tell(self, standing: Standing) -> str | Outcome:
        """Leave the note unless it is there."""
        if not self._note:
            return "none wanted"
        if any(" ".join(one.data.note.split()) == self._note for one in standing.history.items):
            return "was there"
        noted = await self._vendure.change(NOTE, {"id": standing.id, "note": self._note}, Noted)
        return noted if isinstance(noted, Outcome) else "left"

    async def _page(self, start: int, end: int, page: int, count: bool) -> Page:
        rows = await self._between(start, end, "DESC", (page - 1) * PAGE)
        if count and rows.orders.total_items and not rows.orders.items:
            raise ConnectorError("protocol", f"{rows.orders.total_items} rows were counted and none came")
        return Page(rows.orders.items, rows.orders.total_items if count else None)

    async def _go_over(self, read_to: int) -> tuple[list[msgspec.Raw], _Sweep | None]:
        """The next page of the sweep, and where it goes on; None at its end."""
        sweep = self._sweep
        if sweep is None:
            if 0 <= self._now() - self._swept_at < self._sweep_seconds:
                return [], None
            sweep = _Sweep(start=max(read_to - self._sweep_span, 0), end=read_to)
            self._sweep = sweep
        try:
            rows = (await self._between(sweep.start, sweep.end, "ASC", sweep.skip)).orders.items
        except ConnectorError:
            # New orders do not wait for old ones: this page is tried again at the next pull, and told of when it stays so.
            self._stumbles += 1
            if self._stumbles >= _STUMBLES:
                raise
            return [], sweep
        self._stumbles = 0
        if len(rows) < PAGE:
            return rows, None
        return rows, msgspec.structs.replace(sweep, skip=sweep.skip + PAGE)

    async def _between(self, start: int, end: int, order: str, skip: int) -> Listed:
        bounds = {"start": iso(start * SECOND), "end": iso(end * SECOND).removesuffix("Z") + ".999Z"}
        return await self._vendure.ask(PLACED, {**bounds, "order": order, "take": PAGE, "skip": skip}, Listed)

    async def _digits(self) -> int:
        """Decimal digits of the server's amounts; asked once, which also tells its clock."""
        if self._precision is None:
            found = (await self._vendure.ask(PRECISION, {}, Precision)).global_settings.server_config
            if not 0 <= found.money_strategy_precision <= 6:
                raise ConnectorError("protocol", "moneyStrategyPrecision is out of range")
            self._precision = found.money_strategy_precision
        return self._precision

    async def _standing(self, ext_id: str) -> Standing:
        found = (await self._vendure.ask(STANDING, {"code": ext_id}, Standings)).orders.items
        if not found:
            raise Refused("there is no such order")
        if len(found) > 1 or found[0].code != ext_id:
            raise ConnectorError("protocol", "answer is about another order")
        return found[0]
