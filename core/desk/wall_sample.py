"""What the wall says of single orders: how long they took, who acted on them, what waits.

How long is told of the newest that were *finished*: the newest received would tell of their quick ones alone, and the
longer the backlog, the better they would look. Pure functions over rows; their statements stand in ``wall_sql``.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.model.lifecycle import Stage


class Order(NamedTuple):
    """A row of ``FINISHED_SQL``; times in UTC us."""

    id: int
    shop: int
    product: str
    paid_at: int | None
    received_at: int
    delivered_at: int
    deadline: int | None


@dataclass(slots=True)
class Group:
    """Orders that belong together. ``spans`` are microseconds from received to delivered, of those that were finished;
    ``ages`` those since received, of those that are paid for and wait. ``seen``: delivered ones that were looked at."""

    came: int = 0
    went: int = 0
    waits: int = 0
    late: int = 0  # not delivered, and past the platform's deadline
    late_sent: int = 0  # delivered after it
    due_sent: int = 0  # delivered, and there was one
    wrong: int = 0  # attempts that were refused or whose outcome is unknown
    auto: int = 0  # delivered without any person's act
    acts: int = 0
    seen: int = 0
    spans: list[int] = field(default_factory=list)
    hands: list[int] = field(default_factory=list)
    ages: list[int] = field(default_factory=list)

    def sent(self, at: int, deadline: int | None, auto: bool, took: int) -> None:
        """One more that was delivered ``at``; it took so many us."""
        self.seen += 1
        self.auto += auto
        self.spans.append(took)
        if deadline is not None:
            self.due_sent += 1
            self.late_sent += at > deadline

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
            "sample": {"delivered": self.seen},
            "handling": spread(self.spans),
            "waiting": waiting(self.ages),
        }


@dataclass(slots=True)
class Sample:
    """The figures of the newest finished orders; groups are by shop number and product id."""

    finished: int = 0
    since: int | None = None
    total: Group = field(default_factory=Group)
    shops: dict[int, Group] = field(default_factory=lambda: defaultdict(Group))
    products: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    by_hand: list[int] = field(default_factory=list)
    by_machine: list[int] = field(default_factory=list)
    notification: list[int] = field(default_factory=list)
    done: dict[int, tuple[Order, bool]] = field(default_factory=dict)  # and whether nobody acted on it


def sampled(finished: Iterable[Sequence[Any]], touched: Collection[int]) -> Sample:
    """Figures of the rows of ``FINISHED_SQL``; ``touched`` are those among them that a person acted on."""
    out = Sample()
    for order in map(Order._make, finished):
        if order.id in out.done:
            continue  # sent again
        auto, took = order.id not in touched, order.delivered_at - order.received_at
        out.done[order.id] = order, auto
        out.since = order.delivered_at if out.since is None else min(out.since, order.delivered_at)
        for group in (out.total, out.shops[order.shop], out.products[order.product]):
            group.sent(order.delivered_at, order.deadline, auto, took)
        (out.by_machine if auto else out.by_hand).append(took)
        if order.paid_at is not None:
            out.notification.append(order.delivered_at - order.paid_at)
    out.finished = len(out.done)
    return out


def persons(deeds: Iterable[Sequence[Any]], wrong: Mapping[int, int], since: int, now: int) -> dict[str, Group]:
    """Figures of the rows of ``DEEDS_SQL`` by person; ``wrong``: how often something went wrong with an order."""
    out: dict[str, Group] = defaultdict(Group)
    for name, acts, first, last, order, stage, received, delivered, deadline in deeds:
        group = out[name]
        group.came += 1
        group.acts += acts
        group.wrong += wrong.get(order, 0)
        if delivered is not None and delivered >= since:
            group.went += 1
            group.sent(delivered, deadline, False, delivered - received)
            if acts > 1:
                group.hands.append(last - first)
        elif stage < Stage.DELIVERED:
            group.waits += 1
            group.late += deadline is not None and deadline < now
    return out


def channels(sent: Iterable[Sequence[Any]], unsent: Iterable[Sequence[Any]], sample: Sample) -> dict[str, Group]:
    """Figures of the rows of ``SENT_SQL``, and of ``UNSENT_SQL`` and ``SENDING_SQL``, by way of sending; ``spans`` run from
    intent to confirmation."""
    out: dict[str, Group] = defaultdict(Group)
    for id, via, created, changed in sent:
        order, auto = sample.done[id]
        out[via].sent(order.delivered_at, order.deadline, auto, changed - created)
    for via, waits, late in unsent:
        out[via].waits += waits
        out[via].late += late
    return out


def kept(groups: dict[str, Group], counts: Iterable[Sequence[Any]]) -> None:
    """What is kept of names (name, received, delivered, failed) goes into their groups."""
    for name, came, went, wrong in counts:
        group = groups[name]
        # What was renamed in another quarter of an hour than it came in may leave less than none of its day.
        group.came, group.went, group.wrong = max(came, 0), went, wrong


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
    return sorted(groups.items(), key=lambda item: (-item[1].came, -item[1].seen, item[0]))
