"""What opens over the desk. Keys reach it through the registry's router, or go to its input."""

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import BindingType
from textual.screen import ModalScreen

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

Result = TypeVar("Result")


class DeskModal(ModalScreen[Result]):
    """A modal that escape leaves with None. Only keys of ``scopes`` and the fixed few of ``on_desk_key`` act."""

    AUTO_FOCUS: ClassVar[str | None] = None
    BINDINGS: ClassVar[list[BindingType]] = []
    scopes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, desk: "DeskScreen") -> None:
        super().__init__()
        self.desk = desk

    def desk_key(self, key: str) -> bool:
        """A key for this modal before its input sees it. Answers whether it was taken."""
        if key == "escape":
            self.dismiss(None)
            return True
        action = self.desk.keymap.find(key, self.scopes)
        if action is not None:
            self.desk.trail.add(action)
        return action is not None and self.act(action)

    def help(self, key: str, also: Collection[str] = ()) -> bool:
        """The keys of this place, when that is what the key asks for. ``also``: actions of other scopes that work here."""
        from console.screens.help import HelpScreen

        asked = key in self.desk.keymap.keys("help")
        if asked:
            self.app.push_screen(HelpScreen(self.desk, self.scopes, also))
        return asked

    def leads(self, key: str) -> bool:
        """The leader that leads from this place to others. Its screen has a line for the box, ``#leader``."""
        asked = key in self.desk.keymap.keys("goto")
        if asked:
            self.desk.leading.begin("goto", self, self.go)
        return asked

    def go(self, action: str) -> None:
        """From here to another place."""
        self.dismiss(None)
        self.desk.perform(action)

    def act(self, action: str) -> bool:
        """Does an action of ``scopes``; answers whether it is one."""
        return False
