"""What was done last, by the names of actions alone: for the file that a crash leaves."""

import time
from collections import deque

KEPT = 50


class Trail:
    """The newest actions; one that is repeated is counted, so that moving about does not push out the rest."""

    def __init__(self) -> None:
        self._steps: deque[tuple[str, int, float]] = deque(maxlen=KEPT)

    def add(self, name: str) -> None:
        """One more. ``name`` is a word of the registry, never anything that was typed or shown."""
        now = time.monotonic()
        if self._steps and self._steps[-1][0] == name:
            self._steps[-1] = (name, self._steps[-1][1] + 1, now)
        else:
            self._steps.append((name, 1, now))

    def lines(self) -> list[str]:
        """Oldest first, with the seconds since each."""
        now = time.monotonic()
        return [f"-{now - at:.1f}s {name}" + (f" x{count}" if count > 1 else "") for name, count, at in self._steps]
