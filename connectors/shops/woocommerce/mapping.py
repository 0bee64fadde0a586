"""WooCommerce orders in our words. Amounts are decimal strings, times ISO 8601 in UTC without a zone (facts: A8, C4)."""

from datetime import timedelta, timezone
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_price, check_sum, drift_of, is_email
from core.model.clock import from_text
from core.model.money import digits_of, parse_decimal
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined
from core.model.text import clean

_UTC: Final = timezone(timedelta(0))
_STATES: Final = {
    "pending": PlatformState.UNPAID,
    "on-hold": PlatformState.UNPAID,
    "failed": PlatformState.UNPAID,  # the buyer may try again
    "processing": PlatformState.PAID,
    "completed": PlatformState.SHIPPED,
    "cancelled": PlatformState.CANCELLED,
    "trash": PlatformState.CANCELLED,
    "refunded": PlatformState.REFUNDED,
}
DRAFTS: Final = frozenset({"checkout-draft", "auto-draft"})  # a cart in somebody's checkout, not an order
# These set a date of payment as soon as the order may be worked on, long before there is money.
_UNPAID_METHODS: Final = frozenset({"cod"})
# Two changes within one second carry one date_modified; the later stage of an order has the higher revision.
_RANK: Final = {PlatformState.UNPAID: 0, PlatformState.PAID: 1, PlatformState.FORBIDDEN: 1, PlatformState.SHIPPED: 2}


class _Billing(Struct):
    email: str
    first_name: str = ""
    last_name: str = ""


class _Item(Struct):
    id: int
    name: str
    product_id: int
    variation_id: int
    quantity: int
    subtotal: str
    total: str
    total_tax: str
    price: Decimal
    sku: str | None = None


class _Fee(Struct):
    total: str
    total_tax: str


class _Refund(Struct):
    id: int
    total: str
    reason: str | None = None


class _Order(Struct):
    id: int
    status: str
    currency: str
    total: str
    shipping_total: str
    shipping_tax: str
    date_created_gmt: str
    date_modified_gmt: str
    date_paid_gmt: str | None
    customer_id: int
    customer_note: str
    payment_method: str
    billing: _Billing
    line_items: list[_Item]
    fee_lines: list[_Fee]
    refunds: list[_Refund]
    transaction_id: str = ""


class _Glance(Struct):
    id: int | str = ""
    status: str = ""


_ORDER = msgspec.json.Decoder(_Order)
_GLANCE = msgspec.json.Decoder(_Glance)


def is_draft(raw: bytes | msgspec.Raw) -> bool:
    """Whether a row of the list is no order yet."""
    try:
        return _GLANCE.decode(raw).status in DRAFTS
    except UNREADABLE:
        return False


def order_of(raw: bytes | msgspec.Raw, shop: str) -> OrderUpdate | Quarantined:
    """The snapshot with its money; Quarantined when anything is missing, retyped, unknown or does not add up."""
    data = bytes(raw)
    try:
        order = _ORDER.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(_id_of(raw), data)
    try:
        return _order(order, data, shop)
    except Drift as drift:
        return drift.quarantined(str(order.id), data)


def _order(order: _Order, raw: bytes, shop: str) -> OrderUpdate:
    ext_id = str(order.id)
    state = _STATES.get(order.status)
    if state is None:
        raise Drift("status", f"unknown value {clean(order.status, 40)}")
    if not (len(order.currency) == 3 and order.currency.isascii() and order.currency.isupper()):
        raise Drift("currency", "not a currency code")
    digits = digits_of(order.currency)
    total = _money(order.total, digits, "total")
    lines = tuple(_line(item, digits) for item in order.line_items)
    check_lines(lines, "line_items")
    _check_total(order, total, lines, digits)
    modified = _time(order.date_modified_gmt, "date_modified_gmt")
    paid_at = _time(order.date_paid_gmt, "date_paid_gmt") if order.date_paid_gmt is not None else None
    if state in (PlatformState.PAID, PlatformState.SHIPPED) and paid_at is None:
        # WooCommerce sets it with these states; without it nothing shows that money was ever there.
        raise Drift("date_paid_gmt", "missing on a paid order")
    forbid = ""
    if order.payment_method in _UNPAID_METHODS and state is not PlatformState.SHIPPED:
        paid_at = None
        forbid = "cash on delivery" if state is PlatformState.PAID else ""
    elif state is PlatformState.UNPAID and paid_at is not None:
        forbid = f"{order.status} after payment"
    if forbid:
        state = PlatformState.FORBIDDEN
    return OrderUpdate(
        ext_id=ext_id,
        rev=modified + _RANK.get(state, 3),
        state=state,
        created_at=_time(order.date_created_gmt, "date_created_gmt"),
        total=total,
        currency=order.currency,
        lines=lines,
        buyer=str(order.customer_id) if order.customer_id > 0 else "",
        buyer_name=clean(f"{order.billing.first_name} {order.billing.last_name}".strip(), 100),
        contact=order.billing.email if is_email(order.billing.email) else "",
        message=clean(order.customer_note),
        paid_at=paid_at,
        forbid=forbid,
        payments=_payments(order, ext_id, shop, total, paid_at, modified, digits),
        raw=raw,
    )


def _check_total(order: _Order, total: int, lines: tuple[Line, ...], digits: int) -> None:
    """The order's total is its lines, fees (which may be negative) and shipping, each with its tax."""
    parts = sum(line.amount for line in lines)
    for fee in order.fee_lines:
        parts += _money(fee.total, digits, "fee_lines.total", signed=True)
        parts += _money(fee.total_tax, digits, "fee_lines.total_tax", signed=True)
    parts += _money(order.shipping_total, digits, "shipping_total")
    parts += _money(order.shipping_tax, digits, "shipping_tax")
    # Each line is rounded for its goods and for its tax.
    check_sum(total, parts, 2 * (len(lines) + len(order.fee_lines)), "total")


def _line(item: _Item, digits: int) -> Line:
    net = _money(item.total, digits, "line_items.total")
    full = _money(item.subtotal, digits, "line_items.subtotal")
    check_price(net, full, 1, "line_items.total")
    # The answer's price is the line's total by its quantity: the one field that tells two keys from two hundred.
    owed = item.price * item.quantity * 10**digits
    if not owed.is_finite() or abs(owed - net) > max(1, item.quantity):
        raise Drift("line_items.price", "price times quantity is not the line's total")
    sku = item.sku or str(item.variation_id or item.product_id or "")
    amount = net + _money(item.total_tax, digits, "line_items.total_tax")
    return Line(line=str(item.id), sku=clean(sku, 100), title=clean(item.name), qty=item.quantity, amount=amount)


def _payments(
    order: _Order, ext_id: str, shop: str, total: int, paid_at: int | None, modified: int, digits: int
) -> tuple[Payment, ...]:
    # transaction_id is the gateway plugin's own, empty for some and not unique for others: no identity of money.
    if paid_at is None or total <= 0:
        return ()
    found = [_payment(shop, f"woo:{ext_id}", ext_id, PaymentKind.CHARGE, total, order.currency, paid_at)]
    back = 0
    for refund in order.refunds:
        amount = -_money(refund.total, digits, "refunds.total", signed=True)
        if amount < 0:
            raise Drift("refunds.total", "a refund that is not negative")
        back += amount
        if amount:
            txn = f"woo-refund:{refund.id}"
            found.append(_payment(shop, txn, ext_id, PaymentKind.REFUND, amount, order.currency, modified))
    if back > total:
        raise Drift("refunds.total", "more than the order's total")
    return tuple(found)


def _payment(shop: str, txn: str, ext_id: str, kind: PaymentKind, amount: int, currency: str, at: int) -> Payment:
    return Payment(account=shop, txn_id=txn, ext_id=ext_id, kind=kind, amount=amount, currency=currency, at=at)


def _id_of(raw: bytes | msgspec.Raw) -> str:
    try:
        return clean(str(_GLANCE.decode(raw).id), 64)
    except UNREADABLE:
        return ""


def _money(text: str, digits: int, field: str, signed: bool = False) -> int:
    try:
        amount = parse_decimal(text, digits)
    except ValueError as exc:
        raise Drift(field, str(exc)) from None
    if amount < 0 and not signed:
        raise Drift(field, "negative amount")
    return amount


def _time(text: str, field: str) -> int:
    try:
        return from_text(text, zone=_UTC, fmt="%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise Drift(field, "not a time of the form yyyy-MM-ddTHH:mm:ss") from None
