"""A robot's pace: providers silence a robot that talks too fast, for longer than slowing down would have cost."""

import time
from collections import deque
from collections.abc import Callable

from connectors.channels.base import later
from core.model.effects import Outcome


class Pace:
    """At most ``limit`` messages within any ``seconds``, and the same of every further pair."""

    def __init__(self, *limits: tuple[int, float], clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._gone: deque[float] = deque(maxlen=max(limit for limit, _ in limits))

    def full(self) -> Outcome | None:
        """None: go ahead, and it counts. Otherwise later; nothing may be sent."""
        now = self._clock()
        wait = 0.0
        for limit, seconds in self._limits:
            if len(self._gone) >= limit:
                wait = max(wait, self._gone[-limit] + seconds - now)
        if wait > 0:
            return later("the robot keeps its pace", round(wait, 3))
        self._gone.append(now)
        return None
