"""The shapes that the socket answers with (docs/socket.md). Times are UTC microseconds, money is minor units."""

from typing import Any, Literal, NotRequired, TypedDict

Facts = dict[str, Any]


class Claim(TypedDict):
    """An operator's lease on an order."""

    by: str
    until: int


class Row(TypedDict):
    """One order as lists show it."""

    id: int
    ext_id: str
    shop: str
    platform: str
    product: str
    title: str
    qty: int
    amount: int
    paid: int
    refunded: int
    currency: str
    buyer: str
    stage: str
    money: str
    why: str
    tag: str
    priority: int
    created_at: int
    deadline: int | None
    lateness: str
    version: int
    claim: Claim | None
    cases: list[str]
    holds: list[str]
    note: str


class Window(TypedDict):
    """Rows by keyset. ``first`` and ``last`` are opaque marks; ``before`` is the count of rows above, if known."""

    rows: list[Row]
    first: str | None
    last: str | None
    before: NotRequired[int | None]
    next: NotRequired[str | None]  # where to look on, when the core had looked at enough orders for one answer
    looked: NotRequired[int]  # at how many, then
    looked_to: NotRequired[int | None]  # and when the last of them was received, in a list by time
    total: int | None
    seq: int


class Count(TypedDict):
    """How many orders match; a filtered count is bounded and then not exact."""

    count: int
    exact: bool


class Matching(TypedDict):
    """The orders that a view and filter hold: [id, amount, currency] each; ``more``: further ones match."""

    orders: list[tuple[int, int, str]]
    more: bool


class Looked(TypedDict):
    """What a list of the shops' own numbers led to: [id, amount, currency] each, and the numbers that led to no single order."""

    orders: list[tuple[int, int, str]]
    missing: list[str]
    several: list[str]


class Shop(TypedDict):
    """A shop as health names it."""

    name: str
    platform: str


class Health(TypedDict):
    """Who answers, and as whom we are known there."""

    version: str
    operator: str
    role: str
    read_only: bool
    shops: list[Shop]
    now: int
    language: NotRequired[str | None]
    people: NotRequired[list[str]]  # several share this OS user, and we have not said which one we are
    pid: NotRequired[int]
    started_at: NotRequired[int]


class ShopState(TypedDict):
    """How a shop's connector is doing."""

    name: str
    platform: str
    last_pull_at: int | None
    lag_s: float | None
    state: str
    error: str | None


class Counters(TypedDict):
    """The desk's figures, kept by the core."""

    seq: int
    at: int
    stages: dict[str, int]
    cases: dict[str, int]
    backlog: int
    oldest_at: int | None
    in_per_min: float
    delivered_per_min: float
    errors_per_min: float
    error_rate: float
    series: dict[str, list[int]]
    late: int
    shops: list[ShopState]
    claims: dict[str, int]
    sends_held_since: NotRequired[int]  # nothing is sent since a restore, until a person says go


class Decision(TypedDict):
    """One answer that a case allows."""

    action: str
    args: Facts
    label: str


class RefusedDecision(Decision):
    """An answer that would be refused now."""

    why: str


class Group(TypedDict):
    """Open cases of one kind."""

    kind: str
    count: int
    oldest_at: int
    money: dict[str, int]  # minor units by currency


class Case(TypedDict):
    """One thing that a person must decide."""

    id: int
    order_id: int
    ext_id: str
    shop: str
    kind: str
    fact: Facts
    opened_at: int
    deadline: int | None
    money: dict[str, int]  # minor units by currency
    proposal: str | None
    decisions: list[Decision]
    blocked: NotRequired[list[RefusedDecision]]  # what else answers such a case, but not this one now
    row: Row | None  # a case may belong to a shop instead of an order


class Cases(TypedDict):
    """A page of cases with the mark of the next page."""

    cases: list[Case]
    next: str | int | None


class WhyLong(TypedDict):
    """Why an order is not moving, with the facts behind it."""

    code: str
    facts: Facts


class ActionState(TypedDict):
    """What may be done with an order now, or why not."""

    action: str
    enabled: bool
    why: str | None


class OrderDetail(TypedDict):
    """One order in full. The lists are shown as facts, so their items stay loose."""

    row: Row
    lines: list[Facts]
    payments: list[Facts]
    refunds: list[Facts]
    keys: list[Facts]
    intents: list[Facts]
    holds: list[Facts]
    cases: list[Facts]
    events: list[Facts]
    why_long: WhyLong
    actions: list[ActionState]
    message: str | None
    contact_mask: str | None


class Blocked(TypedDict):
    """Orders of a frozen set that an action cannot touch, by reason."""

    why: str
    count: int
    sample: list[int]
    last: NotRequired[Facts]  # whose hand was on the first of them last


class Preview(TypedDict):
    """A frozen set: what an action would do to it."""

    token: str
    total: int
    allowed: int
    blocked: list[Blocked]
    money: dict[str, int]
    undoable: bool
    final: int  # how many of the allowed could not be undone
    confirm_number: int | None
    held: NotRequired[int]  # how many of all of them other people work on


class JobItem(TypedDict):
    """What became of one order of a job."""

    order_id: int
    ext_id: str
    ok: bool
    why: str | None
    final: NotRequired[bool]
    last: NotRequired[Facts]  # whose hand was on it last, when the act failed on it


class Job(TypedDict):
    """An action applied to a frozen set."""

    id: int
    action: str
    args: Facts
    by: str
    reason: str | None
    at: int
    state: Literal["running", "done", "stopped"]
    total: int
    done: int
    failed: int
    final: NotRequired[int]
    finished_at: int | None
    undoable_until: int | None
    undo_of: NotRequired[int | None]
    undone_by: NotRequired[int | None]
    items: NotRequired[list[JobItem]]


class First(TypedDict):
    """The first order of a decision."""

    order_id: int
    ext_id: str
    title: str
    ok: bool | None
    why: str


class Decided(Job):
    """A decision of ours, as a job with the first of its orders."""

    first: First | None


class Product(TypedDict):
    """Stock of one product."""

    id: str
    title: str
    free: int
    sold: int
    suspect: int
    burnt: int
    withdrawn: int
    per_hour: float | None
    runs_out_at: int | None


class Claimed(TypedDict):
    """The answer to a claim: nothing to claim is a null row."""

    row: Row | None
    until: int | None
    aside: NotRequired[int]  # orders that we skipped and are not offered for a while


class Tick(TypedDict):
    """One line of the feed. ``changed`` null means: too many to list, read the window again."""

    seq: int
    changed: NotRequired[list[int] | None]
    counters: NotRequired[Counters]
    ping: NotRequired[bool]


class Event(TypedDict):
    """A row of the event log. ``order_id`` 0: it is about no single order."""

    seq: int
    at: int
    actor: str
    kind: str
    order_id: int
    ext_id: str
    shop: str
    currency: str
    body: Facts


class History(TypedDict):
    """A page of the log, newest first; ``next`` is where to read on, None at its beginning."""

    events: list[Event]
    next: int | None
