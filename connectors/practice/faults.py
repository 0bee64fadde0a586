"""Which request fails, and how: seeded decks, so that every kind really fires and a run can be repeated."""

import random
from collections.abc import Callable
from typing import NamedTuple

from connectors.practice import markets
from connectors.practice.ledger import Ledger

SECOND = 1_000_000

# What can befall a request. The words are those of the ledger's fault records and of the report.
_DECKS: dict[str, tuple[str, ...]] = {
    "list": ("overlap", "reorder", "token", "rate", "error", "half", "drop", "slow"),
    "read": ("token", "error", "half", "rate", "drop", "slow"),
    "effect": ("reset_after", "drop", "half", "rate", "error", "slow"),
    "smtp": ("smtp_reset_after", "smtp_451", "smtp_drop", "slow"),
    "webhook": ("hook_doubled", "hook_delayed", "hook_reordered"),
}
_GAPS = {"list": (4, 11), "read": (25, 70), "effect": (20, 70), "smtp": (20, 70), "webhook": (10, 40)}

HANG_SECONDS = 8.0
_FIRST_HANG, _NEXT_HANG = (3.0, 6.0), (18.0, 30.0)


class Fate(NamedTuple):
    """What befalls one request; ``kind`` "" for nothing. ``seconds`` belongs to the slow ones."""

    kind: str = ""
    seconds: float = 0.0


NOTHING = Fate()


class Faults:
    """``name`` is "none" or "chaos". ``fate`` is asked once for each request, with the target it goes to.

    Effects have a deck for each target (each platform's own), so that every kind strikes each of them; lists and
    reads share one.
    """

    def __init__(
        self, name: str, seed: int, ledger: Ledger, clock: Callable[[], int], platforms: tuple[str, ...]
    ) -> None:
        if name not in ("none", "chaos"):
            raise ValueError(f"faults must be none or chaos, not {name!r}")
        self.on = name == "chaos"
        self._ledger, self._clock, self._platforms = ledger, clock, platforms
        self._rng = random.Random(f"faults/{seed}")
        self._left: dict[str, int] = {}
        self._cards: dict[str, list[str]] = {}
        self._hangs: tuple[str, int, int] | None = None  # platform, from, until (UTC us)
        self._turn = self._rng.randrange(max(1, len(platforms)))
        self.fired: dict[str, int] = {}

    def armed(self, webhooks: bool) -> list[str]:
        """The kinds that can fire in this world."""
        if not self.on:
            return []
        kinds = {kind for deck, cards in _DECKS.items() if deck != "webhook" or webhooks for kind in cards}
        if self._platforms and not any(markets.of(platform).tokens_expire for platform in self._platforms):
            kinds.discard("token")
        return sorted(kinds | {"hang"})

    def begin(self) -> None:
        """The buyers start: the first silence is not far."""
        if self.on and self._platforms:
            self._plan_hang(_FIRST_HANG)

    def fate(self, platform: str, deck: str, target: str) -> Fate:
        """What befalls this request. Recording it is left to ``strike``, when it really happens."""
        if not self.on:
            return NOTHING
        if deck != "webhook" and self._hanging(platform):
            return Fate("hang")
        key = f"{deck}/{target}" if deck == "effect" else deck
        left = self._left.get(key)
        if left is None:
            left = self._rng.randint(*_GAPS[deck])
        self._left[key] = left - 1
        if left > 0:
            return NOTHING
        self._left[key] = self._rng.randint(*_GAPS[deck])
        cards = self._cards.get(key)
        if not cards:
            cards = self._cards[key] = list(_DECKS[deck])
            self._rng.shuffle(cards)
        if cards[-1] == "token" and not markets.of(platform).tokens_expire:
            # Left on the deck for a platform whose tokens do expire.
            others = [kind for kind in cards if kind != "token"]
            if not others:
                return NOTHING
            cards.remove(others[-1])
            return self._dealt(others[-1])
        return self._dealt(cards.pop())

    def strike(self, fate: Fate, platform: str, target: str) -> int:
        """The fault happens now; returns the ledger's number of its record."""
        self.fired[fate.kind] = self.fired.get(fate.kind, 0) + 1
        return self._ledger.add("fault", fault=fate.kind, platform=platform, target=target)

    def _dealt(self, kind: str) -> Fate:
        seconds = {"slow": (0.3, 1.2), "hook_delayed": (0.3, 2.0)}.get(kind)
        return Fate(kind, self._rng.uniform(*seconds) if seconds else 0.0)

    def _hanging(self, platform: str) -> bool:
        if self._hangs is None:
            return False
        name, begin, end = self._hangs
        now = self._clock()
        if now >= end:
            self._plan_hang(_NEXT_HANG)
            return False
        return name == platform and now >= begin

    def _plan_hang(self, wait: tuple[float, float]) -> None:
        begin = self._clock() + int(self._rng.uniform(*wait) * SECOND)
        self._turn = (self._turn + 1) % len(self._platforms)
        self._hangs = (self._platforms[self._turn], begin, begin + int(HANG_SECONDS * SECOND))
