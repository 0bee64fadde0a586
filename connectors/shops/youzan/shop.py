"""A Youzan shop: orders and refunds by update windows, keys by a channel, write-back where Youzan wants one (facts: A1).

Youzan has no field for a key. They leave by the channel named in ``deliver``, to the address that the buyer put into the
remark or into a field that the goods ask for.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure
from connectors.shops.base import ShopBase, error_of, outcome_of, read_again, with_renewal
from connectors.shops.windows import PAGE, Mark, Page, Seen, Walker
from connectors.shops.youzan.client import HEADERS, Youzan, YouzanFailure
from connectors.shops.youzan.mapping import order_of, waits_for_us
from connectors.shops.youzan.push import receive
from connectors.shops.youzan.refunds import refund_of
from core.model.clock import SECOND, Clock, to_text
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError, Inbound, Received

T = TypeVar("T")
_SHIPPED: Final = (PlatformState.SHIPPED, PlatformState.FINISHED)
_LIST: Final = ("youzan.trades.sold.get", "4.0.4")
_DETAIL: Final = ("youzan.trade.get", "4.0.2")
_REFUNDS: Final = ("youzan.trade.refund.search", "3.0.1")
_CONFIRM: Final = ("youzan.logistics.online.confirm", "3.0.0")


class _Orders(Struct):
    total_results: int
    full_order_info_list: list[msgspec.Raw]


class _Refunds(Struct):
    total: int
    refunds: list[msgspec.Raw] | None = None


class _Done(Struct):
    is_success: bool


class _Cursor(Struct, frozen=True):
    """``since``: UTC seconds from which on virtual goods are this desk's work; it never moves."""

    orders: Mark
    refunds: Mark
    since: int


class YouzanShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``overlap`` and ``deep`` in seconds, see connectors.shops.windows."""

    platform = "youzan"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.A,
            source="youzan.logistics.online.confirm: a repeat on a shipped order is refused (102570007) and changes "
            "nothing; virtual goods are shipped by Youzan itself, and no call is made",
        )
    }

    def __init__(
        self,
        name: str,
        youzan: Youzan,
        secret: str,
        clock: Clock,
        http: Http,
        deliver: str = "email",
        poll_seconds: float = 45.0,
        start_days: float = 0.0,
        overlap: int = 3,
        deep: int = 240,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = youzan.tokens
        self.send_via = deliver
        self._youzan, self._secret = youzan, secret
        self._orders, self._refunds = Walker(overlap, deep), Walker(overlap, deep)
        self._seen = Seen()
        self._since = self._start

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders and refunds after ``cursor``. Raises ConnectorError."""
        place = self._place(cursor)
        self._since = place.since
        self._seen.begin(cursor)
        now = self._now()
        rows, orders_mark, more_orders = await self._orders.step(place.orders, now, self._order_page)
        refunds, refunds_mark, more_refunds = await self._refunds.step(place.refunds, now, self._refund_page)
        updates: list[Update] = [order_of(raw, self.name, self._since) for raw in rows if self._seen.fresh(raw)]
        changed = [one for raw in refunds if self._seen.fresh(raw) for one in refund_of(raw, self.name)]
        updates += changed
        # A claim that ends without money need not touch its order, whose row in the list shows no claims anyway.
        updates += await self._looked_up(list(dict.fromkeys(one.ext_id for one in changed if one.ext_id)))
        after = msgspec.json.encode(_Cursor(orders_mark, refunds_mark, place.since)).decode()
        self._seen.end(after)
        return Batch(updates=tuple(updates), cursor=after, more=more_orders or more_refunds)

    def _place(self, cursor: str | None) -> _Cursor:
        if cursor is None:
            return _Cursor(Mark(high=self._start), Mark(high=self._start), self._start)
        try:
            return msgspec.json.decode(cursor, type=_Cursor)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as ``youzan.trade.get`` shows it now. Raises ConnectorError."""
        detail = await self._query(_DETAIL, {"tid": ext_id}, msgspec.Raw)
        return self._asked_for(ext_id, order_of(detail, self.name, self._since), "order_info.tid")

    async def receive(self, request: Inbound) -> Received:
        """A push: a reason to pull at once, no more."""
        return receive(request, self._youzan.client_id, self._secret)

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        return read_again(
            kept, lambda raw: [order_of(raw, self.name, self._since)], lambda raw: refund_of(raw, self.name)
        )

    async def perform(self, call: Call) -> Outcome:
        """SHIP: "no parcel needed" for goods that wait for it. Never raises for the outside."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        settled = await self._settled(call, None)
        if settled is not None:
            return settled
        try:
            done = msgspec.json.decode(
                await self._authorised(_CONFIRM, {"tid": call.ext_id, "is_no_express": 1}, once=True), type=_Done
            )
        except UNREADABLE:
            return Outcome(result=Result.UNKNOWN, why="answer not understood")
        except HttpFailure as failure:
            return outcome_of(failure)
        except YouzanFailure as failure:
            return await self._refused(call, failure)
        if done.is_success:
            return Outcome(result=Result.CONFIRMED)
        return await self._refused(call, YouzanFailure("refused", message="is_success false"))

    async def ask(self, call: Call) -> Outcome:
        """Whether the order is shipped by now; says nothing about who shipped it."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        settled = await self._settled(call, None)
        return settled or Outcome(result=Result.UNKNOWN, why="still to be shipped")

    async def _settled(self, call: Call, failure: YouzanFailure | None) -> Outcome | None:
        """What the order itself says; None while it waits to be shipped."""
        evidence = failure.evidence() if failure else {}
        try:
            update = await self.read(call.ext_id)
        except ConnectorError as error:
            why = f"{failure}; order unread: {error.kind}" if failure else f"order unread: {error.kind}"
            # Before the call nothing was done; after it nobody knows.
            result = Result.UNKNOWN if failure else Result.LATER
            return Outcome(result=result, why=why, retry_after=error.retry_after or 5.0, evidence=evidence)
        if isinstance(update, Quarantined):
            return Outcome(result=Result.UNKNOWN, why=f"order not understood: {update.field}", evidence=evidence)
        evidence["state"] = update.state.name
        if update.state in _SHIPPED:
            return Outcome(result=Result.CONFIRMED, why="already shipped", evidence=evidence)
        if update.state is PlatformState.PAID:
            if waits_for_us(update):
                return None
            return Outcome(result=Result.CONFIRMED, why="virtual goods, shipped by the platform", evidence=evidence)
        if update.state is PlatformState.FORBIDDEN:
            return Outcome(result=Result.LATER, why=f"forbidden: {update.forbid}", retry_after=30.0, evidence=evidence)
        return Outcome(result=Result.REJECTED, why=f"the order is {update.state.name.lower()}", evidence=evidence)

    async def _refused(self, call: Call, failure: YouzanFailure) -> Outcome:
        evidence = failure.evidence()
        if failure.kind in ("rate", "busy"):
            return Outcome(result=Result.LATER, why=failure.kind, retry_after=failure.wait or 3.0, evidence=evidence)
        if failure.kind in ("expired", "dead"):
            return Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=evidence)
        if failure.kind == "router":
            return Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)
        settled = await self._settled(call, failure)
        if settled is not None:
            return settled
        result = Result.REJECTED if failure.kind == "refused" else Result.UNKNOWN
        return Outcome(result=result, why=str(failure), evidence=evidence)

    async def _order_page(self, start: int, end: int, page: int, count: bool) -> Page:
        times = {"start_update": to_text(start * SECOND), "end_update": to_text(end * SECOND)}
        answer = await self._query(_LIST, {**times, "page_no": page, "page_size": PAGE}, _Orders)
        return _page(answer.full_order_info_list, answer.total_results, count)

    async def _refund_page(self, start: int, end: int, page: int, count: bool) -> Page:
        # Unix seconds here, text there.
        times = {"update_time_start": start, "update_time_end": end}
        answer = await self._query(_REFUNDS, {**times, "page_no": page, "page_size": PAGE}, _Refunds)
        return _page(answer.refunds or [], answer.total, count)

    async def _query(self, api: tuple[str, str], params: dict[str, Any], kind: type[T]) -> T:
        try:
            data = await self._authorised(api, params, once=False)
            return data if isinstance(data, kind) else msgspec.json.decode(data, type=kind)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"{api[0]}: {exc}") from None
        except (HttpFailure, YouzanFailure) as failure:
            raise error_of(failure) from None

    async def _authorised(self, api: tuple[str, str], params: dict[str, Any], once: bool) -> msgspec.Raw:
        """Call; when the token has ended renew it and call again, as an ended token stops a call at the door."""
        body = msgspec.json.encode(params)

        async def attempt() -> msgspec.Raw:
            url = self._youzan.url(*api)
            if once:
                reply = await self._http.post(url, body, HEADERS)
            else:
                reply = await self._fetch("POST", url, HEADERS, body)
            return self._youzan.open(reply)

        return await with_renewal(self._youzan, self._http, YouzanFailure, attempt)


def _page(rows: list[msgspec.Raw], total: int, count: bool) -> Page:
    if count and total and not rows:
        raise ConnectorError("protocol", f"{total} rows were counted and none came")
    return Page(rows, total)
