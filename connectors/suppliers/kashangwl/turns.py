"""A supplier's limit on purchases: each waits for its turn, in the order in which they came."""

import time
from collections import deque
from collections.abc import Callable


class Turns:
    """At most ``limit`` within any ``seconds``."""

    def __init__(self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._taken: deque[float] = deque(maxlen=limit)

    def next(self, most: float = 15.0) -> float:
        """Seconds until a turn that is now taken; one that is further off than ``most`` is told, and not taken."""
        now = self._clock()
        full = len(self._taken) == self._taken.maxlen
        at = max(now, self._taken[0] + self._seconds) if full else now
        if at - now <= most:
            self._taken.append(at)
        return at - now
