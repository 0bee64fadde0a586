"""The event log for people: newest first, by person, kind, order and time, in pages by keyset."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from core.desk.reads import Reads
from core.desk.refusals import bad_request
from core.model.lifecycle import EventKind
from core.store.tx import as_json

LOOKED_MAX = 20_000  # events that one page may walk past; there is no index by person or kind, nor need for one
DECISION = "decision"
# What a person did by hand: the kinds behind "my own last decisions". Of jobs the start alone is one.
DECISIONS = (
    EventKind.HELD,
    EventKind.HOLD_LIFTED,
    EventKind.CASE_CLOSED,
    EventKind.RANKED,
    EventKind.NOTE,
    EventKind.VERDICT,
    EventKind.REVEALED,
    EventKind.RELEASED,
    EventKind.EXPORTED,
    EventKind.IMPORT_UNDONE,
    EventKind.KEYS_IMPORTED,
    EventKind.JOB,
    EventKind.REPLAYED,
)
_SELECT = (
    "SELECT e.seq, e.at, e.actor, e.kind, e.body, e.order_id, coalesce(o.ext_id, ''), o.shop, "
    "coalesce(o.currency, '') FROM event e LEFT JOIN orders o ON o.id = e.order_id AND e.order_id <> 0"
)


class Wanted(NamedTuple):
    """Which events; empty means all. Times in UTC microseconds, ``before`` a seq that an earlier page gave as next."""

    by: str = ""
    kinds: tuple[EventKind, ...] = ()
    order: int = 0
    since: int = 0
    until: int = 0
    before: int = 0
    limit: int = 50


def kinds_of(text: str) -> tuple[EventKind, ...]:
    """Event kinds by name, between commas; ``decision`` stands for all that a person decides. Raises Refused."""
    found: dict[EventKind, None] = {}
    known = {kind.name.lower(): kind for kind in EventKind}
    for name in filter(None, (part.strip().lower() for part in text.split(","))):
        if name == DECISION:
            found |= dict.fromkeys(DECISIONS)
        elif name in known:
            found[known[name]] = None
        else:
            raise bad_request(f"there is no event kind {name[:40]!r}", f"There are {DECISION} {' '.join(known)}.")
    return tuple(found)


async def history(reads: Reads, wanted: Wanted, shops: dict[int, str]) -> dict[str, Any]:
    """``{"events", "next"}``; ``next`` goes into ``before`` of the next page and is None at the log's beginning.

    A page may be short, or empty, with a ``next``: then it has walked past ``LOOKED_MAX`` events of others. The ends in
    time are found by halving, which takes the clock to have gone forward.
    """
    top = (await reads.all("SELECT coalesce(max(seq), 0) FROM event"))[0][0] + 1
    start = min(wanted.before or top, top)
    if wanted.until:
        start = min(start, await _first_at(reads, wanted.until + 1, top))
    floor = await _first_at(reads, wanted.since, top) if wanted.since else 1
    stop = floor if wanted.order else max(floor, start - LOOKED_MAX)  # an order's own events come from their index
    where, params = _where(wanted)
    sql = f"{_SELECT} WHERE e.seq >= ? AND e.seq < ?{where} ORDER BY e.seq DESC LIMIT ?"
    rows = await reads.all(sql, (stop, start, *params, wanted.limit))
    full = len(rows) == wanted.limit
    mark = rows[-1][0] if full else stop
    return {"events": [_event(row, shops) for row in rows], "next": mark if mark > floor else None}


def _where(wanted: Wanted) -> tuple[str, tuple[Any, ...]]:
    where, params = "", list[str | int]()
    if wanted.order:
        where += " AND e.order_id = ?"
        params.append(wanted.order)
    if wanted.by:
        where += " AND e.actor = ?"
        params.append(wanted.by)
    if wanted.kinds:
        where += " AND e.kind IN (SELECT value FROM json_each(?))"
        params.append(as_json(int(kind) for kind in wanted.kinds))
    return where, tuple(params)


def _event(row: Sequence[Any], shops: dict[int, str]) -> dict[str, Any]:
    seq, at, actor, kind, body, order, ext_id, shop, currency = row
    return {
        "seq": seq,
        "at": at,
        "actor": actor,
        "kind": EventKind(kind).name.lower(),
        "order_id": order,
        "ext_id": ext_id,
        "shop": shops.get(shop, "") if shop is not None else "",
        "currency": currency,
        "body": msgspec.json.decode(body) if body else {},
    }


async def _first_at(reads: Reads, at: int, top: int) -> int:
    """The first seq at or after a time; ``top`` when there is none. Seqs have no gaps, so halving finds it."""
    low, high = 1, top
    while low < high:
        middle = (low + high) // 2
        rows = await reads.all("SELECT at FROM event WHERE seq = ?", (middle,))
        if rows and rows[0][0] < at:
            low = middle + 1
        else:
            high = middle
    return low
