"""Killing the desk at chosen points, so that what a crash leaves behind can be judged."""

import os
import signal
from typing import Any

from connectors.practice.ledger import Ledger

POINTS = ("before_send", "in_flight", "after_acted", "before_record")
_SIGNALS = {"before_send": signal.SIGUSR1, "before_record": signal.SIGUSR2}


class Kills:
    """At most one kill is armed. ``before_send`` and ``before_record`` are signals: the desk then dies there by itself."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.pid = 0
        self.point = ""
        self._at = 0
        self.fired = dict.fromkeys(POINTS, 0)
        self.missed = 0
        ledger.on_add = self._added

    def arm(self, point: str, after_events: int) -> None:
        """After so many more ledger events the kill waits for its point. Raises ValueError for an unknown point."""
        if point not in POINTS:
            raise ValueError(f"point must be one of {', '.join(POINTS)}")
        self.point, self._at = point, self._ledger.count + max(0, after_events)

    def shown(self) -> dict[str, Any]:
        """What GET /kill answers."""
        return {
            "armed": self.point or None,
            "at_event": self._at,
            "pid": self.pid,
            "fired": self.fired,
            "missed": self.missed,
        }

    @property
    def waiting(self) -> bool:
        """A kill that strikes at an effect is due."""
        return self.point in ("in_flight", "after_acted") and self.pid > 1 and self._ledger.count >= self._at

    def in_flight(self) -> bool:
        """An effect's request has arrived and nothing is done yet. True: the desk is dead, and nothing must be done."""
        return self.waiting and self.point == "in_flight" and self._fire(signal.SIGKILL)

    def after_acted(self) -> bool:
        """An effect is done and on disk but not answered. True: the desk is dead, and no answer goes out."""
        return self.waiting and self.point == "after_acted" and self._fire(signal.SIGKILL)

    def _added(self, count: int) -> None:
        if self.point in _SIGNALS and self.pid > 1 and count >= self._at:
            self._fire(_SIGNALS[self.point])

    def _fire(self, which: signal.Signals) -> bool:
        # Disarmed before anything is recorded, because recording comes back to _added.
        point, self.point = self.point, ""
        try:
            os.kill(self.pid, which)
        except ProcessLookupError:
            self.missed += 1
            return False
        self.fired[point] += 1
        self._ledger.add("kill", point=point, pid=self.pid)
        return True
