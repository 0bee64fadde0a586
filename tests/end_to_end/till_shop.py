"""A platform that another package brings: a shop counter with nothing to ask and nothing that notices a repeat.

Its sends are of class C, which no shipped connector has. The "buyer's hand" is a file, one line a send.
"""

import json
import os
from collections.abc import Mapping

from connectors.options import Platform
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, Line, OrderUpdate, Payment, PaymentKind, PlatformState


class Till:
    """Implements core.ports.Shop. Orders are numbered C1 to ``orders``, each paid in full."""

    platform, send_via, poll_seconds = "till", "shop", 0.2
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(Effect.SEND, EffectClass.C, "a counter: what was handed over is handed over")
    }

    def __init__(self, name: str, options: Mapping[str, str], clock: Clock) -> None:
        self.name, self._clock = name, clock
        self._hand, self._orders = options["hand"], int(options["orders"])

    async def pull(self, cursor: str | None) -> Batch:
        """All orders at once; they never change."""
        orders = tuple(self._order(n) for n in range(1, self._orders + 1)) if cursor is None else ()
        return Batch(updates=orders, cursor="all", more=False)

    async def read(self, ext_id: str) -> OrderUpdate:
        """The order as it always was."""
        return self._order(int(ext_id[1:]))

    def _order(self, n: int) -> OrderUpdate:
        at, ext_id = 1_790_000_000_000_000, f"C{n}"
        paid = Payment(
            account=self.name, txn_id=f"t{n}", ext_id=ext_id, kind=PaymentKind.CHARGE, amount=900, currency="CNY", at=at
        )
        return OrderUpdate(
            ext_id=ext_id, rev=at, state=PlatformState.PAID, created_at=at, total=900, currency="CNY",
            lines=(Line(line="1", sku="CARD", title="card", qty=1, amount=900),), payments=(paid,), raw=b"{}",
        )  # fmt: skip

    async def perform(self, call: Call) -> Outcome:
        """Hand the keys over; it is on disk before the answer."""
        line = json.dumps({"order": call.ext_id, "keys": [slot.secret for slot in call.slots]})
        with open(self._hand, "a", encoding="utf-8") as hand:
            hand.write(line + "\n")
            hand.flush()
            os.fsync(hand.fileno())
        return Outcome(result=Result.CONFIRMED)

    async def ask(self, call: Call) -> Outcome:
        """There is nobody to ask."""
        return Outcome(result=Result.UNKNOWN, why="not askable")

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        """No webhooks."""
        return False

    async def close(self) -> None:
        """Nothing is open."""


PLATFORM = Platform(frozenset({"hand", "orders"}), frozenset(), Till)
