"""A small day of orders with times of their own, for the tests of the wall: what each figure must be can be counted."""

from typing import Any

from core.model.clock import HOUR, MINUTE, SECOND
from core.model.ids import first_id
from core.model.lifecycle import EventKind, IntentState, Stage
from core.store.migrations.versions.v0004_named import DAYS, FILLS
from core.store.tx import Tx
from tests.store.deskdata import SHOPS

# number, shop, product, stage, then seconds before now: created, paid, received, delivered, deadline (negative: to come)
ORDERS: tuple[tuple[int, int, str, Stage, int, int | None, int, int | None, int | None], ...] = (
    (1, 1, "steam-50", Stage.DELIVERED, 100, 95, 90, 80, 50),
    (2, 1, "steam-50", Stage.DELIVERED, 200, 190, 180, 160, 170),  # after its deadline
    (3, 2, "qq-10", Stage.DELIVERED, 1000, 990, 960, 360, None),  # by amei's hand, 500 s from first act to last
    (4, 2, "qq-10", Stage.OPEN, 400, None, 390, None, 10),  # late
    (5, 1, "steam-50", Stage.DELIVERING, 300, 290, 280, None, -3600),  # its outcome is unknown; bo looked at it
    (6, 1, "steam-50", Stage.DELIVERED, 180_000, 180_000, 180_000, 170_000, None),  # two days ago
)
# order, seconds before now, kind, actor
EVENTS = (
    (1, 90, EventKind.RECEIVED, "intake"), (1, 80, EventKind.SENT, "effects"),
    (2, 160, EventKind.SENT, "effects"),
    (3, 900, EventKind.CLAIMED, "amei"), (3, 400, EventKind.HOLD_LIFTED, "amei"), (3, 360, EventKind.SENT, "effects"),
    (5, 270, EventKind.UNKNOWN, "effects"), (5, 200, EventKind.CLAIMED, "bo"),
)  # fmt: skip


def order_id(number: int, now: int) -> int:
    """The id that order ``number`` got, in a day that was filled at ``now``."""
    received = next(order[6] for order in ORDERS if order[0] == number)
    return first_id(now - received * SECOND) + number


def fill_day(tx: Tx, items: list[None]) -> list[int]:
    """Writer handler: the day as it stands at the transaction's time, which it answers."""
    now = tx.now
    tx.many("INSERT OR IGNORE INTO shop(id, name, platform) VALUES(?, ?, ?)", SHOPS)
    for order in ORDERS:
        _order(tx, *order)
    for number, ago, kind, actor in EVENTS:
        id = order_id(number, now)
        tx.run(
            "INSERT INTO event(seq, order_id, at, kind, actor, body) "
            "VALUES((SELECT coalesce(max(seq), 0) + 1 FROM event), ?, ?, ?, ?, ?)",
            (id, now - ago * SECOND, int(kind), actor, f'{{"intent":{id + 1000}}}'),
        )
    tx.run("INSERT INTO claim(order_id, operator, until) VALUES(?, 'bo', ?)", (order_id(5, now), now + HOUR))
    last = now // MINUTE
    minutes = [(last, 1, 5, 3, 1), (last, 2, 2, 2, 0), (last - 20, 1, 4, 4, 0), (last - 1600, 1, 99, 99, 99)]
    tx.many("INSERT INTO minute(at, shop, received, delivered, failed) VALUES(?, ?, ?, ?, ?)", minutes)
    tx.run(
        "INSERT INTO stock(product, free, sold, suspect, burnt, withdrawn) VALUES('steam-50', 7, 3, 0, 0, 0)",
    )
    count_names(tx)
    return [now for _ in items]


def count_names(tx: Tx) -> None:
    """What a database of before these counters gets: products, channels and deeds, counted from what is stored."""
    since = tx.now - DAYS * 24 * HOUR
    at = {"since": since, "id": first_id(since), "seq": 0}
    for statement in FILLS:
        values: Any = {name: value for name, value in at.items() if f":{name}" in statement}
        tx.run(statement, values)


def _order(tx: Tx, number: int, shop: int, product: str, stage: Stage, *times: Any) -> None:
    now = tx.now
    created, paid, received, delivered, deadline = (None if t is None else now - t * SECOND for t in times)
    id = order_id(number, now)
    tx.run(
        "INSERT INTO orders(id, shop, ext_id, rev, seen_at, stage, pstate, nprio, due_at, due, paid, refunded, "
        "refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, created_at, paid_at, "
        "deadline, received_at, delivered_at, changed_at) VALUES(?, ?, ?, ?, ?, ?, 1, 0, ?, 1000, ?, 0, 0, 'CNY', 1, ?, "
        "?, 'b', 'b', '', '', '', ?, ?, ?, ?, ?, ?)",
        (id, shop, f"W{number}", now, now, int(stage), deadline or now + HOUR, 1000 if paid else 0, product,
         product, created, paid, deadline, received, delivered, now),
    )  # fmt: skip
    tx.run("INSERT INTO tally(shop, stage, n) VALUES(?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1", (shop, int(stage)))
    if stage < Stage.DELIVERING:
        return
    state = IntentState.CONFIRMED if delivered else IntentState.UNKNOWN
    intent, via = id + 1000, "email" if shop == 1 else "pdd-main"
    tx.run(
        "INSERT INTO intent(id, order_id, shop, effect, via, cls, state, tries, gen, recipient, next_at, epoch, "
        "created_at, changed_at, opened_at) VALUES(?, ?, ?, 1, ?, 'A', ?, 1, 0, '', 0, 1, ?, ?, ?)",
        (intent, id, shop, via, int(state), received, delivered or now, received),
    )
    tx.run(
        "INSERT INTO attempt(intent_id, n, order_id, opened_at, epoch, closed_at, result, why, evidence) "
        "VALUES(?, 1, ?, ?, 1, ?, ?, '', '{}')",
        (intent, id, received, now, "confirmed" if delivered else "unknown"),
    )
