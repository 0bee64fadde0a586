"""The costly half of the wall: the newest orders that came and that were finished, their acts and sends, and the most
urgent of the queue, at one moment."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from core.desk.reads import Reads, Row
from core.desk.wall_sample import Group, by_name, channels, sampled, spread, waiting
from core.desk.wall_sql import (
    ACTS_SQL,
    FINISHED_SQL,
    ORDERS_SQL,
    QUEUE,
    QUEUE_SQL,
    SAMPLE,
    SENDS_SQL,
    SENT_SQL,
    UNSENT_SQL,
    WALK_SQL,
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


class _Rows(NamedTuple):
    """What was read, to be reckoned with."""

    received: Sequence[Row]
    finished: Sequence[Row]
    whole: bool  # whether those are all that were finished in the day
    acts: Sequence[Row]
    queue: Sequence[Row]
    sends: Sequence[Row]
    sent: Sequence[Row]
    unsent: Sequence[Row]


async def look(reads: Reads, now: int) -> Look:
    """Read and reckon. The reckoning runs beside the event loop: thousands of rows would hold up whoever waits there."""
    since = now - 24 * HOUR
    first = first_id(since)
    received = await reads.all(ORDERS_SQL, (first,))
    walk = await reads.all(WALK_SQL)
    seq, at = walk[0] if walk else (0, 0)
    finished = await reads.all(FINISHED_SQL, (seq, since, since))
    ids = as_json({row[0] for row in (*received, *finished)})
    rows = _Rows(
        received,
        finished,
        len(finished) < SAMPLE and at < since,
        await reads.all(ACTS_SQL, (ids,)),
        await reads.all(QUEUE_SQL),
        await reads.all(SENDS_SQL, (first,)),
        await reads.all(SENT_SQL, (as_json({row[0] for row in finished}), since)),
        await reads.all(UNSENT_SQL, (now, now)),
    )
    return await asyncio.to_thread(_reckon, rows, now)


def _reckon(rows: _Rows, now: int) -> Look:
    sample = sampled(rows.received, rows.finished, rows.acts, now)
    ages: list[int] = []
    late = 0
    for shop, product, deadline, received in rows.queue:
        over = deadline is not None and deadline < now
        late += over
        for group in (sample.shops[shop], sample.products[product]):
            group.waits += 1
            group.late += over
            if received is not None:
                group.ages.append(now - received)
        if received is not None:
            ages.append(now - received)
    seen, total = len(rows.queue), sample.total
    ways = channels(rows.sends, rows.sent, rows.unsent, sample, now)
    told = {
        "late": late,
        "queue_seen": {"orders": seen, "whole": seen < QUEUE},
        "auto": {"machine": total.auto, "by_hand": total.went - total.auto},
        "sample": {"orders": sample.orders, "since": sample.since, "at": now},
        "finished": {"orders": sample.finished, "since": sample.finished_since, "whole": rows.whole},
        "products": [group.shown(name) for name, group in by_name(sample.products)[:SHOWN]],
        "channels": [group.shown(name) for name, group in by_name(ways)[:SHOWN]],
        "measured": {
            "by_machine": spread(sample.by_machine),
            "by_hand": spread(sample.by_hand),
            "hands_on": spread(span for group in sample.people.values() for span in group.hands),
            "collection": spread(sample.collection),
            "notification": spread(sample.notification),
        },
        "waiting": waiting(ages),
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
