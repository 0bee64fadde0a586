"""Douyin orders in our words. Amounts are integer fen, times Unix seconds (facts: Douyin orders)."""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_price, check_sum, drift_of, is_email
from core.model.clock import HOUR, SECOND
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined
from core.model.text import clean

CURRENCY: Final = "CNY"
SYNC_LIMIT: Final = 24 * HOUR  # coupons/syncV2 refuses later than this (010012)
_EARLIEST, _LATEST = 1_262_304_000, 4_102_444_800  # 2010 to 2100: a time outside is in another unit
_STATES: Final = {
    1: PlatformState.UNPAID,
    # Paid, but the platform has not released it yet: review, or a group that is still forming.
    105: PlatformState.FORBIDDEN,
    2: PlatformState.PAID,
    # A hand outside this desk has shipped part of it: a person looks first.
    101: PlatformState.FORBIDDEN,
    3: PlatformState.SHIPPED,
    4: PlatformState.CANCELLED,
    5: PlatformState.FINISHED,
}
_FORBID: Final = {105: "not released for shipping", 101: "partly shipped elsewhere"}
_NO_MONEY: Final = {0: "cash on delivery", 12: "the buyer pays later"}
_PAY_TYPES: Final = frozenset({0, 1, 2, 3, 4, 5, 7, 8, 9, 12})
# After-sale as the order's own lines show it: none or over without money, money back, and everything else open.
_LINE_FREE: Final = frozenset({0, 14, 28})
_LINE_BACK: Final = frozenset({12, 51, 53})
_LINE_OPEN: Final = frozenset({6, 7, 8, 11, 13, 27, 29})
# Two changes within one second carry one ``update_time``; the later stage has the higher revision.
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.PAID: 1,
    PlatformState.FORBIDDEN: 1,  # a refund or a review may come and go within the second
    PlatformState.SHIPPED: 2,
    PlatformState.FINISHED: 3,
    PlatformState.CANCELLED: 4,
    PlatformState.REFUNDED: 4,
}


class _AfterSale(Struct):
    after_sale_status: int


class _Account(Struct):
    account_type: str | None = None
    account_id: str | None = None


class _Accounts(Struct):
    account_info: list[_Account] | None = None


class _Item(Struct):
    order_id: str
    order_status: int
    item_num: int
    origin_amount: int
    pay_amount: int
    sku_id: int
    after_sale_info: _AfterSale
    product_name: str = ""
    sum_amount: int | None = None
    out_sku_id: str | None = None
    code: str | None = None
    account_list: _Accounts | None = None


class _Order(Struct):
    """An order as the platform shows it; what we do not use is not decoded."""

    order_id: str
    order_status: int
    pay_type: int
    pay_amount: int
    pay_time: int  # 0 until it is paid
    create_time: int
    update_time: int
    sku_order_list: list[_Item]
    post_amount: int = 0
    exp_ship_time: int = 0
    buyer_words: str | None = None
    open_id: str | None = None
    doudian_open_id: str | None = None


class _Number(Struct):
    order_id: str = ""


_ORDER = msgspec.json.Decoder(_Order)
_NUMBER = msgspec.json.Decoder(_Number)


class Issue(Struct, frozen=True):
    """What a coupon call needs of its order beside the keys: equal on every repeat, because the order's own."""

    paid_at: int  # UTC us
    skus: dict[str, int]  # sub-order -> the platform's sku id


def order_of(raw: bytes | msgspec.Raw, shop: str) -> tuple[OrderUpdate | Quarantined, Issue | None]:
    """The snapshot with the platform-held money as one payment, and what a coupon call of it needs.

    Quarantined when anything does not add up.
    """
    data = bytes(raw)
    try:
        order = _ORDER.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(_number_of(raw), data), None
    try:
        update = _order(order, data, shop)
    except Drift as drift:
        return drift.quarantined(clean(order.order_id, 64), data), None
    if update.paid_at is None:
        return update, None
    return update, Issue(update.paid_at, {item.order_id: item.sku_id for item in order.sku_order_list})


def _order(order: _Order, raw: bytes, shop: str) -> OrderUpdate:
    ext_id = plain_id(order.order_id, "order_id")
    paid_at = moment(order.pay_time, "pay_time") if order.pay_time else None
    if order.pay_type not in _PAY_TYPES:
        raise Drift("pay_type", f"unknown value {order.pay_type}")
    state, forbid = _state(order, paid_at)
    lines = tuple(_line(item) for item in order.sku_order_list)
    check_lines(lines, "sku_order_list")
    total = fen(order.pay_amount, "pay_amount")
    goods, post = sum(line.amount for line in lines), fen(order.post_amount, "post_amount")
    # Whether the lines' amounts hold their share of the postage is not documented; either way the total is the total.
    check_sum(total, goods + post if abs(total - goods) > len(lines) else goods, len(lines), "pay_amount")
    held = paid_at is not None and total > 0 and order.pay_type not in _NO_MONEY
    payments: tuple[Payment, ...] = ()
    if held and paid_at is not None and state not in (PlatformState.UNPAID, PlatformState.CANCELLED):
        payments = (payment(f"dy:{ext_id}", ext_id, shop, PaymentKind.CHARGE, total, paid_at),)
    limits = [paid_at + SYNC_LIMIT] if paid_at is not None else []
    if order.exp_ship_time:
        limits.append(moment(order.exp_ship_time, "exp_ship_time"))
    return OrderUpdate(
        ext_id=ext_id,
        rev=moment(order.update_time, "update_time") + _RANK[state],
        state=state,
        created_at=moment(order.create_time, "create_time"),
        total=total,
        currency=CURRENCY,
        lines=lines,
        contact=_contact(order),
        buyer=clean(order.doudian_open_id or order.open_id or "", 100),
        message=clean(order.buyer_words or ""),
        paid_at=paid_at,
        deadline=min(limits) if limits else None,
        forbid=forbid,
        payments=payments,
        raw=raw,
    )


def _state(order: _Order, paid_at: int | None) -> tuple[PlatformState, str]:
    state = _STATES.get(order.order_status)
    if state is None:
        raise Drift("order_status", f"unknown value {order.order_status}")
    forbid = _lines_forbid(order)
    if state is PlatformState.CANCELLED:
        return (PlatformState.CANCELLED if paid_at is None else PlatformState.REFUNDED), ""
    if state is PlatformState.UNPAID:
        return state, ""
    no_money = _NO_MONEY.get(order.pay_type)
    if paid_at is None and no_money is None:
        # Without it nothing shows that money was ever there.
        raise Drift("pay_time", "missing on a paid order")
    if state in (PlatformState.SHIPPED, PlatformState.FINISHED):
        return state, ""
    forbid = no_money or _FORBID.get(order.order_status, "") or forbid
    return (PlatformState.FORBIDDEN, forbid) if forbid else (PlatformState.PAID, "")


def _lines_forbid(order: _Order) -> str:
    """Why a line forbids shipping the order as a whole. Raises Drift for a code that nobody has described."""
    forbid = ""
    for item in order.sku_order_list:
        if item.order_status not in _STATES:
            raise Drift("sku_order_list.order_status", f"unknown value {item.order_status}")
        after = item.after_sale_info.after_sale_status
        if after not in _LINE_FREE | _LINE_BACK | _LINE_OPEN:
            raise Drift("sku_order_list.after_sale_info.after_sale_status", f"unknown value {after}")
        if after in _LINE_OPEN:
            forbid = "refund open"
        elif after in _LINE_BACK or item.order_status == 4:
            forbid = forbid or "refunded in part"
        elif item.order_status in (3, 5, 101):
            forbid = forbid or "partly shipped elsewhere"
    return forbid


def _line(item: _Item) -> Line:
    amount, price = (
        fen(item.pay_amount, "sku_order_list.pay_amount"),
        fen(item.origin_amount, "sku_order_list.origin_amount"),
    )
    check_price(amount, price, item.item_num, "sku_order_list.origin_amount")
    if item.sum_amount is not None:
        check_sum(
            fen(item.sum_amount, "sku_order_list.sum_amount"), price * item.item_num, 0, "sku_order_list.item_num"
        )
    sku = item.out_sku_id or item.code or (str(item.sku_id) if item.sku_id else "")
    return Line(
        line=plain_id(item.order_id, "sku_order_list.order_id"),
        sku=clean(sku, 100),
        title=clean(item.product_name),
        qty=item.item_num,
        amount=amount,
    )


def _contact(order: _Order) -> str:
    """The one e-mail account that the buyer wants topped up, "" for none, a masked one, or two different ones."""
    found = {
        (account.account_id or "").strip()
        for item in order.sku_order_list
        for account in (item.account_list.account_info if item.account_list else None) or ()
        if account.account_type == "Email"
    }
    (one,) = found if len(found) == 1 else ("",)
    return one if is_email(one) else ""


def payment(txn: str, ext_id: str, shop: str, kind: PaymentKind, amount: int, at: int) -> Payment:
    """Money that the platform holds for the shop, or gave back."""
    return Payment(account=shop, txn_id=txn, ext_id=ext_id, kind=kind, amount=amount, currency=CURRENCY, at=at)


def plain_id(text: str, field: str) -> str:
    """An id as it stands; Drift when it is empty or holds what cannot be shown."""
    if not text or clean(text, 64) != text:
        raise Drift(field, "empty or not plain text")
    return text


def fen(amount: int, field: str) -> int:
    """An amount as it stands, in fen; Drift when it is negative."""
    if amount < 0:
        raise Drift(field, "negative amount")
    return amount


def moment(second: int, field: str) -> int:
    """UTC microseconds of Unix seconds; Drift when the number must be in another unit."""
    if not _EARLIEST <= second < _LATEST:
        raise Drift(field, "not Unix seconds")
    return second * SECOND


def _number_of(raw: bytes | msgspec.Raw) -> str:
    try:
        return clean(_NUMBER.decode(raw).order_id, 64)
    except UNREADABLE:
        return ""
