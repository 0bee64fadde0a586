"""The memory of a console that runs for days: what is no longer shown is given back.

A place that is left is a heap of widgets that name each other, so only Python's cyclic collector frees it. At its usual
pace the collector makes keys wait; ``run_desk`` therefore sets it so slow that the old generation is practically never
looked at, and this looks at it instead, when the hand rests. (Measured: 5 MB a minute without.)
"""

import asyncio
import gc
import time
from functools import lru_cache
from typing import Any, ClassVar, Final

from rich.segment import Segment
from textual._styles_cache import StylesCache
from textual.color import Color
from textual.strip import Strip

LOOKS: Final = 1024


class Tidy:
    """Sweeps every ``EVERY_S`` seconds; while keys come, at the latest at the ``PATIENCE``-th time.

    Seldom is no gain: a place that was left lies about as up to 30,000 objects, and what memory that takes at its worst is
    ours for good.
    """

    EVERY_S: ClassVar[float] = 2.5
    PATIENCE: ClassVar[int] = 4
    REST_S: ClassVar[float] = 0.15
    SOON_S: ClassVar[float] = 0.4  # so long after a place was left it is looked at too

    def __init__(self) -> None:
        self._waited, self._last_key = 0, 0.0
        self._soon: asyncio.TimerHandle | None = None

    def pressed(self) -> None:
        """A hand is acting."""
        self._last_key = time.monotonic()

    def left(self) -> None:
        """A place was left: a look soon."""
        if self._soon is None or self._soon.when() < time.monotonic():
            self._soon = asyncio.get_running_loop().call_later(self.SOON_S, self.look)

    def look(self) -> None:
        """Sweeps, unless a hand is acting and can be waited for."""
        self._waited += 1
        if time.monotonic() - self._last_key > self.REST_S or self._waited >= self.PATIENCE:
            self._waited = 0
            self.sweep()

    def sweep(self) -> None:
        """Frees what nothing leads to any more. What stood at the start is frozen and not looked at: some milliseconds."""
        gc.collect()


def spare_caches() -> None:
    """Holds the toolkit's caches (Textual 8.2.8, Rich) to what a desk needs. Once an app; a second time does nothing."""
    _forget_widgets()
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


def _hold(owner: type, name: str) -> None:
    """A look bears the place where it is drawn, so that hardly two are the same: these caches of 16,384 looks fill for
    hours and are never asked for what lies at their bottom."""
    cached: Any = getattr(vars(owner).get(name), "__func__", None)
    if hasattr(cached, "cache_info") and cached.cache_info().maxsize > LOOKS:
        held: Any = lru_cache(LOOKS)(cached.__wrapped__)
        setattr(owner, name, classmethod(held))
