"""The costly half of the wall: the newest orders, their acts and sends, and the most urgent of the queue, at one moment."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from core.desk.reads import Reads, Row
from core.desk.wall_sample import (
    ACTS_SQL,
    ORDERS_SQL,
    QUEUE,
    QUEUE_SQL,
    SENDS_SQL,
    Group,
    by_name,
    channels,
    newest,
    spread,
)
from core.model.clock import HOUR
from core.model.ids import first_id
from core.store.tx import as_json

SHOWN: Final = 100  # products, people and channels told, the busiest first


class Look(NamedTuple):
    """What was seen ``at`` (UTC us). ``shops`` by number and ``people`` by name are groups as the socket answers them;
    ``told`` stands in the answer as it is."""

    at: int
    told: dict[str, Any]
    shops: dict[int, dict[str, Any]]
    people: dict[str, dict[str, Any]]


async def look(reads: Reads, now: int) -> Look:
    """Read and reckon. The reckoning runs beside the event loop: thousands of rows would hold up whoever waits there."""
    first = first_id(now - 24 * HOUR)
    rows = await reads.all(ORDERS_SQL, (first,))
    acts = await reads.all(ACTS_SQL, (as_json(row[0] for row in rows),)) if rows else []
    queue = await reads.all(QUEUE_SQL, (now,))
    sends = await reads.all(SENDS_SQL, (first,))
    return await asyncio.to_thread(_reckon, rows, acts, queue, sends, now)


def _reckon(rows: Sequence[Row], acts: Sequence[Row], queue: Sequence[Row], sends: Sequence[Row], now: int) -> Look:
    sample = newest(rows, acts, now)
    for group in (*sample.shops.values(), *sample.products.values()):
        group.waits = group.late = 0  # of the sample; the queue itself is the better witness
    for shop, product, n, late in queue:
        for group in (sample.shops[shop], sample.products[product]):
            group.waits += n
            group.late += late
    seen, total = sum(int(row[2]) for row in queue), sample.total
    ways = channels(sends, sample.touched, now)
    told = {
        "late": sum(int(row[3]) for row in queue),
        "queue_seen": {"orders": seen, "whole": seen < QUEUE},
        "auto": {"machine": total.auto, "by_hand": total.went - total.auto},
        "sample": {"orders": sample.orders, "since": sample.since, "at": now},
        "products": [group.shown(name) for name, group in by_name(sample.products)[:SHOWN]],
        "channels": [group.shown(name) for name, group in by_name(ways)[:SHOWN]],
        "measured": {
            "by_machine": spread(sample.by_machine),
            "by_hand": spread(sample.by_hand),
            "hands_on": spread(span for group in sample.people.values() for span in group.hands),
            "collection": spread(sample.collection),
            "notification": spread(sample.notification),
        },
    }
    shops = {shop: {**group.shown(""), "sample": _size(group)} for shop, group in sample.shops.items()}
    return Look(now, told, shops, {name: person(name, group) for name, group in sample.people.items()})


def person(name: str, group: Group) -> dict[str, Any]:
    """An operator's row; ``holds`` is filled in by whoever knows the claims of now."""
    return {**group.shown(name), "acts": group.acts, "holds": 0, "hands_on": spread(group.hands)}


def unseen() -> dict[str, Any]:
    """A shop of which there was no order."""
    return {**Group().shown(""), "sample": _size(Group())}


def _size(group: Group) -> dict[str, int]:
    return {"in": group.came, "delivered": group.went}
