"""The memory of a console that runs for days: what is no longer shown is given back.

A place that is left is a heap of widgets that name each other, so only Python's cyclic collector frees it. At its usual
pace the collector makes keys wait; ``run_desk`` therefore sets it so slow that the old generation is practically never
looked at, and this looks at it instead, when the hand rests. (Measured: 5 MB a minute without.)
"""

import asyncio
import gc
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, ClassVar, Final

from rich.segment import Segment
from textual import strip
from textual._styles_cache import StylesCache
from textual.cache import FIFOCache
from textual.color import Color
from textual.strip import Strip

LOOKS: Final = 1024
_ASKED: Final = frozenset({"_divide_cache", "_filter_cache"})


class Tidy:
    """Sweeps soon after a place was left, and through what is young every ``EVERY_S`` seconds. While keys come it waits for
    a rest between two of them, ``PATIENCE_S`` at most.

    Seldom is no gain: a place that was left lies about as up to 30,000 objects, and what memory that takes at its worst is
    ours for good. Only those that are left within a second lie about together.
    """

    EVERY_S: ClassVar[float] = 5.0
    WHOLE_EVERY: ClassVar[int] = 12  # of so many looks one is at everything
    REST_S: ClassVar[float] = 0.15
    SOON_S: ClassVar[float] = 0.3  # so long after a place was left: it is taken down beside the desk
    AGAIN_S: ClassVar[float] = 0.05
    PATIENCE_S: ClassVar[float] = 0.5

    def __init__(self) -> None:
        self._last_key = self._asked = self._left = 0.0
        self._looks, self._whole = 0, False
        self._next: asyncio.TimerHandle | None = None

    def pressed(self) -> None:
        """A hand is acting."""
        self._last_key = time.monotonic()

    def left(self) -> None:
        """A place was left: a look at everything soon."""
        self._left, self._whole = time.monotonic(), True
        self._wish(self.SOON_S)

    def look(self) -> None:
        """A look when the hand rests."""
        self._looks += 1
        self._whole = self._whole or self._looks % self.WHOLE_EVERY == 0
        self._wish(0.0)

    def sweep(self, whole: bool = True) -> None:
        """Frees what nothing leads to any more: some tens of milliseconds with what has grown old, a few without. What stood
        at the start is frozen and not looked at."""
        gc.collect(2 if whole else 1)

    def _wish(self, after_s: float) -> None:
        if self._next is None:  # one at a time
            self._asked = time.monotonic() + after_s
            self._wait(after_s)

    def _wait(self, seconds: float) -> None:
        self._next = asyncio.get_running_loop().call_later(seconds, self._try)

    def _try(self) -> None:
        now = time.monotonic()
        if now - self._last_key <= self.REST_S and now - self._asked < self.PATIENCE_S:
            self._wait(self.AGAIN_S)
            return
        self._next = None
        self.sweep(self._whole)
        self._whole = now - self._left < self.SOON_S  # that one still stood
        if self._whole:
            self._wish(self.SOON_S)


def spare_caches() -> None:
    """Holds the toolkit's caches (Textual 8.2.8, Rich) to what a desk needs. Once an app; a second time does nothing."""
    _forget_widgets()
    _plain_lines()
    for owner, name in ((Strip, "render_ansi"), (Segment, "_split_cells")):
        _hold(owner, name)


def _forget_widgets() -> None:
    """Textual keeps the drawn lines of the last 1,024 widgets that ever were: a cache of two colours is keyed by
    the widget's own cache as well. The same cache by the colours alone."""
    plain: Any = StylesCache.get_inner_outer
    asked = lru_cache(256)(lambda base, back: plain.__wrapped__(None, base, back))

    def get_inner_outer(_: StylesCache, base_background: Color, background: Color) -> Any:
        return asked(base_background, background)

    if hasattr(plain, "__wrapped__"):
        StylesCache.get_inner_outer = get_inner_outer  # type: ignore[assignment, method-assign]


class _Nothing:
    """A cache that keeps nothing, the same one for all."""

    __slots__ = ()

    def get(self, _: object) -> None:
        """Never there."""

    def __setitem__(self, _: object, value: object) -> None:
        """Not kept."""


_NOTHING: Final = _Nothing()


def _no_cache(_: int) -> _Nothing:
    return _NOTHING


def _plain_lines() -> None:
    """Each drawn line carries seven caches of its own. What cuts it and what colours it are asked again at every paint
    (four times of five they answer, at the desk and in each place); the other five never answered, and are left out."""
    begin: Any = Strip.__init__
    toolkit: Any = strip
    if getattr(toolkit, "FIFOCache", None) is not FIFOCache or not _ASKED.issubset(Strip.__slots__):
        return

    def __init__(line: Strip, segments: Iterable[Segment], cell_length: int | None = None) -> None:
        begin(line, segments, cell_length)
        line._divide_cache, line._filter_cache = FIFOCache(4), FIFOCache(4)

    toolkit.FIFOCache = _no_cache
    Strip.__init__ = __init__  # type: ignore[assignment, method-assign]


def _hold(owner: type, name: str) -> None:
    """A look bears the place where it is drawn, so that hardly two are the same: these caches of 16,384 looks fill for
    hours and are never asked for what lies at their bottom."""
    cached: Any = getattr(vars(owner).get(name), "__func__", None)
    if hasattr(cached, "cache_info") and cached.cache_info().maxsize > LOOKS:
        held: Any = lru_cache(LOOKS)(cached.__wrapped__)
        setattr(owner, name, classmethod(held))
