"""Weidian's orders in our words. Amounts are yuan strings, times Beijing text, numbers often strings (facts: A2)."""

from collections.abc import Collection
from typing import Final

import msgspec

from connectors.fields import UNREADABLE, Drift, check_lines, check_price, check_sum, drift_of, email_in
from connectors.shops.weidian.money import CURRENCY, STATES, claimed, money_back, refunds_of, yuan
from connectors.shops.weidian.shape import ORDER, Order, number_of
from core.model.clock import from_text
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined
from core.model.text import clean

_UNPAID, _TO_SHIP, _PART_PAID, _CLOSED = "10", "20", "21", "60"
_STATES: Final = {
    _UNPAID: PlatformState.UNPAID,
    _TO_SHIP: PlatformState.PAID,
    _PART_PAID: PlatformState.FORBIDDEN,
    "30": PlatformState.SHIPPED,
    # A hand outside this desk has shipped part of it, and our call would ship the rest: a person looks first.
    "31": PlatformState.FORBIDDEN,
    "40": PlatformState.FINISHED,
    "50": PlatformState.FINISHED,
    _CLOSED: PlatformState.CANCELLED,
}
_FORBID: Final = {_PART_PAID: "partly paid", "31": "partly shipped elsewhere"}
_REFUND_WORDS: Final = {"0": "", "1": "refund open", "2": "refunded", "3": ""}
_TYPES: Final = {"1": "cash on delivery", "2": "", "3": ""}
_NO_GROUP: Final = "-1"
# Two changes within one second carry one ``update_time``; the later stage has the higher revision.
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.PAID: 1,
    PlatformState.FORBIDDEN: 1,
    PlatformState.SHIPPED: 2,
    PlatformState.FINISHED: 3,
    PlatformState.CANCELLED: 4,
    PlatformState.REFUNDED: 4,
}


def order_of(
    raw: bytes | msgspec.Raw, shop: str, asked_at: int, formed: Collection[str] = ()
) -> OrderUpdate | Quarantined:
    """The snapshot of a detail; Quarantined when anything does not add up.

    ``asked_at``: UTC us, the revision of answers that do not say when the order changed. ``formed``: codes of
    ``group_status`` that the merchant knows to mean a complete group.
    """
    data = bytes(raw)
    try:
        order = ORDER.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(number_of(raw), data)
    try:
        return _order(order, data, shop, asked_at, formed)
    except Drift as drift:
        return drift.quarantined(clean(order.order_id, 64), data)


def _order(order: Order, raw: bytes, shop: str, asked_at: int, formed: Collection[str]) -> OrderUpdate:
    ext_id = clean(order.order_id, 64)
    if not ext_id or ext_id != order.order_id:
        raise Drift("order_id", "empty or not plain text")
    paid_at = _time(order.pay_time, "pay_time") if order.pay_time else None
    total = yuan(order.total, "total")
    lines = _lines(order, total)
    check_lines(lines, "items")
    state, forbid = _state(order, paid_at is not None, formed)
    changed = _time(order.update_time, "update_time") + _RANK[state] if order.update_time else asked_at
    payments: tuple[Payment, ...] = ()
    if paid_at is not None and total > 0 and order.status_ori not in (_UNPAID, _PART_PAID):
        payments = (
            Payment(
                account=shop,
                txn_id=f"wd:{ext_id}",
                ext_id=ext_id,
                kind=PaymentKind.CHARGE,
                amount=total,
                currency=CURRENCY,
                at=paid_at,
            ),
            *money_back(order, ext_id, shop, total, changed),
        )
    words = [order.note or "", *((field.value or "") for field in order.customInfos or ())]
    message = clean(" ".join(word for word in words if word))
    return OrderUpdate(
        ext_id=ext_id,
        rev=changed,
        state=state,
        created_at=_time(order.add_time, "add_time"),
        total=total,
        currency=CURRENCY,
        lines=lines,
        buyer=clean(str((order.buyer_info.buyer_id if order.buyer_info else "") or ""), 100),
        contact=email_in(message),
        message=message,
        paid_at=paid_at,
        forbid=forbid,
        payments=payments,
        refunds=refunds_of(order, ext_id, total, changed),
        raw=raw,
    )


def _state(order: Order, paid: bool, formed: Collection[str]) -> tuple[PlatformState, str]:
    state = _STATES.get(order.status_ori)
    if state is None:
        raise Drift("status_ori", f"unknown value {clean(order.status_ori, 40)}")
    for field, value, known in (
        ("refund_status_ori", order.refund_status_ori, tuple(STATES)),
        ("order_type", order.order_type, tuple(_TYPES)),
        ("argue_flag", str(order.argue_flag), ("0", "1")),
    ):
        if value not in known:
            raise Drift(field, f"unknown value {clean(value, 40)}")
    if state is PlatformState.CANCELLED:
        return (PlatformState.REFUNDED if paid else state), ""
    if order.status_ori == _UNPAID and paid:
        raise Drift("pay_time", "set on an unpaid order")
    if state is not PlatformState.UNPAID and not paid and not _TYPES[order.order_type]:
        raise Drift("pay_time", "missing on a paid order")
    if state is not PlatformState.PAID:
        return state, _FORBID.get(order.status_ori, "")
    group = str(order.group_status)
    forbid = (
        _REFUND_WORDS[order.refund_status_ori]
        or ("refund open" if any(claimed(item) for item in order.items) else "")
        or ("dispute" if order.argue_flag else "")
        or _TYPES[order.order_type]
        or ("" if group == _NO_GROUP or group in formed else f"group purchase, status {clean(group, 20)}")
    )
    return (PlatformState.FORBIDDEN if forbid else state), forbid


def _lines(order: Order, total: int) -> tuple[Line, ...]:
    """The order has one amount; it is laid on the lines by their list price, the last line takes what is left."""
    if not order.items:
        raise Drift("items", "no lines")
    price, freight = yuan(order.price, "price"), yuan(order.express_fee, "express_fee")
    check_sum(total, price + freight, 1, "total")
    counts = [_count(item.quantity, "items.quantity") for item in order.items]
    if sum(counts) != _count(order.quantity, "quantity"):
        raise Drift("quantity", "not the sum of the items")
    listed = []
    for item, count in zip(order.items, counts, strict=True):
        amount = yuan(item.total_price, "items.total_price")
        check_sum(amount, yuan(item.price, "items.price") * count, count, "items.total_price")
        listed.append(amount)
    check_price(price, sum(listed), 1, "price")
    left, lines = total, []
    for index, (item, count, amount) in enumerate(zip(order.items, counts, listed, strict=True), 1):
        share = left if index == len(listed) else total * amount // sum(listed) if sum(listed) else 0
        left -= share
        sku = item.sku_merchant_code or item.merchant_code
        if not sku:
            sku = item.sku_id if item.sku_id not in (None, "", "0") else item.item_id
        name = item.sub_order_id or f"{item.item_id}:{item.sku_id or 0}"
        lines.append(
            Line(
                line=clean(str(name), 64),
                sku=clean(sku or "", 100),
                title=clean(item.item_name or ""),
                qty=count,
                amount=share,
            )
        )
    return tuple(lines)


def _count(text: str, field: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 6:
        raise Drift(field, "not a whole number")
    return int(text)


def _time(text: str, field: str) -> int:
    try:
        return from_text(text)
    except ValueError:
        raise Drift(field, "not a time of the form yyyy-MM-dd HH:mm:ss") from None
