"""Open cases grouped by kind, and the cases of one kind with what each may be answered with."""

from typing import Any

import msgspec

from core.desk.actions import DECISIONS, PROPOSES, decisions
from core.desk.deeds import Deed
from core.desk.reads import Reads
from core.desk.refusals import bad_request
from core.desk.rows import Frame, rows_by_id
from core.desk.standing import states_of
from core.model.lifecycle import CaseKind

QUARANTINE = "quarantine"  # not a case: what could not be read and has no order to hang a case on
_UNREAD = (
    "FROM quarantine q WHERE q.resolved_at IS NULL AND NOT EXISTS"
    "(SELECT 1 FROM orders o WHERE o.shop = q.shop AND o.ext_id = q.ext_id)"
)


async def groups(reads: Reads) -> list[dict[str, Any]]:
    """Kinds with open cases, oldest first; money is what their orders owe, by currency.

    What lies in quarantine without an order is a kind of its own, ``quarantine``.
    """
    found: dict[str, dict[str, Any]] = {}
    for kind, count, oldest, currency, money in await reads.all(
        "SELECT c.kind, count(*), min(c.opened_at), o.currency, sum(o.due) FROM case_ c "
        "LEFT JOIN orders o ON o.id = c.order_id WHERE c.closed_at IS NULL GROUP BY c.kind, o.currency"
    ):
        group = found.setdefault(kind, {"kind": kind, "count": 0, "oldest_at": oldest, "money": {}})
        group["count"] += count
        group["oldest_at"] = min(group["oldest_at"], oldest)
        if currency is not None:
            group["money"][currency] = money
    unread, oldest = (await reads.all(f"SELECT count(*), min(q.at) {_UNREAD}"))[0]
    if unread:
        found[QUARANTINE] = {"kind": QUARANTINE, "count": unread, "oldest_at": oldest, "money": {}}
    return sorted(found.values(), key=lambda group: group["oldest_at"])


async def cases(reads: Reads, kind: str, after: str, limit: int, deed: Deed, frame: Frame) -> dict[str, Any]:
    """Open cases of a kind ("" = all kinds), oldest first within a kind. Raises Refused for a wrong kind or mark.

    ``deed``: who looks; only decisions that this person's role and the order's state allow are offered.
    """
    if kind == QUARANTINE:
        return await _unread(reads, after, limit, frame)
    if kind and kind not in {k.value for k in CaseKind}:
        raise bad_request(
            f"there is no case kind {kind[:40]!r}", f"There are {' '.join(k.value for k in CaseKind)} {QUARANTINE}."
        )
    where, params = _start(kind, after)
    rows = await reads.all(
        "SELECT c.id, c.order_id, c.shop, c.kind, c.fact, c.opened_at, c.deadline FROM case_ c "
        f"WHERE c.closed_at IS NULL{where} ORDER BY c.kind, c.opened_at, c.id LIMIT ?",
        (*params, limit),
    )
    orders = [r[1] for r in rows if r[1]]
    shown = {row["id"]: row for row in await rows_by_id(reads, orders, frame)}
    states = {state.id: state for state in await states_of(reads, orders)}
    out = []
    for number, order, shop, sort, fact, opened, deadline in rows:
        row = shown.get(order)
        offered, refused = decisions(CaseKind(sort), states.get(order), deed)
        out.append(
            {
                "id": number,
                "order_id": order,
                "ext_id": row["ext_id"] if row else "",
                "shop": frame.shops.get(shop, (str(shop), ""))[0],
                "kind": sort,
                "fact": msgspec.json.decode(fact),
                "opened_at": opened,
                "deadline": deadline,
                "money": {row["currency"]: row["amount"]} if row else {},
                "proposal": _proposal(CaseKind(sort)),
                "decisions": offered,
                "blocked": refused,
                "row": row,
            }
        )
    last = rows[-1] if len(rows) == limit else None
    return {"cases": out, "next": f"{last[3]}.{last[5]}.{last[0]}" if last else None}


async def _unread(reads: Reads, after: str, limit: int, frame: Frame) -> dict[str, Any]:
    """Items in quarantine in the shape of cases; nothing can be decided about them here."""
    start, mark = "", _mark(after)[1:] if after else ()
    if mark:
        start = " AND (q.at, q.id) > (?, ?)"
    rows = await reads.all(
        f"SELECT q.id, q.shop, q.ext_id, q.field, q.why, q.seen, q.at {_UNREAD}{start} ORDER BY q.at, q.id LIMIT ?",
        (*mark, limit),
    )
    out = [
        {
            "id": number,
            "order_id": 0,
            "ext_id": ext_id,
            "shop": frame.shops.get(shop, (str(shop), ""))[0],
            "kind": QUARANTINE,
            "fact": {"field": field, "why": why, "seen": seen},
            "opened_at": at,
            "deadline": None,
            "money": {},
            "proposal": None,
            "decisions": [],
            "blocked": [],
            "row": None,
        }
        for number, shop, ext_id, field, why, seen, at in rows
    ]
    last = rows[-1] if len(rows) == limit else None
    return {"cases": out, "next": f"{QUARANTINE}.{last[6]}.{last[0]}" if last else None}


def _start(kind: str, after: str) -> tuple[str, tuple[str | int, ...]]:
    where, params = (" AND c.kind = ?", (kind,)) if kind else ("", ())
    if not after:
        return where, params
    return f"{where} AND (c.kind, c.opened_at, c.id) > (?, ?, ?)", (*params, *_mark(after))


def _mark(after: str) -> tuple[str, int, int]:
    parts = after.split(".")
    if len(parts) != 3 or not all(p.isdigit() and len(p) < 20 for p in parts[1:]):
        raise bad_request("this mark does not come from a list of cases", "Read the list without it.")
    return parts[0], int(parts[1]), int(parts[2])


def _proposal(kind: CaseKind) -> str | None:
    return DECISIONS[kind][0].action if kind in PROPOSES else None
