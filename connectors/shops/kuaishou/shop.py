"""A Kuaishou shop: orders and after-sales by update windows, write-back by "deliver" (facts: Kuaishou 5.2, 5.3).

No field of the platform takes a key from us: its e-tickets are asked for by Kuaishou, and memos must not hold one. Keys
leave by the channel named in ``deliver``, to the address that the buyer left. A memo call appends and is not made.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure
from connectors.shops.base import Refused, ShopBase, error_of, outcome_of, read_again, with_renewal
from connectors.shops.kuaishou.client import FORM, Kuaishou, KuaishouFailure
from connectors.shops.kuaishou.mapping import order_of, refund_of
from connectors.shops.kuaishou.sign import open_push
from connectors.shops.kuaishou.walk import Cursor, Page, Walk
from connectors.shops.windows import Seen
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError, Inbound, Received, Reply

T = TypeVar("T")
_SHIPPED: Final = (PlatformState.SHIPPED, PlatformState.FINISHED)
_WAITING: Final = (PlatformState.PAID, PlatformState.FORBIDDEN)
_DAY: Final = 86_400_000  # ms
_ORDER_PAGE, _REFUND_PAGE = 50, 100  # rows, the most that the platform gives
_TAKEN: Final = Reply(body=b'{"result":1}', content_type="application/json; charset=utf-8")
_REFUSED: Final = Reply(status=403, body=b"refused")
_DELIVER: Final = "open.seller.order.goods.deliver"


class _Orders(Struct):
    cursor: str
    orderList: list[msgspec.Raw] | None = None


class _Refunds(Struct):
    pcursor: str
    refundOrderInfoList: list[msgspec.Raw] | None = None


class _Push(Struct):
    appKey: str
    event: str


class Parcel(Struct, frozen=True):
    """What "deliver" wants of an order that has no parcel: the platform's code, a number, an address to return to.

    The platform publishes no code for goods without logistics; it gives one to the shop. ``number`` "": the order's own.
    """

    code: int
    number: str = ""
    return_address: int = 0


class KuaishouShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``overlap`` and ``deep`` in seconds, see connectors.shops.kuaishou.walk."""

    platform = "kuaishou"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.B,
            source="Kuaishou open.seller.order.goods.deliver: repeating one waybill is not idempotent since 2024-11-25, so "
            "it is never repeated blindly; the order itself (open.order.detail) says whether it is shipped",
            askable=True,
        )
    }

    def __init__(
        self,
        name: str,
        kuaishou: Kuaishou,
        clock: Clock,
        http: Http,
        parcel: Parcel,
        deliver: str = "email",
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 60,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = kuaishou.tokens
        self.send_via = deliver
        self._kuaishou, self._parcel = kuaishou, parcel
        self._orders = Walk(7 * _DAY, overlap * 1000, deep * 1000)
        self._refunds = Walk(_DAY, overlap * 1000, deep * 1000)
        self._seen = Seen()

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders and after-sales after ``cursor``. Raises ConnectorError."""
        place = Cursor.read(cursor, self._start * 1000)
        self._seen.begin(cursor)
        now = self._clock() // 1000
        rows, orders_mark, more_orders = await self._orders.step(place.orders, now, self._order_page)
        refunds, refunds_mark, more_refunds = await self._refunds.step(place.refunds, now, self._refund_page)
        updates: list[Update] = [order_of(raw, self.name) for raw in rows if self._seen.fresh(raw)]
        for raw in refunds:
            if self._seen.fresh(raw):
                updates += refund_of(raw, self.name)
        after = Cursor(orders_mark, refunds_mark).text()
        self._seen.end(after)
        return Batch(updates=tuple(updates), cursor=after, more=more_orders or more_refunds)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as ``open.order.detail`` shows it now. Raises ConnectorError."""
        number = _oid(ext_id)
        if number is None:
            raise Refused("not an order number of Kuaishou")
        answer = await self._query("open.order.detail", {"oid": number}, msgspec.Raw)
        return self._asked_for(ext_id, order_of(answer, self.name), "orderBaseInfo.oid")

    async def receive(self, request: Inbound) -> Received:
        """A push: a hint to pull when it opens with the message key and names our app; its content is not used."""
        if request.method != "POST" or request.tail or not self._ours(request.body):
            return Received(render=lambda _: _REFUSED)
        return Received(render=lambda _: _TAKEN, pull=True)

    def _ours(self, body: bytes) -> bool:
        key = self._kuaishou.secrets.message
        if not key:
            return False
        try:
            push = msgspec.json.decode(open_push(body.decode(), key), type=_Push)
        except (ValueError, *UNREADABLE):
            return False
        return push.appKey == self._kuaishou.app_key

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        return read_again(kept, lambda raw: [order_of(raw, self.name)], lambda raw: refund_of(raw, self.name))

    async def perform(self, call: Call) -> Outcome:
        """SHIP: the whole order as delivered. Never raises for what the platform or the network does."""
        number = _oid(call.ext_id)
        if call.effect is not Effect.SHIP or number is None:
            return self._unsupported(call)
        params: dict[str, Any] = {"orderId": number, "expressCode": self._parcel.code}
        params["expressNo"] = self._parcel.number or call.ext_id
        if self._parcel.return_address:
            params["returnAddressId"] = self._parcel.return_address
        try:
            await self._authorised(_DELIVER, params, msgspec.Raw, write=True)
        except HttpFailure as failure:
            return outcome_of(failure)
        except KuaishouFailure as failure:
            return await self._refused(call, failure)
        return Outcome(result=Result.CONFIRMED)

    async def ask(self, call: Call) -> Outcome:
        """Whether the order is shipped by now; says nothing about who shipped it."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        return await self._by_status(call, KuaishouFailure("service", message="asked"))

    async def _refused(self, call: Call, failure: KuaishouFailure) -> Outcome:
        evidence = failure.evidence()
        if failure.kind == "rate":
            return Outcome(result=Result.LATER, why="rate", retry_after=failure.wait or 5.0, evidence=evidence)
        if failure.kind in ("expired", "dead"):
            return Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=evidence)
        if failure.kind == "router":
            return Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)
        if failure.kind == "refused":
            return await self._by_status(call, failure)
        return Outcome(result=Result.UNKNOWN, why=str(failure), evidence=evidence)

    async def _by_status(self, call: Call, failure: KuaishouFailure) -> Outcome:
        """Settle a refusal, or a question, by the order itself."""
        evidence = failure.evidence()
        try:
            update = await self.read(call.ext_id)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"{failure}; status unread: {error.kind}", evidence=evidence)
        if isinstance(update, OrderUpdate):
            evidence["state"] = update.state.name
            if update.state in _SHIPPED:
                return Outcome(result=Result.CONFIRMED, why="the order is shipped", evidence=evidence)
            if failure.kind == "service" and update.state in _WAITING:
                return Outcome(result=Result.LATER, why="still to be shipped", retry_after=1.0, evidence=evidence)
        result = Result.REJECTED if failure.kind == "refused" else Result.UNKNOWN
        return Outcome(result=result, why=str(failure), evidence=evidence)

    async def _order_page(self, begin: int, end: int, cursor: str, _page: int) -> Page:
        params = {"orderViewStatus": 1, "pageSize": _ORDER_PAGE, "sort": 2, "queryType": 2, "cpsType": 0}
        answer = await self._query(
            "open.order.cursor.list", params | {"beginTime": begin, "endTime": end, "cursor": cursor}, _Orders
        )
        return _page_of(answer.orderList, answer.cursor, _ORDER_PAGE)

    async def _refund_page(self, begin: int, end: int, cursor: str, page: int) -> Page:
        params = {
            "type": 9,
            "pageSize": _REFUND_PAGE,
            "sort": 2,
            "queryType": 2,
            "negotiateStatus": 0,
            "currentPage": page,
        }
        answer = await self._query(
            "open.seller.order.refund.pcursor.list",
            params | {"beginTime": begin, "endTime": end, "pcursor": cursor},
            _Refunds,
        )
        return _page_of(answer.refundOrderInfoList, answer.pcursor, _REFUND_PAGE)

    async def _query(self, method: str, params: Mapping[str, object], kind: type[T]) -> T:
        try:
            return await self._authorised(method, params, kind, write=False)
        except (HttpFailure, KuaishouFailure) as failure:
            raise error_of(failure) from None

    async def _authorised(self, method: str, params: Mapping[str, object], kind: type[T], write: bool) -> T:
        """Call; when the token has expired renew it and call again, as an expired token stops a call at the door."""

        async def attempt() -> T:
            verb, url, body = self._kuaishou.call(method, params, write)
            if write:
                reply = await self._http.call(verb, url, FORM, body)
            else:
                reply = await self._fetch(verb, url, {}, body)
            try:
                return msgspec.json.decode(self._kuaishou.open(reply), type=kind)
            except UNREADABLE as exc:
                raise KuaishouFailure("garbled", message=f"{method}: {exc}") from None

        return await with_renewal(self._kuaishou, self._http, KuaishouFailure, attempt)


def _oid(ext_id: str) -> int | None:
    return int(ext_id) if ext_id.isascii() and ext_id.isdigit() and len(ext_id) < 20 else None


def _page_of(rows: list[msgspec.Raw] | None, cursor: str, size: int) -> Page:
    if cursor == "nomore":
        return Page(rows or [], "")
    if not cursor and len(rows or []) >= size:
        raise ConnectorError("protocol", "a full page does not say how to go on")
    return Page(rows or [], cursor)
