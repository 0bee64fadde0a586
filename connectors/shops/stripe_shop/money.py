"""Refunds and disputes of Stripe charges in our words (facts: payments)."""

from typing import Final

from msgspec import Struct

from connectors.fields import Drift
from core.model.clock import SECOND
from core.model.order import Payment, PaymentKind, Refund, RefundState
from core.model.text import clean

_DISPUTES: Final = {
    "warning_needs_response": RefundState.OPEN,
    "warning_under_review": RefundState.OPEN,
    "needs_response": RefundState.OPEN,
    "under_review": RefundState.OPEN,
    "appeal_needs_response": RefundState.OPEN,
    "appeal_under_review": RefundState.OPEN,
    "warning_closed": RefundState.GONE,
    "won": RefundState.GONE,
    "prevented": RefundState.GONE,
    "lost": RefundState.DONE,
}


class _RefundRow(Struct):
    id: str
    amount: int
    created: int
    status: str | None = None


class _RefundList(Struct):
    data: list[_RefundRow] = []
    has_more: bool = False


class Charge(Struct):
    """The object of a charge.refunded event."""

    id: str
    amount: int
    amount_refunded: int
    currency: str
    payment_intent: str | None = None
    metadata: dict[str, str] = {}
    refunds: _RefundList | None = None


class Before(Struct):
    """``previous_attributes`` of the same event."""

    amount_refunded: int | None = None


class _Due(Struct):
    due_by: int | None = None


class Dispute(Struct):
    """The object of a charge.dispute event."""

    id: str
    amount: int
    currency: str
    status: str
    charge: str
    payment_intent: str | None = None
    reason: str = ""
    evidence_details: _Due | None = None


class DisputeState(Struct):
    """A dispute in a list."""

    status: str


def keeps_money(status: str) -> bool:
    """True for a dispute that ended in the merchant's favour."""
    return _DISPUTES.get(status) is RefundState.GONE


def refunds_of(charge: Charge, before: Before | None, ext_id: str, account: str, at: int) -> list[Payment]:
    """Money given back. ``at``: UTC seconds. Raises Drift.

    With the list of refunds each has its own number. Newer API versions leave the list out; then the step from the
    previous total is the money, numbered by the total it led to. Without a previous total all of it is new.
    """
    if not 0 < charge.amount_refunded <= charge.amount:
        raise Drift("charge.amount_refunded", "price_mismatch")

    def money(txn_id: str, amount: int, when: int) -> Payment:
        return Payment(
            account=account,
            txn_id=txn_id,
            ext_id=ext_id,
            kind=PaymentKind.REFUND,
            amount=amount,
            currency=charge.currency.upper(),
            at=when * SECOND,
        )

    rows = [row for row in charge.refunds.data if row.status in (None, "succeeded")] if charge.refunds else []
    if charge.refunds and not charge.refunds.has_more and sum(row.amount for row in rows) == charge.amount_refunded:
        return [money(row.id, row.amount, row.created) for row in rows if row.amount > 0]
    step = charge.amount_refunded - ((before.amount_refunded or 0) if before else 0)
    return [money(f"{charge.id}:{charge.amount_refunded}", step, at)] if step > 0 else []


def dispute_of(dispute: Dispute, ext_id: str, account: str, at: int) -> list[Refund | Payment]:
    """A dispute blocks the order like an open refund; a lost one took the money. ``at``: UTC seconds. Raises Drift."""
    state = _DISPUTES.get(dispute.status)
    if state is None:
        raise Drift("dispute.status", f"unknown value {clean(dispute.status, 40)}")
    due = dispute.evidence_details.due_by if dispute.evidence_details else None
    refund = Refund(
        refund_id=dispute.id,
        ext_id=ext_id,
        state=state,
        amount=dispute.amount,
        reason=clean(f"dispute: {dispute.reason}", 200),
        at=at * SECOND,
        deadline=due * SECOND if due else None,
    )
    if state is not RefundState.DONE or dispute.amount <= 0:
        return [refund]
    lost = Payment(
        account=account,
        # Numbered like a refund of the charge: where both are told of the same money, it counts once.
        txn_id=f"{dispute.charge}:{dispute.amount}",
        ext_id=ext_id,
        kind=PaymentKind.REFUND,
        amount=dispute.amount,
        currency=dispute.currency.upper(),
        at=at * SECOND,
    )
    return [refund, lost]
