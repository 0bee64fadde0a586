"""The wall on a screen of any size: title, totals, tables, history, keys. Pure: figures in, lines out."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from console.i18n import t
from console.presenters.cells import Glyphs, fit
from console.presenters.head import ends
from console.presenters.wall import Cell, Panel, totals, window_words
from console.presenters.wall_chart import chart
from console.presenters.wall_tables import tables
from console.state.wall import SPANS, TABLES, TOTALS, WallState
from console.wire_wall import Wall
from core.model.text import clean

SAMPLE = 5_000  # orders: fewer than these are the whole day
WIDE = 120  # cells from which two tables stand side by side
ROOMY = 100  # cells from which a time is shown with its worst
NAME = 24  # cells; a name far from its figures is read on the wrong line
_CURSOR = "$text on $primary"
_MUTED = "$text-muted"
_BACK = {SPANS[0]: "-3h", SPANS[1]: "-24h"}
_SERIES = (("in", "$accent"), ("delivered", "$success"), ("failed", "$error"))


@dataclass(frozen=True, slots=True)
class Size:
    """The room for the page in cells."""

    width: int
    height: int


def page(wall: Wall, state: WallState | None, size: Size, glyphs: Glyphs, now: int) -> list[Content]:
    """``size.height`` lines. ``state`` None: a page without cursor, for a picture. ``now`` in UTC us."""
    at = state or WallState(panel="")
    head = totals(wall, size.width >= ROOMY)
    out = [*_totals(head, at, size.width), Content.styled(fit(f" {t('wall.trade')}", size.width), _MUTED)]
    wide = size.width >= WIDE
    room = size.height - len(out)
    panels = tables(wall, now, room_of(size.width))
    needed = sum(_heights(panels)) if wide else room * 11 // 20
    history = min(max(room - needed, 6), 20)
    of = window_words(wall, SAMPLE)
    out += (
        _pairs(panels, at, size.width, room - history, of) if wide else _one(panels, at, size.width, room - history, of)
    )
    out += _history(wall, at.span, size.width, history, glyphs)
    return [line.truncate(size.width, ellipsis=False) for line in out[: size.height]]


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
        here = state.panel == TOTALS and state.row(panel.keys) == at
        column = state.column(len(line.cells))
        parts: list[tuple[str, str]] = []
        for n, cell in enumerate(line.cells):
            parts += [
                (f" {cell.label} ", _MUTED),
                (cell.text, _CURSOR if here and n == column else cell.look),
                (" ", ""),
            ]
        out.append(Content.assemble(*parts).truncate(width, ellipsis=False))
    return out


def _one(panels: Sequence[Panel], state: WallState, width: int, height: int, of: str) -> list[Content]:
    """The open table under the names of all."""
    parts: list[tuple[str, str]] = []
    for panel in panels:
        parts.append((f" {panel.title} ", "bold reverse" if panel.id == state.table else _MUTED))
    names = ends(Content.assemble(*parts), Content.styled(f"{of} ", _MUTED), width)
    panel = next(panel for panel in panels if panel.id == state.table)
    return [names, *_table(panel, state, width, height - 1)]


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
        parts: list[tuple[str, str]] = [(f" {fit(line.key, name)}", "bold" if column >= 0 else "")]
        for i, (cell, (_, w)) in enumerate(zip(line.cells, panel.columns, strict=True)):
            parts += [(" ", ""), (fit(cell.text, w, right=True), _CURSOR if i == column else cell.look)]
        out.append(Content.assemble(*parts))
    if not panel.lines:
        out.append(Content.styled(f" {panel.empty}", _MUTED))
    return [*out[:height], *[Content("")] * (height - len(out))]


def _history(wall: Wall, span: str, width: int, height: int, glyphs: Glyphs) -> list[Content]:
    series = wall["minutes"] if span == SPANS[0] else wall["series"]
    shown = _SERIES if width >= WIDE else _SERIES[:2]
    each = width // len(shown)
    bucket = int(series["bucket_minutes"])
    columns = []
    for name, look in shown:
        title = f" {t(f'wall.chart.{name}')} {t('wall.per', n=bucket) if bucket > 1 else t('wall.per_minute')}"
        columns.append(chart(title, series[name], (_BACK[span], t("wall.now")), each - 1, height, glyphs, look))
    return [Content("").join(_padded(piece, each) for piece in pieces) for pieces in zip(*columns, strict=True)]


def _padded(content: Content, width: int) -> Content:
    content = content.truncate(width, ellipsis=False)
    return content + " " * max(width - content.cell_length, 0)
