"""A Taobao or Tmall shop: trades and refunds by modified windows, write-back by dummy send (facts: TOP).

Keys never go through Taobao: dummy send carries none and memos must not (DECISIONS 4). They leave by the channel named
in ``deliver``, to the address that the buyer put into the order's remark.
"""

from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure
from connectors.shops.base import Cursor, ShopBase, error_of, outcome_of, read_again, with_renewal
from connectors.shops.taobao.client import Top, TopFailure
from connectors.shops.taobao.mapping import REFUND_FIELDS, TRADE_FIELDS, Trade, decode_trade, order_of, refund_of
from connectors.shops.windows import PAGE, Page, Seen, Walker
from core.model.clock import SECOND, Clock, to_text
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError

T = TypeVar("T")
_SHIPPED = (PlatformState.SHIPPED, PlatformState.FINISHED)
_NEEDS_MESSAGE = ("WAIT_SELLER_SEND_GOODS", "PAID_FORBID_CONSIGN", "SELLER_CONSIGNED_PART")


class _Trades(Struct):
    trade: list[msgspec.Raw] = []


class _Refunds(Struct):
    refund: list[msgspec.Raw] = []


class _TradesAnswer(Struct):
    trades: _Trades | None = None
    total_results: int | None = None
    has_next: bool | None = None


class _RefundsAnswer(Struct):
    refunds: _Refunds | None = None
    total_results: int | None = None
    has_next: bool | None = None


class _Full(Struct):
    trade: msgspec.Raw


class _Shipping(Struct):
    is_success: bool


class _Sent(Struct):
    shipping: _Shipping


class TaobaoShop(ShopBase):
    """Implements core.ports.Shop. ``overlap`` and ``deep`` in seconds, see connectors.shops.windows."""

    platform = "taobao"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.A,
            source="TOP taobao.logistics.dummy.send: sets the trade to WAIT_BUYER_CONFIRM_GOODS, a repeat on a shipped "
            "trade is refused and changes nothing",
        )
    }

    def __init__(
        self,
        name: str,
        top: Top,
        clock: Clock,
        http: Http,
        deliver: str = "email",
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 60,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = top.tokens
        self.send_via = deliver
        self._top = top
        # Every row is looked up, so a pull is one page of them: what it brought is kept before much can go wrong.
        self._trades, self._refunds = Walker(overlap, deep, budget=PAGE), Walker(overlap, deep)
        self._seen = Seen()

    async def pull(self, cursor: str | None) -> Batch:
        """The next trades and refunds after ``cursor``. Raises ConnectorError."""
        place = Cursor.read(cursor, self._start)
        self._seen.begin(cursor)
        now = self._now()
        trades, orders_mark, more_orders = await self._trades.step(place.orders, now, self._trade_page)
        refunds, refunds_mark, more_refunds = await self._refunds.step(place.refunds, now, self._refund_page)
        updates: list[Update] = []
        details: dict[str, None] = {}
        for raw in trades:
            if not self._seen.fresh(raw):
                continue
            trade = decode_trade(raw)
            if isinstance(trade, Trade) and trade.lacks_message and trade.status in _NEEDS_MESSAGE:
                details[str(trade.tid)] = None
            else:
                updates.append(self._map(raw, trade))
        updates += await self._looked_up(list(details))
        for raw in refunds:
            if self._seen.fresh(raw):
                updates += refund_of(raw, self.name)
        after = Cursor(orders_mark, refunds_mark).text()
        self._seen.end(after)
        return Batch(updates=tuple(updates), cursor=after, more=more_orders or more_refunds)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The trade as ``trade.fullinfo.get`` shows it now. Raises ConnectorError."""
        answer = await self._query(
            "taobao.trade.fullinfo.get",
            {"tid": ext_id, "fields": TRADE_FIELDS},
            "trade_fullinfo_get_response",
            _Full,
        )
        return self._asked_for(ext_id, self._map(answer.trade, decode_trade(answer.trade)), "trade.tid")

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        return read_again(
            kept,
            lambda raw: [self._map(msgspec.Raw(raw), decode_trade(raw))],
            lambda raw: refund_of(raw, self.name),
        )

    async def perform(self, call: Call) -> Outcome:
        """SHIP: one dummy send. Never raises for what TOP or the network does."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        try:
            sent = await self._authorised(
                "taobao.logistics.dummy.send",
                {"tid": call.ext_id},
                "logistics_dummy_send_response",
                _Sent,
                once=True,
            )
        except HttpFailure as failure:
            return outcome_of(failure)
        except TopFailure as failure:
            return await self._refused(call, failure)
        if sent.shipping.is_success:
            return Outcome(result=Result.CONFIRMED)
        return await self._by_status(call, TopFailure("isv", message="is_success false"))

    async def ask(self, call: Call) -> Outcome:
        """Whether the trade is shipped by now; says nothing about who shipped it."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        return await self._by_status(call, TopFailure("isp", message="asked"))

    async def _refused(self, call: Call, failure: TopFailure) -> Outcome:
        if failure.kind == "rate":
            return Outcome(
                result=Result.LATER, why="rate", retry_after=failure.wait or 5.0, evidence=failure.evidence()
            )
        if failure.kind in ("expired", "dead"):
            return Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=failure.evidence())
        if failure.kind == "router":
            return Outcome(result=Result.REJECTED, why=str(failure), evidence=failure.evidence())
        if failure.kind == "isv":
            return await self._by_status(call, failure)
        return Outcome(result=Result.UNKNOWN, why=str(failure), evidence=failure.evidence())

    async def _by_status(self, call: Call, failure: TopFailure) -> Outcome:
        """Settle a refusal by the trade itself: sub-codes for "already shipped" also cover closed trades."""
        try:
            update = await self.read(call.ext_id)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"{failure}; status unread: {error.kind}")
        evidence = failure.evidence()
        if isinstance(update, OrderUpdate):
            evidence["state"] = update.state.name
            if update.state in _SHIPPED:
                return Outcome(result=Result.CONFIRMED, why="already shipped", evidence=evidence)
        result = Result.REJECTED if failure.kind == "isv" else Result.UNKNOWN
        return Outcome(result=result, why=str(failure), evidence=evidence)

    def _map(self, raw: msgspec.Raw, trade: Trade | Quarantined) -> OrderUpdate | Quarantined:
        return trade if isinstance(trade, Quarantined) else order_of(trade, bytes(raw), self.name)

    async def _trade_page(self, start: int, end: int, page: int, count: bool) -> Page:
        params = {"fields": TRADE_FIELDS, **_window(start, end, page, count)}
        answer = await self._query(
            "taobao.trades.sold.increment.get", params, "trades_sold_increment_get_response", _TradesAnswer
        )
        return _page(answer.trades.trade if answer.trades else [], answer.total_results, count)

    async def _refund_page(self, start: int, end: int, page: int, count: bool) -> Page:
        params = {"fields": REFUND_FIELDS, **_window(start, end, page, count)}
        answer = await self._query("taobao.refunds.receive.get", params, "refunds_receive_get_response", _RefundsAnswer)
        return _page(answer.refunds.refund if answer.refunds else [], answer.total_results, count)

    async def _query(self, method: str, params: dict[str, str], key: str, kind: type[T]) -> T:
        try:
            return await self._authorised(method, params, key, kind, once=False)
        except (HttpFailure, TopFailure) as failure:
            raise error_of(failure) from None

    async def _authorised(self, method: str, params: dict[str, str], key: str, kind: type[T], once: bool) -> T:
        """Call; when the session has expired renew it and call again, as an expired one stops a call at the door."""

        async def attempt() -> T:
            body = self._top.body(method, params)
            if once:
                reply = await self._http.post(self._top.url, body, self._top.headers)
            else:
                reply = await self._fetch("POST", self._top.url, self._top.headers, body)
            try:
                return msgspec.json.decode(self._top.open(reply, key), type=kind)
            except UNREADABLE as exc:
                raise TopFailure("garbled", message=f"{method}: {exc}") from None

        return await with_renewal(self._top, self._http, TopFailure, attempt)


def _window(start: int, end: int, page: int, count: bool) -> dict[str, str]:
    has_next: Literal["true", "false"] = "false" if count else "true"
    return {
        "start_modified": to_text(start * SECOND),
        "end_modified": to_text(end * SECOND),
        "page_no": str(page),
        "page_size": str(PAGE),
        "use_has_next": has_next,
    }


def _page(rows: list[msgspec.Raw], total: int | None, count: bool) -> Page:
    if count and total is None:
        raise ConnectorError("protocol", "total_results is missing")
    if count and total and not rows:
        raise ConnectorError("protocol", f"{total} rows were counted and none came")
    return Page(rows, total)
