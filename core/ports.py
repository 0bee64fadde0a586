"""What the core asks of the outside. Connectors implement these protocols; the core never imports a connector."""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from msgspec import Struct

from core.model.contact import ContactKind
from core.model.effects import Call, Effect, EffectSpec, Outcome
from core.model.lifecycle import Stage
from core.model.order import Batch, OrderUpdate, Payment, Quarantined, Refund, Update

Money = Payment | Refund


class ConnectorError(Exception):
    """A pull or read failed. ``kind`` is one of: network, timeout, auth, rate, platform, protocol."""

    def __init__(self, kind: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind, self.retry_after = kind, retry_after


@runtime_checkable
class Channel(Protocol):
    """A way to reach a buyer beside the platform itself, for example e-mail.

    It may say by an attribute ``room`` how many attempts may be open at once, where that is fewer than the lane's own.
    """

    name: str
    specs: Mapping[Effect, EffectSpec]

    async def perform(self, call: Call) -> Outcome:
        """One attempt. Never raises for what the outside does: that is an Outcome. Cancelled mid-way = unknown."""
        ...

    async def ask(self, call: Call) -> Outcome:
        """Class B: what became of an earlier attempt of this call. Must not repeat it.

        UNKNOWN with ``retry_after``: it is under way, or could not be asked about; ask again then.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Carrier(Protocol):
    """What a channel says of itself. Optional: one that does not takes an e-mail address and carries keys."""

    reaches: frozenset[ContactKind]  # the contacts it can be given; empty: it ignores the recipient, as a robot does
    needs_pickup: bool  # it sends the link of the pick-up page in place of the keys


@runtime_checkable
class Alerting(Protocol):
    """A channel that also reaches the merchant."""

    async def alert(self, title: str, text: str) -> Outcome:
        """One attempt to say one short plain text, which never holds a key. Never raises for what the outside does."""
        ...


def ways_of(send_via: str) -> tuple[str, ...]:
    """The channels of a shop in the order in which they are tried; () when keys leave through the shop itself."""
    return () if send_via == "shop" else tuple(name.strip() for name in send_via.split(",") if name.strip())


class Wanted(Struct, frozen=True, kw_only=True):
    """Keys to be bought from a supplier. ``reference`` is ours, of this purchase alone, and equal on every question."""

    reference: str
    code: str  # the supplier's own product
    qty: int
    price: str  # decimal text: the most that one may cost, in the supplier's currency


class Bought(Struct, frozen=True, kw_only=True):
    """What became of a purchase. ``keys`` are plain and live only in this object; ``outcome`` never holds one."""

    outcome: Outcome
    keys: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Bought({self.outcome.result.value}, {len(self.keys)} keys)"


@runtime_checkable
class Stocker(Protocol):
    """A supplier whom keys are bought from before they are sold. Buying is class C: once, and never again in doubt."""

    name: str
    askable: bool  # whether ``bought`` can find out what became of a purchase

    async def buy(self, wanted: Wanted) -> Bought:
        """One attempt. Never raises for what the outside does. Cancelled mid-way = unknown."""
        ...

    async def bought(self, wanted: Wanted) -> Bought:
        """What became of an earlier attempt; must not repeat it. UNKNOWN with ``retry_after``: ask again then."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Shop(Channel, Protocol):
    """A merchant's account at one platform."""

    platform: str
    send_via: str  # "shop", or the channel that carries the keys, or several with commas (``ways_of``)
    poll_seconds: float  # how long to wait after a pull that brought nothing more

    async def pull(self, cursor: str | None) -> Batch:
        """The next batch after ``cursor`` (None: from the connector's configured start).

        The same cursor gives at least the same facts again; the core is idempotent, so overlap is free.
        Raises ConnectorError.
        """
        ...

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """One order as it stands now, for the gate. Raises ConnectorError."""
        ...

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        """A webhook arrived. True when its signature is right and a pull should follow at once; False to refuse it."""
        ...


@runtime_checkable
class Remapper(Protocol):
    """Reads again, by its present mapping, what a former one could not. Optional for a shop."""

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What ``kept.raw`` says; a Quarantined among it where it still cannot be understood.

        ``at``: UTC us, when it was first set aside; it tells of no later moment. Changes nothing anywhere, and asks the
        platform only for what belongs to the payload and is not in it. Raises ConnectorError.
        """
        ...


@runtime_checkable
class Authorised(Protocol):
    """Works with an access token that is renewed. Optional for a shop."""

    @property
    def token_since(self) -> int | None:
        """UTC us at which the token in use came; None where nobody says, or where there is none."""
        ...


@runtime_checkable
class Guarded(Protocol):
    """Stops calling a platform that is down. Optional for a shop."""

    @property
    def breaker(self) -> str:
        """closed (calls go out), open (they do not), half-open (the next one is a probe)."""
        ...


class Inbound(Struct, frozen=True, kw_only=True):
    """One request to ``/hook/NAME`` or ``/hook/NAME/TAIL``, whole. Nothing of it is to be believed yet.

    ``query`` and ``body`` are as they came, undecoded: signatures are made over them. Header names are lower case; a
    header sent twice arrives as one, joined by ``, ``.
    """

    method: str  # GET or POST
    tail: str  # the path after /hook/NAME/, "" without one
    query: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Inbound({self.method}, tail={self.tail!r}, {len(self.body)} bytes)"


class Reply(Struct, frozen=True, kw_only=True):
    """What the caller is told, in the words that its protocol wants."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class Standing(Struct, frozen=True, kw_only=True):
    """How far an order is, for a caller that asks. Never a key. Times are UTC us."""

    stage: Stage
    delivered: bool  # the buyer has every key, confirmed
    waits: bool  # an open case or hold: a person has to look first
    delivered_at: int | None = None


class Received(Struct, frozen=True, kw_only=True):
    """What a connector made of a request. A refusal has no ``batch``, and a ``render`` that refuses.

    The core commits ``batch`` durably, then looks up ``look``, then calls ``render``: so "yes" is said only of what
    survives a crash. ``render`` gets None when nothing was to be looked up or no such order is known. When the facts
    cannot be stored just now, ``render`` is not called and the caller gets 503, so that the platform repeats.
    """

    render: "Callable[[Standing | None], Reply]"
    batch: tuple[Update, ...] = ()
    pull: bool = False  # the shop is to be pulled at once
    look: str = ""  # the order whose standing the answer needs


@runtime_checkable
class Receiver(Protocol):
    """Takes requests that platforms make to us: notifications, pushes, and calls that want an answer.

    Optional for a shop: one without it gets its POSTs through ``Shop.hint``.
    """

    async def receive(self, request: Inbound) -> Received:
        """Check the request and say what it states. Never raises for what the outside sends: that is a refusal.

        May ask the platform back, within a few seconds; the core gives up after ten. A ConnectorError it raises is
        answered with 503.
        """
        ...


@runtime_checkable
class Gateway(Receiver, Protocol):
    """A payment account of the merchant that pays the orders of one shop.

    Its payments carry ``name`` as their account and the provider's transaction number, and name the order by the
    number under which it was paid (``out_trade_no``), which is the shop's order number.
    """

    name: str
    account: str  # kind and the provider's own ids; two gateways of one account would book one payment twice
    per_minute: float  # how often it may be asked about orders that are not paid yet

    async def query(self, ext_id: str) -> tuple[Money, ...]:
        """All money of an order as the provider has it now, () while it is unpaid. Raises ConnectorError.

        Where a provider tells that money went back but not how much, the charge comes with an open Refund.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
