"""Who holds what, and how a holder learns that it was lost: a supervisor may break a claim, with a reason."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from core.desk.filter import Sql
from core.desk.reads import Reads
from core.model.lifecycle import EventKind
from core.store.tx import Tx, as_json

_LOOKED = 20  # newest events of a lost order that are looked through for why


class BreakWork(NamedTuple):
    """``by`` takes the claim on ``order`` from whoever holds it."""

    by: str
    order: int
    reason: str


def break_claim(tx: Tx, items: list[BreakWork]) -> list[str]:
    """Writer handler: end a live claim; answers who held it, "" when nobody did."""
    return [_one(tx, item) for item in items]


def _one(tx: Tx, item: BreakWork) -> str:
    held = tx.one("SELECT operator FROM claim WHERE order_id = ? AND until > ?", (item.order, tx.now))
    if held is None:
        return ""
    tx.run("DELETE FROM claim WHERE order_id = ?", (item.order,))
    tx.event(EventKind.CLAIM_BROKEN, item.order, item.by, {"from": held[0], "reason": item.reason})
    tx.touch([item.order])
    return str(held[0])


def held_sql(orders: Sequence[int], now: int) -> Sql:
    """Who holds these orders now, with their numbers; a row an order that exists."""
    return Sql(
        "SELECT o.id, o.ext_id, coalesce(c.operator, '') FROM json_each(?) j CROSS JOIN orders o ON o.id = j.value "
        "LEFT JOIN claim c ON c.order_id = o.id AND c.until > ?",
        (as_json(orders), now),
    )


async def lost(reads: Reads, orders: Sequence[int], me: str, now: int) -> list[dict[str, Any]]:
    """Which of ``orders`` this person does not hold any more: ``{"order", "ext_id", "why", "by", "reason"}``.

    ``why`` is ``broken`` (by whom and with what reason), ``taken`` (who has it) or ``ended`` (the lease ran out).
    """
    out = []
    for order, ext_id, holder in await reads.all(*held_sql(orders, now)):
        if holder == me:
            continue
        told = {"order": order, "ext_id": ext_id, "why": "taken" if holder else "ended", "by": holder, "reason": ""}
        events = await reads.all(
            "SELECT kind, actor, body FROM event WHERE order_id = ? ORDER BY seq DESC LIMIT ?", (order, _LOOKED)
        )
        for kind, actor, text in events:
            body = msgspec.json.decode(text)
            if kind == EventKind.CLAIMED and actor == me:
                break  # older than our own claim: another story
            if kind == EventKind.CLAIM_BROKEN and body.get("from") == me:
                told |= {"why": "broken", "by": actor, "reason": str(body.get("reason", ""))}
                break
        out.append(told)
    return out
