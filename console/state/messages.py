"""What the desk has said: the last messages with their time, for whoever looked away."""

from collections import deque
from collections.abc import Callable

from core.model.clock import Clock

KEPT = 200


class Message:
    """One line that was said. ``kind`` is good, warn or bad; ``at`` UTC microseconds; ``number`` counts from 1."""

    __slots__ = ("at", "kind", "number", "text")

    def __init__(self, number: int, at: int, kind: str, text: str) -> None:
        self.number, self.at, self.kind, self.text = number, at, kind, text


class Messages:
    """The newest ``KEPT``. ``missed`` counts warnings and errors that others took the place of before they were looked up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.kept: deque[Message] = deque(maxlen=KEPT)
        self.watchers: list[Callable[[], None]] = []
        self._seen = self._count = 0

    def add(self, text: str, kind: str) -> None:
        """One more."""
        if not text.strip():
            return
        self._count += 1
        self.kept.append(Message(self._count, self._clock(), kind, text))
        for watcher in list(self.watchers):
            watcher()

    def look(self) -> None:
        """Everything so far has been seen."""
        self._seen = self._count

    @property
    def missed(self) -> int:
        """The last one still stands at the foot, so it does not count."""
        return sum(one.kind != "good" and self._seen < one.number < self._count for one in self.kept)
