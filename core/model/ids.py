"""Ids are made by us: 63-bit integers that ascend with time, so that they cluster in every index."""

from core.model.clock import Clock, now_us

_EPOCH_MS = 1_735_689_600_000  # 2025-01-01 UTC


class IdMaker:
    """41 bits of milliseconds, 6 bits of node, 16 bits of counter. One maker a process; not for several threads.

    The counter borrows from the next milliseconds when one is used up, so ids never repeat or go back, even when
    the clock does.
    """

    def __init__(self, clock: Clock = now_us, node: int = 0) -> None:
        if not 0 <= node < 64:
            raise ValueError(f"node must be 0-63, not {node}")
        self._clock, self._node, self._last = clock, node, 0

    def after(self, last: int) -> None:
        """Go on after ``last``, which an earlier process of this node made: its clock may have been ahead of ours."""
        self._last = max(self._last, (last >> 22 << 16) | (last & 0xFFFF))

    def __call__(self) -> int:
        """The next id."""
        tick = ((self._clock() // 1000 - _EPOCH_MS) << 16) & ~0xFFFF
        self._last = max(tick, self._last + 1)
        return ((self._last >> 16) << 22) | (self._node << 16) | (self._last & 0xFFFF)

    def many(self, count: int) -> list[int]:
        """``count`` ascending ids; a run of consecutive ones wherever the counter has room for them."""
        if count <= 0:
            return []
        first = self()
        if (self._last & 0xFFFF) + count > 0x10000:
            return [first, *(self() for _ in range(count - 1))]
        self._last += count - 1
        return list(range(first, first + count))


def first_id(at: int) -> int:
    """The lowest id that can be made at ``at`` (UTC us): ids of rows are their times, so a span of time is one of ids."""
    return max(at // 1000 - _EPOCH_MS, 0) << 22
