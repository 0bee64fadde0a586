"""A small chart of text with two axes. Bars of eighths of a cell, from signs whose width no terminal doubts."""

from collections.abc import Sequence

from textual.content import Content

from console.presenters.cells import Glyphs, short_count

_LABEL = 5  # cells for the figures beside the axis
_NICE = (1, 2, 5)


def folded(values: Sequence[int], width: int) -> list[float]:
    """At most ``width`` values: means of equally many neighbours, the newest whole."""
    if not values or width <= 0:
        return []
    size = -(-len(values) // width)
    start = len(values) % size
    pieces = [values[:start]] if start else []
    pieces += [values[at : at + size] for at in range(start, len(values), size)]
    return [sum(piece) / len(piece) for piece in pieces]


def ceiling(top: float) -> int:
    """The least round number that holds ``top``: 1, 2, 5, 10, 20, ..."""
    size = 1
    while True:
        for step in _NICE:
            if step * size >= top:
                return step * size
        size *= 10


def chart(
    title: str, values: Sequence[int], ends: tuple[str, str], width: int, height: int, glyphs: Glyphs, look: str
) -> list[Content]:
    """``height`` lines of ``width`` cells: title, bars over the axis, the axis with its two ``ends``."""
    rows, room = height - 2, width - _LABEL - 2
    if rows < 1 or room < 8:
        return [Content("") for _ in range(height)]
    shown = folded(values, room)
    top = ceiling(max(shown, default=0.0))
    steps = len(glyphs.bars) - 1
    levels = [0 if not v else max(1, round(v / top * rows * steps)) for v in shown]
    out = [Content.styled(title, "bold")]
    for row in range(rows, 0, -1):
        bars = "".join(glyphs.bars[max(min(level - (row - 1) * steps, steps), 0)] for level in levels)
        label = short_count(top) if row == rows else ""
        if rows >= 4 and row == (rows + 1) // 2:
            label = _half(top * row / rows)
        out.append(Content.assemble((f"{label:>{_LABEL}}|", "$text-muted"), (bars, look)))
    left, right = ends
    gap = max(len(shown) - _cells(left) - _cells(right), 1)
    out.append(Content.styled(f"{'0':>{_LABEL}}+{left}{'-' * gap}{right}", "$text-muted"))
    return out


def _half(value: float) -> str:
    return short_count(round(value)) if value >= 10 or value == int(value) else f"{value:.1f}"


def _cells(text: str) -> int:
    return Content(text).cell_length
