"""What the stages know about this merchant: shops, catalogue, rules. Swapped whole, never mutated by a stage."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec import Struct

from core.model.clock import SECOND
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


class ShopInfo(Struct, frozen=True):
    """One shop as the stages see it. ``send_lane`` is the shop's own name or a channel's."""

    id: int
    name: str
    platform: str
    send_lane: str
    send: EffectSpec
    ship: EffectSpec | None

    @property
    def needs_contact(self) -> bool:
        """Keys travel beside the platform, so an address is needed."""
        return self.send_lane != self.name


@dataclass
class Setup:
    """The one mutable holder: a hot reload replaces ``catalogue`` or ``rules`` as a whole."""

    catalogue: Catalogue
    shops: dict[int, ShopInfo] = field(default_factory=dict)
    rules: Rules = field(default_factory=NoRules)
    fresh_us: int = 30 * SECOND  # how old news of an order may be at the gate and at every attempt to send
    tries_max: int = 3  # attempts of a class A or B effect before a person is asked
    default_patience_us: int = 24 * 3600 * SECOND  # sort time of an order without a platform deadline
