"""A list to pick from: orders that a fragment fits, views, macros, decisions of the past."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.screens.modal import DeskModal
from console.widgets.pick_list import Item, PickList
from console.widgets.plain import Plain

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

Other = Callable[[str, object], bool]


class ListScreen(DeskModal[object | None]):
    """Enter leaves with the key of the item under the cursor, escape with None.

    ``other`` takes further actions of ``scopes`` for the item under the cursor and answers whether it was one.
    """

    scopes = ("recall",)

    def __init__(
        self, desk: "DeskScreen", title: str, items: Sequence[Item], empty: str, foot: str, other: Other | None = None
    ) -> None:
        super().__init__(desk)
        self._title, self._items, self._empty, self._foot, self._other = title, list(items), empty, foot, other

    def compose(self) -> ComposeResult:
        """Title, list, keys."""
        with Vertical(id="pick"):
            yield Plain(id="pick-title")
            yield PickList(id="pick-list")
            yield Plain(id="pick-foot")

    def on_mount(self) -> None:
        """Fills the lines; keys typed before they could be read pick nothing."""
        self.desk.typeahead.end()
        self.query_one("#pick-title", Plain).show(Content.styled(self._title, "bold"))
        self.query_one("#pick-foot", Plain).show(Content.styled(self._foot, "$text-muted"))
        self.fill(self._items)

    def fill(self, items: Sequence[Item]) -> None:
        """Other items in their place."""
        self.query_one(PickList).set(items, Content.styled(self._empty, "$text-muted"))

    def act(self, action: str) -> bool:
        """Moves, picks, or hands the action on."""
        pick = self.query_one(PickList)
        if action == "recall_open":
            if pick.key is not None:
                self.dismiss(pick.key)
        elif action == "recall_undo":
            return self._other is not None and pick.key is not None and self._other(action, pick.key)
        else:
            pick.move(action)
        return True
