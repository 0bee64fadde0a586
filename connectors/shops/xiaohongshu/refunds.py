"""Ark's after-sales in our words. Amounts are yuan here, unlike those of orders (facts: Xiaohongshu 6.3)."""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_price, drift_of
from connectors.shops.xiaohongshu.mapping import CURRENCY, number_of, time_of
from core.model.money import parse_decimal
from core.model.order import Payment, PaymentKind, Quarantined, Refund, RefundState
from core.model.text import clean

# A refusal of goods that were sent back (9001) goes on to the platform: it stays open, and so blocks.
_OPEN: Final = frozenset({1, 2, 3, 12, 13, 14, 9001})
_GONE: Final = frozenset({5, 6, 9})
_DONE: Final = 4
_EXCHANGE: Final = 2  # returnType: goods for goods, no money
_TYPES: Final = frozenset({1, 2, 4, 5, 6})
_PAYING: Final = frozenset({1, 2, 3, 101, 108, 201, 301, 302, 401, 402})


class _Row(Struct, rename="camel"):
    returns_id: str
    order_id: str
    status: int
    return_type: int
    updated_at: int
    expected_refund_amount_yuan: msgspec.Raw
    expire_time: int | None = None
    reason_name_zh: str | None = None


class _Info(Struct, rename="camel"):
    returns_id: str
    order_id: str
    status: int
    updated_at: int
    refund_amount_yuan: msgspec.Raw
    refund_status: int


_ROW = msgspec.json.Decoder(_Row)
_INFO = msgspec.json.Decoder(_Info)


def refund_of(raw: bytes | msgspec.Raw) -> Refund | Quarantined:
    """A row of the list. One that is done says nothing of the money that really went back: see ``money_of``."""
    data = bytes(raw)
    try:
        row = _ROW.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(number_of(raw), data)
    ext_id, status = clean(row.order_id, 64), row.status
    try:
        if status not in _OPEN | _GONE | {_DONE}:
            raise Drift("status", f"unknown value {status}")
        if row.return_type not in _TYPES:
            raise Drift("returnType", f"unknown value {row.return_type}")
        amount = _yuan(row.expected_refund_amount_yuan, "expectedRefundAmountYuan")
        at = time_of(row.updated_at, "updatedAt")
        due = row.expire_time
        deadline = time_of(due, "expireTime") if due is not None and due > 0 else None
    except Drift as drift:
        return Quarantined(ext_id=ext_id, field=f"refund.{drift.field}", why=drift.why, raw=data)
    state = RefundState.DONE if status == _DONE else RefundState.GONE if status in _GONE else RefundState.OPEN
    if status == _DONE and row.return_type == _EXCHANGE:
        state = RefundState.GONE
    return Refund(
        refund_id=clean(row.returns_id, 64),
        ext_id=ext_id,
        state=state,
        amount=amount,
        reason=clean(row.reason_name_zh or "", 200),
        at=at,
        deadline=deadline,
    )


def pays_back(refund: Refund | Quarantined) -> bool:
    """True for one that is done: how much money it gave back is for the detail call to say."""
    return isinstance(refund, Refund) and refund.state is RefundState.DONE and refund.amount > 0


def money_of(raw: bytes | msgspec.Raw, refund: Refund, shop: str) -> Payment | Quarantined | None:
    """What goes back to the buyer by this after-sale, None for nothing.

    It counts from the moment the after-sale is done, though the payment provider may still be at it: whatever is on its
    way back must not pay for a key.
    """
    data = bytes(raw)
    try:
        info = _INFO.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(refund.ext_id, data)
    try:
        if (info.returns_id, info.order_id) != (refund.refund_id, refund.ext_id):
            raise Drift("returnsId", "answer is about another after-sale")
        if info.status != _DONE:
            raise Drift("status", f"done in the list, {info.status} in the detail")
        if info.refund_status not in _PAYING:
            raise Drift("refundStatus", f"unknown value {info.refund_status}")
        amount = _yuan(info.refund_amount_yuan, "refundAmountYuan")
        check_price(amount, refund.amount, 1, "refundAmountYuan")
        at = time_of(info.updated_at, "updatedAt")
    except Drift as drift:
        return Quarantined(ext_id=refund.ext_id, field=f"refund.{drift.field}", why=drift.why, raw=data)
    if amount == 0:
        return None
    return Payment(
        account=shop,
        txn_id=f"xhs-refund:{refund.refund_id}",
        ext_id=refund.ext_id,
        kind=PaymentKind.REFUND,
        amount=amount,
        currency=CURRENCY,
        at=at,
    )


def _yuan(raw: msgspec.Raw, field: str) -> int:
    """A JSON number in yuan; its digits are read as text, so that no float comes near money."""
    try:
        amount = parse_decimal(bytes(raw).decode().strip())
    except (ValueError, UnicodeDecodeError) as exc:
        raise Drift(field, str(exc)[:120]) from None
    if amount < 0:
        raise Drift(field, "negative amount")
    return amount
