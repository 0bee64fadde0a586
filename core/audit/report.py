"""What an audit says: findings, and for each promise whether it stands."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

SAMPLE = 10  # order ids named in a finding
WARNING, VIOLATION = "warning", "violation"

# Which invariants carry which promise. The chain (I13) and the guards (I0) stand under all of them: without an
# unbroken log and the unique indexes the rows prove less than they seem to.
PROMISES: Mapping[str, tuple[str, ...]] = {
    "P1": ("I0", "I1", "I3", "I7", "I13", "I15"),
    "P2": ("I0", "I2", "I8", "I13", "I-money"),
    "P3": ("I4", "I10", "I13", "I-tally", "I-case_tally", "I-blocks"),
    "P4": ("I9", "I13", "I-effects"),
    "P5": ("I5", "I11", "I13"),
}


class Finding(Struct, frozen=True):
    """One broken invariant: how often, on which orders (a sample), and what it means in a sentence."""

    invariant: str
    severity: str
    count: int
    orders: tuple[int, ...]
    sentence: str


class Report(Struct, frozen=True):
    """The result of one audit. ``head``: seq and hash of the log's end, to be kept in a second place.

    The chain proves change, not truncation: a log that was cut at its end together with its blocks shows only
    against a head that was kept elsewhere.
    """

    seconds: float
    orders: int
    events: int
    head: tuple[int, str]
    findings: tuple[Finding, ...]

    @property
    def exit(self) -> int:
        """0 clean, 1 warnings, 2 violations."""
        if any(f.severity == VIOLATION for f in self.findings):
            return 2
        return 1 if self.findings else 0

    @property
    def violations(self) -> int:
        """How many rows break an invariant."""
        return sum(f.count for f in self.findings if f.severity == VIOLATION)

    def promises(self) -> dict[str, str]:
        """``proved``, ``warning`` or ``violated`` for P1 to P6; P6 is that this could be asked at all."""
        said = {name: verdict_of(self.findings, invariants) for name, invariants in PROMISES.items()}
        return {**said, "P6": "proved"}

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "ok": self.exit == 0,
            "exit": self.exit,
            "seconds": round(self.seconds, 3),
            "orders": self.orders,
            "events": self.events,
            "head": {"seq": self.head[0], "hash": self.head[1]},
            "violations": self.violations,
            "findings": [msgspec.to_builtins(f) for f in self.findings],
            "promises": self.promises(),
            "not_checked": ["I12: replay of the log into the rows"],
        }


def verdict_of(findings: Sequence[Finding], invariants: Sequence[str]) -> str:
    """What these findings leave of a promise that rests on these invariants."""
    hit = {f.severity for f in findings if f.invariant in invariants}
    if VIOLATION in hit:
        return "violated"
    return "warning" if hit else "proved"
