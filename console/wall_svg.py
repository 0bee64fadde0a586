"""The wall as a picture: the same page at a fixed size, without cursor and without anything of the screen around it."""

import io
import re
from typing import Final

from rich.console import Console
from rich.segment import Segment, Segments
from textual.visual import Visual
from textual.widget import Widget

from console.i18n import t
from console.presenters.cells import Glyphs, clock_text
from console.presenters.wall_page import Size, page
from console.state.wall import WallState
from console.wire_wall import Wall

SIZE: Final = Size(160, 46)
# Rich's template names a font on a server: a picture must not call home from wherever it is opened.
_FONT_FACE: Final = re.compile(r"@font-face\s*\{[^}]*\}")


def picture(wall: Wall, span: str, glyphs: Glyphs, widget: Widget) -> str:
    """An SVG document. ``widget``: any that is mounted, for its theme's colours."""
    console = Console(
        width=SIZE.width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        record=True,
        legacy_windows=False,
    )
    state = WallState(panel="", span=span)
    for line in page(wall, state, SIZE, glyphs, wall["at"]):
        for strip in Visual.to_strips(widget, line, SIZE.width, 1, widget.visual_style) if line else []:
            console.print(Segments([*strip, Segment.line()]), end="")
        if not line:
            console.print()
    drawn = console.export_svg(title=f"{t('app.name')} {t('wall.title')} {clock_text(wall['at'])}")
    return _FONT_FACE.sub("", drawn)
