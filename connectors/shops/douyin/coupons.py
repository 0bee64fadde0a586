"""The call that issues keys as coupons of a sub-order (facts: Douyin card goods)."""

import hashlib
from typing import Any

from connectors.shops.douyin.mapping import Issue
from core.model.clock import to_text
from core.model.effects import Call, Outcome, Result, Slot


def part(outcome: Outcome, done: int) -> Outcome:
    """However the rest ended: coupons of ``done`` sub-orders are out, so the call as a whole is open."""
    why = f"{done} sub-order(s) issued, then: {outcome.result.value} {outcome.why}"
    return Outcome(result=Result.UNKNOWN, why=why, evidence=outcome.evidence)


def coupons(call: Call, line: str, slots: list[Slot], issue: Issue) -> dict[str, Any]:
    """Equal on every repeat (010004 refuses anything else): the time is the order's, the ids come of our reference."""
    granted = to_text(issue.paid_at)
    certificates = []
    for slot in slots:
        name = hashlib.sha256(f"{call.reference}|{slot.line}|{slot.slot}".encode()).hexdigest()[:32]
        certificates.append({"out_cert_id": name, "cert_no": slot.secret, "grant_time": granted, "status": 2})
    params: dict[str, Any] = {"order_id": line, "cert_list": certificates}
    if issue.skus[line]:
        params["sku_id"] = issue.skus[line]
    return params
