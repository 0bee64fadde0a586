"""Money that goes back at Weidian: it has no list of its own, but stands within the order (facts: A2)."""

from typing import Final

from connectors.fields import Drift
from connectors.shops.weidian.shape import Item, Order
from core.model.money import parse_decimal
from core.model.order import Payment, PaymentKind, Refund, RefundState
from core.model.text import clean

CURRENCY: Final = "CNY"
STATES: Final = {"0": None, "1": RefundState.OPEN, "2": RefundState.DONE, "3": RefundState.GONE}
_ITEM_PAID_BACK: Final = "10"


def claimed(item: Item) -> bool:
    """Whether something is asked back of an item: all codes but "paid back" count as such, for only that one is known."""
    return item.refund_info is not None and item.refund_info.refund_status not in (None, "", _ITEM_PAID_BACK)


def refunds_of(order: Order, ext_id: str, total: int, at: int) -> tuple[Refund, ...]:
    """The order's claim as it stands. It goes by the order's number: an item's claim may lose its own."""
    state = STATES[order.refund_status_ori]
    if state is None and any(claimed(item) for item in order.items):
        state = RefundState.OPEN
    if state is None:
        return ()
    return (Refund(refund_id=f"{ext_id}-r", ext_id=ext_id, state=state, amount=total, reason="", at=at),)


def money_back(order: Order, ext_id: str, shop: str, total: int, at: int) -> list[Payment]:
    """What went back, item by item where items say so, else the order's own word."""
    back: dict[str, int] = {}
    for item in order.items:
        info = item.refund_info
        if info is None or info.refund_status != _ITEM_PAID_BACK:
            continue
        number = clean(info.refund_no or "", 64) or f"{ext_id}-{clean(item.item_id, 32)}"
        # Items that go back under one number show its amount each, not a share of it.
        back[number] = yuan(info.refund_fee or "", "items.refund_info.refund_fee")
    whole = order.refund_info.buyer_refund_fee if order.refund_info else None
    if not back and order.refund_status_ori == "2" and whole:
        back[ext_id] = yuan(whole, "refund_info.buyer_refund_fee")
    if sum(back.values()) > total:
        raise Drift("refund_info", "more went back than was paid")
    return [
        Payment(
            account=shop,
            txn_id=f"wd-refund:{number}",
            ext_id=ext_id,
            kind=PaymentKind.REFUND,
            amount=amount,
            currency=CURRENCY,
            at=at,
        )
        for number, amount in back.items()
        if amount
    ]


def yuan(text: str, field: str) -> int:
    """Fen of a yuan string. Raises Drift."""
    try:
        amount = parse_decimal(text)
    except ValueError as exc:
        raise Drift(field, str(exc)) from None
    if amount < 0:
        raise Drift(field, "negative amount")
    return amount
