"""Kuaishou orders and after-sales in our words. Amounts are integer fen, times Unix ms (facts: Kuaishou 5.2, 5.3)."""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, drift_of, email_in, hundredfold, is_email
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined, Refund, RefundState
from core.model.text import clean

CURRENCY: Final = "CNY"
_EARLIEST, _LATEST = 1_262_304_000_000, 4_102_444_800_000  # 2010 to 2100: a time outside is in another unit
_STATES: Final = {
    0: PlatformState.UNPAID,
    10: PlatformState.UNPAID,
    30: PlatformState.PAID,
    40: PlatformState.SHIPPED,
    50: PlatformState.SHIPPED,  # signed for
    70: PlatformState.FINISHED,
    80: PlatformState.CANCELLED,
}
_DONE: Final = 60
_GONE: Final = 70
_OPEN: Final = frozenset({10, 11, 12, 20, 21, 22, 30, 40, 45, 50})  # 12: refused, the buyer may still go on
_WAYS: Final = frozenset({1, 10})  # with the goods back, money alone
_EXCHANGE: Final = 3
# Two changes within one millisecond would carry one ``updateTime``; the later stage has the higher revision.
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.PAID: 1,
    PlatformState.FORBIDDEN: 1,
    PlatformState.SHIPPED: 2,
    PlatformState.FINISHED: 3,
    PlatformState.CANCELLED: 4,
    PlatformState.REFUNDED: 4,
}


class _Base(Struct):
    """Both "do not ship" fields must be there, if only as null: without them a blocked order would look like any other."""

    oid: int
    status: int
    payTime: int  # 0 until it is paid
    createTime: int
    updateTime: int
    totalFee: int
    discountFee: int
    expressFee: int
    riskCode: int | list[int] | None  # a number in one published shape, a list in another
    disableDeliveryReasonCode: list[int] | None
    buyerOpenId: str | None = None
    buyerNick: str | None = None
    remark: str | None = None
    promiseTimeStampOfDelivery: int | None = None


class _Item(Struct):
    num: int
    price: int
    itemTitle: str = ""
    orderItemId: int | None = None
    skuId: int | None = None
    skuNick: str | None = None
    goodsCode: str | None = None


class _Account(Struct):
    account: str | None = None


class _Address(Struct):
    rechargeAccount: _Account | None = None


class _AfterSale(Struct):
    refundId: int
    refundStatus: int


class _Order(Struct):
    orderBaseInfo: _Base
    orderItemInfo: _Item
    orderAddress: _Address | None = None
    orderRefundList: list[_AfterSale] | None = None


class _RefundRow(Struct):
    refundId: int
    oid: int
    status: int
    refundFee: int
    handlingWay: int
    updateTime: int
    refundReasonDesc: str | None = None


class _OidOf(Struct, frozen=True):
    oid: int | str = ""


class _Oid(Struct):
    orderBaseInfo: _OidOf = _OidOf()
    oid: int | str = ""


_ORDER = msgspec.json.Decoder(_Order)
_REFUND = msgspec.json.Decoder(_RefundRow)
_OID = msgspec.json.Decoder(_Oid)


def order_of(raw: bytes | msgspec.Raw, shop: str) -> OrderUpdate | Quarantined:
    """The snapshot, with the platform-held money as one payment; Quarantined when anything does not add up."""
    data = bytes(raw)
    try:
        order = _ORDER.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(_oid_of(raw), data)
    try:
        return _order(order, data, shop)
    except Drift as drift:
        return drift.quarantined(str(order.orderBaseInfo.oid), data)


def _order(order: _Order, raw: bytes, shop: str) -> OrderUpdate:
    base = order.orderBaseInfo
    if base.oid <= 0:
        raise Drift("orderBaseInfo.oid", "not an order number")
    ext_id = str(base.oid)
    paid_at = _time(base.payTime, "orderBaseInfo.payTime") if base.payTime else None
    state, forbid = _state(order, paid_at)
    total = _total(order)
    message = clean(base.remark or "")
    payments: tuple[Payment, ...] = ()
    if paid_at is not None and total > 0 and state not in (PlatformState.UNPAID, PlatformState.CANCELLED):
        payments = (_payment(f"ks:{ext_id}", ext_id, shop, PaymentKind.CHARGE, total, paid_at),)
    promised = base.promiseTimeStampOfDelivery
    return OrderUpdate(
        ext_id=ext_id,
        rev=_time(base.updateTime, "orderBaseInfo.updateTime") + _RANK[state],
        state=state,
        created_at=_time(base.createTime, "orderBaseInfo.createTime"),
        total=total,
        currency=CURRENCY,
        lines=_lines(order.orderItemInfo, total),
        buyer=clean(base.buyerOpenId or "", 100),
        buyer_name=clean(base.buyerNick or "", 100),
        contact=_contact(order, message),
        message=message,
        paid_at=paid_at,
        deadline=_time(promised, "orderBaseInfo.promiseTimeStampOfDelivery") if promised else None,
        forbid=forbid,
        payments=payments,
        raw=raw,
    )


def _state(order: _Order, paid_at: int | None) -> tuple[PlatformState, str]:
    base, forbid = order.orderBaseInfo, ""
    state = _STATES.get(base.status)
    if state is None:
        raise Drift("orderBaseInfo.status", f"unknown value {base.status}")
    for after in order.orderRefundList or ():
        if after.refundStatus in _OPEN:
            forbid = "refund open"
        elif after.refundStatus == _DONE:
            forbid = forbid or "refunded in part"
        elif after.refundStatus != _GONE:
            raise Drift("orderRefundList.refundStatus", f"unknown value {after.refundStatus}")
    if state is PlatformState.CANCELLED:
        return (state if paid_at is None else PlatformState.REFUNDED), ""
    if state is PlatformState.UNPAID:
        return state, ""
    if paid_at is None:
        raise Drift("orderBaseInfo.payTime", "missing on a paid order")
    if state is not PlatformState.PAID:
        return state, ""
    risk = base.riskCode if isinstance(base.riskCode, list) else [base.riskCode] if base.riskCode else []
    if risk:
        return PlatformState.FORBIDDEN, f"risk {', '.join(map(str, risk[:3]))}"
    if base.disableDeliveryReasonCode:
        return PlatformState.FORBIDDEN, f"delivery disabled {', '.join(map(str, base.disableDeliveryReasonCode[:3]))}"
    return (PlatformState.FORBIDDEN, forbid) if forbid else (state, "")


def _total(order: _Order) -> int:
    """The order's amount, checked against its one item. Whether ``price`` holds the discount already is not documented."""
    base, item = order.orderBaseInfo, order.orderItemInfo
    total, price = _fen(base.totalFee, "orderBaseInfo.totalFee"), _fen(item.price, "orderItemInfo.price")
    whole = price * item.num + _fen(base.expressFee, "orderBaseInfo.expressFee")
    less = whole - _fen(base.discountFee, "orderBaseInfo.discountFee")
    near = max(item.num, 1)
    if abs(total - whole) > near and abs(total - less) > near:
        odd = hundredfold(total, less) or hundredfold(total, whole)
        raise Drift("orderBaseInfo.totalFee", "unit_suspect" if odd else "price_mismatch")
    return total


def _lines(item: _Item, total: int) -> tuple[Line, ...]:
    sku = item.skuNick or item.goodsCode or (str(item.skuId) if item.skuId else "")
    line = Line(
        line=str(item.orderItemId or 1), sku=clean(sku, 100), title=clean(item.itemTitle), qty=item.num, amount=total
    )
    check_lines((line,), "orderItemInfo")
    return (line,)


def _contact(order: _Order, message: str) -> str:
    """The address in the account field or in the remark; two different ones are none."""
    account = order.orderAddress.rechargeAccount if order.orderAddress else None
    typed = (account.account or "").strip() if account else ""
    written, given = email_in(message), typed if is_email(typed) else ""
    if written and given and written.lower() != given.lower():
        return ""
    return given or written


def refund_of(raw: bytes | msgspec.Raw, shop: str) -> list[Refund | Payment | Quarantined]:
    """A row of the after-sale list; with status 60 the money that went back."""
    data = bytes(raw)
    try:
        row = _REFUND.decode(raw)
    except UNREADABLE as exc:
        return [drift_of(exc).quarantined(_oid_of(raw), data)]
    try:
        return _refund(row, shop)
    except Drift as drift:
        return [Quarantined(ext_id=str(row.oid), field=f"refund.{drift.field}", why=drift.why, raw=data)]


def _refund(row: _RefundRow, shop: str) -> list[Refund | Payment | Quarantined]:
    if row.oid <= 0 or row.refundId <= 0:
        raise Drift("oid" if row.oid <= 0 else "refundId", "not a number of theirs")
    if row.status not in _OPEN and row.status not in (_DONE, _GONE):
        raise Drift("status", f"unknown value {row.status}")
    if row.handlingWay not in _WAYS and row.handlingWay != _EXCHANGE:
        raise Drift("handlingWay", f"unknown value {row.handlingWay}")
    amount, at = _fen(row.refundFee, "refundFee"), _time(row.updateTime, "updateTime")
    if amount == 0 and row.handlingWay in _WAYS:
        raise Drift("refundFee", "zero for a refund of money")
    money = row.status == _DONE and row.handlingWay in _WAYS
    state = RefundState.DONE if money else RefundState.OPEN if row.status in _OPEN else RefundState.GONE
    refund = Refund(
        refund_id=str(row.refundId),
        ext_id=str(row.oid),
        state=state,
        amount=amount,
        reason=clean(row.refundReasonDesc or "", 200),
        at=at,
    )
    if not money:
        return [refund]
    return [refund, _payment(f"ks-refund:{row.refundId}", str(row.oid), shop, PaymentKind.REFUND, amount, at)]


def _payment(txn: str, ext_id: str, shop: str, kind: PaymentKind, amount: int, at: int) -> Payment:
    return Payment(account=shop, txn_id=txn, ext_id=ext_id, kind=kind, amount=amount, currency=CURRENCY, at=at)


def _fen(amount: int, field: str) -> int:
    if amount < 0:
        raise Drift(field, "negative amount")
    return amount


def _time(ms: int, field: str) -> int:
    """UTC microseconds of Unix milliseconds."""
    if not _EARLIEST <= ms < _LATEST:
        raise Drift(field, "not Unix milliseconds")
    return ms * 1000


def _oid_of(raw: bytes | msgspec.Raw) -> str:
    try:
        found = _OID.decode(raw)
    except UNREADABLE:
        return ""
    return clean(str(found.orderBaseInfo.oid or found.oid), 64)
