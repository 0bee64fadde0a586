"""Text by terminal cells: fitting, glyphs, amounts, ages. Width is never ``len``: a Chinese character takes two."""

import time
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from core.model.clock import SECOND
from core.model.money import digits_of, format_minor
from core.model.text import clean


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Signs the desk draws. None is of ambiguous width, so that CJK terminals keep the columns straight."""

    mark: str
    gone: str
    claimed: str
    ok: str
    bad: str
    cut: str
    bars: str


# Braille is neutral width everywhere; block elements are ambiguous and would shift rows in some CJK terminals.
UNICODE = Glyphs(mark="✓", gone="~", claimed="@", ok="✓", bad="✗", cut="~", bars="⠀⢀⣀⣠⣤⣴⣶⣾⣿")
ASCII = Glyphs(mark="*", gone="~", claimed="@", ok="+", bad="x", cut="~", bars=" ._-=+*#%")


@lru_cache(2048)  # a live list fits the same few hundred texts again and again
def fit(text: str, cells: int, right: bool = False, cut: str = "~") -> str:
    """Text of exactly ``cells`` cells: padded, or cut with a visible sign. Outside text is cleaned on the way."""
    if not (text.isascii() and text.isprintable()):
        text = clean(text)
        width = cell_len(text)
    else:
        width = len(text)
    if width == cells:
        return text
    if width < cells:
        pad = " " * (cells - width)
        return pad + text if right else text + pad
    if cells <= 0:
        return ""
    return set_cell_size(text, cells - len(cut)) + cut


def fit_ends(text: str, cells: int, cut: str = "~") -> str:
    """A name of exactly ``cells`` cells; a longer one loses its middle: names of one family differ at their ends."""
    plain = clean(text)
    if cell_len(plain) <= cells or cells < 5:
        return fit(plain, cells, cut=cut)
    back = (cells - 1) // 2
    end, used = len(plain), 0
    while end and used + cell_len(plain[end - 1]) <= back:
        end -= 1
        used += cell_len(plain[end])
    start, front = 0, cells - len(cut) - used
    while cell_len(plain[: start + 1]) <= front:
        start += 1
    return fit(plain[:start] + cut + plain[end:], cells)


def tail(text: str, cells: int, cut: str = "~") -> str:
    """The end of an order number that is too long: numbers of one day differ at the end, not at the start."""
    return text if len(text) <= cells or not text.isascii() else cut + text[len(text) - cells + 1 :]


def amount(minor: int, currency: str = "CNY") -> str:
    """``123456`` -> ``1,234.56``; the currency is named only when it is not yuan."""
    text = format_minor(minor, digits_of(currency), grouping=True)
    return text if currency in ("CNY", "") else f"{text} {clean(currency, 4)}"


def span(us: int) -> str:
    """A length of time in at most four cells: ``42s 5m 3h 2d``. It changes once a unit, so idle rows stay still."""
    sign, seconds = ("-", -us // SECOND) if us < 0 else ("", us // SECOND)
    if seconds < 60:
        return f"{sign}{seconds}s"
    if seconds < 3600:
        return f"{sign}{seconds // 60}m"
    if seconds < 86400:
        return f"{sign}{seconds // 3600}h"
    return f"{sign}{min(seconds // 86400, 99)}d"


def clock_text(us: int | None) -> str:
    """``07-24 09:30:05``: local date and time of day of UTC microseconds, the same in every language."""
    return _local("%m-%d %H:%M:%S", us)


def minute_text(us: int | None) -> str:
    """``07-24 09:30``: to the minute, where a line must not change by the second."""
    return _local("%m-%d %H:%M", us)


def day_time(us: int | None) -> str:
    """``09:30:05``: the time of day alone, of what is never far from now."""
    return _local("%H:%M:%S", us)


def stamp(us: int) -> str:
    """``20260724-093005``: for the name of a file."""
    return _local("%Y%m%d-%H%M%S", us)


def _local(form: str, us: int | None) -> str:
    return time.strftime(form, time.localtime(us // SECOND)) if us else "-"


def count(n: int, cells: int = 0) -> str:
    """``12345`` -> ``12,345``, as amounts are grouped; short where it would not fit in ``cells`` (5 or more, 0: any).

    In a sentence the catalogue does it: ``{n:,}``.
    """
    text = f"{n:,}"
    return short_count(n) if 0 < cells < len(text) else text


def short_count(n: int) -> str:
    """``950``, ``12.3k``, ``1.2M``: a count in at most five cells."""
    if n < 1000:
        return str(n)
    if n < 99_950:  # from there on it would round to 100.0k, which is six cells
        return f"{n / 1000:.1f}k"
    return f"{n // 1000}k" if n < 1_000_000 else f"{n / 1_000_000:.1f}M"


def spark(values: list[int], width: int, glyphs: Glyphs) -> str:
    """The newest ``width`` values as one line of bars, scaled from zero."""
    tail = values[-width:]
    top = max(tail, default=0)
    steps = len(glyphs.bars) - 1
    if top <= 0:
        return glyphs.bars[0] * len(tail)
    return "".join(glyphs.bars[min(steps, -(-v * steps // top)) if v > 0 else 0] for v in tail)
