"""Why an order is not moving: one code, told in Python for rows and in SQL for filters; a test holds them equal."""

from collections.abc import Sequence
from typing import NamedTuple

from core.model.lifecycle import CaseKind, HoldReason, IntentState, Stage, WriteBack

_SIMPLE = (
    "unpaid", "underpaid", "refund_open", "stale", "at_gate", "queued_send", "sending", "unknown", "blocked",
    "writeback_due", "writeback_failed",
)  # fmt: skip
WHY_CODES = (*_SIMPLE, *(f"hold:{r.value}" for r in HoldReason), *(f"case:{k.value}" for k in CaseKind))

_BY_SEND = {
    IntentState.PENDING: "queued_send",
    IntentState.SENDING: "sending",
    IntentState.CONFIRMED: "sending",
    IntentState.REJECTED: "blocked",
    IntentState.UNKNOWN: "unknown",
    IntentState.BLOCKED: "blocked",
    IntentState.DROPPED: "blocked",
}


class Standing(NamedTuple):
    """What the code is derived from. Amounts in minor units, times in UTC us; ``send``: newest intent to send."""

    stage: Stage
    due: int
    paid: int
    refunded: int
    refund_open: bool
    writeback: int
    seen_at: int
    send: int | None = None


def why_of(order: Standing, holds: Sequence[str], cases: Sequence[str], stale_before: int) -> str:
    """The code for an order whose open holds and cases are given oldest first; "" = nothing stands in its way.

    ``stale_before``: a snapshot seen earlier (UTC us) must be read again before the gate may use it.
    """
    if holds:
        return f"hold:{holds[0]}"
    # Too much money is somebody's task, but it stops nothing.
    stopping = [kind for kind in cases if kind != CaseKind.OVERPAID]
    if stopping:
        return f"case:{stopping[0]}"
    if order.stage in (Stage.CLOSED, Stage.CANCELLED):
        return ""
    if order.stage is Stage.DELIVERED:
        return {WriteBack.DUE: "writeback_due", WriteBack.FAILED: "writeback_failed"}.get(
            WriteBack(order.writeback), ""
        )
    flying = order.send in (IntentState.SENDING, IntentState.UNKNOWN)
    if order.refund_open and not flying:
        return "refund_open"
    if order.stage in (Stage.ALLOCATED, Stage.DELIVERING):
        return "queued_send" if order.send is None else _BY_SEND[IntentState(order.send)]
    if order.paid == 0:
        return "unpaid"
    if order.paid - order.refunded < order.due:
        return "underpaid"
    return "stale" if order.seen_at < stale_before else "at_gate"


_SEND = "(SELECT i.state FROM intent i WHERE i.order_id = o.id AND i.effect = 1 ORDER BY i.gen DESC LIMIT 1)"
# One ``?``: stale_before. Holds and cases by id, which ascends with the time they were opened.
WHY_SQL = f"""coalesce(
 (SELECT 'hold:' || h.reason FROM hold h WHERE h.order_id = o.id AND h.lifted_at IS NULL ORDER BY h.id LIMIT 1),
 (SELECT 'case:' || c.kind FROM case_ c WHERE c.order_id = o.id AND c.closed_at IS NULL AND c.kind <> 'overpaid'
  ORDER BY c.id LIMIT 1),
 CASE WHEN o.stage > 4 THEN ''
  WHEN o.stage = 4 THEN CASE o.writeback WHEN 1 THEN 'writeback_due' WHEN 3 THEN 'writeback_failed' ELSE '' END
  WHEN o.refund_open > 0 AND coalesce({_SEND}, 0) NOT IN (1, 4) THEN 'refund_open'
  WHEN o.stage >= 2 THEN CASE coalesce({_SEND}, 0) WHEN 0 THEN 'queued_send' WHEN 1 THEN 'sending'
   WHEN 2 THEN 'sending' WHEN 4 THEN 'unknown' ELSE 'blocked' END
  WHEN o.paid = 0 THEN 'unpaid' WHEN o.paid - o.refunded < o.due THEN 'underpaid'
  WHEN o.seen_at < ? THEN 'stale' ELSE 'at_gate' END)"""
