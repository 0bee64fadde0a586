"""Vendure orders in our words. Amounts are integers in the server's own precision, times ISO 8601 in UTC (facts: A9, C4)."""

from datetime import timedelta, timezone
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_price, check_sum, drift_of, hundredfold, is_email
from core.model.clock import from_text
from core.model.money import digits_of
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined, Refund, RefundState
from core.model.text import clean

OURS: Final = "Keydesk"  # method of the fulfilments made here
_UTC: Final = timezone(timedelta(0))
_STATES: Final = {
    "Created": PlatformState.UNPAID,
    "Draft": PlatformState.UNPAID,
    "AddingItems": PlatformState.UNPAID,
    "ArrangingPayment": PlatformState.UNPAID,
    "PaymentAuthorized": PlatformState.UNPAID,
    "PaymentSettled": PlatformState.PAID,
    "PartiallyShipped": PlatformState.FORBIDDEN,
    "PartiallyDelivered": PlatformState.FORBIDDEN,
    "Modifying": PlatformState.FORBIDDEN,
    "ArrangingAdditionalPayment": PlatformState.FORBIDDEN,
    "Shipped": PlatformState.SHIPPED,
    "Delivered": PlatformState.FINISHED,
    "Cancelled": PlatformState.CANCELLED,
}
_PAYMENTS: Final = frozenset({"Created", "Authorized", "Settled", "Declined", "Error", "Cancelled"})
_REFUNDS: Final = {"Pending": RefundState.OPEN, "Settled": RefundState.DONE, "Failed": RefundState.GONE}
_TYPES: Final = frozenset({"Regular", "Aggregate", "Seller"})


class _Customer(Struct, rename="camel"):
    id: str
    email_address: str
    first_name: str
    last_name: str


class _Variant(Struct):
    id: str
    sku: str
    name: str


class _Item(Struct, rename="camel"):
    id: str
    quantity: int
    order_placed_quantity: int
    unit_price_with_tax: int
    line_price_with_tax: int
    prorated_line_price_with_tax: int
    product_variant: _Variant


class _Surcharge(Struct, rename="camel"):
    price_with_tax: int


class _Refund(Struct, rename="camel"):
    id: str
    state: str
    total: int
    reason: str | None
    created_at: str


class _Payment(Struct, rename="camel"):
    id: str
    state: str
    amount: int
    created_at: str
    refunds: list[_Refund]


class _Fulfillment(Struct, rename="camel"):
    id: str
    state: str
    method: str
    tracking_code: str | None


class _Entry(Struct, rename="camel"):
    created_at: str


class _History(Struct, rename="camel"):
    total_items: int
    items: list[_Entry]


class _Order(Struct, rename="camel"):
    id: str
    code: str
    type: str
    state: str
    order_placed_at: str | None
    created_at: str
    currency_code: str
    total_with_tax: int
    shipping_with_tax: int
    customer: _Customer | None
    lines: list[_Item]
    surcharges: list[_Surcharge]
    payments: list[_Payment] | None
    fulfillments: list[_Fulfillment] | None
    history: _History


class _Glance(Struct):
    code: str = ""


_ORDER = msgspec.json.Decoder(_Order)
_GLANCE = msgspec.json.Decoder(_Glance)


def order_of(raw: bytes | msgspec.Raw, shop: str, precision: int) -> OrderUpdate | Quarantined:
    """The snapshot with its money; Quarantined when anything is missing, retyped, unknown or does not add up.

    ``precision``: decimal digits of the server's amounts, whatever the currency (Vendure's money strategy; 2 by default).
    """
    data = bytes(raw)
    try:
        order = _ORDER.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(_code_in(raw), data)
    try:
        if not order.code or clean(order.code, 64) != order.code:
            raise Drift("code", "not an order code")
        return _order(order, data, shop, _Purse(order.currency_code, precision))
    except Drift as drift:
        return drift.quarantined(clean(order.code, 64), data)


def _order(order: _Order, raw: bytes, shop: str, purse: "_Purse") -> OrderUpdate:
    state = _STATES.get(order.state)
    if state is None:
        raise Drift("state", f"unknown value {clean(order.state, 40)}")
    if order.type not in _TYPES:
        raise Drift("type", f"unknown value {clean(order.type, 40)}")
    gone = state is PlatformState.CANCELLED
    lines = tuple(_line(item, purse, gone) for item in order.lines if gone or item.quantity)
    check_lines(lines, "lines")
    # A cancelled order owes nothing any more and its lines are empty: what it was is told instead.
    total = sum(line.amount for line in lines) if gone else purse.of(order.total_with_tax, "totalWithTax")
    if not gone:
        parts = sum(line.amount for line in lines) + purse.of(order.shipping_with_tax, "shippingWithTax")
        parts += sum(purse.of(one.price_with_tax, "surcharges", signed=True) for one in order.surcharges)
        check_sum(total, parts, len(lines), "totalWithTax")
    payments, refunds = _money(order, shop, purse)
    came = sum(p.amount for p in payments if p.kind is PaymentKind.CHARGE)
    went = sum(p.amount for p in payments if p.kind is PaymentKind.REFUND)
    if came and hundredfold(came, total):
        raise Drift("payments.amount", "unit_suspect")
    if state in (PlatformState.PAID, PlatformState.SHIPPED, PlatformState.FINISHED) and total and not came:
        raise Drift("payments", "a paid order without a settled payment")
    forbid = _forbidden(order, state)
    if gone and came and came == went:
        state = PlatformState.REFUNDED
    if not order.history.items:
        raise Drift("history.items", "an order without a history")
    return OrderUpdate(
        ext_id=order.code,
        rev=_time(order.history.items[0].created_at, "history.items.createdAt") + order.history.total_items,
        state=PlatformState.FORBIDDEN if forbid else state,
        created_at=_time(order.created_at, "createdAt"),
        total=total,
        currency=order.currency_code,
        lines=lines,
        buyer=clean(order.customer.id, 100) if order.customer else "",
        buyer_name=clean(f"{order.customer.first_name} {order.customer.last_name}".strip(), 100)
        if order.customer
        else "",
        contact=order.customer.email_address if order.customer and is_email(order.customer.email_address) else "",
        paid_at=max((p.at for p in payments if p.kind is PaymentKind.CHARGE), default=None),
        forbid=forbid,
        payments=payments,
        refunds=refunds,
        raw=raw,
    )


def _forbidden(order: _Order, state: PlatformState) -> str:
    """Why an order that has money must not be shipped, "" when it may or when that is no question."""
    if state is PlatformState.FORBIDDEN:
        return order.state
    if state is not PlatformState.PAID:
        return ""
    if order.type == "Seller":
        return "part of an aggregate order"
    if any(item.quantity != item.order_placed_quantity for item in order.lines):
        return "changed after it was placed"
    begun = [one for one in order.fulfillments or [] if one.state != "Cancelled" and one.method != OURS]
    return "fulfilment begun elsewhere" if begun else ""


def _line(item: _Item, purse: "_Purse", gone: bool) -> Line:
    unit = purse.of(item.unit_price_with_tax, "lines.unitPriceWithTax")
    full = purse.of(item.line_price_with_tax, "lines.linePriceWithTax")
    # Tax may be rounded by the unit or by the line.
    check_sum(full, unit * item.quantity, max(item.quantity, 1), "lines.linePriceWithTax")
    amount = purse.of(item.prorated_line_price_with_tax, "lines.proratedLinePriceWithTax")
    check_price(amount, full, 1, "lines.proratedLinePriceWithTax")
    quantity = item.quantity
    if gone and not quantity:
        quantity = item.order_placed_quantity
        amount = unit * quantity
    variant = item.product_variant
    sku, title = clean(variant.sku or variant.id, 100), clean(variant.name)
    return Line(line=clean(item.id, 64), sku=sku, title=title, qty=quantity, amount=amount)


def _money(order: _Order, shop: str, purse: "_Purse") -> tuple[tuple[Payment, ...], tuple[Refund, ...]]:
    """Settled payments and refunds as money, every refund as the request that it is while it is pending."""
    money: list[Payment] = []
    refunds: list[Refund] = []

    def moved(txn: str, kind: PaymentKind, amount: int, at: str, field: str) -> None:
        if amount:
            when = _time(at, f"{field}.createdAt")
            money.append(
                Payment(account=shop, txn_id=txn, ext_id=order.code, kind=kind, amount=amount, currency=order.currency_code, at=when)
            )  # fmt: skip

    for one in order.payments or []:
        if one.state not in _PAYMENTS:
            raise Drift("payments.state", f"unknown value {clean(one.state, 40)}")
        amount = purse.of(one.amount, "payments.amount")
        back = 0
        if one.state == "Settled":
            moved(f"vendure:{clean(one.id, 64)}", PaymentKind.CHARGE, amount, one.created_at, "payments")
        for refund in one.refunds:
            state = _REFUNDS.get(refund.state)
            if state is None:
                raise Drift("payments.refunds.state", f"unknown value {clean(refund.state, 40)}")
            owed = purse.of(refund.total, "payments.refunds.total")
            at = _time(refund.created_at, "payments.refunds.createdAt")
            number = clean(refund.id, 64)
            refunds.append(
                Refund(refund_id=number, ext_id=order.code, state=state, amount=owed, reason=clean(refund.reason or "", 200), at=at)
            )  # fmt: skip
            if state is RefundState.DONE:
                back += owed
                moved(f"vendure-refund:{number}", PaymentKind.REFUND, owed, refund.created_at, "payments.refunds")
        if back > amount:
            raise Drift("payments.refunds.total", "more than the payment")
    return tuple(money), tuple(refunds)


class _Purse:
    """Amounts of one currency, from the server's precision to minor units."""

    def __init__(self, currency: str, precision: int) -> None:
        if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
            raise Drift("currencyCode", "not a currency code")
        self._shift = precision - digits_of(currency)

    def of(self, amount: int, field: str, signed: bool = False) -> int:
        """Raises Drift for a negative amount and for more digits than the currency has."""
        if amount < 0 and not signed:
            raise Drift(field, "negative amount")
        if self._shift <= 0:
            return int(amount * 10**-self._shift)
        whole, rest = divmod(amount, 10**self._shift)
        if rest:
            raise Drift(field, "more precise than the currency")
        return int(whole)


def _code_in(raw: bytes | msgspec.Raw) -> str:
    try:
        return clean(_GLANCE.decode(raw).code, 64)
    except UNREADABLE:
        return ""


def _time(text: str, field: str) -> int:
    try:
        return from_text(text, zone=_UTC, fmt="%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        raise Drift(field, "not a time of the form yyyy-MM-ddTHH:mm:ss.SSSZ") from None
