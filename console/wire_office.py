"""The shapes of the back office's calls (docs/socket.md). Times are UTC microseconds."""

from typing import NotRequired, TypedDict

from console.wire import Facts, Product, ShopState


class Stocked(Product):
    """Stock of one product, with the orders that wait for keys of it."""

    waiting: int


class Batch(TypedDict):
    """One import. ``free`` is what nobody was given; null when there are too many keys to count."""

    id: int
    source: str
    by: str
    at: int
    size: int
    undone_at: int | None
    free: int | None


class Batches(TypedDict):
    """A page of imports, newest first."""

    batches: list[Batch]
    next: int | None


class BadLine(TypedDict):
    """A line of a file that cannot be taken; never what it says."""

    line: int
    why: str


class MaskedKey(TypedDict):
    """A key as a screen may show it."""

    line: int
    mask: str


class KeyPreview(TypedDict):
    """What a key file holds against the stock."""

    token: str
    lines: int
    new: int
    duplicate_in_file: int
    duplicate_in_stock: int
    already_sold: int
    blank: int
    encoding: str
    padded: int
    padded_lines: list[int]
    bad: int
    errors: list[BadLine]
    sample: list[MaskedKey]


class Rule(TypedDict):
    """One rule as written."""

    name: str
    when: str
    priority: int | None
    tag: str
    hold: str
    automation: str
    line: int


class Hits(TypedDict):
    """How many orders of a sample a rule applies to, and on how many it fails."""

    hits: int
    failed: int


class Recent(TypedDict):
    """The rules tried on the newest stored orders."""

    sample: int
    since: int | None
    rules: dict[str, Hits]


class RefusedFile(TypedDict):
    """Why the file as it is now was not taken."""

    at: int
    why: str


class RulesInForce(TypedDict):
    """What the core judges by."""

    file: str
    version: int
    mark: str
    on_disk: str | None
    loaded_at: int
    refused: RefusedFile | None
    rules: list[Rule]
    recent: Recent


class ChangedRule(TypedDict):
    """A rule of both files; ``parts`` are {part, was, now}."""

    name: str
    parts: list[Facts]


class RuleDiff(TypedDict):
    """A tried file against what is in force."""

    added: list[str]
    removed: list[str]
    changed: list[ChangedRule]
    moved: bool


class Backtest(Recent):
    """What the tried file would do to the newest orders: counts of changes, and the first that differ."""

    changed: dict[str, int]
    orders: list[Facts]


class Tried(TypedDict):
    """The verdict on a rule file."""

    ok: bool
    errors: list[str]
    warnings: list[str]
    version: NotRequired[int]
    mark: NotRequired[str]
    same: NotRequired[bool]
    diff: NotRequired[RuleDiff]
    backtest: NotRequired[Backtest]


class Connection(ShopState):
    """How a shop's connector is doing, for whoever looks at shops."""

    failures: int
    error_kind: str
    breaker: str | None
    token_age_s: int | None
    set_aside: int
    drift: int
    drift_at: int | None
    silent_since: int | None


class UnreadGroup(TypedDict):
    """Items of one shop that were not understood for one reason."""

    field: str
    why: str
    n: int
    seen: int
    first_at: int
    last_at: int
    orders: list[str]


class Unread(TypedDict):
    """What of one shop waits unread; ``whole`` is false when not all of it was looked at."""

    groups: list[UnreadGroup]
    whole: bool
    drift: list[Facts]


class Replayed(TypedDict):
    """A page of what was read again; ``after`` is where to go on."""

    items: list[Facts]
    after: int | None


class Examination(TypedDict):
    """The doctor's findings; ``settings`` are {key, value, from}."""

    checks: list[Facts]
    settings: list[Facts]
