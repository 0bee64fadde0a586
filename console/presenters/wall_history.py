"""The wall's history as bars: which times they stand for, how much, and the orders behind each. Pure: figures in, bars out."""

import time
from typing import NamedTuple

from console.i18n import t
from console.presenters.cells import short_count
from console.presenters.wall import Drill, term
from console.wire_wall import WallHistory
from core.model.clock import MINUTE, SECOND
from core.model.text import clean

_TICKS = (10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880)  # minutes between two times on the axis
_TICK_CELLS = 9  # cells that a time on the axis wants, with some air
_DAY = 1440
_SIZES = (1, 2, 3, 4, 6, 8, 12, 24)  # buckets that one bar may stand for


class Bar(NamedTuple):
    """``start`` in UTC us, ``minutes`` its length. ``value`` None: nobody knows (the core was not running)."""

    start: int
    minutes: int
    value: float | None


def bars(history: WallHistory, figure: str, room: int) -> list[Bar]:
    """At most ``room`` bars, the newest last. In, delivered and errors are of the bar's whole time, backlog and late of its
    beginning. Neighbours are put together at round local times, so that a bar keeps what it stands for as time goes on."""
    unit, first, count = int(history["bucket_minutes"]), int(history["first"]), len(history["in"])
    local = (first // SECOND + time.localtime(first // SECOND).tm_gmtoff) // 60 // unit
    for size in _SIZES:
        starts = range(-local % size, count, size)  # from the first whole one on
        if len(starts) <= room:
            break
    values = [_value(history, figure, slice(at, at + size)) for at in starts]
    made = [Bar(first + at * unit * MINUTE, size * unit, value) for at, value in zip(starts, values, strict=True)]
    return made[-room:] if room > 0 else []


def _value(history: WallHistory, figure: str, part: slice) -> float | None:
    if figure in ("backlog", "late"):
        known = [n for n in history[figure][part] if n is not None]  # type: ignore[literal-required]
        return float(known[0]) if known else None
    if figure == "errors":
        wrong, good = sum(history["failed"][part]), sum(history["delivered"][part])
        return wrong / (wrong + good) if wrong + good else 0.0
    return float(sum(history[figure][part]))  # type: ignore[literal-required]


def shown(figure: str, value: float | None) -> str:
    """A bar's value with its unit, in at most five cells."""
    if value is None:
        return "?"
    if figure == "errors":
        percent = round(100 * value, 1)
        return f"{percent:.0f}%" if percent >= 10 or percent == int(percent) else f"{percent}%"
    return short_count(round(value)) if value == int(value) or value >= 10 else f"{value:.1f}"


def title(history: WallHistory, figure: str, minutes: int) -> str:
    """``in per 15 min  pdd-main``."""
    if figure in ("in", "delivered"):
        each = t("wall.per_minute") if minutes == 1 else t("wall.per", n=minutes)
        if minutes % 60 == 0:
            each = t("wall.per_hour") if minutes == 60 else t("wall.per_hours", n=minutes // 60)
    else:
        each = t("wall.of_attempts") if figure == "errors" else t("wall.waiting_then")
    shop = history["shop"]
    return f"{t(f'wall.chart.{figure}')} {each}  {clean(shop, 24) if shop else t('wall.all_shops')}"


def when(bar: Bar, figure: str) -> str:
    """The time that a bar stands for, in local time; of a week with its day."""
    start = time.localtime(bar.start // SECOND)
    day = time.strftime("%m-%d ", start) if bar.minutes >= 60 else ""
    begins = f"{day}{time.strftime('%H:%M', start)}"
    if figure in ("backlog", "late") or bar.minutes == 1:
        return begins
    return f"{begins}-{time.strftime('%H:%M', time.localtime(bar.start // SECOND + bar.minutes * 60))}"


def ticks(all_bars: list[Bar]) -> list[tuple[int, str]]:
    """Places on the time axis, with what to write there: round local times, as close as they can be read."""
    if not all_bars:
        return []
    minutes = all_bars[0].minutes
    step = next((n for n in _TICKS if n >= minutes and n / minutes >= _TICK_CELLS), _TICKS[-1])
    out = []
    for place, bar in enumerate(all_bars):
        local = time.localtime(bar.start // SECOND)
        past = local.tm_hour * 60 + local.tm_min
        if step >= _DAY:
            if past < minutes and local.tm_yday % (step // _DAY) == 0:
                out.append((place, time.strftime("%m-%d", local)))
        elif past % step < minutes:
            out.append((place, time.strftime("%H:%M", local)))
    return out


def drill(history: WallHistory, figure: str, bar: Bar) -> Drill | None:
    """The orders behind a bar; None when its shop's name cannot be said in a filter."""
    at = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(bar.start // SECOND))
    whole = f"{at}+{bar.minutes}m"
    then = f"came<{at} (stage<delivered or sent>={at})"
    terms = {
        "in": f"came:{whole}",
        "delivered": f"sent:{whole}",
        "errors": f"error:{whole}",
        "backlog": then,
        "late": f"deadline<{at} {then}",
    }[figure]
    own = term("shop", history["shop"]) if history["shop"] else ""
    return None if own is None else Drill("all", f"{own} {terms}".strip())
