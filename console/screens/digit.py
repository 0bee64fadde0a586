"""Asks for one digit: which of the decisions on offer. No enter is needed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.i18n import t
from console.screens.modal import DeskModal
from console.widgets.plain import Plain

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


class DigitScreen(DeskModal[int | None]):
    """Leaves with the number of the choice, or None."""

    def __init__(self, desk: "DeskScreen", title: str, choices: Sequence[str]) -> None:
        super().__init__(desk)
        self._title, self._choices = title, list(choices[:9])

    def compose(self) -> ComposeResult:
        """Title and choices at the foot of the desk."""
        with Vertical(id="digit"):
            yield Plain(id="digit-title")
            yield Plain(id="digit-list")

    def on_mount(self) -> None:
        """Fills the lines; keys typed before they could be read choose nothing."""
        self.desk.typeahead.end()
        self.query_one("#digit-title", Plain).show(
            Content.assemble((self._title, "bold"), "  ", (t("digit.keys"), "$text-muted"))
        )
        lines = [Content.assemble((f" {n} ", "bold reverse"), " ", text) for n, text in enumerate(self._choices, 1)]
        self.query_one("#digit-list", Plain).show(Content("\n").join(lines), layout=True)

    def desk_key(self, key: str) -> bool:
        """A digit chooses."""
        if key.isdecimal() and key.isascii() and 1 <= int(key) <= len(self._choices):
            self.dismiss(int(key))
            return True
        return super().desk_key(key)
