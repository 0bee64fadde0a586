"""What the wall says of the newest orders: by shop, product, person and channel, and how long things take.

The tables have no index on time; ids ascend with it, so the day is a span of ids, and never more than ``SAMPLE`` rows
of it are read. Pure functions over rows; the statements stand beside them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from core.model.actors import MACHINE_SQL
from core.model.lifecycle import WRONG, IntentState, Stage

SAMPLE: Final = 5_000  # newest orders of the day, and as many sends
QUEUE: Final = 20_000  # most urgent unfinished orders; the same bound as a window of a filtered view

ORDERS_SQL: Final = (
    "SELECT id, shop, product, stage, created_at, paid_at, received_at, delivered_at, deadline FROM orders "
    f"WHERE id >= ? ORDER BY id DESC LIMIT {SAMPLE}"
)
# What persons did to these orders, and what went wrong with them; most orders have no such row.
ACTS_SQL: Final = (
    "SELECT e.order_id, e.kind, e.actor, e.at FROM json_each(?) j CROSS JOIN event e ON e.order_id = j.value "
    f"WHERE e.kind IN {WRONG} OR e.actor NOT IN {MACHINE_SQL} LIMIT {10 * SAMPLE}"
)
SENDS_SQL: Final = (
    "SELECT i.order_id, i.via, i.state, i.created_at, i.changed_at, o.deadline, o.delivered_at, "
    "(SELECT count(*) FROM attempt a WHERE a.intent_id = i.id AND a.result IN ('rejected', 'unknown')) "
    "FROM intent i CROSS JOIN orders o ON o.id = i.order_id "
    f"WHERE i.id >= ? AND i.effect = 1 ORDER BY i.id DESC LIMIT {SAMPLE}"
)
QUEUE_SQL: Final = (
    "SELECT shop, product, count(*), coalesce(sum(deadline < ?), 0) FROM (SELECT o.shop, o.product, o.deadline "
    f"FROM orders o WHERE o.stage < 4 ORDER BY o.nprio, o.due_at, o.id LIMIT {QUEUE}) GROUP BY shop, product"
)
_GONE_WRONG = frozenset(WRONG)
_WAITS = (IntentState.PENDING, IntentState.SENDING, IntentState.UNKNOWN, IntentState.BLOCKED)


class Order(NamedTuple):
    """A row of ``ORDERS_SQL``; times in UTC us."""

    id: int
    shop: int
    product: str
    stage: int
    created_at: int
    paid_at: int | None
    received_at: int
    delivered_at: int | None
    deadline: int | None


@dataclass(slots=True)
class Group:
    """Orders that belong together. ``spans`` are microseconds from received to delivered."""

    came: int = 0
    went: int = 0
    waits: int = 0
    late: int = 0  # not delivered, and past the platform's deadline
    late_sent: int = 0  # delivered after it
    due_sent: int = 0  # delivered, and there was one
    wrong: int = 0  # attempts that were refused or whose outcome is unknown
    auto: int = 0  # delivered without any person's act
    acts: int = 0
    spans: list[int] = field(default_factory=list)
    hands: list[int] = field(default_factory=list)

    def shown(self, name: str) -> dict[str, Any]:
        """As the socket answers it."""
        return {
            "name": name,
            "in": self.came,
            "delivered": self.went,
            "backlog": self.waits,
            "late": self.late,
            "late_sent": self.late_sent,
            "due_sent": self.due_sent,
            "failed": self.wrong,
            "error_rate": rate(self.wrong, self.went),
            "auto": self.auto,
            "handling": spread(self.spans),
        }


@dataclass(slots=True)
class Newest:
    """The figures of one sample; ``groups`` are by shop number, product id and person's name."""

    orders: int = 0
    since: int | None = None
    total: Group = field(default_factory=Group)
    shops: dict[int, Group] = field(default_factory=lambda: defaultdict(Group))
    products: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    people: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    by_hand: list[int] = field(default_factory=list)
    by_machine: list[int] = field(default_factory=list)
    collection: list[int] = field(default_factory=list)
    notification: list[int] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)  # orders that a person acted on


def newest(rows: Sequence[Sequence[Any]], acts: Iterable[Sequence[Any]], now: int) -> Newest:
    """Figures of the rows of ``ORDERS_SQL`` with those of ``ACTS_SQL`` for them. ``now`` in UTC us."""
    out = Newest(len(rows))
    hands, wrong = _acts(acts)
    out.touched.update(hands)
    for order in map(Order._make, rows):
        people = hands.get(order.id, {})
        groups = [out.total, out.shops[order.shop], out.products[order.product]]
        for name, (first, last, count) in people.items():
            mine = out.people[name]
            groups.append(mine)
            mine.acts += count
            if count > 1:
                mine.hands.append(last - first)
        for group in groups:
            _count(group, order, not people, wrong.get(order.id, 0), now)
        out.collection.append(order.received_at - order.created_at)
        out.since = order.received_at if out.since is None else min(out.since, order.received_at)
        if order.delivered_at is not None:
            (out.by_hand if people else out.by_machine).append(order.delivered_at - order.received_at)
            if order.paid_at is not None:
                out.notification.append(order.delivered_at - order.paid_at)
    return out


def _acts(acts: Iterable[Sequence[Any]]) -> tuple[dict[int, dict[str, tuple[int, int, int]]], dict[int, int]]:
    """By order: each person's first act, last act and number of acts; and what went wrong."""
    hands: dict[int, dict[str, tuple[int, int, int]]] = {}
    wrong: dict[int, int] = {}
    for order, kind, actor, at in acts:
        if kind in _GONE_WRONG:
            wrong[order] = wrong.get(order, 0) + 1
            continue
        mine = hands.setdefault(order, {})
        first, last, count = mine.get(actor, (at, at, 0))
        mine[actor] = (min(first, at), max(last, at), count + 1)
    return hands, wrong


def _count(group: Group, order: Order, auto: bool, wrong: int, now: int) -> None:
    group.came += 1
    group.wrong += wrong
    if order.delivered_at is not None:
        group.went += 1
        group.auto += auto
        group.spans.append(order.delivered_at - order.received_at)
        if order.deadline is not None:
            group.due_sent += 1
            group.late_sent += order.delivered_at > order.deadline
    elif order.stage < Stage.DELIVERED:
        group.waits += 1
        group.late += order.deadline is not None and order.deadline < now


def channels(rows: Iterable[Sequence[Any]], touched: set[int], now: int) -> dict[str, Group]:
    """Figures of the rows of ``SENDS_SQL`` by way of sending; ``spans`` run from intent to confirmation."""
    out: dict[str, Group] = {}
    for order, via, state, created, changed, deadline, delivered, wrong in rows:
        group = out.setdefault(via, Group())
        group.came += 1
        group.wrong += wrong
        if state == IntentState.CONFIRMED:
            group.went += 1
            group.auto += order not in touched
            group.spans.append(changed - created)
            if deadline is not None and delivered is not None:
                group.due_sent += 1
                group.late_sent += delivered > deadline
        elif state in _WAITS:
            group.waits += 1
            group.late += deadline is not None and deadline < now
    return out


def rate(wrong: int, good: int) -> float:
    """Attempts that went wrong among those that ended, 0 to 1."""
    return round(wrong / (wrong + good), 4) if wrong else 0.0


def spread(values: Iterable[int]) -> dict[str, int | None]:
    """How many, the median and the 95th of 100; a time that would be negative (clocks differ) counts as none."""
    spans = sorted(max(value, 0) for value in values)
    if not spans:
        return {"n": 0, "median": None, "p95": None}
    return {"n": len(spans), "median": spans[(len(spans) - 1) // 2], "p95": spans[-(-len(spans) * 95 // 100) - 1]}


def by_name(groups: Mapping[str, Group]) -> list[tuple[str, Group]]:
    """The groups, the busiest first."""
    return sorted(groups.items(), key=lambda item: (-item[1].came, item[0]))
