"""Outward effects: their kinds, their classes, and what one try of them can come to."""

from enum import IntEnum, StrEnum

from msgspec import Struct


class Effect(IntEnum):
    """What is done to the outside."""

    SEND = 1  # hand the keys to the buyer
    SHIP = 2  # tell the platform that the order is shipped (write-back)


class EffectClass(StrEnum):
    """What an unknown outcome permits (facts: reliability, effect classes)."""

    A = "A"  # a repeat is harmless: the same payload may go again, bounded
    B = "B"  # the other side dedupes or can be asked
    C = "C"  # neither: a person decides


class EffectSpec(Struct, frozen=True):
    """One call a connector can make: its class, and the source that says so."""

    effect: Effect
    cls: EffectClass
    source: str
    ships: bool = False  # SEND through the platform that also marks the order shipped
    askable: bool = False  # class B: ``ask`` tells what became of a call; otherwise B repeats under its own reference


class Result(StrEnum):
    """What one attempt came to."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"  # the other side refused, definitely, and did nothing
    NOT_SENT = "not_sent"  # proven: no byte of it reached the other side
    LATER = "later"  # refused for now (429, maintenance), definitely not done
    UNKNOWN = "unknown"


class Outcome(Struct, frozen=True, kw_only=True):
    """The result of one attempt with its evidence. ``retry_after`` in seconds; ``evidence`` never holds a secret."""

    result: Result
    why: str = ""
    remote_ref: str = ""
    retry_after: float | None = None
    evidence: dict[str, str | int | float | bool | None] = {}


class Slot(Struct, frozen=True):
    """One key on its way out. ``secret`` is plain text and lives only in this object."""

    line: str
    slot: int  # 1-based within the line
    title: str
    secret: str

    def __repr__(self) -> str:
        return f"Slot(line={self.line!r}, slot={self.slot}, secret=***)"


class Call(Struct, frozen=True, kw_only=True):
    """All that a connector needs for one attempt. ``reference`` is ours, unique per intent, equal on every repeat."""

    reference: str
    effect: Effect
    attempt: int  # 1-based
    ext_id: str
    recipient: str
    subject: str = ""
    text: str = ""  # the whole message to the buyer, keys included; never logged
    slots: tuple[Slot, ...] = ()
    lines: tuple[tuple[str, int], ...] = ()  # (line id, qty) of the order
    pickup: str = ""  # https link to the buyer's own pick-up page, "" where none is configured; never logged

    def __repr__(self) -> str:
        return f"Call({self.reference!r}, {self.effect.name}, attempt={self.attempt}, ext_id={self.ext_id!r})"
