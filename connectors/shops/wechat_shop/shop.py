"""A WeChat shop (微信小店): changed orders by windows, write-back by virtual delivery (facts: A3).

Virtual delivery carries no key. Keys leave by the channel named in ``deliver``, to the address in the buyer's note or
to the telephone number that a virtual order has.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure
from connectors.shops.base import Refused, ShopBase, all_of, error_of, outcome_of, with_renewal
from connectors.shops.wechat_shop.client import HEADERS, Wechat, WechatFailure
from connectors.shops.wechat_shop.mapping import Order, decode_order, order_of, taken_apart
from connectors.shops.wechat_shop.push import NO, YES, Push
from connectors.shops.wechat_shop.walk import Page, Place, Walk
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, RefundState, Update
from core.model.text import clean
from core.ports import ConnectorError, Inbound, Received

T = TypeVar("T")
_SHIPPED: Final = (PlatformState.SHIPPED, PlatformState.FINISHED)
_SEND: Final = "/channels/ec/order/delivery/send"
_READ_S: Final = 6.0  # what an event may wait for its order


class _Ids(Struct):
    order_id_list: list[str | int] | None = None
    next_key: str = ""
    has_more: bool = False


class _One(Struct):
    order: msgspec.Raw


class _AfterSale(Struct):
    after_sale_order: msgspec.Raw


class WechatShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``overlap`` and ``deep`` in seconds, see connectors.shops.wechat_shop.walk."""

    platform = "wechat-shop"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.B,
            source="/channels/ec/order/delivery/send with deliver_type 3: whether a repeat adds a second delivery is not "
            "documented, so each try reads the order first and sends only while it waits; order/get tells its status",
            askable=True,
        )
    }

    def __init__(
        self,
        name: str,
        wechat: Wechat,
        clock: Clock,
        http: Http,
        push: Push,
        deliver: str = "email",
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 60,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = wechat.tokens
        self.send_via = deliver
        self._wechat, self._push = wechat, push
        self._walk = Walk(overlap, deep)

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders after ``cursor``, and those whose after-sale is due for a look. Raises ConnectorError."""
        place = Place.read(cursor, self._start)
        now = self._now()
        numbers, after, more = await self._walk.step(place, now, self._page)
        wanted = list(dict.fromkeys([*numbers, *place.due(now)]))
        found = await self._looked_up(wanted)
        looked = {number: _open(update) for number, update in zip(wanted, found, strict=True)}
        updates: tuple[Update, ...] = tuple(found)
        return Batch(updates=updates, cursor=after.noted(looked, now).text(), more=more)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as ``order/get`` shows it now, with its after-sales. Raises ConnectorError."""
        return (await self._detail(ext_id))[0]

    async def receive(self, request: Inbound) -> Received:
        """The echo, or an event: the order it names is read. Raises ConnectorError."""
        if request.method == "GET":
            echo = self._push.echo(request, self._now())
            return Received(render=lambda _: echo)
        number = self._push.order(request, self._now())
        if number is None:
            return Received(render=lambda _: NO)
        if number:
            try:
                async with asyncio.timeout(_READ_S):
                    return Received(batch=(await self.read(number),), render=lambda _: YES)
            except (ConnectorError, TimeoutError):
                pass  # it will be in the list: the event was only quicker
        return Received(render=lambda _: YES, pull=True)

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """The order with the after-sales kept with it; one that names others is read. See core.ports.Remapper."""
        raw, after_sales = taken_apart(kept.raw)
        order = decode_order(raw)
        if isinstance(order, Quarantined):
            return (order,)
        if len(after_sales) != len(order.after_sales):
            return (await self.read(clean(order.number, 64)),)
        return (order_of(order, raw, after_sales, self.name),)

    async def perform(self, call: Call) -> Outcome:
        """SHIP: the order's goods as delivered without a parcel. Never raises for the outside."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        try:
            update, order = await self._detail(call.ext_id)
        except Refused as refusal:
            return Outcome(result=Result.REJECTED, why=str(refusal))
        except ConnectorError as error:
            # Nothing was changed yet.
            return Outcome(result=Result.LATER, why=f"order unread: {error.kind}", retry_after=error.retry_after or 3.0)
        settled = _judged(update, "")
        if settled is not None or order is None:
            return settled or Outcome(result=Result.REJECTED, why="order not understood")
        goods = [
            {"product_id": one.product_id, "sku_id": one.sku_id, "product_cnt": one.sku_cnt}
            for one in order.order_detail.product_infos
        ]
        params = {"order_id": call.ext_id, "delivery_list": [{"deliver_type": 3, "product_infos": goods}]}
        try:
            await self._authorised(_SEND, params, once=True)
        except HttpFailure as failure:
            return outcome_of(failure)
        except WechatFailure as failure:
            return await self._refused(call, failure)
        return Outcome(result=Result.CONFIRMED)

    async def ask(self, call: Call) -> Outcome:
        """Whether the order is shipped by now; says nothing about who shipped it."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        return await self._by_status(call, WechatFailure("service", message="asked"))

    async def _refused(self, call: Call, failure: WechatFailure) -> Outcome:
        evidence = failure.evidence()
        if failure.kind == "rate":
            return Outcome(result=Result.LATER, why="rate", retry_after=failure.wait or 10.0, evidence=evidence)
        if failure.kind in ("expired", "dead"):
            return Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=evidence)
        return await self._by_status(call, failure)

    async def _by_status(self, call: Call, failure: WechatFailure) -> Outcome:
        """Settle a refusal by the order itself."""
        try:
            update = await self.read(call.ext_id)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"{failure}; order unread: {error.kind}")
        settled = _judged(update, str(failure))
        if settled is not None and settled.result is not Result.LATER:
            return settled
        evidence = failure.evidence()
        if failure.kind == "refused":
            return settled or Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)
        waits = isinstance(update, OrderUpdate)
        return Outcome(
            result=Result.UNKNOWN, why=str(failure), evidence=evidence | ({"state": "waits"} if waits else {})
        )

    async def _detail(self, ext_id: str) -> tuple[OrderUpdate | Quarantined, Order | None]:
        raw = (await self._query("/channels/ec/order/get", {"order_id": ext_id}, _One)).order
        order = decode_order(raw)
        if isinstance(order, Quarantined):
            return self._asked_for(ext_id, order, "order_id"), None
        jobs = [partial(self._after_sale, number) for number in order.after_sales]
        after_sales = await all_of(jobs, 4)
        return self._asked_for(ext_id, order_of(order, bytes(raw), after_sales, self.name), "order_id"), order

    async def _after_sale(self, number: str) -> msgspec.Raw:
        path = "/channels/ec/aftersale/getaftersaleorder"
        return (await self._query(path, {"after_sale_order_id": number}, _AfterSale)).after_sale_order

    async def _page(self, start: int, end: int, key: str) -> Page:
        params = {"update_time_range": {"start_time": start, "end_time": end}, "page_size": 100, "next_key": key}
        answer = await self._query("/channels/ec/order/list/get", params, _Ids)
        if answer.has_more and not answer.next_key:
            raise ConnectorError("protocol", "more orders follow, and no key to them")
        numbers = [str(number) for number in answer.order_id_list or ()]
        if not all(number.isascii() and number.isdigit() for number in numbers):
            raise ConnectorError("protocol", "order_id_list holds what is no order number")
        return Page(numbers, answer.next_key if answer.has_more else "")

    async def _query(self, path: str, params: dict[str, Any], kind: type[T]) -> T:
        """Raises Refused for what asking again does not change, else ConnectorError."""
        try:
            return msgspec.json.decode(await self._authorised(path, params, once=False), type=kind)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"{path}: {exc}") from None
        except (HttpFailure, WechatFailure) as failure:
            raise error_of(failure) from None

    async def _authorised(self, path: str, params: dict[str, Any], once: bool) -> bytes:
        """Call; when the token has ended renew it and call again, as an ended token stops a call at the door."""
        body = msgspec.json.encode(params)

        async def attempt() -> bytes:
            url = self._wechat.address(path, self._wechat.tokens.access)
            if once:
                reply = await self._http.post(url, body, HEADERS)
            else:
                reply = await self._fetch("POST", url, HEADERS, body)
            return self._wechat.open(reply)

        return await with_renewal(self._wechat, self._http, WechatFailure, attempt)


def _open(update: OrderUpdate | Quarantined) -> bool:
    return isinstance(update, OrderUpdate) and any(one.state is RefundState.OPEN for one in update.refunds)


def _judged(update: OrderUpdate | Quarantined, why: str) -> Outcome | None:
    """What the order says of shipping it; None while it waits to be shipped."""
    if isinstance(update, Quarantined):
        return Outcome(
            result=Result.LATER, why=f"{why}; order not understood: {update.field}".lstrip("; "), retry_after=30.0
        )
    evidence: dict[str, str | int | float | bool | None] = {"state": update.state.name}
    if update.state in _SHIPPED:
        return Outcome(result=Result.CONFIRMED, why="already shipped", evidence=evidence)
    if update.state is PlatformState.PAID and _open(update):
        return Outcome(result=Result.LATER, why="an after-sale is open", retry_after=15.0, evidence=evidence)
    if update.state is PlatformState.PAID:
        return None
    if update.state is PlatformState.FORBIDDEN:
        return Outcome(result=Result.LATER, why=f"forbidden: {update.forbid}", retry_after=15.0, evidence=evidence)
    return Outcome(result=Result.REJECTED, why=f"the order is {update.state.name.lower()}", evidence=evidence)
