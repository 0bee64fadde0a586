"""Orders as a file: which ones is settled in one read and recorded, then they are told page by page."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

from core.desk.reads import Reader
from core.desk.refusals import bad_request
from core.desk.rows import Frame, rows_by_id
from core.desk.scrub import IsLink, Opener, scrub_of
from core.desk.views import Selection, ids_sql
from core.model.lifecycle import EventKind
from core.store.tx import Tx, as_json

PAGE = 500
ORDERS_MAX = 1_000_000  # their ids are 8 MB
MARKED_MAX = 100_000
_WRITTEN = ("note", "tag")  # what people write: a key may stand in it
NAMED_MAX = 50  # chosen orders that the record names one by one


class Taken(NamedTuple):
    """One thing that somebody takes out of the core. ``order`` 0: not about a single one."""

    by: str
    order: int
    body: dict[str, Any]


def record(tx: Tx, items: list[Taken]) -> list[None]:
    """Writer handler: the act stands in the log before anybody has the file."""
    for item in items:
        tx.event(EventKind.EXPORTED, item.order, item.by, item.body)
    return [None] * len(items)


async def matching(reader: Reader, selection: Selection) -> "array[int]":
    """The ids of a selection in its order, all of one moment. Raises Refused when there are too many for a file."""
    async with reader.snapshot() as reads:
        found = await reads.ids(*ids_sql(selection, ORDERS_MAX))
    if len(found) > ORDERS_MAX:
        raise bad_request(f"a file holds at most {ORDERS_MAX:,} orders", "Narrow the filter, for example by age.")
    return found


async def chosen(reader: Reader, orders: Sequence[int]) -> "array[int]":
    """These orders as far as they exist, in the order given. Raises Refused when they are too many."""
    if len(orders) > MARKED_MAX:
        raise bad_request(f"at most {MARKED_MAX:,} orders can be named", "Give a view and a filter instead.")
    sql = "SELECT o.id FROM json_each(?) j JOIN orders o ON o.id = j.value ORDER BY j.key"
    async with reader.snapshot() as reads:
        return await reads.ids(sql, (as_json(dict.fromkeys(orders)),))


async def pages(
    reader: Reader,
    orders: "array[int]",
    frame: Callable[[], Frame],
    opener: Opener | None,
    is_link: IsLink | None = None,
) -> AsyncIterator[list[dict[str, Any]]]:
    """Row dicts (docs/socket.md, "A row") of ``PAGE`` orders at a time; each page is one moment, later than the ids."""
    for at in range(0, len(orders), PAGE):
        # A caller who leaves ends the telling, not the read at hand: a connection that is cut off in it is lost.
        yield await asyncio.shield(_page(reader, orders[at : at + PAGE], frame(), opener, is_link))


async def _page(
    reader: Reader, orders: "array[int]", frame: Frame, opener: Opener | None, is_link: IsLink | None
) -> list[dict[str, Any]]:
    async with reader.snapshot() as reads:
        rows = await rows_by_id(reads, orders, frame)
        written = [row["id"] for row in rows if any(row[name] for name in _WRITTEN)]
        scrub = await scrub_of(reads, written, opener, is_link)
    for row in rows:
        row |= {name: scrub.text(row[name]) for name in _WRITTEN}
    return rows
