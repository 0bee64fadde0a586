"""What sets one platform of the practice world apart: its door, its numbers, how its buyers behave, its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.practice.front import Gate
    from connectors.practice.pushes import Pushes
    from connectors.practice.stripe_objects import Provider
    from connectors.practice.world import Shop, World

# (behaviour, share in 1,000) that every platform sees; what is left of 1,000 is a simple paid order.
COMMON = (("refund_before", 12), ("refund_withdrawn", 6), ("refund_after", 12), ("refund_after_withdrawn", 4))


@dataclass(frozen=True, slots=True)
class Place:
    """What a door is built from. ``lag``: seconds until this platform's lists show a change."""

    world: World
    shop: Shop
    lag: float
    provider: Provider | None
    pushes: Pushes | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """One platform. A module in ``markets`` holds it as ``MARKET``; nothing else needs to know its name."""

    word: str  # as --platforms takes it
    platform: str  # as the desk's settings name it
    shop: str  # the merchant's shop there
    door: str  # first part of the path
    sku_prefix: str
    mix: tuple[tuple[str, int], ...]  # behaviours beside the simple order, shares in 1,000; see plans
    number: Callable[[int, int], str]  # (n-th order, seed) -> the platform's order number
    gate: Callable[[Place], Gate]
    settings: Callable[[str, Shop, Callable[[str, str], str]], Mapping[str, str]]
    """(base URL, shop, hide) -> the shop's settings without ``platform``; hide(name, secret) gives a file: reference."""
    payments: Callable[[str, Shop, Callable[[str, str], str]], Mapping[str, Mapping[str, str]]] | None = None
    """The same for the payment gateway that pays the shop, by its name; None where the platform holds the money."""
    channels: Callable[[str, Shop, Callable[[str, str], str]], Mapping[str, Mapping[str, str]]] | None = None
    """The same for channels of its own, by their names, beside the one for mail."""
    rank: int = 9  # place in the list of platforms
    by_default: bool = False  # played when nobody says which
    mails: bool = True  # keys reach the buyer by mail, so that buyers give an address
    address_in_message: bool = False  # and give it in what they write to the seller
    names_buyers: bool = True
    tokens_expire: bool = True
    cards: bool = False  # money is objects of a payment provider of their own
    undo_opens_refund: bool = False  # the platform undoes a paid order by a refund of its own
    pushes: bool = False  # the platform calls the desk, and some of what it says comes in no other way
