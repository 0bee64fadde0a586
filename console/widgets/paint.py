"""Paints rows of one widget straight to the terminal: only the cells that differ, in one synchronized write.

Textual's compositor draws a whole frame for a changed cell (about 10 ms and 11 kB at 160x48); this costs under 1 ms
and some 20 bytes a cell. It is used only while the widget's screen is on top, nothing overlaps, and the driver is a
real terminal; in every other case ``paint`` answers False and the caller refreshes through the public API. Both ways
must give the same screen (tests compare them cell by cell).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

if TYPE_CHECKING:
    from console.widgets.queue_table import QueueTable

SYNC_ON, SYNC_OFF = "\x1b[?2026h", "\x1b[?2026l"
Line = list[tuple[str, Style | None]]  # one entry a cell; the second cell of a wide character is ("", its style)


def to_cells(strip: Strip) -> Line:
    """A drawn row as one entry a cell."""
    out: Line = []
    for text, style, _control in strip:
        if text.isascii():
            out += [(char, style) for char in text]
            continue
        for char in text:
            width = get_character_cell_size(char)
            if width == 0:
                if out:  # a combining mark belongs to the cell before it
                    at = -1 if out[-1][0] else -2
                    out[at] = (out[at][0] + char, out[at][1])
                continue
            out.append((char, style))
            if width == 2:
                out.append(("", style))
    return out


def changed_runs(old: Line, new: Line) -> list[tuple[int, int]]:
    """Ranges of cells to write. A run never starts or ends inside a wide character, old or new; short gaps join."""
    runs: list[tuple[int, int]] = []
    x, width = 0, len(new)
    while x < width:
        if old[x] == new[x]:
            x += 1
            continue
        start = x
        while start > 0 and (not new[start][0] or not old[start][0]):
            start -= 1
        end = x + 1
        while end < width and (old[end] != new[end] or not new[end][0] or not old[end][0]):
            end += 1
        # Moving the cursor costs 6 to 8 bytes, so rewriting a few equal cells of one style is cheaper.
        if runs and start - runs[-1][1] <= 4:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
        x = end
    return runs


class Painter:
    """Direct painting for one widget, with the memory of what stands on the screen."""

    def __init__(self, widget: "QueueTable", enabled: bool = True) -> None:
        self._widget = widget
        self.enabled = enabled
        self.writes = 0
        self._screen: dict[int, tuple[Strip, Line | None]] = {}  # cells are made when first compared
        self._ansi: dict[Style | None, str] = {}

    def forget(self) -> None:
        """What stands on the screen is no longer known; the next paint of a line writes it whole."""
        self._screen.clear()
        self._ansi.clear()

    def filtered(self, strip: Strip) -> Strip:
        """The strip as this terminal may show it (NO_COLOR and the like)."""
        for one in self._widget.app.get_line_filters():
            strip = strip.apply_filter(one, self._widget.background_colors[1])
        return strip

    def composed(self, y: int, lines: Sequence[Strip], whole: bool = True) -> None:
        """The compositor drew these lines; of lines it drew in part, nothing is known any more."""
        for at, strip in enumerate(lines, y):
            if whole:
                self._screen[at] = (strip, None)
            else:
                self._screen.pop(at, None)

    def _origin(self) -> tuple[int, int] | None:
        """Where the widget stands on the screen when it may be painted directly, else None."""
        widget = self._widget
        app = widget.app
        if not self.enabled or not widget.is_attached or app.is_headless or app.is_inline:
            return None
        if not app.is_running or app._driver is None or app._batch_count or app.screen is not widget.screen:
            return None
        screen = widget.screen
        # A pending layout or full repaint will move things; it draws this widget as well.
        if screen._layout_required or screen._repaint_required:
            return None
        region = widget.region
        if not region or not screen.region.contains_region(region) or self._covered(region):
            return None
        return region.x, region.y

    def _covered(self, region: Region) -> bool:
        # Toasts and tooltips live on layers whose names start with an underscore.
        for other, (place, _) in self._widget.screen._compositor.visible_widgets.items():
            if other.layer.startswith("_") and place.overlaps(region):
                return True
        return False

    def paint(self, lines: Sequence[int]) -> bool:
        """Paints these lines of the widget; False when the compositor must do it."""
        origin = self._origin()
        if origin is None:
            return False
        left, top = origin
        out: list[str] = []
        ink = "\x1b[0m"
        width = self._widget.size.width
        for y in lines:
            strip = self.filtered(self._widget.render_line(y))
            old = self._screen.get(y)
            if old is not None and old[0] is strip:
                continue
            new = to_cells(strip)
            before = [] if old is None else old[1] or to_cells(old[0])
            runs = changed_runs(before, new) if len(before) == len(new) else [(0, width)]
            self._screen[y] = (strip, new)
            for start, end in runs:
                out.append(f"\x1b[{top + y + 1};{left + start + 1}H")
                ink = self._write_cells(new[start:end], out, ink)
        if out:
            self.writes += 1
            app = self._widget.app
            driver = app._driver
            assert driver is not None
            cursor = app.cursor_position
            body = "\x1b[0m" + "".join(out) + f"\x1b[0m\x1b[{cursor.y + 1};{cursor.x + 1}H"
            driver.write(SYNC_ON + body + SYNC_OFF if app._sync_available else body)
        return True

    def _write_cells(self, cells: Line, out: list[str], ink: str) -> str:
        """Appends cells and the style changes between them; answers the style that is left on."""
        index, count = 0, len(cells)
        while index < count:
            style = cells[index][1]
            end = index + 1
            while end < count and cells[end][1] == style:
                end += 1
            wanted = self._codes(style)
            if wanted != ink:
                out.append(wanted)
                ink = wanted
            out.append("".join(char for char, _ in cells[index:end]))
            index = end
        return ink

    def _codes(self, style: Style | None) -> str:
        codes = self._ansi.get(style)
        if codes is None:
            system = self._widget.app.console._color_system or ColorSystem.TRUECOLOR
            ansi = Strip.render_ansi(style, system) if style is not None else ""
            codes = self._ansi[style] = f"\x1b[0;{ansi}m" if ansi else "\x1b[0m"
        return codes
