"""What the stages know about this merchant: shops, catalogue, rules. Swapped whole, never mutated by a stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import force_setattr

from core.model.clock import SECOND
from core.model.contact import EMAIL_ONLY, ContactKind, part
from core.model.effects import EffectSpec


class Judgement(Struct, frozen=True):
    """What the rules say of one order. ``holds`` are (reason, note)."""

    priority: int = 0
    tag: str = ""
    holds: tuple[tuple[str, str], ...] = ()


NOTHING = Judgement()


class Rules(Protocol):
    """The merchant's rules. Swapped whole, so that the facts gathered for them are always the ones they ask for."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The facts that conditions name, in the order in which ``judge_rows`` wants them."""
        ...

    def judge_rows(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[Judgement]:
        """One judgement for each row of facts. Never raises for what a rule or an order does."""
        ...


class NoRules:
    """Every order is ordinary."""

    fields: tuple[str, ...] = ()

    def judge_rows(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[Judgement]:
        """Nothing, as often as asked."""
        return [NOTHING] * len(rows)


class Catalogue(Protocol):
    """Platform SKUs to the merchant's products."""

    def product_of(self, shop: str, sku: str) -> str:
        """The product's id, or "" for an unmapped SKU."""
        ...

    def is_hot(self, product: str) -> bool:
        """Whether the merchant marked the product as hot."""
        ...

    def title_of(self, product: str) -> str:
        """The product's title for people."""
        ...


class Way(Struct, frozen=True):
    """One way for keys to leave: its lane, its effect, and the contacts it can be given (none: it needs none)."""

    lane: str
    send: EffectSpec
    reaches: frozenset[ContactKind] = frozenset()


class ShopInfo(Struct, frozen=True):
    """One shop as the stages see it. ``send_lane`` is the shop's own name or a channel's, ``send`` what it does there.

    ``ways``: all ways in the order in which they are tried, the first of them being ``send_lane``; left out, that one
    alone, by e-mail unless it is the shop's own.
    """

    id: int
    name: str
    platform: str
    send_lane: str
    send: EffectSpec
    ship: EffectSpec | None
    ways: tuple[Way, ...] = ()

    def __post_init__(self) -> None:
        if not self.ways:
            reaches = EMAIL_ONLY if self.send_lane != self.name else frozenset[ContactKind]()
            force_setattr(self, "ways", (Way(self.send_lane, self.send, reaches),))

    @property
    def reaches(self) -> frozenset[ContactKind]:
        """The contacts that one way or another can use."""
        return frozenset[ContactKind]().union(*(way.reaches for way in self.ways))

    def way_for(self, contact: str, after: str = "") -> tuple[Way, str] | None:
        """The first way that can reach this contact, with the part of it that is its recipient; None without one.

        ``after``: only ways behind this lane.
        """
        passed = not after
        for way in self.ways:
            if passed:
                if not way.reaches:
                    return way, ""
                if contact and (recipient := part(contact, way.reaches)):
                    return way, recipient
            passed = passed or way.lane == after
        return None

    def recipient(self, lane: str, contact: str) -> str | None:
        """Whom an intent of this lane goes to: "" for nobody, be it that none is needed or that the contact is of
        another kind; None for a lane that is not set (any more)."""
        for way in self.ways:
            if way.lane == lane:
                return part(contact, way.reaches) if way.reaches else ""
        return None

    def spec(self, lane: str) -> EffectSpec:
        """What sending by this lane is."""
        return next((way.send for way in self.ways if way.lane == lane), self.send)


@dataclass
class Setup:
    """The one mutable holder: a hot reload replaces ``catalogue`` or ``rules`` as a whole."""

    catalogue: Catalogue
    shops: dict[int, ShopInfo] = field(default_factory=dict)
    rules: Rules = field(default_factory=NoRules)
    fresh_us: int = 30 * SECOND  # how old news of an order may be at the gate and at every attempt to send
    tries_max: int = 3  # attempts of a class A or B effect before a person is asked
    default_patience_us: int = 24 * 3600 * SECOND  # sort time of an order without a platform deadline
    silence_minutes: int = 0  # how long a shop's paid orders may be missing against its history; 0 = not looked at
    stopped: Mapping[int, int] = field(default_factory=dict)  # shops that were found silent, since when (UTC us)
