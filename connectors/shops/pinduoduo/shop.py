"""A Pinduoduo shop: orders and refunds by update windows, keys sent as vouchers, which also ships (facts: Pinduoduo).

The platform's own card pool is not used: it would send keys outside the gate (DECISIONS 4). No order answer names the
buyer, so ``buyer`` and ``contact`` stay empty.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.http import Http, HttpFailure
from connectors.shops.base import Cursor, ShopBase, error_of, outcome_of, read_again, with_renewal
from connectors.shops.pinduoduo.client import HEADERS, Pdd, PddFailure
from connectors.shops.pinduoduo.mapping import only_number, order_of, refund_of
from connectors.shops.windows import PAGE, Page, Seen, Walker
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError

T = TypeVar("T", bound=Struct)
_SHIPPED: Final = (PlatformState.SHIPPED, PlatformState.FINISHED)
_SEND: Final = "pdd.voucher.voucher.info.send"


class _Orders(Struct):
    order_sn_list: list[msgspec.Raw]
    total_count: int | None = None


class _Refunds(Struct):
    refund_list: list[msgspec.Raw]
    total_count: int | None = None


class _Info(Struct):
    order_info: msgspec.Raw


class _Sent(Struct):
    is_success: bool


class PinduoduoShop(ShopBase):
    """Implements core.ports.Shop. ``overlap`` and ``deep`` in seconds, see connectors.shops.windows.

    The platform advises windows that end three minutes ago, because rows may show late; here fresh rows are read at
    once and the last four minutes (``deep``) are read again and again, which finds the same rows sooner.
    """

    platform = "pinduoduo"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(
            effect=Effect.SEND,
            cls=EffectClass.B,
            source="pdd.voucher.voucher.info.send: out_biz_no is our serial number; that a repeat under it sends "
            "nothing twice is inferred from its name and not confirmed on the live platform",
            ships=True,
        )
    }

    def __init__(
        self,
        name: str,
        pdd: Pdd,
        clock: Clock,
        http: Http,
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 240,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = pdd.tokens
        self._pdd = pdd
        self._orders, self._refunds = Walker(overlap, deep), Walker(overlap, deep)
        self._seen = Seen()

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders and refunds after ``cursor``. Raises ConnectorError."""
        place = Cursor.read(cursor, self._start)
        self._seen.begin(cursor)
        now = self._now()
        rows, orders_mark, more_orders = await self._orders.step(place.orders, now, self._order_page)
        refunds, refunds_mark, more_refunds = await self._refunds.step(place.refunds, now, self._refund_page)
        updates: list[Update] = []
        numbers: dict[str, None] = {}
        for raw in map(bytes, rows):
            update = order_of(raw, self.name) if self._seen.fresh(raw) else None
            if isinstance(update, OrderUpdate):
                updates.append(update)
            elif number := only_number(raw):
                # Its row never changes, so the order itself has to be looked at each time.
                numbers[number] = None
            elif update is not None:
                updates.append(update)
        for update in await self._looked_up(list(numbers)):
            if self._seen.fresh(update.raw):
                updates.append(update)
        for raw in refunds:
            if self._seen.fresh(raw):
                updates += refund_of(raw, self.name)
        after = Cursor(orders_mark, refunds_mark).text()
        self._seen.end(after)
        return Batch(updates=tuple(updates), cursor=after, more=more_orders or more_refunds)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as ``order.information.get`` shows it now. Raises ConnectorError."""
        answer = await self._query("pdd.order.information.get", {"order_sn": ext_id}, "order_info_get_response", _Info)
        return self._asked_for(ext_id, order_of(answer.order_info, self.name), "order_info.order_sn")

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        return read_again(kept, lambda raw: [order_of(raw, self.name)], lambda raw: refund_of(raw, self.name))

    async def perform(self, call: Call) -> Outcome:
        """SEND: the keys as vouchers under ``out_biz_no`` = the call's reference. Never raises for the outside."""
        if call.effect is not Effect.SEND:
            return self._unsupported(call)
        if not call.slots:
            return Outcome(result=Result.REJECTED, why="no keys in the call")
        params = {"order_sn": call.ext_id, "out_biz_no": call.reference, "voucher_list": _vouchers(call)}
        try:
            sent = await self._authorised(_SEND, params, "voucher_voucher_info_send_response", _Sent, once=True)
        except HttpFailure as failure:
            return outcome_of(failure)
        except PddFailure as failure:
            return await self._refused(call, failure)
        if sent.is_success:
            return Outcome(result=Result.CONFIRMED, remote_ref=call.reference)
        return await self._refused(call, PddFailure("refused", message="is_success false"))

    async def ask(self, call: Call) -> Outcome:
        """The platform has no query by ``out_biz_no``; the same call may be repeated instead."""
        return Outcome(result=Result.UNKNOWN, why="not askable")

    async def _refused(self, call: Call, failure: PddFailure) -> Outcome:
        evidence = failure.evidence()
        if failure.kind == "rate":
            return Outcome(result=Result.LATER, why="rate", retry_after=failure.wait or 5.0, evidence=evidence)
        if failure.kind in ("expired", "dead"):
            return Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=evidence)
        if failure.kind == "router":
            return Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)
        if failure.kind != "refused":
            return Outcome(result=Result.UNKNOWN, why=str(failure), evidence=evidence)
        if call.attempt == 1:
            return Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)
        # An earlier attempt may have done what this one was refused for.
        try:
            update = await self.read(call.ext_id)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"{failure}; status unread: {error.kind}", evidence=evidence)
        if isinstance(update, OrderUpdate) and update.state not in _SHIPPED:
            return Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)
        return Outcome(result=Result.UNKNOWN, why=f"{failure}; order is shipped", evidence=evidence)

    async def _order_page(self, start: int, end: int, page: int, count: bool) -> Page:
        params = {"order_status": "5", "refund_status": "5", "is_lucky_flag": "0"}
        params |= {"use_has_next": "false" if count else "true", **_window(start, end, page)}
        answer = await self._query(
            "pdd.order.number.list.increment.get", params, "order_sn_increment_get_response", _Orders
        )
        return _page(answer.order_sn_list, answer.total_count, count)

    async def _refund_page(self, start: int, end: int, page: int, count: bool) -> Page:
        params = {"after_sales_status": "1", "after_sales_type": "1", **_window(start, end, page)}
        answer = await self._query("pdd.refund.list.increment.get", params, "refund_increment_get_response", _Refunds)
        return _page(answer.refund_list, answer.total_count, count)

    async def _query(self, method: str, params: dict[str, str], key: str, kind: type[T]) -> T:
        try:
            return await self._authorised(method, params, key, kind, once=False)
        except (HttpFailure, PddFailure) as failure:
            raise error_of(failure) from None

    async def _authorised(self, method: str, params: dict[str, str], key: str, kind: type[T], once: bool) -> T:
        """Call; when the token has expired renew it and call again, as an expired token stops a call at the door."""

        async def attempt() -> T:
            body = self._pdd.body(method, params)
            if once:
                reply = await self._http.post(self._pdd.url, body, HEADERS)
            else:
                reply = await self._fetch("POST", self._pdd.url, HEADERS, body)
            return self._pdd.open(reply, key, kind)

        return await with_renewal(self._pdd, self._http, PddFailure, attempt)


def _vouchers(call: Call) -> str:
    """``voucher_id`` is stable over repeats and tells nothing of the key."""
    rows = []
    for slot in call.slots:
        name = hashlib.sha256(f"{call.reference}|{slot.line}|{slot.slot}".encode()).hexdigest()[:24]
        rows.append({"voucher_id": name, "voucher_no": slot.secret})
    return msgspec.json.encode(rows).decode()


def _window(start: int, end: int, page: int) -> dict[str, str]:
    return {
        "start_updated_at": str(start),
        "end_updated_at": str(end),
        "page": str(page),
        "page_size": str(PAGE),
    }


def _page(rows: list[msgspec.Raw], total: int | None, count: bool) -> Page:
    if count and total is None:
        raise ConnectorError("protocol", "total_count is missing")
    if count and total and not rows:
        raise ConnectorError("protocol", f"{total} rows were counted and none came")
    return Page(rows, total)
