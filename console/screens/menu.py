"""The palette: picks an action or a place by name. What is not available says why."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.actions import ACTIONS, Action, why_not
from console.fuzzy import fits
from console.i18n import t
from console.places import Place, places
from console.presenters.cells import fit
from console.screens.modal import DeskModal
from console.widgets.box import Box
from console.widgets.pick_list import PickList
from console.widgets.plain import Plain
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

Entry = tuple[Action | Place, str | None]


def palette(desk: "DeskScreen") -> "MenuScreen":
    """Every action of where one is, and every place."""
    entries: list[Entry] = [
        (a, why_not(a, desk.standing)) for a in ACTIONS if a.scope in desk.scopes and a.id not in ("palette", "back")
    ]
    entries += [(place, None) for place in places(desk.standing, desk.queue.model.rows.values())]
    return MenuScreen(desk, t("palette.prompt"), entries)


class MenuScreen(DeskModal[str | None]):
    """A list of actions with their keys; typing narrows it."""

    AUTO_FOCUS: ClassVar[str | None] = "Input"
    scopes = ("list",)

    def __init__(self, desk: "DeskScreen", title: str, entries: Sequence[Entry]) -> None:
        super().__init__(desk)
        self._title, self._entries = title, list(entries)
        self._narrowed = ""

    def compose(self) -> ComposeResult:
        """Title, input, list, reason."""
        with Vertical(id="menu"):
            yield Plain(id="menu-title")
            yield Box(placeholder=t("palette.prompt"), id="menu-input", compact=True)
            yield PickList(id="menu-list")
            yield Plain(id="menu-why")

    def on_mount(self) -> None:
        """Shows all entries."""
        keys = (t("menu.keys"), "$text-muted")
        self.query_one("#menu-title", Plain).show(Content.assemble((self._title, "bold"), "  ", keys))
        self.narrow("")

    def narrow(self, text: str) -> None:
        """Shows the entries whose name, id or help holds all words of the text, or begins so in pinyin."""
        self._narrowed, items = text, []
        for action, why in self._entries:
            sign = self.desk.keymap.sign(action.id)
            if isinstance(action, Place) and not text.strip():
                continue  # places are found by name; unasked they would bury the actions
            if fits(text, action.label, action.id, action.tip):
                label = fit(action.label, 22)
                look = "$text-disabled" if why else ""
                items.append(
                    (
                        action.id,
                        Content.assemble((fit(sign, 7), "bold $accent"), (label, look), (action.tip, "$text-muted")),
                    )
                )
        self.query_one(PickList).set(items, Content.styled(t("palette.none"), "$text-muted"))
        self._why()

    def _why(self) -> None:
        key = self.query_one(PickList).key
        why = next((w for a, w in self._entries if a.id == key), None)
        self.query_one("#menu-why", Plain).show(Content.styled(clean(why or "", 200), "$warning"), layout=True)

    def on_input_changed(self, event: Box.Changed) -> None:
        """Narrows as one types."""
        self._catch_up(event.value)

    def _catch_up(self, text: str) -> None:
        if text != self._narrowed:
            self.narrow(text)

    def desk_key(self, key: str) -> bool:
        """Enter picks; letters are text."""
        self._catch_up(self.query_one(Box).value)  # the word that it changed may still be on its way
        if key == "enter":
            picked = self.query_one(PickList).key
            if isinstance(picked, str) and not next((w for a, w in self._entries if a.id == picked), None):
                self.dismiss(picked)
            return True
        if len(key) == 1 or key in ("space", "home", "end"):
            return False
        return super().desk_key(key)

    def act(self, action: str) -> bool:
        """Moves in the list."""
        self.query_one(PickList).move(action)
        self._why()
        return True
