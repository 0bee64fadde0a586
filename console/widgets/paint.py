"""Paints rows of one widget straight to the terminal: only the cells that differ, in one synchronized write.

Textual's compositor draws a whole frame for a changed cell (about 10 ms and 11 kB at 160x48); this costs under 1 ms
and some 20 bytes a cell. It is used only while the widget's screen is on top, nothing overlaps, and the driver is a
real terminal; in every other case ``paint`` answers False and the caller refreshes through the public API. Both ways
must give the same screen (tests compare them cell by cell).
"""

from collections.abc import Callable, Sequence

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.style import Style
from textual.color import Color
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

SYNC_ON, SYNC_OFF = "\x1b[?2026h", "\x1b[?2026l"
Line = list[tuple[str, str]]  # (character, SGR parameters) a cell; a wide character's second cell is ("", the same)


def to_cells(strip: Strip, code: Callable[[Style | None], str]) -> Line:
    """A drawn row as one entry a cell. ``code`` gives the SGR parameters of a style."""
    out: Line = []
    for text, style, _control in strip:
        ink = code(style)
        if text.isascii():
            out += [(char, ink) for char in text]
            continue
        for char in text:
            width = get_character_cell_size(char)
            if width == 0:
                if out:  # a combining mark belongs to the cell before it
                    at = -1 if out[-1][0] else -2
                    out[at] = (out[at][0] + char, out[at][1])
                continue
            out.append((char, ink))
            if width == 2:
                out.append(("", ink))
    return out


def changed_runs(old: Line, new: Line) -> list[tuple[int, int]]:
    """Ranges of cells to write. A run never starts or ends inside a wide character, old or new; short gaps join."""
    runs: list[tuple[int, int]] = []
    width = len(new)
    for x in [x for x, (before, after) in enumerate(zip(old, new, strict=True)) if before != after]:
        if runs and x < runs[-1][1]:
            continue
        start = x
        while start > 0 and (not new[start][0] or not old[start][0]):
            start -= 1
        end = x + 1
        while end < width and (not new[end][0] or not old[end][0]):
            end += 1
        # Moving the cursor costs 5 or 6 bytes, so rewriting a few equal cells is cheaper.
        if runs and start - runs[-1][1] <= 4:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs


def split_codes(codes: str) -> tuple[frozenset[str], str, str]:
    """SGR parameters as (attributes, foreground, background); "" for a colour of the terminal's own."""
    attributes, colours = set(), {"3": "", "4": ""}
    parts = iter(codes.split(";") if codes else ())
    for part in parts:
        if part in ("38", "48"):
            kind = next(parts)
            rest = [next(parts) for _ in range(1 if kind == "5" else 3)]
            colours[part[0]] = ";".join([part, kind, *rest])
        elif len(part) > 1 and part[:-1] in ("3", "4", "9", "10"):
            colours["3" if part[:-1] in ("3", "9") else "4"] = part
        else:
            attributes.add(part)
    return frozenset(attributes), colours["3"], colours["4"]


def change_ink(before: str | None, after: str) -> str:
    """The shortest sequence that turns one ink into another; ``before`` None when it is not known."""
    whole = f"\x1b[0;{after}m" if after else "\x1b[0m"
    if before is None:
        return whole
    (have, fore, back), (want, new_fore, new_back) = split_codes(before), split_codes(after)
    if not have <= want:
        return whole
    parts = sorted(want - have)
    parts += [new_fore or "39"] if fore != new_fore else []
    parts += [new_back or "49"] if back != new_back else []
    part = f"\x1b[{';'.join(parts)}m" if parts else ""
    return min(part, whole, key=len)


class Painter:
    """Direct painting for one widget, with the memory of what stands on the screen."""

    def __init__(self, widget: Widget, enabled: bool = True) -> None:
        self._widget = widget
        self.enabled = enabled
        self.writes = 0
        self._screen: dict[int, tuple[Strip, Line | None]] = {}  # cells are made when first compared
        self._inks: dict[Style | None, str] = {}
        self._changes: dict[tuple[str | None, str], str] = {}
        self._background: Color | None = None
        self._held: list[str] = []
        self._held_at: tuple[int, int] | None = None
        self._place: tuple[object, Region, bool] | None = None  # the compositor's map, where we stand in it, covered

    def forget(self) -> None:
        """What stands on the screen is no longer known; the next paint of a line writes it whole."""
        self._screen.clear()
        self._inks.clear()
        self._background = None

    def filtered(self, strip: Strip) -> Strip:
        """The strip as this terminal may show it (NO_COLOR and the like)."""
        if self._background is None:
            self._background = self._widget.background_colors[1]
        for one in self._widget.app.get_line_filters():
            strip = strip.apply_filter(one, self._background)
        return strip

    def composed(self, y: int, lines: Sequence[Strip], whole: bool = True) -> None:
        """The compositor drew these lines; of lines it drew in part, nothing is known any more."""
        self.flush()  # what is held is older than what the compositor is about to write
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
        screen = widget.screen
        if not app.is_running or app._driver is None or app._batch_count or app.screen is not screen:
            return None
        # A pending layout or full repaint will move things; it draws this widget as well.
        if screen._layout_required or screen._repaint_required:
            return None
        seen = screen._compositor.visible_widgets  # another object whenever anything moved, came or went
        if self._place is None or self._place[0] is not seen:
            region = widget.region
            hidden = not region or not screen.region.contains_region(region)
            self._place = seen, region, hidden or self._covered(region)
        _, region, covered = self._place
        return None if covered else (region.x, region.y)

    def _covered(self, region: Region) -> bool:
        # Toasts and tooltips live on layers whose names start with an underscore.
        for other, (place, _) in self._widget.screen._compositor.visible_widgets.items():
            if other.layer.startswith("_") and place.overlaps(region):
                return True
        return False

    def paint(self, lines: Sequence[int], hold: bool = False) -> bool:
        """Paints these lines of the widget; False when the compositor must do it. ``hold``: more follows at once, so
        the terminal may wait for ``flush`` or the next paint. (A write wakes a thread that takes the interpreter's lock,
        on a busy machine for milliseconds.)"""
        origin = self._origin()
        if origin is None:
            return False
        left, top = origin
        out: list[str] = []
        ink: str | None = None
        width = self._widget.size.width
        for y in lines:
            strip = self.filtered(self._widget.render_line(y))
            old = self._screen.get(y)
            if old is not None and old[0] is strip:
                continue
            new = to_cells(strip, self._ink)
            before = [] if old is None else old[1] or to_cells(old[0], self._ink)
            runs = changed_runs(before, new) if len(before) == len(new) else [(0, width)]
            self._screen[y] = (strip, new)
            for number, (start, end) in enumerate(runs):
                # The column is named absolutely: terminals differ about the width of rare characters.
                out.append(f"\x1b[{left + start + 1}G" if number else f"\x1b[{top + y + 1};{left + start + 1}H")
                ink = self._write_cells(new[start:end], out, ink)
        if self._held_at != origin:
            self.flush()
        self._held += out
        self._held_at = origin
        if not hold:
            self.flush()
        return True

    def flush(self) -> None:
        """Writes what is held; when the widget moved or was covered meanwhile, the compositor draws it instead."""
        held, at, self._held, self._held_at = self._held, self._held_at, [], None
        if not held:
            return
        if self._origin() != at:
            self.forget()
            self._widget.refresh()
            return
        self.writes += 1
        app = self._widget.app
        driver = app._driver
        assert driver is not None
        cursor = app.cursor_position
        body = "".join(held) + f"\x1b[0m\x1b[{cursor.y + 1};{cursor.x + 1}H"
        driver.write(SYNC_ON + body + SYNC_OFF if app._sync_available else body)

    def _write_cells(self, cells: Line, out: list[str], ink: str | None) -> str | None:
        """Appends cells and the changes of ink between them; answers the ink that is left."""
        for char, wanted in cells:
            if wanted != ink:
                change = self._changes.get((ink, wanted))
                if change is None:
                    change = self._changes[(ink, wanted)] = change_ink(ink, wanted)
                out.append(change)
                ink = wanted
            out.append(char)
        return ink

    def _ink(self, style: Style | None) -> str:
        codes = self._inks.get(style)
        if codes is None:
            system = self._widget.app.console._color_system or ColorSystem.TRUECOLOR
            codes = self._inks[style] = Strip.render_ansi(style, system) if style is not None else ""
        return codes
