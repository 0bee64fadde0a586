"""Claims: an operator's lease on an order, so that two people do not work on the same one. Advice, not a lock."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from core.desk.filter import Sql
from core.desk.reads import Reads
from core.desk.views import Selection, first_ids
from core.model.lifecycle import EventKind
from core.store.tx import Tx, as_json

_AMONG = 20  # so many hands may take an order each between a look and the taking
_encode = msgspec.json.Encoder().encode


class ClaimWork(NamedTuple):
    """Claim ``order``, or the first of ``among`` that is free, not in ``skip`` and still belongs to ``selection``.

    ``lease`` in microseconds. ``among`` was found beside the writer, best first: its thread must not search a backlog.
    """

    by: str
    lease: int
    order: int | None = None
    selection: Selection | None = None
    skip: tuple[int, ...] = ()
    among: tuple[int, ...] = ()


class Claimed(NamedTuple):
    """``order`` 0: nothing to claim. ``taken_by``: another person holds it until ``until`` (UTC us)."""

    order: int
    until: int
    taken_by: str = ""


class Lease(NamedTuple):
    """Orders whose claims ``by`` keeps (lease in microseconds) or gives up."""

    by: str
    orders: tuple[int, ...]
    lease: int = 0


def claim(tx: Tx, items: list[ClaimWork]) -> list[Claimed]:
    """Writer handler: find and take in one step, so that two who ask at once never get the same order."""
    return [_one(tx, item) for item in items]


def _one(tx: Tx, item: ClaimWork) -> Claimed:
    order = item.order if item.order is not None else _next(tx, item)
    if not order:
        return Claimed(0, 0)
    held = tx.one("SELECT operator, until FROM claim WHERE order_id = ? AND until > ?", (order, tx.now))
    if held is not None and held[0] != item.by:
        return Claimed(order, held[1], held[0])
    if tx.one("SELECT 1 FROM orders WHERE id = ?", (order,)) is None:
        return Claimed(0, 0)
    until = tx.now + item.lease
    tx.run(
        "INSERT INTO claim(order_id, operator, until) VALUES(?, ?, ?) "
        "ON CONFLICT(order_id) DO UPDATE SET operator = excluded.operator, until = excluded.until",
        (order, item.by, until),
    )
    if held is None:
        tx.event(EventKind.CLAIMED, order, item.by, {"until": until})
    tx.touch([order])
    return Claimed(order, until)


def _next(tx: Tx, item: ClaimWork) -> int:
    row = tx.one(*next_sql(item, tx.now))
    return int(row[0]) if row else 0


def next_sql(item: ClaimWork, now: int) -> Sql:
    """The statement that takes the first of ``item.among``. ``now`` in UTC us."""
    assert item.selection is not None
    free = _free(item.selection, now, item.skip)
    sql = (
        "SELECT o.id FROM json_each(?) j CROSS JOIN orders o ON o.id = j.value "
        f"WHERE {free.where} ORDER BY j.key LIMIT 1"
    )
    return Sql(sql, (as_json(item.among), *free.params))


def _free(selection: Selection, now: int, skip: Sequence[int]) -> Selection:
    where = (
        f"{selection.where} AND NOT EXISTS(SELECT 1 FROM claim x WHERE x.order_id = o.id AND x.until > ?) "
        "AND o.id NOT IN (SELECT value FROM json_each(?))"
    )
    return selection._replace(where=where, params=(*selection.params, now, as_json(skip)), bare=False)


async def candidates(reads: Reads, item: ClaimWork, now: int) -> tuple[int, ...]:
    """The best few orders that ``item`` could claim, looked for on the reading side. ``now`` in UTC us."""
    assert item.selection is not None
    return tuple(await first_ids(reads, _free(item.selection, now, item.skip), _AMONG))


HELD = "SELECT count(*) FROM json_each(?1) j CROSS JOIN claim c ON c.order_id = j.value WHERE c.until > ?2 AND c.operator <> ?3"


async def held_by_others(reads: Reads, orders: Sequence[int], me: str, now: int) -> int:
    """How many of these orders another person works on. ``now`` in UTC us."""
    return int((await reads.all(HELD, (as_json(orders), now, me)))[0][0])


def beat(tx: Tx, items: list[Lease]) -> list[int]:
    """Writer handler: prolong the claims that these people still hold; answers the new end (UTC us)."""
    for item in items:
        tx.run(
            "UPDATE claim SET until = ? WHERE operator = ? AND until > ? "
            "AND order_id IN (SELECT value FROM json_each(?))",
            (tx.now + item.lease, item.by, tx.now, as_json(item.orders)),
        )
    return [tx.now + item.lease for item in items]


def drop(tx: Tx, items: list[Lease]) -> Sequence[None]:
    """Writer handler: give claims up."""
    for item in items:
        gone = tx.all(
            "DELETE FROM claim WHERE operator = ? AND order_id IN (SELECT value FROM json_each(?)) RETURNING order_id",
            (item.by, as_json(item.orders)),
        )
        tx.touch(int(row[0]) for row in gone)
    return [None] * len(items)
