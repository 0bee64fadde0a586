"""TOP trades and refunds in our words. Amounts are yuan strings, times Beijing text (facts: TOP orders, refunds)."""

from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from connectors.fields import UNREADABLE, Drift, check_lines, check_price, check_sum, drift_of, email_in
from core.model.clock import from_text
from core.model.money import parse_decimal
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined, Refund, RefundState
from core.model.text import clean

CURRENCY: Final = "CNY"
TRADE_FIELDS: Final = (
    "tid,status,type,payment,post_fee,created,pay_time,modified,buyer_nick,buyer_open_uid,"
    "buyer_message,has_buyer_message,step_trade_status,orders"
)
REFUND_FIELDS: Final = "refund_id,tid,oid,status,refund_fee,total_fee,reason,created,modified"

_STATES: Final = {
    "TRADE_NO_CREATE_PAY": PlatformState.UNPAID,
    "WAIT_BUYER_PAY": PlatformState.UNPAID,
    "PAY_PENDING": PlatformState.UNPAID,
    "WAIT_PRE_AUTH_CONFIRM": PlatformState.UNPAID,
    "WAIT_SELLER_SEND_GOODS": PlatformState.PAID,
    # A hand outside this desk has shipped part of it, and a dummy send would ship the rest: a person looks first.
    "SELLER_CONSIGNED_PART": PlatformState.FORBIDDEN,
    "WAIT_BUYER_CONFIRM_GOODS": PlatformState.SHIPPED,
    "TRADE_BUYER_SIGNED": PlatformState.SHIPPED,
    "TRADE_FINISHED": PlatformState.FINISHED,
    "TRADE_CLOSED": PlatformState.REFUNDED,
    "TRADE_CLOSED_BY_TAOBAO": PlatformState.CANCELLED,
    "PAID_FORBID_CONSIGN": PlatformState.FORBIDDEN,
}
_FORBID: Final = {"SELLER_CONSIGNED_PART": "partly shipped elsewhere", "PAID_FORBID_CONSIGN": "PAID_FORBID_CONSIGN"}
_REFUND_STATES: Final = {
    "WAIT_SELLER_AGREE": RefundState.OPEN,
    "WAIT_BUYER_RETURN_GOODS": RefundState.OPEN,
    "WAIT_SELLER_CONFIRM_GOODS": RefundState.OPEN,
    "SELLER_REFUSE_BUYER": RefundState.GONE,
    "CLOSED": RefundState.GONE,
    "SUCCESS": RefundState.DONE,
}
# Two changes within one second carry one ``modified``; the later stage of a trade has the higher revision.
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.PAID: 1,
    PlatformState.FORBIDDEN: 1,  # a refund or a review may come and go within the second
    PlatformState.SHIPPED: 2,
    PlatformState.FINISHED: 3,
    PlatformState.CANCELLED: 4,
    PlatformState.REFUNDED: 4,
}


class _Item(Struct):
    oid: int
    num: int
    price: str
    total_fee: str
    payment: str
    status: str
    title: str = ""
    discount_fee: str | None = None
    adjust_fee: str | None = None
    divide_order_fee: str | None = None
    num_iid: int | None = None
    sku_id: str | int | None = None
    outer_iid: str | None = None
    outer_sku_id: str | None = None
    refund_status: str | None = None
    refund_id: str | int | None = None
    timeout_action_time: str | None = None


class _Items(Struct):
    order: list[_Item]


class Trade(Struct):
    """A trade as TOP shows it; what we do not use is not decoded."""

    tid: int
    status: str
    payment: str
    created: str
    modified: str
    orders: _Items
    type: str = ""
    post_fee: str | None = None
    pay_time: str | None = None
    buyer_nick: str | None = None
    buyer_open_uid: str | None = None
    buyer_message: str | UnsetType | None = UNSET
    has_buyer_message: bool | None = None
    step_trade_status: str | None = None

    @property
    def lacks_message(self) -> bool:
        """True for a row of a list that leaves the buyer's message to the detail call."""
        return self.buyer_message is UNSET and self.has_buyer_message is not False


class _RefundRow(Struct):
    refund_id: int | str
    tid: int
    status: str
    refund_fee: str
    created: str
    modified: str
    total_fee: str | None = None
    reason: str | None = None


class _Tid(Struct):
    tid: int | str = ""


_TRADE = msgspec.json.Decoder(Trade)
_REFUND = msgspec.json.Decoder(_RefundRow)
_TID = msgspec.json.Decoder(_Tid)


def decode_trade(raw: bytes | msgspec.Raw) -> Trade | Quarantined:
    """Typed strictly: a missing, retyped or null field is drift, not a default."""
    try:
        return _TRADE.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(_tid_of(raw), bytes(raw))


def order_of(trade: Trade, raw: bytes, shop: str) -> OrderUpdate | Quarantined:
    """The snapshot, with the platform-held money as one payment; Quarantined when anything does not add up."""
    ext_id = str(trade.tid)
    try:
        return _order(trade, ext_id, raw, shop)
    except Drift as drift:
        return drift.quarantined(ext_id, raw)


def _order(trade: Trade, ext_id: str, raw: bytes, shop: str) -> OrderUpdate:
    state = _STATES.get(trade.status)
    if state is None:
        raise Drift("status", f"unknown value {clean(trade.status, 40)}")
    total = _yuan(trade.payment, "payment")
    post = _yuan(trade.post_fee, "post_fee") if trade.post_fee else 0
    lines = tuple(_line(item) for item in trade.orders.order)
    check_lines(lines, "orders.order")
    check_sum(total, sum(line.amount for line in lines) + post, len(lines), "payment")
    forbid = _FORBID.get(trade.status, "")
    refunds, refund_forbid = _refunds(trade, ext_id, lines)
    if state is PlatformState.PAID and trade.step_trade_status not in (None, "", "FRONT_PAID_FINAL_PAID"):
        forbid = f"step trade {clean(trade.step_trade_status or '', 40)}"
    if state is PlatformState.PAID and (forbid or refund_forbid):
        state, forbid = PlatformState.FORBIDDEN, forbid or refund_forbid
    paid_at = _time(trade.pay_time, "pay_time") if trade.pay_time else None
    held = state not in (PlatformState.UNPAID, PlatformState.CANCELLED)
    if held and paid_at is None:
        # Without it nothing shows that money was ever there: a cash-on-delivery trade looks just like this.
        raise Drift("pay_time", "missing on a paid trade")
    payments = _payments(ext_id, shop, total, paid_at) if held and paid_at is not None else ()
    message = trade.buyer_message if isinstance(trade.buyer_message, str) else ""
    message = clean(message)
    deadlines = [
        _time(item.timeout_action_time, "orders.order.timeout_action_time")
        for item in trade.orders.order
        if item.timeout_action_time
    ]
    return OrderUpdate(
        ext_id=ext_id,
        rev=_time(trade.modified, "modified") + _RANK[state],
        state=state,
        created_at=_time(trade.created, "created"),
        total=total,
        currency=CURRENCY,
        lines=lines,
        buyer=clean(trade.buyer_open_uid or "", 100),
        buyer_name=clean(trade.buyer_nick or "", 100),
        contact=email_in(message),
        message=message,
        paid_at=paid_at,
        deadline=min(deadlines) if deadlines else None,
        forbid=forbid,
        payments=payments,
        refunds=refunds,
        raw=raw,
    )


def _payments(ext_id: str, shop: str, total: int, paid_at: int) -> tuple[Payment, ...]:
    # alipay_no is no identity here: trades that were paid together share one, and list rows may lack it.
    if total <= 0:
        return ()
    return (
        Payment(
            account=shop,
            txn_id=f"tb:{ext_id}",
            ext_id=ext_id,
            kind=PaymentKind.CHARGE,
            amount=total,
            currency=CURRENCY,
            at=paid_at,
        ),
    )


def _line(item: _Item) -> Line:
    amount = _yuan(item.divide_order_fee or item.payment, "orders.order.payment")
    price = _yuan(item.price, "orders.order.price")
    check_price(amount, price, item.num, "orders.order.price")
    # TOP: an item's total_fee is price times number, less its own discount, plus what was adjusted by hand.
    less = _yuan(item.discount_fee, "orders.order.discount_fee") if item.discount_fee else 0
    more = _yuan(item.adjust_fee, "orders.order.adjust_fee", signed=True) if item.adjust_fee else 0
    owed = _yuan(item.total_fee, "orders.order.total_fee")
    check_sum(owed, price * item.num - less + more, max(item.num, 1), "orders.order.num")
    check_price(amount, owed, 1, "orders.order.payment")
    sku = item.outer_sku_id or item.sku_id or item.outer_iid or item.num_iid or ""
    return Line(line=str(item.oid), sku=clean(str(sku), 100), title=clean(item.title), qty=item.num, amount=amount)


def _refunds(trade: Trade, ext_id: str, lines: tuple[Line, ...]) -> tuple[tuple[Refund, ...], str]:
    """Refunds that the item rows show, and why they forbid shipping when they cannot be tracked one by one."""
    found, forbid = [], ""
    at = _time(trade.modified, "modified")
    for item, line in zip(trade.orders.order, lines, strict=True):
        if item.refund_status in (None, "", "NO_REFUND"):
            continue
        state = _REFUND_STATES.get(item.refund_status or "")
        if state is None:
            raise Drift("orders.order.refund_status", f"unknown value {clean(item.refund_status or '', 40)}")
        if state is RefundState.DONE:
            # The money itself comes from the refund list; a trade that stays "to ship" was refunded in part.
            forbid = "refunded in part"
        elif item.refund_id:
            found.append(
                Refund(refund_id=str(item.refund_id), ext_id=ext_id, state=state, amount=line.amount, reason="", at=at)
            )
        elif state is RefundState.OPEN:
            forbid = "refund open"
    return tuple(found), forbid


def refund_of(raw: bytes | msgspec.Raw, shop: str) -> list[Refund | Payment | Quarantined]:
    """A row of the refund list; with SUCCESS the money that went back."""
    data = bytes(raw)
    try:
        row = _REFUND.decode(raw)
    except UNREADABLE as exc:
        return [drift_of(exc).quarantined(_tid_of(raw), data)]
    ext_id, refund_id = str(row.tid), str(row.refund_id)
    try:
        state = _REFUND_STATES.get(row.status)
        if state is None:
            raise Drift("status", f"unknown value {clean(row.status, 40)}")
        amount, at = _yuan(row.refund_fee, "refund_fee"), _time(row.modified, "modified")
        if row.total_fee:
            check_price(amount, _yuan(row.total_fee, "total_fee"), 1, "refund_fee")
    except Drift as drift:
        return [Quarantined(ext_id=ext_id, field=f"refund.{drift.field}", why=drift.why, raw=data)]
    refund = Refund(
        refund_id=refund_id, ext_id=ext_id, state=state, amount=amount, reason=clean(row.reason or "", 200), at=at
    )
    if state is not RefundState.DONE or amount == 0:
        return [refund]
    money = Payment(
        account=shop,
        txn_id=f"tb-refund:{refund_id}",
        ext_id=ext_id,
        kind=PaymentKind.REFUND,
        amount=amount,
        currency=CURRENCY,
        at=at,
    )
    return [refund, money]


def _tid_of(raw: bytes | msgspec.Raw) -> str:
    try:
        return clean(str(_TID.decode(raw).tid), 64)
    except UNREADABLE:
        return ""


def _yuan(text: str, field: str, signed: bool = False) -> int:
    try:
        amount = parse_decimal(text)
    except ValueError as exc:
        raise Drift(field, str(exc)) from None
    if amount < 0 and not signed:
        raise Drift(field, "negative amount")
    return amount


def _time(text: str, field: str) -> int:
    try:
        return from_text(text)
    except ValueError:
        raise Drift(field, "not a time of the form yyyy-MM-dd HH:mm:ss") from None
