"""What paints itself: lines through the Line API for the compositor, and straight to the terminal when only text moves.

``Direct`` is the base of the queue; ``Board`` shows lines of text, ``Bar`` one of them. A frame of Textual's compositor
for the pane beside the list takes 3 to 6 ms, and a key that comes meanwhile waits for it.
"""

import asyncio
from collections.abc import Iterable, Sequence

from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from console.widgets.paint import Painter

SLICE = 6  # lines drawn before a key gets its turn


async def give_way() -> None:
    """Lets a key that was pressed meanwhile go first: from the reader's thread to the desk it takes three turns."""
    for _ in range(3):
        await asyncio.sleep(0)


class Direct(Widget):
    """A widget without border and padding that gives its lines by ``render_line``, each from a cache of its own."""

    ALLOW_SELECT = False

    def __init__(self, direct: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self.auto_links = False  # finding out how links look costs more than drawing the line
        self.painter = Painter(self, direct)

    def forget(self) -> None:
        """Every drawn line is stale."""
        self.painter.forget()

    def on_resize(self) -> None:
        """Textual calls this of every class; ``resized`` is the one to override."""
        self.resized()

    def resized(self) -> None:
        """Another size: what was drawn stands elsewhere or is cut."""
        self.forget()

    def notify_style_update(self) -> None:
        """Theme or sheet changed."""
        super().notify_style_update()
        self.forget()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lines for the compositor. Textual's own line cache is left out: lines that the painter drew itself would be
        stale in it."""
        lines = [self.painter.filtered(self.render_line(y)) for y in crop.line_range]
        whole = crop.column_span == (0, self.size.width)
        self.painter.composed(crop.y, lines, whole)
        return lines if whole else [line.crop(crop.x, crop.right) for line in lines]

    def draw_lines(self, lines: Iterable[int], hold: bool = False) -> None:
        """Draws these lines again, as far as they are in view. ``hold`` as the painter has it."""
        height = self.size.height
        seen = sorted({y for y in lines if 0 <= y < height})
        if seen and not self.painter.paint(seen, hold):
            for y in seen:
                self.refresh(Region(0, y, self.size.width, 1))


class Board(Direct):
    """Lines of text, each no longer than the widget is wide. ``put`` draws those that differ."""

    def __init__(self, direct: bool = True, id: str | None = None) -> None:
        super().__init__(direct, id)
        self._contents: list[Content] = []
        self._strips: dict[int, tuple[Content, Strip]] = {}
        self._stale: set[int] = set()

    def forget(self) -> None:
        """Every drawn line is stale."""
        super().forget()
        self._strips.clear()

    def put(self, contents: Sequence[Content]) -> None:
        """Shows these lines; lines that read as before cost nothing."""
        self._exchange(contents)
        stale, self._stale = self._stale, set()
        self.draw_lines(stale)

    async def put_by_slices(self, contents: Sequence[Content]) -> None:
        """As ``put``, but a few lines at a time. What is put meanwhile takes its place."""
        self._exchange(contents)
        mine = self._contents
        try:
            while self._stale and self._contents is mine:
                some = sorted(self._stale)[:SLICE]
                self._stale.difference_update(some)
                self.draw_lines(some, hold=True)
                await give_way()
        finally:
            self.painter.flush()

    def _exchange(self, contents: Sequence[Content]) -> None:
        old, self._contents = self._contents, list(contents)
        self._stale.update(y for y, (a, b) in enumerate(zip(old, self._contents, strict=False)) if not a.is_same(b))
        low, high = sorted((len(old), len(self._contents)))
        self._stale.update(range(low, high))

    def render_line(self, y: int) -> Strip:
        """A line of the widget, for whoever draws it."""
        content = self._contents[y] if y < len(self._contents) else _BLANK
        width, style = self.size.width, self.visual_style
        cached = self._strips.get(y)
        # The compositor may ask at a new width before the news of it has come.
        if cached is not None and cached[1].cell_length == width and cached[0].is_same(content):
            return cached[1]
        strips = Visual.to_strips(self, content, width, 1, style) if content else []
        strip = (strips[0] if strips else Strip([], 0)).adjust_cell_length(width, style.rich_style)
        self._strips[y] = (content, strip)
        return strip

    @property
    def plain(self) -> str:
        """The text that is shown, for tests."""
        return "\n".join(line.plain for line in self._contents)


_BLANK = Content("")


class Bar(Board):
    """One line."""

    def show(self, content: Content) -> None:
        """Shows content; the same content again costs nothing."""
        self.put([content])
