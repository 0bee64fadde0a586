"""The wall as a picture: the same page at a fixed size, without cursor and without anything of the screen around it.

Written here and not by Rich: its pictures ask a server for a font, and press Chinese into half its width.
"""

import re
from dataclasses import replace
from typing import Final
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from console.i18n import t
from console.presenters.cells import Glyphs, clock_text
from console.presenters.wall_page import Size, page
from console.state.wall import WallState
from console.wire_wall import Wall, WallHistory

SIZE: Final = Size(160, 46)
_W, _H, _BASE = 9, 20, 15  # pixels: a cell's width and height, and where its letters stand
_WORD: Final = re.compile("[^ \N{BRAILLE PATTERN BLANK}]+")
_FONTS: Final = "Sarasa Mono SC, Noto Sans Mono CJK SC, DejaVu Sans Mono, Consolas, Menlo, monospace"


def picture(wall: Wall, history: WallHistory | None, state: WallState, glyphs: Glyphs, widget: Widget) -> str:
    """An SVG document, with the history that ``state`` has chosen. ``widget``: any that is mounted, for its theme's colours."""
    style = widget.visual_style
    title = f"{t('app.name')} {t('wall.title')}  {clock_text(wall['at'])}"
    strips: list[Strip] = []
    for content in page(wall, history, replace(state, panel=""), SIZE, glyphs, wall["at"]):
        drawn = Visual.to_strips(widget, content, SIZE.width, 1, style) if content else []
        strips += drawn[:1] or [Strip([])]
    width, height = SIZE.width * _W, (len(strips) + 2) * _H
    ink, ground = (color.rich_color for color in (widget.screen.styles.color, widget.screen.styles.background))
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="{_FONTS}" font-size="15">'
        f'<rect width="{width}" height="{height}" fill="{_hex(ground)}"/>',
        f'<text x="{_W}" y="{_BASE}" font-weight="bold" fill="{_hex(ink)}">{escape(title)}</text>',
    ]
    for n, strip in enumerate(strips, 2):
        out += _line(strip, n * _H, _hex(ink))
    return "\n".join([*out, "</svg>", ""])


def _line(strip: Strip, top: int, ink: str) -> list[str]:
    """One line's words; each is held to the width of its cells, whatever font it meets."""
    out, x = [], 0
    for segment in strip:
        style = segment.style or Style.null()
        weight = ' font-weight="bold"' if style.bold else ""
        fill = _hex(style.color) if style.color is not None and not style.color.is_default else ink
        # Word by word: blanks at the ends of a text are kept by some viewers and dropped by others.
        for found in _WORD.finditer(segment.text):
            at, cells = x + cell_len(segment.text[: found.start()]), cell_len(found[0])
            out.append(
                f'<text x="{at * _W}" y="{top + _BASE}" textLength="{cells * _W}" lengthAdjust="spacingAndGlyphs"'
                f'{weight} fill="{fill}">{escape(found[0])}</text>'
            )
        x += segment.cell_length
    return out


def _hex(color: Color) -> str:
    return color.get_truecolor().hex
