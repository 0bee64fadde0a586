"""Asks for one digit: which of the decisions on offer, and for which of two sets. No enter is needed."""

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
    """Leaves with the number of the choice, or None; ``scope`` is then the place of the set among ``scopes``."""

    def __init__(self, desk: "DeskScreen", title: str, choices: Sequence[str], scopes: Sequence[str] = ()) -> None:
        super().__init__(desk)
        self._title, self._choices = title, list(choices[:9])
        self._scopes, self.scope = list(scopes), 0

    def compose(self) -> ComposeResult:
        """Title and choices at the foot of the desk."""
        with Vertical(id="digit"):
            yield Plain(id="digit-title")
            if self._scopes:
                yield Plain(id="digit-scope")
            yield Plain(id="digit-list")

    def on_mount(self) -> None:
        """Fills the lines; keys typed before they could be read choose nothing."""
        self.desk.typeahead.end()
        self.query_one("#digit-title", Plain).show(
            Content.assemble((self._title, "bold"), "  ", (t("digit.keys"), "$text-muted"))
        )
        lines = [Content.assemble((f" {n} ", "bold reverse"), " ", text) for n, text in enumerate(self._choices, 1)]
        self._show_scope()
        self.query_one("#digit-list", Plain).show(Content("\n").join(lines), layout=True)

    def _show_scope(self) -> None:
        if not self._scopes:
            return
        parts: list[tuple[str, str]] = []
        for at, text in enumerate(self._scopes):
            parts += [
                (f"({'*' if at == self.scope else ' '}) {text}   ", "bold" if at == self.scope else "$text-muted")
            ]
        line = Content.assemble(*parts, (t("digit.scope"), "$text-muted"))
        self.query_one("#digit-scope", Plain).show(line, layout=True)

    def desk_key(self, key: str) -> bool:
        """A digit chooses; tab changes the set."""
        if key == "tab" and self._scopes:
            self.scope = (self.scope + 1) % len(self._scopes)
            self._show_scope()
            return True
        if key.isdecimal() and key.isascii() and 1 <= int(key) <= len(self._choices):
            self.dismiss(int(key))
            return True
        return super().desk_key(key)
