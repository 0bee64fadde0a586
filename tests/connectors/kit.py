"""Samples, a clock, and calls that the shop tests share."""

import json
from pathlib import Path
from typing import Any

from core.model.clock import SECOND
from core.model.effects import Call, Effect, Slot

DATA = Path(__file__).parent.parent / "data"
NOW = 1_767_294_245  # 2026-01-02 03:04:05 in Beijing, the second of the vectors
Json = dict[str, Any]


class ManualClock:
    """UTC seconds that move only when told; reads as microseconds."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now * SECOND


def load(name: str) -> Json:
    """A sample of tests/data."""
    sample: Json = json.loads((DATA / f"{name}.json").read_text())
    return sample


def send(ext_id: str, attempt: int = 1, recipient: str = "", keys: tuple[str, ...] = ("KEY-1", "KEY-2")) -> Call:
    """A SEND of keys."""
    slots = tuple(Slot(line="1", slot=n, title="t", secret=key) for n, key in enumerate(keys, 1))
    return Call(
        reference="shop-a:71",
        effect=Effect.SEND,
        attempt=attempt,
        ext_id=ext_id,
        recipient=recipient,
        subject="您的卡密",
        text="您好\n" + "\n".join(keys) + "\n.\n谢谢",
        slots=slots,
        lines=(("1", len(keys)),),
    )


def ship(ext_id: str, attempt: int = 1) -> Call:
    """A SHIP."""
    return Call(reference="shop-a:72", effect=Effect.SHIP, attempt=attempt, ext_id=ext_id, recipient="")
