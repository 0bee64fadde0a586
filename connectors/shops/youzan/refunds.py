"""Youzan's refunds in our words: amounts yuan strings, times Beijing text (facts: A1)."""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, drift_of
from connectors.shops.youzan.mapping import CURRENCY, time_of, yuan
from core.model.order import Payment, PaymentKind, Quarantined, Refund, RefundState
from core.model.text import clean

# A seller who refuses because nothing came back is not the end of it: it stays open, and so blocks.
_STATES: Final = {
    "WAIT_SELLER_AGREE": RefundState.OPEN,
    "WAIT_BUYER_RETURN_GOODS": RefundState.OPEN,
    "WAIT_SELLER_CONFIRM_GOODS": RefundState.OPEN,
    "SELLER_REFUSE_BUYER_RETURN_GOODS": RefundState.OPEN,
    "SELLER_RETURN_GOODS": RefundState.OPEN,
    "SELLER_REFUSE_BUYER": RefundState.GONE,
    "CLOSED": RefundState.GONE,
    "SUCCESS": RefundState.DONE,
}


class _Row(Struct):
    refund_id: str
    tid: str
    status: str
    refund_fee: str
    modified: str


class _Tid(Struct):
    tid: str = ""


_ROW = msgspec.json.Decoder(_Row)


def refund_of(raw: bytes | msgspec.Raw, shop: str) -> list[Refund | Payment | Quarantined]:
    """A row of the refund list; with SUCCESS the money that went back."""
    data = bytes(raw)
    try:
        row = _ROW.decode(raw)
    except UNREADABLE as exc:
        return [drift_of(exc).quarantined(_tid_of(raw), data)]
    ext_id, refund_id = clean(row.tid, 64), clean(row.refund_id, 64)
    try:
        if not refund_id or not ext_id:
            raise Drift("refund_id" if not refund_id else "tid", "empty")
        state = _STATES.get(row.status)
        if state is None:
            raise Drift("status", f"unknown value {clean(row.status, 40)}")
        amount, at = yuan(row.refund_fee, "refund_fee"), time_of(row.modified, "modified")
    except Drift as drift:
        return [Quarantined(ext_id=ext_id, field=f"refund.{drift.field}", why=drift.why, raw=data)]
    refund = Refund(refund_id=refund_id, ext_id=ext_id, state=state, amount=amount, reason="", at=at)
    if state is not RefundState.DONE or amount == 0:
        return [refund]
    money = Payment(
        account=shop,
        txn_id=f"yz-refund:{refund_id}",
        ext_id=ext_id,
        kind=PaymentKind.REFUND,
        amount=amount,
        currency=CURRENCY,
        at=at,
    )
    return [refund, money]


def _tid_of(raw: bytes | msgspec.Raw) -> str:
    try:
        return clean(msgspec.json.decode(raw, type=_Tid).tid, 64)
    except UNREADABLE:
        return ""
