"""Whose hand was on an order last: what the loser of a race is told, instead of a bare conflict."""

from collections.abc import Sequence
from typing import Any

import msgspec

from core.desk.reads import Reads
from core.model.actors import MACHINE
from core.model.lifecycle import EventKind

TOLD_MAX = 20  # orders of one answer that are looked up; the rest of a large batch has the same story
# What a person does to an order. Everything else in the log is the machine's, or a shop's.
_BY_HAND = (
    EventKind.HELD,
    EventKind.HOLD_LIFTED,
    EventKind.CASE_CLOSED,
    EventKind.MOVED,
    EventKind.RANKED,
    EventKind.NOTE,
    EventKind.UPDATED,
    EventKind.VERDICT,
    EventKind.REVEALED,
    EventKind.SKIPPED,
    EventKind.CLAIM_BROKEN,
)
_LOOKED = 30  # newest events of an order that are looked through
LAST_SQL = (
    f"SELECT e.at, e.kind, e.actor, e.body FROM (SELECT * FROM event WHERE order_id = ? ORDER BY seq DESC LIMIT {_LOOKED}) e "
    f"WHERE e.kind IN ({', '.join(str(int(kind)) for kind in _BY_HAND)}) ORDER BY e.seq DESC"
)


async def last_hands(reads: Reads, orders: Sequence[int]) -> dict[int, dict[str, Any]]:
    """``{"by", "at", "did"}`` of the newest deed of a person on each of these orders; ``did`` is an event's name.

    Orders that no hand has touched are left out; at most ``TOLD_MAX`` are looked up.
    """
    found: dict[int, dict[str, Any]] = {}
    for order in list(dict.fromkeys(orders))[:TOLD_MAX]:
        for at, kind, actor, body in await reads.all(LAST_SQL, (order,)):
            if actor in MACHINE or ":" in actor:
                continue
            told: dict[str, Any] = {"by": actor, "at": at, "did": EventKind(kind).name.lower()}
            reason = msgspec.json.decode(body).get("reason")
            if kind == EventKind.CLAIM_BROKEN and reason:
                told["reason"] = reason
            found[order] = told
            break
    return found
