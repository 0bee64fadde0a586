"""JD's requests to cancel a paid order: amounts integer fen, unlike the order's own, times Beijing text (facts: JD 4.1).

JD shows how far a request has been audited, never that the money has arrived. What its finance department has agreed to
counts as gone: the buyer gets it from JD, and a key sent after that would be sent for nothing.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, drift_of, hundredfold
from connectors.shops.jd.mapping import digits, payment, time_of
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined, Refund, RefundState
from core.model.text import clean

_STATES: Final = {
    "0": RefundState.OPEN,  # not audited
    "1": RefundState.OPEN,  # the seller agreed; the money has not moved
    "2": RefundState.GONE,
    "3": RefundState.DONE,  # JD's finance agreed
    "4": RefundState.GONE,
    "5": RefundState.OPEN,
    "6": RefundState.OPEN,
    "7": RefundState.OPEN,
    "8": RefundState.OPEN,
    "9": RefundState.OPEN,
    "10": RefundState.OPEN,
    "11": RefundState.GONE,  # withdrawn by the buyer
}


class _Row(Struct):
    orderId: str | int
    applyRefundSum: str | int
    status: str | int
    applyTime: str
    id: str | int | None = None
    raId: str | int | None = None
    checkTime: str | None = None
    reason: str | int | None = None


_ROW = msgspec.json.Decoder(_Row)


def with_refunds(update: OrderUpdate, rows: Sequence[msgspec.Raw], shop: str) -> OrderUpdate | Quarantined:
    """The order with its requests and the money that went back; Quarantined when one of them is not understood."""
    refunds: dict[str, Refund] = {}
    payments = list(update.payments)
    for raw in rows:
        try:
            refund = _refund(_ROW.decode(raw), update)
        except UNREADABLE as exc:
            drift = drift_of(exc)
            return Drift(f"refund.{drift.field}", drift.why).quarantined(update.ext_id, bytes(raw))
        except Drift as drift:
            return Drift(f"refund.{drift.field}", drift.why).quarantined(update.ext_id, bytes(raw))
        if refund.refund_id in refunds:
            continue
        refunds[refund.refund_id] = refund
        if refund.state is RefundState.DONE:
            txn = f"jd-refund:{refund.refund_id}"
            payments.append(payment(txn, update.ext_id, shop, PaymentKind.REFUND, refund.amount, refund.at))
    state, forbid = update.state, update.forbid
    if state is PlatformState.PAID and any(refund.state is RefundState.DONE for refund in refunds.values()):
        # The order still waits to be shipped: part of the money went back, or its cancelling is on the way.
        state, forbid = PlatformState.FORBIDDEN, "refunded"
    return msgspec.structs.replace(
        update, state=state, forbid=forbid, refunds=tuple(refunds.values()), payments=tuple(payments)
    )


def still_open(update: OrderUpdate) -> bool:
    """Whether a request is open. Its end need not touch the order, so it has to be asked about."""
    return any(refund.state is RefundState.OPEN for refund in update.refunds)


def _refund(row: _Row, update: OrderUpdate) -> Refund:
    if digits(row.orderId, "orderId") != update.ext_id:
        raise Drift("orderId", "a request of another order")
    number = row.id if row.id is not None else row.raId
    if number is None:
        raise Drift("id", "missing")
    state = _STATES.get(str(row.status))
    if state is None:
        raise Drift("status", f"unknown value {clean(str(row.status), 40)}")
    amount = int(digits(row.applyRefundSum, "applyRefundSum", 12))
    # The buyer may get back the postage too; it never makes a hundredfold.
    if hundredfold(amount, update.total):
        raise Drift("applyRefundSum", "unit_suspect")
    if amount == 0:
        raise Drift("applyRefundSum", "zero")
    applied = time_of(row.applyTime, "applyTime")
    return Refund(
        refund_id=digits(number, "id"),
        ext_id=update.ext_id,
        state=state,
        amount=amount,
        reason=clean(str(row.reason or ""), 200),
        at=time_of(row.checkTime, "checkTime") if row.checkTime else applied,
    )
