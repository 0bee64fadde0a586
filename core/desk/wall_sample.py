"""What the wall says of single orders: by shop, product, person and channel, and how long things take.

What came is told of the newest orders received; how long it took, of the newest that were *finished*: the newest received
would tell of their quick ones alone, and the longer the backlog, the better they would look.
Pure functions over rows; their statements stand in ``wall_sql``.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.model.lifecycle import WRONG, IntentState, Stage

_GONE_WRONG = frozenset(WRONG)


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
    """Orders that belong together. ``spans`` are microseconds from received to delivered, of those that were finished;
    ``ages`` those since received, of those that are paid for and wait."""

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
    ages: list[int] = field(default_factory=list)

    def sent(self, order: Order, auto: bool, took: int) -> None:
        """One more that was delivered; it took so many us."""
        self.went += 1
        self.auto += auto
        self.spans.append(took)
        if order.deadline is not None:
            self.due_sent += 1
            self.late_sent += order.delivered_at is not None and order.delivered_at > order.deadline

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
            "waiting": waiting(self.ages),
        }


@dataclass(slots=True)
class Sample:
    """The figures of the newest orders; ``groups`` are by shop number, product id and person's name.

    ``orders`` were received, ``finished`` delivered, each since its time; one order may be both.
    """

    orders: int = 0
    since: int | None = None
    finished: int = 0
    finished_since: int | None = None
    total: Group = field(default_factory=Group)
    shops: dict[int, Group] = field(default_factory=lambda: defaultdict(Group))
    products: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    people: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    by_hand: list[int] = field(default_factory=list)
    by_machine: list[int] = field(default_factory=list)
    collection: list[int] = field(default_factory=list)
    notification: list[int] = field(default_factory=list)
    done: dict[int, tuple[Order, bool]] = field(default_factory=dict)  # and whether nobody acted on it


def sampled(
    received: Iterable[Sequence[Any]], finished: Iterable[Sequence[Any]], acts: Iterable[Sequence[Any]], now: int
) -> Sample:
    """Figures of the rows of ``ORDERS_SQL`` and ``FINISHED_SQL`` with those of ``ACTS_SQL`` for both. ``now`` in UTC us."""
    out = Sample()
    hands, wrong = _acts(acts)
    new = {order.id: order for order in map(Order._make, received)}
    done = {order.id: order for order in map(Order._make, finished)}
    for id, order in {**done, **new}.items():
        people = hands.get(id, {})
        for name, (_, _, count) in people.items():
            out.people[name].acts += count
        for group in _groups(out, order, people):
            group.came += id in new
            group.wrong += wrong.get(id, 0)
    for order in new.values():
        out.collection.append(order.received_at - order.created_at)
        if (
            order.stage < Stage.DELIVERED
        ):  # shops and products are told by the queue itself, which is the better witness
            for name in hands.get(order.id, ()):
                out.people[name].waits += 1
                out.people[name].late += order.deadline is not None and order.deadline < now
    for order in done.values():
        _finish(out, order, hands.get(order.id, {}))
    out.orders, out.finished = len(new), len(done)
    out.since = min((order.received_at for order in new.values()), default=None)
    return out


def _groups(out: Sample, order: Order, people: Iterable[str]) -> list[Group]:
    return [out.total, out.shops[order.shop], out.products[order.product], *(out.people[name] for name in people)]


def _finish(out: Sample, order: Order, people: Mapping[str, tuple[int, int, int]]) -> None:
    """One that was delivered, with what persons did to it."""
    at = order.delivered_at
    assert at is not None
    took = at - order.received_at
    out.done[order.id] = order, not people
    out.finished_since = at if out.finished_since is None else min(out.finished_since, at)
    for group in _groups(out, order, people):
        group.sent(order, not people, took)
    (out.by_hand if people else out.by_machine).append(took)
    if order.paid_at is not None:
        out.notification.append(at - order.paid_at)
    for name, (first, last, count) in people.items():
        if count > 1:
            out.people[name].hands.append(last - first)


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


def channels(
    sends: Iterable[Sequence[Any]],
    sent: Iterable[Sequence[Any]],
    unsent: Iterable[Sequence[Any]],
    sample: Sample,
    now: int,
) -> dict[str, Group]:
    """Figures of the rows of ``SENDS_SQL``, ``SENT_SQL`` and ``UNSENT_SQL`` by way of sending; ``spans`` run from intent
    to confirmation."""
    out: dict[str, Group] = defaultdict(Group)
    for via, state, deadline, wrong in sends:
        group = out[via]
        group.came += 1
        group.wrong += wrong
        if state == IntentState.SENDING:  # of these alone there is no index; they are never many, nor old
            group.waits += 1
            group.late += deadline is not None and deadline < now
    for order, via, created, changed in sent:
        out[via].sent(*sample.done[order], changed - created)
    for via, waits, late in unsent:
        out[via].waits += waits
        out[via].late += late
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


def waiting(ages: Iterable[int]) -> dict[str, int | None]:
    """How many wait, half of them longer than the median, and how long the oldest of them."""
    spans = sorted(max(age, 0) for age in ages)
    if not spans:
        return {"n": 0, "median": None, "oldest": None}
    return {"n": len(spans), "median": spans[(len(spans) - 1) // 2], "oldest": spans[-1]}


def by_name(groups: Mapping[str, Group]) -> list[tuple[str, Group]]:
    """The groups, the busiest first."""
    return sorted(groups.items(), key=lambda item: (-item[1].came, item[0]))
