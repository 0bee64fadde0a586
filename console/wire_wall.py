"""The shape of ``GET /v1/wall`` (docs/socket.md). Times are microseconds."""

from typing import NotRequired, TypedDict

from console.wire import Facts, Product


class Spread(TypedDict):
    """How long something took, over ``n`` times; None when there was none."""

    n: int
    median: int | None
    p95: int | None


class Waiting(TypedDict):
    """How long unfinished orders that are paid for have waited so far; None when none does."""

    n: int
    median: int | None
    oldest: int | None


class Part(TypedDict):
    """Delivered orders with a name in common that were looked at: ``auto`` is of these, as are the times."""

    delivered: int


_Came = TypedDict("_Came", {"in": int})  # a word of Python's own, so it cannot stand in a class


class WallGroup(_Came):
    """The figures of a shop, a product, a person or a channel."""

    name: str
    delivered: int
    backlog: int
    late: int
    late_sent: int
    due_sent: int
    failed: int
    error_rate: float
    auto: int
    handling: Spread
    waiting: Waiting
    sample: Part
    acts: NotRequired[int]  # of a person, as what follows
    holds: NotRequired[int]
    hands_on: NotRequired[Spread]


class Auto(TypedDict):
    """Delivered orders that were looked at: without any person's act, and with."""

    machine: int
    by_hand: int


class Sample(TypedDict):
    """The newest orders that were looked at, and when."""

    orders: int
    since: int | None
    at: int


class Finished(TypedDict):
    """The newest deliveries that were looked at; ``whole``: they are all of the day."""

    orders: int
    since: int | None
    whole: bool


class Seen(TypedDict):
    """How much of the backlog was looked at for its deadlines."""

    orders: int
    whole: bool


class Wall(_Came):
    """All of the supervisor's figures at one moment."""

    at: int
    delivered: int
    failed: int
    backlog: int
    late: int
    queue_seen: Seen
    error_rate: float
    auto: Auto
    sample: Sample
    finished: Finished
    waiting: Waiting
    shops: list[WallGroup]
    products: list[WallGroup]
    operators: list[WallGroup]
    operators_hidden: int
    channels: list[WallGroup]
    measured: dict[str, Spread]
    series: Facts
    stock: list[Product]
    health: list[Facts]


_Flows = TypedDict("_Flows", {"in": list[int]})


class WallHistory(_Flows):
    """``GET /v1/wall/history``: buckets of ``bucket_minutes`` from ``first`` on. ``shop`` "": all of them."""

    at: int
    span: str
    shop: str
    bucket_minutes: int
    first: int
    delivered: list[int]
    failed: list[int]
    backlog: list[int | None]
    late: list[int | None]
