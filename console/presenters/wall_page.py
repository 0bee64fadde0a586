"""The wall on a screen of any size: title, totals, tables, history, keys. Pure: figures in, lines out."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from console.i18n import t
from console.presenters.cells import Glyphs, fit, fit_ends
from console.presenters.head import ends
from console.presenters.wall import Cell, Drill, Panel, totals, window_words
from console.presenters.wall_chart import chart, room_for
from console.presenters.wall_history import Bar, bars, drill, shown, ticks, title, when
from console.presenters.wall_tables import tables
from console.state.wall import FIGURES, HISTORY, TABLES, TOTALS, WallState
from console.wire_wall import Wall, WallHistory
from core.model.text import clean

WIDE = 120  # cells from which two tables stand side by side
ROOMY = 100  # cells from which a time is shown with its worst
NAME = 24  # cells; a name far from its figures is read on the wrong line
_CURSOR = "$text on $primary"
_MUTED = "$text-muted"
_LOOKS = {"in": "$accent", "delivered": "$success", "backlog": "$warning", "late": "$error", "errors": "$error"}
_STRIP = 7  # lines of the history under a table where only one fits


@dataclass(frozen=True, slots=True)
class Size:
    """The room for the page in cells."""

    width: int
    height: int


def page(
    wall: Wall, history: WallHistory | None, state: WallState | None, size: Size, glyphs: Glyphs, now: int
) -> list[Content]:
    """``size.height`` lines. ``state`` None: a page without cursor, for a picture. ``now`` in UTC us."""
    at = state or WallState(panel="")
    width, wide = size.width, size.width >= WIDE
    panels = tables(wall, now, room_of(width))
    of = window_words(wall)
    names = None if wide else _names(panels, at)
    # Where the words on what the figures are of have no room beside the names, they stand for the trade's own.
    beside = _cells(panels[0].title) if names is None else names.cell_length
    apart = beside + _cells(of) + 3 > room_of(width)
    third = of if apart else t("wall.trade")
    out = [*_totals(totals(wall, width >= ROOMY), at, width), Content.styled(fit(f" {third}", width), _MUTED)]
    room = size.height - len(out)
    if wide:
        strip = min(max(room - sum(_heights(panels)), 6), 20)
        out += _pairs(panels, at, width, room - strip, "" if apart else of)
    else:
        assert names is not None
        out.append(names if apart else ends(names, Content.styled(f"{of} ", _MUTED), width))
        strip = room - 1 if at.table == HISTORY else min(_STRIP, max(room - 4, 0))
        if at.table != HISTORY:
            open_one = next(panel for panel in panels if panel.id == at.table)
            out += _table(open_one, at, width, room - 1 - strip)
    out += _history(history, at, width, strip, glyphs)
    return [line.truncate(width, ellipsis=False) for line in out[: size.height]]


def room_of(width: int) -> int:
    """The cells of one table on a page so wide."""
    return width // 2 - 1 if width >= WIDE else width


def chosen(wall: Wall, state: WallState, now: int, width: int) -> tuple[Panel, str, Cell | None]:
    """The panel that the cursor is in, the name of its line, and the figure under it, on a page of ``width`` cells."""
    panels = (totals(wall, width >= ROOMY), *tables(wall, now, room_of(width)))
    panel = next(panel for panel in panels if panel.id == state.panel)
    if not panel.lines:
        return panel, "", None
    line = panel.lines[state.row(panel.keys)]
    return panel, line.key, line.cells[state.column(len(line.cells))]


def named(panel: Panel, key: str, cell: Cell, column: int) -> str:
    """A figure in words: ``taobao-main late``."""
    if panel.id == TOTALS:
        return cell.label
    return f"{clean(key, 24)} {panel.columns[column][0].strip()}"


def _totals(panel: Panel, state: WallState, width: int) -> list[Content]:
    out = []
    for at, line in enumerate(panel.lines):
        # Two blanks between figures, one where many digits want the room.
        gap = " " if sum(_cells(cell.label + cell.text) + 3 for cell in line.cells) <= width else ""
        here = state.panel == TOTALS and state.row(panel.keys) == at
        column = state.column(len(line.cells))
        parts: list[tuple[str, str]] = []
        for n, cell in enumerate(line.cells):
            parts += [
                (f" {cell.label} ", _MUTED),
                (cell.text, _CURSOR if here and n == column else cell.look),
                (gap, ""),
            ]
        out.append(Content.assemble(*parts).truncate(width, ellipsis=False))
    return out


def _names(panels: Sequence[Panel], state: WallState) -> Content:
    """The names of all pages, the open one marked."""
    titles = [(panel.id, panel.title) for panel in panels] + [(HISTORY, t("wall.panel.history"))]
    parts: list[tuple[str, str]] = []
    for id, words in titles:
        parts.append((f" {words} ", "bold reverse" if id == state.table else _MUTED))
    return Content.assemble(*parts)


def _pairs(panels: Sequence[Panel], state: WallState, width: int, height: int, of: str) -> list[Content]:
    """All tables, two by two, each pair as high as its lines need and the room allows."""
    half = room_of(width)
    heights = _shared(_heights(panels), height)
    out: list[Content] = []
    for (left, right), high in zip(_couples(panels), heights, strict=True):
        columns = []
        for panel in (left, right):
            look = "bold $accent" if panel.id == state.panel else "bold"
            about = of if panel.id == TABLES[0] else ""
            title = ends(Content.styled(f" {panel.title}", look), Content.styled(about, _MUTED), half)
            columns.append([title, *_table(panel, state, half, high - 1)])
        out += [Content.assemble(_padded(a, half), "  ", b) for a, b in zip(*columns, strict=True)]
    return out


def _couples(panels: Sequence[Panel]) -> list[tuple[Panel, Panel]]:
    """Shops beside channels, products beside stock, people beside connections."""
    by_id = {panel.id: panel for panel in panels}
    pairs = (("shops", "channels"), ("products", "stock"), ("operators", "health"))
    return [(by_id[a], by_id[b]) for a, b in pairs]


def _heights(panels: Sequence[Panel]) -> list[int]:
    """Lines that each pair of tables would fill: title, heading, lines, and one to part it from the next."""
    return [max(len(a.lines), len(b.lines), 1) + 3 for a, b in _couples(panels)]


def _shared(wanted: list[int], height: int) -> list[int]:
    """Heights that fill ``height``: each gets what it wants as far as that goes evenly, the last takes the rest."""
    given = [0] * len(wanted)
    left = height
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    for done, i in enumerate(order):
        given[i] = min(wanted[i], left // (len(wanted) - done))
        left -= given[i]
    given[-1] += left
    return given


def _table(panel: Panel, state: WallState, width: int, height: int) -> list[Content]:
    name = min(max(width - sum(w + 1 for _, w in panel.columns) - 1, 8), NAME)
    head = fit("", name + 1) + "".join(" " + fit(title, w, right=True) for title, w in panel.columns)
    out = [Content.styled(fit(head, width), _MUTED)]
    here = state.panel == panel.id
    at = state.row(panel.keys) if here else 0
    room = height - 1
    top = max(min(at - room // 2, len(panel.lines) - room), 0)
    for n, line in enumerate(panel.lines[top : top + max(room, 0)], top):
        column = state.column(len(line.cells)) if here and n == at else -1
        parts: list[tuple[str, str]] = [(f" {fit_ends(line.key, name)}", "bold" if column >= 0 else "")]
        for i, (cell, (_, w)) in enumerate(zip(line.cells, panel.columns, strict=True)):
            parts += [(" ", ""), (fit(cell.text, w, right=True), _CURSOR if i == column else cell.look)]
        out.append(Content.assemble(*parts))
    if not panel.lines:
        out.append(Content.styled(f" {panel.empty}", _MUTED))
    return [*out[:height], *[Content("")] * (height - len(out))]


def charts_on(width: int) -> int:
    """How many charts stand side by side on a page so wide."""
    return 1 if width < WIDE else 2 if width < 150 else 3


def bars_on(history: WallHistory, figure: str, width: int) -> list[Bar]:
    """The bars of a figure on a page so wide."""
    return bars(history, figure, room_for(width // charts_on(width) - 1))


def pointed(history: WallHistory, state: WallState, width: int) -> tuple[str, Drill | None]:
    """The bar under the cursor in words, and the orders behind it."""
    made = bars_on(history, state.figure, width)
    bar = made[state.place([one.start for one in made])]
    words = f"{t(f'wall.chart.{state.figure}')} {when(bar, state.figure)}"
    return f"{clean(history['shop'], 24)} {words}".strip(), drill(history, state.figure, bar)


def _history(history: WallHistory | None, state: WallState, width: int, height: int, glyphs: Glyphs) -> list[Content]:
    """The chosen figure first, and where there is room those that follow it."""
    if history is None:
        return [Content("")] * height
    count = charts_on(width)
    at = FIGURES.index(state.figure)
    each = width // count
    columns = []
    for n, figure in enumerate((FIGURES + FIGURES)[at : at + count]):
        made = bars_on(history, figure, width)
        if not made:
            return [Content("")] * height
        here = state.place([one.start for one in made]) if state.panel == HISTORY and n == 0 else None
        bar = made[-1 if here is None else here]
        head = f"{when(bar, figure)}: {shown(figure, bar.value)} "
        name = Content.styled(f" {title(history, figure, bar.minutes)}", "bold $accent" if here is not None else "bold")
        columns.append(
            chart(
                ends(name, Content.styled(head, _MUTED if here is None else "bold"), each - 1),
                [one.value for one in made],
                ticks(made),
                (each - 1, height),
                glyphs,
                _LOOKS[figure],
                lambda value, figure=figure: shown(figure, value),  # type: ignore[misc]
                here,
                0.01 if figure == "errors" else 1.0,
            )
        )
    return [Content("").join(_padded(piece, each) for piece in pieces) for pieces in zip(*columns, strict=True)]


def _cells(text: str) -> int:
    return Content(text).cell_length


def _padded(content: Content, width: int) -> Content:
    content = content.truncate(width, ellipsis=False)
    return content + " " * max(width - content.cell_length, 0)
