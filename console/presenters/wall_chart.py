"""A small chart of text with two axes. Bars of eighths of a cell, from signs whose width no terminal doubts."""

from collections.abc import Callable, Sequence

from textual.content import Content

from console.presenters.cells import Glyphs

LABEL = 5  # cells for the figures beside the axis
_NICE = (1, 2, 3, 4, 5, 6, 8)
_MUTED = "$text-muted"


def room_for(width: int) -> int:
    """How many bars a chart of so many cells can hold."""
    return max(width - LABEL - 2, 0)


def ceiling(top: float, least: float = 1.0) -> float:
    """The least round number that holds ``top``: 1, 2, 3, 4, 5, 6, 8, 10, 20, ... times ``least``."""
    size = least
    while True:
        for step in _NICE:
            if step * size >= top:
                return step * size
        size *= 10


def chart(
    title: Content,
    values: Sequence[float | None],
    ticks: Sequence[tuple[int, str]],
    size: tuple[int, int],
    glyphs: Glyphs,
    look: str,
    says: Callable[[float], str],
    cursor: int | None = None,
    least: float = 1.0,
) -> list[Content]:
    """As many lines as ``size`` (width, height) has: title, bars over the axis, the axis with its ``ticks``, their times.

    ``says`` writes a value beside the axis, whose top is a round multiple of ``least``. ``cursor``: the bar that is pointed
    at, by a sign under it. A value of None leaves a gap that is not a zero.
    """
    width, height = size
    rows = height - 3
    if rows < 1 or room_for(width) < 8:
        return [Content("") for _ in range(height)]
    top = ceiling(max((value for value in values if value is not None), default=0.0), least)
    steps = len(glyphs.bars) - 1
    levels = [0 if not value else max(1, round(value / top * rows * steps)) for value in values]
    half = rows // 2 if rows >= 4 and rows % 2 == 0 and top >= 2 * least else 0  # where a line stands for exactly that
    out = [title.truncate(width, ellipsis=False)]
    for row in range(rows, 0, -1):
        drawn = "".join(glyphs.bars[max(min(level - (row - 1) * steps, steps), 0)] for level in levels)
        label = says(top) if row == rows else says(top / 2) if row == half else ""
        parts: list[tuple[str, str]] = [(f"{label:>{LABEL}}|", _MUTED)]
        if cursor is None:
            parts.append((drawn, look))
        else:
            pointed = f"{look} bold reverse" if levels[cursor] else f"{look} bold"
            parts += [(drawn[:cursor], look), (drawn[cursor], pointed), (drawn[cursor + 1 :], look)]
        out.append(Content.assemble(*parts))
    out += [_axis(values, ticks, cursor), _times(ticks, len(values))]
    return out


def _axis(values: Sequence[float | None], ticks: Sequence[tuple[int, str]], cursor: int | None) -> Content:
    """``0+--+--+--``; blank where nothing is known, so that a gap differs from a zero."""
    at = {place for place, _ in ticks}
    line = "".join(
        "^" if place == cursor else "+" if place in at else " " if value is None else "-"
        for place, value in enumerate(values)
    )
    return Content.styled(f"{'0':>{LABEL}}+{line}", _MUTED)


def _times(ticks: Sequence[tuple[int, str]], room: int) -> Content:
    """The times, each beginning under its tick; one that would run into the next, or over the end, is left out."""
    line = ""
    for place, words in ticks:
        if (place == 0 or place > len(line)) and place + len(words) <= room + 1:
            line = line.ljust(place) + words
    return Content.styled(" " * (LABEL + 1) + line, _MUTED)
