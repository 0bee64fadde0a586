"""A Xiaohongshu shop: orders and after-sales by update windows; keys travel as the delivered text (facts: Xiaohongshu).

List rows hold neither money nor goods, so every changed order is looked up. The delivered text of an order can be read
back, which tells whether it was ours that arrived.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure
from connectors.shops.base import Cursor, Refused, ShopBase, all_of, error_of, outcome_of, read_again, with_renewal
from connectors.shops.windows import PAGE, Page, Seen, Walker
from connectors.shops.xiaohongshu.client import HEADERS, Ark, ArkFailure
from connectors.shops.xiaohongshu.mapping import delivered_text, number_of, order_of
from connectors.shops.xiaohongshu.push import Push
from connectors.shops.xiaohongshu.refunds import money_of, pays_back, refund_of
from connectors.strikes import Strikes
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, Refund, Update
from core.ports import ConnectorError, Inbound, Received

T = TypeVar("T")
_UPDATED: Final = 2  # timeType: by time of change
_PATIENCE: Final = 6  # attempts that an unexplained refusal may cost before a person looks
_DELIVER: Final = "order.orderDeliver"


class _Orders(Struct, rename="camel"):
    total: int
    order_list: list[msgspec.Raw]


class _AfterSales(Struct, rename="camel"):
    total_count: int
    after_sale_basic_infos: list[msgspec.Raw]


class _Info(Struct, rename="camel"):
    after_sale_info: msgspec.Raw


class XiaohongshuShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``overlap`` and ``deep`` in seconds, see connectors.shops.windows."""

    platform = "xiaohongshu"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(
            effect=Effect.SEND,
            cls=EffectClass.B,
            source="order.orderDeliver with carrier selfdelivery: expressNo is the delivered text, and "
            "order.getOrderDetail shows it as expressTrackingNo; a repeat reads it first and sends only while the "
            "order still waits to be shipped, the same keys to the same order",
            ships=True,
        )
    }

    def __init__(
        self,
        name: str,
        ark: Ark,
        clock: Clock,
        http: Http,
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 240,
        push: Push | None = None,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = ark.tokens
        self._ark, self._push = ark, push
        # Every row is looked up, so a pull is one page of them: what it brought is kept before much can go wrong.
        self._orders, self._refunds = Walker(overlap, deep, budget=PAGE), Walker(overlap, deep)
        self._seen, self._strikes = Seen(), Strikes()

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders and after-sales after ``cursor``. Raises ConnectorError."""
        place = Cursor.read(cursor, self._start)
        self._seen.begin(cursor)
        now = self._now()
        rows, orders_mark, more_orders = await self._orders.step(place.orders, now, self._order_page)
        after_sales, refunds_mark, more_refunds = await self._refunds.step(place.refunds, now, self._refund_page)
        updates: list[Update] = []
        numbers: dict[str, None] = {}
        for raw in rows:
            if not self._seen.fresh(raw):
                continue
            number = number_of(raw)
            if number:
                numbers[number] = None
            else:
                updates.append(Quarantined(ext_id="", field="orderList.orderId", why="unreadable", raw=bytes(raw)))
        updates += await self._looked_up(list(numbers))
        refunds = [refund_of(raw) for raw in after_sales if self._seen.fresh(raw)]
        updates += refunds
        done = [refund for refund in refunds if isinstance(refund, Refund) and pays_back(refund)]
        updates += [money for money in await all_of([partial(self._money, one) for one in done]) if money]
        after = Cursor(orders_mark, refunds_mark).text()
        self._seen.end(after)
        return Batch(updates=tuple(updates), cursor=after, more=more_orders or more_refunds)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as ``order.getOrderDetail`` shows it now. Raises ConnectorError."""
        return (await self._detail(ext_id))[0]

    async def receive(self, request: Inbound) -> Received:
        """A push: never believed, only a reason to pull at once."""
        return (self._push or Push()).receive(request, self._now())

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        made = read_again(kept, lambda raw: [order_of(raw, self.name)], lambda raw: [refund_of(raw)])
        money = [await self._money(one) for one in made if isinstance(one, Refund) and pays_back(one)]
        return (*made, *(one for one in money if one is not None))

    async def perform(self, call: Call) -> Outcome:
        """SEND: the keys as the delivered text. Never raises for the outside."""
        if call.effect is not Effect.SEND:
            return self._unsupported(call)
        if not call.slots:
            return Outcome(result=Result.REJECTED, why="no keys in the call")
        text = _text(call)
        if call.attempt > 1:
            settled = await self._before(call, text)
            if settled is not None:
                return settled
        params = {"orderId": call.ext_id, "expressCompanyCode": "selfdelivery", "expressNo": text, "unpack": False}
        try:
            await self._authorised(_DELIVER, params, once=True)
        except HttpFailure as failure:
            return outcome_of(failure)
        except ArkFailure as failure:
            return await self._refused(call, text, failure)
        return Outcome(result=Result.CONFIRMED, remote_ref=call.ext_id)

    async def ask(self, call: Call) -> Outcome:
        """Not without the keys themselves, which a question does not carry; the repeat asks instead."""
        return Outcome(result=Result.UNKNOWN, why="not askable")

    async def _detail(self, ext_id: str) -> tuple[OrderUpdate | Quarantined, str]:
        """The order, and what the platform holds as its delivered text."""
        detail = await self._query("order.getOrderDetail", {"orderId": ext_id}, msgspec.Raw)
        self._strikes.shown(ext_id)
        return self._asked_for(ext_id, order_of(detail, self.name), "orderId"), delivered_text(detail)

    async def _before(self, call: Call, text: str) -> Outcome | None:
        """What became of the attempts before this one; None when the order still waits and none can have arrived."""
        try:
            update, held = await self._detail(call.ext_id)
        except ConnectorError as error:
            return Outcome(result=Result.LATER, why=f"order unread: {error.kind}", retry_after=error.retry_after or 5.0)
        return _judged(update, held == text, bool(held), None)

    async def _refused(self, call: Call, text: str, failure: ArkFailure) -> Outcome:
        if any(slot.secret in str(failure) for slot in call.slots):
            # What the platform says of a parameter may repeat it, and this one holds keys.
            failure = ArkFailure(failure.kind, failure.code, "its words repeat a key", failure.wait)
        evidence = failure.evidence()
        if failure.kind == "rate":
            return Outcome(result=Result.LATER, why="rate", retry_after=failure.wait or 5.0, evidence=evidence)
        if failure.kind in ("expired", "dead"):
            return Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=evidence)
        try:
            update, held = await self._detail(call.ext_id)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"{failure}; order unread: {error.kind}", evidence=evidence)
        settled = _judged(update, held == text, bool(held), failure)
        if settled is not None:
            return settled
        if failure.kind == "refused" or (failure.kind == "unnamed" and call.attempt >= _PATIENCE):
            return Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)
        if failure.kind == "unnamed":
            # It may be a limit or an ended authorisation; the platform said no, and the order shows that nothing came.
            return Outcome(result=Result.LATER, why=str(failure), retry_after=5.0, evidence=evidence)
        return Outcome(result=Result.UNKNOWN, why=str(failure), evidence=evidence)

    async def _order_page(self, start: int, end: int, page: int, count: bool) -> Page:
        answer = await self._query("order.getOrderList", _window(start, end, page), _Orders)
        return _page(answer.order_list, answer.total, count)

    async def _refund_page(self, start: int, end: int, page: int, count: bool) -> Page:
        # Milliseconds to the end of the last second; the first one is cut as much, or 30 minutes would be too long.
        params = _window(start * 1000 + 999, end * 1000 + 999, page)
        answer = await self._query("afterSale.listAfterSaleInfos", params, _AfterSales, nested=True)
        return _page(answer.after_sale_basic_infos, answer.total_count, count)

    async def _money(self, refund: Refund) -> Update | None:
        try:
            answer = await self._query(
                "afterSale.getAfterSaleInfo", {"returnsId": refund.refund_id}, _Info, nested=True
            )
        except Refused as refusal:
            return Quarantined(ext_id=refund.ext_id, field="refund", why=str(refusal)[:200], raw=b"")
        self._strikes.shown(refund.refund_id)
        return money_of(answer.after_sale_info, refund, self.name)

    async def _query(self, method: str, params: dict[str, Any], kind: type[T], nested: bool = False) -> T:
        try:
            data = await self._authorised(method, params, once=False)
            if nested:
                data = self._ark.open_nested(data)
            return data if isinstance(data, kind) else msgspec.json.decode(data, type=kind)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"{method}: {exc}") from None
        except (HttpFailure, ArkFailure) as failure:
            if failure.kind == "unnamed" and self._strikes.another(
                params.get("orderId") or params.get("returnsId") or ""
            ):
                raise Refused(str(failure)) from None
            raise error_of(failure) from None

    async def _authorised(self, method: str, params: dict[str, Any], once: bool) -> msgspec.Raw:
        """Call; when the token has ended renew it and call again, as an ended token stops a call at the door."""
        await self._ark.look_after(self._http)

        async def attempt() -> msgspec.Raw:
            body = self._ark.body(method, params)
            if once:
                reply = await self._http.post(self._ark.url, body, HEADERS)
            else:
                reply = await self._fetch("POST", self._ark.url, HEADERS, body)
            return self._ark.open(reply)

        return await with_renewal(self._ark, self._http, ArkFailure, attempt)


def _judged(
    update: OrderUpdate | Quarantined, ours: bool, any_text: bool, failure: ArkFailure | None
) -> Outcome | None:
    """What the order itself says of our text; None while it waits to be shipped."""
    evidence = failure.evidence() if failure else {}
    why = str(failure) if failure else "an earlier attempt"
    if isinstance(update, Quarantined):
        return Outcome(result=Result.UNKNOWN, why=f"{why}; order not understood: {update.field}", evidence=evidence)
    evidence["state"] = update.state.name
    if ours:
        return Outcome(result=Result.CONFIRMED, why="the order shows our text", evidence=evidence)
    if update.state is PlatformState.PAID:
        return None
    if update.state is PlatformState.FORBIDDEN and not any_text:
        return Outcome(result=Result.LATER, why=f"forbidden: {update.forbid}", retry_after=15.0, evidence=evidence)
    if any_text or update.state in (PlatformState.SHIPPED, PlatformState.FINISHED):
        return Outcome(result=Result.UNKNOWN, why=f"{why}; shipped with another text", evidence=evidence)
    return Outcome(result=Result.REJECTED, why=f"the order is {update.state.name.lower()}", evidence=evidence)


def _text(call: Call) -> str:
    """The keys on one line; an order of several goods says which key is whose."""
    parts: dict[tuple[str, str], list[str]] = {}
    for slot in call.slots:
        parts.setdefault((slot.line, slot.title), []).append(slot.secret)
    if len(parts) == 1:
        return " ; ".join(next(iter(parts.values())))
    return " | ".join(f"{title}: {' ; '.join(keys)}" for (_, title), keys in parts.items())


def _window(start: int, end: int, page: int) -> dict[str, Any]:
    return {"timeType": _UPDATED, "startTime": start, "endTime": end, "pageNo": page, "pageSize": PAGE}


def _page(rows: list[msgspec.Raw], total: int, count: bool) -> Page:
    if count and total and not rows:
        raise ConnectorError("protocol", f"{total} rows were counted and none came")
    return Page(rows, total)
