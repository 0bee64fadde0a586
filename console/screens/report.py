"""Lines to read, and to say yes to where there is something to be done."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.i18n import t
from console.presenters.head import ends
from console.screens.modal import DeskModal
from console.widgets.plain import Plain

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


class ReportScreen(DeskModal[bool | None]):
    """Arrows turn it. ``agree`` says what Enter does; without it Enter closes. Answers True when it was agreed."""

    scopes = ("list",)

    def __init__(self, desk: "DeskScreen", title: str, lines: Sequence[Content], agree: str = "") -> None:
        super().__init__(desk)
        self._title, self._lines, self._agree, self._top = title, list(lines), agree, 0

    def compose(self) -> ComposeResult:
        """Title, lines, keys."""
        with Vertical(id="report"):
            yield Plain(id="report-title")
            yield Plain(id="report-lines")
            yield Plain(id="report-foot")

    def on_mount(self) -> None:
        """Nothing that was typed before it could be read agrees."""
        self.desk.typeahead.end()
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        """Another size holds other lines."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """The lines in view."""
        pane = self.query_one("#report-lines", Plain)
        width = max(pane.size.width, 1)
        lines = [piece for line in self._lines for piece in (line.wrap(width) if line.cell_length > width else [line])]
        height = max(min(len(lines), self.size.height - 6), 1)
        if pane.styles.height is None or pane.styles.height.value != height:
            pane.styles.height = height
        self._top = max(min(self._top, len(lines) - height), 0)
        place = f"{min(self._top + height, len(lines))}/{len(lines)} " if len(lines) > height else ""
        title = ends(Content.styled(self._title, "bold"), Content.styled(place, "$text-muted"), width)
        self.query_one("#report-title", Plain).show(title)
        pane.show(Content("\n").join(lines[self._top : self._top + height]))
        foot = t("report.agree", what=self._agree) if self._agree else t("help.foot")
        self.query_one("#report-foot", Plain).show(Content.styled(foot, "$text-muted"))

    def act(self, action: str) -> bool:
        """Turns the lines."""
        page = max(self.query_one("#report-lines", Plain).size.height - 1, 1)
        far = sum(max(line.cell_length, 1) for line in self._lines)
        steps = {"down": 1, "up": -1, "page_down": page, "page_up": -page, "home": -far, "end": far}
        self._top += steps[action]
        self.draw()
        return True

    def desk_key(self, key: str) -> bool:
        """Enter agrees, or closes."""
        if key == "enter" or (key == "q" and not self._agree):
            self.dismiss(True if self._agree else None)
            return True
        return super().desk_key(key)
