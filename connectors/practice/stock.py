"""How many keys the merchant bought: enough for what will be asked, or, on purpose, a little less of one product."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.practice.mint import PRODUCTS, REPLAY_PRODUCT, Product
from connectors.practice.plans import Plan

_ENDLESS = 20_000
_SHORT_PRODUCT = 2  # a product that sells well, so that the shortage is met
_KEEPS_NO_KEY = ("refund_before", "forbid_failed", "forming_failed", "risk_failed", "no_email", "bad_email")


@dataclass(frozen=True, slots=True)
class Supply:
    """The products of a world and the number of keys of each."""

    goods: tuple[Product, ...]
    counts: tuple[int, ...]

    @staticmethod
    def products() -> tuple[Product, ...]:
        """What the merchant sells when nothing is replayed."""
        return PRODUCTS

    @classmethod
    def replay(cls, count: int) -> Supply:
        """The one product of a replay, with exactly the keys that its file asks for."""
        return cls((REPLAY_PRODUCT,), (count,))


def endless() -> Supply:
    """A stock for a stream without end; when it runs out, that too is a situation to show."""
    return Supply(PRODUCTS, (_ENDLESS,) * len(PRODUCTS))


def shop_for(plans: Iterable[Plan], shortage: bool) -> Supply:
    """Enough for every plan and a reserve. With ``shortage`` one product has 3 % less than will surely be delivered."""
    asked = [0] * len(PRODUCTS)
    sure = [0] * len(PRODUCTS)
    for plan in plans:
        asked[plan.product] += plan.qty
        if plan.paid and plan.behaviour not in _KEEPS_NO_KEY:
            sure[plan.product] += plan.qty
    counts = [count + count // 50 + 2 for count in asked]
    if shortage:
        counts[_SHORT_PRODUCT] = max(0, sure[_SHORT_PRODUCT] - max(2, sure[_SHORT_PRODUCT] * 3 // 100))
    return Supply(PRODUCTS, tuple(counts))
