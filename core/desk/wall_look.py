"""The costly half of the wall: the newest orders that were finished, who acted on which, and the most urgent of the queue,
at one moment."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from core.desk.reads import Reads, Row
from core.desk.wall_sample import Group, by_name, channels, kept, persons, sampled, spread, waiting
from core.desk.wall_sql import (
    CAME_SQL,
    DEEDS_SQL,
    FINISHED_SQL,
    QUEUE,
    QUEUE_SQL,
    SAMPLE,
    SENDING_SQL,
    SENT_SQL,
    TOUCHED_SQL,
    UNSENT_SQL,
    WALK_SQL,
    WRONG_SQL,
)
from core.model.clock import HOUR
from core.model.ids import first_id
from core.store.tx import CHANNEL, PRODUCT, as_json

SHOWN: Final = 100  # products, people and channels told, the busiest first


class Look(NamedTuple):
    """What was seen ``at`` (UTC us). ``shops`` by number, ``products``, ``people`` and ``channels`` by name; ``told``
    stands in the answer as it is."""

    at: int
    told: dict[str, Any]
    shops: dict[int, Group]
    products: dict[str, Group]
    people: dict[str, Group]
    channels: dict[str, Group]


class _Rows(NamedTuple):
    """What was read, to be reckoned with."""

    came: Sequence[Row]
    finished: Sequence[Row]
    whole: bool  # whether those are all that were finished in the day
    touched: Sequence[Row]
    queue: Sequence[Row]
    sent: Sequence[Row]
    unsent: Sequence[Row]
    deeds: Sequence[Row]
    wrong: Sequence[Row]


async def look(reads: Reads, now: int) -> Look:
    """Read and reckon. The reckoning runs beside the event loop: thousands of rows would hold up whoever waits there."""
    since = now - 24 * HOUR
    first = first_id(since)
    walk = await reads.all(WALK_SQL)
    seq, at = walk[0] if walk else (0, 0)
    finished = await reads.all(FINISHED_SQL, (seq, since, since))
    ids = as_json({row[0] for row in finished})
    deeds = await reads.all(DEEDS_SQL, (since // HOUR + 1,))
    rows = _Rows(
        await reads.all(CAME_SQL, (first,)),
        finished,
        len(finished) < SAMPLE and at < since,
        await reads.all(TOUCHED_SQL, (ids,)),
        await reads.all(QUEUE_SQL),
        await reads.all(SENT_SQL, (ids, since)),
        [*await reads.all(UNSENT_SQL, (now, now)), *await reads.all(SENDING_SQL, (now, first))],
        deeds,
        await reads.all(WRONG_SQL, (as_json({row[4] for row in deeds}),)),
    )
    return await asyncio.to_thread(_reckon, rows, since, now)


def _reckon(rows: _Rows, since: int, now: int) -> Look:
    sample = sampled(rows.finished, {row[0] for row in rows.touched})
    people = persons(rows.deeds, {row[0]: row[1] for row in rows.wrong}, since, now)
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
    told = {
        "late": late,
        "queue_seen": {"orders": seen, "whole": seen < QUEUE},
        "auto": {"machine": total.auto, "by_hand": total.seen - total.auto},
        "sample": {"orders": len(rows.came), "since": min((row[0] for row in rows.came), default=None), "at": now},
        "finished": {"orders": sample.finished, "since": sample.since, "whole": rows.whole},
        "measured": {
            "by_machine": spread(sample.by_machine),
            "by_hand": spread(sample.by_hand),
            "hands_on": spread(span for group in people.values() for span in group.hands),
            "collection": spread(received - created for received, created in rows.came),
            "notification": spread(sample.notification),
        },
        "waiting": waiting(ages),
    }
    return Look(now, told, sample.shops, sample.products, people, channels(rows.sent, rows.unsent, sample))


def named(seen: Look, counts: Sequence[Row]) -> dict[str, list[dict[str, Any]]]:
    """Products and channels: what the rows of ``NAMED_SQL`` keep of them, with what was seen."""
    out = {}
    for kind, key, groups in ((PRODUCT, "products", seen.products), (CHANNEL, "channels", seen.channels)):
        kept(groups, [row[1:] for row in counts if row[0] == kind])
        out[key] = [group.shown(name) for name, group in by_name(groups)[:SHOWN]]
    return out


def person(name: str, group: Group, holds: int) -> dict[str, Any]:
    """An operator's row; ``holds``: claims of now."""
    return {**group.shown(name), "acts": group.acts, "holds": holds, "hands_on": spread(group.hands)}
