"""The platforms that the practice world plays: every module of this folder that holds a ``MARKET``."""

import importlib
import pkgutil
from functools import cache

from connectors.practice.market import Market


@cache
def all_markets() -> tuple[Market, ...]:
    """Every platform, in the order of their ranks."""
    found = [
        importlib.import_module(f"{__name__}.{module.name}").MARKET
        for module in pkgutil.iter_modules(__path__)
        if not module.name.endswith("_door") and not module.name.endswith("_rows")
    ]
    return tuple(sorted(found, key=lambda market: (market.rank, market.word)))


def by_word() -> dict[str, Market]:
    """Platforms by the word of --platforms."""
    return {market.word: market for market in all_markets()}


def of(platform: str) -> Market:
    """The platform of that name. Raises KeyError."""
    return {market.platform: market for market in all_markets()}[platform]
