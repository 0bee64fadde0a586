"""A Douyin shop: orders and after-sales by update windows, keys issued as coupons of the order (facts: Douyin 3.2, 3.3).

Parcel shipping refuses virtual orders (60107); issuing the coupons is the delivery. A shop of top-ups names a channel in
``deliver`` instead, and Douyin asks how each of them stands.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure
from connectors.shops.base import Cursor, Refused, ShopBase, error_of, outcome_of, read_again, with_renewal
from connectors.shops.douyin.client import HEADERS, Douyin, DouyinFailure
from connectors.shops.douyin.coupons import coupons, part
from connectors.shops.douyin.mapping import Issue, order_of
from connectors.shops.douyin.refunds import refund_of
from connectors.shops.douyin.topup import CANCEL, NOWHERE, ORDER, QUERY, Asked, answer, asked, push, refused
from connectors.shops.windows import PAGE, Page, Seen, Walker
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result, Slot
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError, Inbound, Received

T = TypeVar("T")
_SHIPPED: Final = (PlatformState.SHIPPED, PlatformState.FINISHED)
_SYNC: Final = "coupons/syncV2"
_DONE_ALREADY: Final = 8  # 000008, which also comes as plain 8
_REMEMBERED: Final = 20_000  # orders


class _Orders(Struct):
    shop_order_list: list[msgspec.Raw] | None = None
    total: int | None = None


class _Refunds(Struct):
    items: list[msgspec.Raw] | None = None
    total: int | None = None


class _Detail(Struct):
    shop_order_detail: msgspec.Raw


class DouyinShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``overlap`` and ``deep`` in seconds, see connectors.shops.windows."""

    platform = "douyin"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(
            effect=Effect.SEND,
            cls=EffectClass.B,
            source="Douyin coupons/syncV2: its error table has an idempotency check (010004: parameters differ from those "
            "already stored) and 000008 for a request that was handled before, so an equal repeat issues nothing twice",
            ships=True,
        )
    }

    def __init__(
        self,
        name: str,
        douyin: Douyin,
        clock: Clock,
        http: Http,
        deliver: str = "shop",
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 60,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = douyin.tokens
        self.send_via = deliver
        self._douyin = douyin
        self._orders, self._refunds = Walker(overlap, deep), Walker(overlap, deep)
        self._seen = Seen()
        self._issues: OrderedDict[str, Issue] = OrderedDict()
        self._orders_of: OrderedDict[str, str] = OrderedDict()  # sub-order -> order
        self._limits: OrderedDict[str, int] = OrderedDict()  # order -> until when its top-up has to be done, UTC us

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders and after-sales after ``cursor``. Raises ConnectorError."""
        place = Cursor.read(cursor, self._start)
        self._seen.begin(cursor)
        now = self._now()
        rows, orders_mark, more_orders = await self._orders.step(place.orders, now, self._order_page)
        refunds, refunds_mark, more_refunds = await self._refunds.step(place.refunds, now, self._refund_page)
        updates: list[Update] = [self._map(raw) for raw in rows if self._seen.fresh(raw)]
        for raw in refunds:
            if self._seen.fresh(raw):
                updates += refund_of(raw, self.name)
        after = Cursor(orders_mark, refunds_mark).text()
        self._seen.end(after)
        return Batch(updates=tuple(updates), cursor=after, more=more_orders or more_refunds)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as ``order/orderDetail`` shows it now. Raises ConnectorError."""
        answer = await self._query("order/orderDetail", {"shop_order_id": ext_id}, _Detail)
        return self._asked_for(ext_id, self._map(answer.shop_order_detail), "shop_order_detail.order_id")

    async def receive(self, request: Inbound) -> Received:
        """A push, or a call of the top-up interface. Raises ConnectorError when the order cannot be looked at now."""
        if not request.tail:
            return push(request, self._douyin.app_key, self._douyin.secret)
        if request.tail not in (ORDER, QUERY, CANCEL):
            return refused(NOWHERE)
        question = asked(request, self._douyin.app_key, self._douyin.secret, self._now())
        if not isinstance(question, Asked):
            return refused(question)
        found = await self._traded(question)
        ext_id = found.ext_id if found else self._orders_of.get(question.number, question.number)
        unheard = found is None and ext_id not in self._issues
        return Received(render=answer(question), batch=(found,) if found else (), pull=unheard, look=ext_id)

    async def _traded(self, question: Asked) -> OrderUpdate | Quarantined | None:
        """A new top-up's order as it stands, to be stored before Douyin is answered; None when pulling must find it."""
        if question.what != ORDER:
            return None
        number = self._orders_of.get(question.number, question.number)
        if question.limit is not None:
            _remember(self._limits, number, question.limit)
        try:
            return await self.read(number)
        except Refused:
            return None  # a line's number that no pull has brought yet

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        return read_again(kept, lambda raw: [self._map(msgspec.Raw(raw))], lambda raw: refund_of(raw, self.name))

    async def perform(self, call: Call) -> Outcome:
        """SEND: the keys as coupons, one call for each sub-order. Never raises for the outside."""
        if call.effect is not Effect.SEND:
            return self._unsupported(call)
        if not call.slots:
            return Outcome(result=Result.REJECTED, why="no keys in the call")
        try:
            issue = await self._issue_of(call.ext_id)
        except Refused as refusal:
            return await self._refused(call, DouyinFailure("refused", message=str(refusal)), 0)
        except ConnectorError as error:
            # Nothing was sent by this attempt, and only reading is in the way.
            return Outcome(result=Result.LATER, why=f"order unread: {error.kind}", retry_after=error.retry_after or 2.0)
        by_line: dict[str, list[Slot]] = {}
        for slot in call.slots:
            by_line.setdefault(slot.line, []).append(slot)
        if issue is None or not by_line.keys() <= issue.skus.keys():
            why = "the order does not show the lines that the keys are bound to"
            return await self._refused(call, DouyinFailure("refused", message=why), 0)
        for done, (line, slots) in enumerate(by_line.items()):
            try:
                await self._authorised(_SYNC, coupons(call, line, slots, issue), msgspec.Raw, once=True)
            except HttpFailure as failure:
                outcome = outcome_of(failure)
                return part(outcome, done) if done else outcome
            except DouyinFailure as failure:
                if failure.number == _DONE_ALREADY and call.attempt > 1:
                    continue  # this very request, and an earlier attempt made it
                return await self._refused(call, failure, done)
        return Outcome(result=Result.CONFIRMED, remote_ref=call.reference)

    async def ask(self, call: Call) -> Outcome:
        """The platform does not say which coupons an order has; the same call may be repeated instead."""
        return Outcome(result=Result.UNKNOWN, why="not askable")

    async def _refused(self, call: Call, failure: DouyinFailure, done: int) -> Outcome:
        """What a refusal comes to when ``done`` sub-orders of the same call were issued before it."""
        evidence = failure.evidence()
        if failure.kind == "rate":
            outcome = Outcome(result=Result.LATER, why="rate", retry_after=failure.wait or 5.0, evidence=evidence)
        elif failure.kind in ("expired", "dead"):
            outcome = Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=evidence)
        elif failure.kind in ("router", "refused"):
            outcome = Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)
        else:
            outcome = Outcome(result=Result.UNKNOWN, why=str(failure), evidence=evidence)
        if done:
            return part(outcome, done)
        if outcome.result is not Result.REJECTED or call.attempt == 1:
            return outcome
        return await self._earlier(call, outcome)

    async def _earlier(self, call: Call, refusal: Outcome) -> Outcome:
        """An earlier attempt may have done what this one was refused for; the order tells when it did nothing."""
        try:
            update = await self.read(call.ext_id)
        except ConnectorError as error:
            why = f"{refusal.why}; status unread: {error.kind}"
            return Outcome(result=Result.UNKNOWN, why=why, evidence=refusal.evidence)
        untouched = isinstance(update, OrderUpdate) and update.state not in _SHIPPED
        if untouched and len({slot.line for slot in call.slots}) == 1:
            return refusal
        why = f"{refusal.why}; an earlier attempt may have issued them"
        return Outcome(result=Result.UNKNOWN, why=why, evidence=refusal.evidence)

    async def _issue_of(self, ext_id: str) -> Issue | None:
        if ext_id not in self._issues:
            await self.read(ext_id)
        return self._issues.get(ext_id)

    def _map(self, raw: msgspec.Raw) -> OrderUpdate | Quarantined:
        update, issue = order_of(raw, self.name)
        if issue is not None:
            _remember(self._issues, update.ext_id, issue)
            for line in issue.skus:
                _remember(self._orders_of, line, update.ext_id)
        limit = self._limits.get(update.ext_id)
        if isinstance(update, OrderUpdate) and limit is not None:
            return msgspec.structs.replace(update, deadline=min(update.deadline or limit, limit))
        return update

    async def _order_page(self, start: int, end: int, page: int, count: bool) -> Page:
        params: dict[str, Any] = {"update_time_start": start, "update_time_end": end, **_paging(page)}
        params |= {"order_by": "update_time", "order_asc": False}
        answer = await self._query("order/searchList", params, _Orders)
        return _page(answer.shop_order_list or [], answer.total, count)

    async def _refund_page(self, start: int, end: int, page: int, count: bool) -> Page:
        params: dict[str, Any] = {"update_start_time": start, "update_end_time": end, **_paging(page)}
        params |= {"order_by": ["update_time desc"]}
        answer = await self._query("afterSale/List", params, _Refunds)
        return _page(answer.items or [], answer.total, count)

    async def _query(self, path: str, params: Mapping[str, object], kind: type[T]) -> T:
        try:
            return await self._authorised(path, params, kind, once=False)
        except (HttpFailure, DouyinFailure) as failure:
            raise error_of(failure) from None

    async def _authorised(self, path: str, params: Mapping[str, object], kind: type[T], once: bool) -> T:
        """Call; when the token has expired renew it and call again, as an expired token stops a call at the door."""

        async def attempt() -> T:
            url, body = self._douyin.call(path, params)
            if once:
                reply = await self._http.post(url, body, HEADERS)
            else:
                reply = await self._fetch("POST", url, HEADERS, body)
            try:
                return msgspec.json.decode(self._douyin.open(reply), type=kind)
            except UNREADABLE as exc:
                raise DouyinFailure("garbled", message=f"{path}: {exc}") from None

        return await with_renewal(self._douyin, self._http, DouyinFailure, attempt)


def _remember(known: OrderedDict[str, T], key: str, value: T) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > _REMEMBERED:
        known.popitem(last=False)


def _paging(page: int) -> dict[str, int]:
    """``page`` counts from 1 here and from 0 there."""
    return {"page": page - 1, "size": PAGE}


def _page(rows: list[msgspec.Raw], total: int | None, count: bool) -> Page:
    if count and total is None:
        raise ConnectorError("protocol", "total is missing")
    if count and total and not rows:
        raise ConnectorError("protocol", f"{total} rows were counted and none came")
    return Page(rows, total)
