"""Shopify orders in our words. Amounts are decimal strings of the shop's currency, times ISO 8601 in UTC (facts: A7, C4)."""

from datetime import timedelta, timezone
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_sum, drift_of, is_email
from connectors.shops.shopify.money import Bag, Purse
from core.model.clock import from_text
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined
from core.model.text import clean

UTC: Final = timezone(timedelta(0))
_UNPAID: Final = frozenset({"PENDING", "AUTHORIZED", "PARTIALLY_PAID", "EXPIRED"})
_PAID: Final = frozenset({"PAID", "PARTIALLY_REFUNDED"})
_ENDED: Final = {"REFUNDED": PlatformState.REFUNDED, "VOIDED": PlatformState.CANCELLED}
# All but the first two mean that somebody else works on the order, or that it waits for something.
_FULFILLMENT: Final = frozenset(
    {"UNFULFILLED", "FULFILLED", "PARTIALLY_FULFILLED", "IN_PROGRESS", "ON_HOLD", "OPEN", "PENDING_FULFILLMENT"}
    | {"REQUEST_DECLINED", "RESTOCKED", "SCHEDULED"}
)
_RISKS: Final = {"ACCEPT": "", "NONE": "", "INVESTIGATE": "risk: investigate", "CANCEL": "risk: cancel"}
_MONEY_IN: Final = frozenset({"SALE", "CAPTURE"})
_MONEY_OUT: Final = frozenset({"REFUND", "CHANGE"})
_NO_MONEY: Final = frozenset({"AUTHORIZATION", "EMV_AUTHORIZATION", "VOID", "SUGGESTED_REFUND"})
_NOT_DONE: Final = frozenset({"PENDING", "FAILURE", "ERROR", "AWAITING_RESPONSE", "UNKNOWN"})
_RANK: Final = {PlatformState.UNPAID: 0, PlatformState.PAID: 1, PlatformState.FORBIDDEN: 1, PlatformState.SHIPPED: 2}


class _Id(Struct):
    id: str


class _Customer(Struct, rename="camel"):
    id: str
    display_name: str


class _Risk(Struct):
    recommendation: str


class _Transaction(Struct, rename="camel"):
    id: str
    kind: str
    status: str
    processed_at: str | None
    amount_set: Bag


class _Allocation(Struct, rename="camel"):
    allocated_amount_set: Bag


class _Tax(Struct, rename="camel"):
    price_set: Bag


class _Item(Struct, rename="camel"):
    id: str
    sku: str | None
    title: str
    quantity: int
    current_quantity: int
    variant: _Id | None
    original_unit_price_set: Bag
    discount_allocations: list[_Allocation]
    tax_lines: list[_Tax]


class _More(Struct, rename="camel"):
    has_next_page: bool


class _Items(Struct, rename="camel"):
    nodes: list[_Item]
    page_info: _More


class _Order(Struct, rename="camel"):
    id: str
    email: str | None
    note: str | None
    created_at: str
    updated_at: str
    cancelled_at: str | None
    test: bool
    currency_code: str
    taxes_included: bool
    display_financial_status: str
    display_fulfillment_status: str
    customer: _Customer | None
    total_price_set: Bag
    current_total_price_set: Bag
    current_total_tax_set: Bag
    current_shipping_price_set: Bag
    total_tip_received_set: Bag
    current_total_duties_set: Bag | None
    current_total_additional_fees_set: Bag | None
    total_received_set: Bag
    total_refunded_set: Bag
    risk: _Risk
    transactions: list[_Transaction]
    line_items: _Items


class _Glance(Struct):
    id: str = ""


_ORDER = msgspec.json.Decoder(_Order)
_GLANCE = msgspec.json.Decoder(_Glance)


def number_of(gid: str, kind: str) -> str:
    """The number at the end of a global id such as ``gid://shopify/Order/1``. Raises Drift."""
    head, _, tail = gid.rpartition("/")
    if head != f"gid://shopify/{kind}" or not (tail.isascii() and tail.isdigit()):
        raise Drift("id", f"not the id of a {kind}")
    return tail


def order_of(raw: bytes | msgspec.Raw, shop: str, takes_tests: bool) -> OrderUpdate | Quarantined:
    """The snapshot with its money; Quarantined when anything is missing, retyped, unknown or does not add up."""
    data = bytes(raw)
    try:
        order = _ORDER.decode(raw)
        ext_id = number_of(order.id, "Order")
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(_number_in(raw), data)
    except Drift as drift:
        return drift.quarantined("", data)
    try:
        return _order(order, ext_id, data, shop, takes_tests)
    except Drift as drift:
        return drift.quarantined(ext_id, data)


def _order(order: _Order, ext_id: str, raw: bytes, shop: str, takes_tests: bool) -> OrderUpdate:
    purse = Purse(order.currency_code)
    state = _state(order)
    total = purse.of(order.total_price_set, "totalPriceSet")
    lines = tuple(_line(item, purse, order.taxes_included) for item in order.line_items.nodes)
    if order.line_items.page_info.has_next_page:
        raise Drift("lineItems", f"more than {len(lines)} lines")
    check_lines(lines, "lineItems.nodes")
    payments, refunded = _payments(order, ext_id, shop, purse)
    touched = (
        purse.of(order.current_total_price_set, "currentTotalPriceSet") != total
        or refunded > 0
        or any(item.current_quantity != item.quantity for item in order.line_items.nodes)
    )
    if not touched:
        _check_total(order, total, lines, purse)
    forbid = ""
    if state is PlatformState.PAID:
        forbid = _forbidden(order, touched, takes_tests)
        state = PlatformState.FORBIDDEN if forbid else state
    return OrderUpdate(
        ext_id=ext_id,
        rev=_time(order.updated_at, "updatedAt") + _RANK.get(state, 3),
        state=state,
        created_at=_time(order.created_at, "createdAt"),
        total=total,
        currency=order.currency_code,
        lines=lines,
        buyer=number_of(order.customer.id, "Customer") if order.customer else "",
        buyer_name=clean(order.customer.display_name, 100) if order.customer else "",
        contact=order.email if order.email is not None and is_email(order.email) else "",
        message=clean(order.note or ""),
        paid_at=max((p.at for p in payments if p.kind is PaymentKind.CHARGE), default=None),
        forbid=forbid,
        payments=payments,
        raw=raw,
    )


def _state(order: _Order) -> PlatformState:
    financial, shipping = order.display_financial_status, order.display_fulfillment_status
    if financial not in _UNPAID | _PAID | _ENDED.keys():
        raise Drift("displayFinancialStatus", f"unknown value {clean(financial, 40)}")
    if shipping not in _FULFILLMENT:
        raise Drift("displayFulfillmentStatus", f"unknown value {clean(shipping, 40)}")
    if financial in _ENDED:
        return _ENDED[financial]
    if order.cancelled_at is not None:
        return PlatformState.CANCELLED
    if shipping == "FULFILLED":
        return PlatformState.SHIPPED
    return PlatformState.PAID if financial in _PAID else PlatformState.UNPAID


def _forbidden(order: _Order, touched: bool, takes_tests: bool) -> str:
    """Why a paid order must not be shipped, "" when it may."""
    risk = _RISKS.get(order.risk.recommendation)
    if risk is None:
        raise Drift("risk.recommendation", f"unknown value {clean(order.risk.recommendation, 40)}")
    if risk:
        return risk
    if order.test and not takes_tests:
        return "test order"
    if order.display_fulfillment_status != "UNFULFILLED":
        return order.display_fulfillment_status.lower().replace("_", " ")
    # Which of the goods are still owed is not for a program to guess.
    return "edited or refunded in part" if touched else ""


def _line(item: _Item, purse: Purse, taxes_included: bool) -> Line:
    full = purse.of(item.original_unit_price_set, "lineItems.originalUnitPriceSet") * item.quantity
    less = sum(purse.of(one.allocated_amount_set, "lineItems.discountAllocations") for one in item.discount_allocations)
    tax = 0
    if not taxes_included:
        tax = sum(purse.of(one.price_set, "lineItems.taxLines") for one in item.tax_lines)
    variant = number_of(item.variant.id, "ProductVariant") if item.variant else ""
    return Line(
        line=number_of(item.id, "LineItem"),
        sku=clean(item.sku or variant, 100),
        title=clean(item.title),
        qty=item.quantity,
        amount=full - less + tax,
    )


def _check_total(order: _Order, total: int, lines: tuple[Line, ...], purse: Purse) -> None:
    parts = sum(line.amount for line in lines)
    shipping = purse.of(order.current_shipping_price_set, "currentShippingPriceSet")
    if not order.taxes_included:
        # The lines carry their own tax; what is left of the order's is that of shipping.
        taxes = [one for item in order.line_items.nodes for one in item.tax_lines]
        left = purse.of(order.current_total_tax_set, "currentTotalTaxSet")
        left -= sum(purse.of(one.price_set, "lineItems.taxLines") for one in taxes)
        if not -len(lines) <= left <= shipping:
            raise Drift("lineItems.taxLines", "not the order's tax")
        parts += left
    parts += shipping
    parts += purse.of(order.total_tip_received_set, "totalTipReceivedSet")
    parts += purse.maybe(order.current_total_duties_set, "currentTotalDutiesSet")
    parts += purse.maybe(order.current_total_additional_fees_set, "currentTotalAdditionalFeesSet")
    check_sum(total, parts, len(lines), "totalPriceSet")


def _payments(order: _Order, ext_id: str, shop: str, purse: Purse) -> tuple[tuple[Payment, ...], int]:
    """Each transaction that moved money, and how much went back; the order's own sums must agree."""
    found: list[Payment] = []
    came, went = 0, 0
    for one in order.transactions:
        if one.kind not in _MONEY_IN | _MONEY_OUT | _NO_MONEY:
            raise Drift("transactions.kind", f"unknown value {clean(one.kind, 40)}")
        if one.status != "SUCCESS" and one.status not in _NOT_DONE:
            raise Drift("transactions.status", f"unknown value {clean(one.status, 40)}")
        amount = purse.of(one.amount_set, "transactions.amountSet")
        if one.status != "SUCCESS" or one.kind in _NO_MONEY or amount == 0:
            continue
        kind = PaymentKind.CHARGE if one.kind in _MONEY_IN else PaymentKind.REFUND
        came, went = (came + amount, went) if kind is PaymentKind.CHARGE else (came, went + amount)
        found.append(
            Payment(
                account=shop,
                txn_id=f"shopify:{number_of(one.id, 'OrderTransaction')}",
                ext_id=ext_id,
                kind=kind,
                amount=amount,
                currency=order.currency_code,
                at=_time(one.processed_at or order.updated_at, "transactions.processedAt"),
            )
        )
    # The shop's money of a foreign sale is converted, transaction by transaction.
    check_sum(purse.of(order.total_received_set, "totalReceivedSet"), came, len(found), "totalReceivedSet")
    refunded = purse.of(order.total_refunded_set, "totalRefundedSet")
    change = sum(purse.of(t.amount_set, "") for t in order.transactions if t.kind == "CHANGE" and t.status == "SUCCESS")
    check_sum(refunded, went - change, len(found), "totalRefundedSet")
    return tuple(found), went


def _number_in(raw: bytes | msgspec.Raw) -> str:
    try:
        return number_of(_GLANCE.decode(raw).id, "Order")
    except (*UNREADABLE, Drift):
        return ""


def _time(text: str, field: str) -> int:
    try:
        return from_text(text, zone=UTC, fmt="%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        raise Drift(field, "not a time of the form yyyy-MM-ddTHH:mm:ssZ") from None
