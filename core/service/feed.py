"""The feed: what changed, coalesced for each console; a slow one gets fewer and larger steps, never a longer queue."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from core.service.counters import Counters
from core.store.tx import Touched

CHANGED_MAX = 500
PING_S = 10.0
LOOK_S = 1.0  # how often figures are compared when nothing was written: rates fall by themselves
_SHARE_S = 0.1
_encode = msgspec.json.Encoder().encode


class _Consumer:
    __slots__ = ("changed", "dirty", "wake")

    def __init__(self) -> None:
        self.changed: set[int] | None = set()
        self.dirty = False
        self.wake = asyncio.Event()


class Feed:
    """Hand ``on_touched`` to the writer; each console reads its own ``stream``."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._consumers: set[_Consumer] = set()
        self._shared: tuple[float, dict[str, Any]] | None = None
        self._closing = False
        self.seq = 0

    @property
    def watched(self) -> int:
        """How many streams are open."""
        return len(self._consumers)

    def on_touched(self, touched: Touched) -> None:
        """A commit: remember which orders it changed, for each consumer."""
        # Not every commit appends events, and each must be seen to move.
        self.seq = max(self.seq + 1, touched.seq)
        for consumer in self._consumers:
            if consumer.changed is not None:
                consumer.changed.update(touched.orders)
                if len(consumer.changed) > CHANGED_MAX:
                    consumer.changed = None
            consumer.dirty = True
            consumer.wake.set()

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._closing = True
        for consumer in self._consumers:
            consumer.wake.set()

    async def counters(self) -> dict[str, Any]:
        """The figures with ``seq``; read at most every tenth of a second, however many ask."""
        shared = self._shared
        if shared is not None and time.monotonic() - shared[0] < _SHARE_S:
            return shared[1]
        figures = {"seq": self.seq, **await self._counters.read()}
        self._shared = (time.monotonic(), figures)
        return figures

    async def stream(self, hz: float) -> AsyncIterator[bytes]:
        """NDJSON lines, at most ``hz`` a second. The first one carries the figures and asks for a whole read."""
        consumer = _Consumer()
        self._consumers.add(consumer)
        try:
            shown = await self.counters()
            yield _line({"seq": self.seq, "changed": None, "counters": shown})
            said = looked = time.monotonic()
            # The distance is between two looks: between two lines alone, commits that change nothing would make it spin.
            while await self._pause(consumer, 1 / hz - (time.monotonic() - looked)):
                looked = time.monotonic()
                changed, consumer.changed = consumer.changed, set()
                figures = await self.counters()
                # Orders are told at once; figures that were read before them follow with the next line.
                consumer.dirty = figures["seq"] < self.seq
                if changed or changed is None or _figures(figures) != _figures(shown):
                    shown = figures
                    listed = None if changed is None else sorted(changed)
                    yield _line({"seq": self.seq, "changed": listed, "counters": figures})
                    said = time.monotonic()
                elif time.monotonic() - said >= PING_S:
                    yield _line({"seq": self.seq, "ping": True})
                    said = time.monotonic()
        finally:
            self._consumers.discard(consumer)

    async def _pause(self, consumer: _Consumer, rest: float) -> bool:
        """Wait for a change or the next look, but keep the distance between two looks; False when the feed ends."""
        if not consumer.dirty and not self._closing:
            consumer.wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(consumer.wake.wait(), LOOK_S)
        if rest > 0 and not self._closing:
            await asyncio.sleep(rest)
        return not self._closing


def _line(body: dict[str, Any]) -> bytes:
    return _encode(body) + b"\n"


def _figures(counters: dict[str, Any]) -> dict[str, Any]:
    """What counts as a change of the figures: not the clock, and not the seconds since each shop's last pull."""
    still = {k: v for k, v in counters.items() if k not in ("seq", "at", "shops")}
    still["shops"] = [{k: v for k, v in shop.items() if k in ("name", "state", "error")} for shop in counters["shops"]]
    return still
