"""The first-run tour: six steps over the live desk, in a box that the list gives way to.

It is no screen of its own. Of all keys it takes two, those that its heading names, and only while the desk itself is on
top; every other key does on the desk what it always does.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

from textual.content import Content

from console.actions import key_sign
from console.i18n import t
from console.private_file import state_home, write_private
from console.widgets.plain import Plain

if TYPE_CHECKING:
    from pathlib import Path

    from console.screens.desk import DeskScreen

STEPS = ("screen", "move", "act", "cases", "flow", "more")
# Keys that a step speaks of, by the action that they belong to.
SPOKEN = (
    "page_down", "page_up", "home", "end", "filter", "view_next", "detail", "mark", "mark_range", "confirm", "hold",
    "release", "menu", "undo", "cases", "decide_all", "next", "skip", "find", "command", "palette", "goto", "help", "quit",
)  # fmt: skip
NEXT, LEAVE = "enter", "escape"


def toured_path() -> "Path":
    """The person's own mark that the tour was begun once on this machine."""
    return state_home() / "toured"


class Tour:
    """``step`` counts from 1; 0 while no tour runs."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self.step = 0
        self.box = Plain(id="tour")

    def first(self) -> None:
        """Begins the tour unless it was begun here before. A disk that refuses the mark costs one more tour."""
        path = toured_path()
        if path.exists():
            return
        with suppress(OSError):
            write_private(path, "")
        self.do_tour()

    def do_tour(self) -> None:
        """From its first step."""
        self._show(1)

    def takes(self, key: str) -> bool:
        """Whether this key is the tour's: on to the next step, or out of it for good."""
        if not self.step or key not in (NEXT, LEAVE):
            return False
        self._show(self.step + 1 if key == NEXT and self.step < len(STEPS) else 0)
        return True

    def _show(self, step: int) -> None:
        self.step = step
        if step:
            self.box.show(self.text(STEPS[step - 1]), layout=True)
        else:
            self._desk.say(t("tour.left", key=self._desk.keymap.sign("command")))
        self.box.display = bool(step)

    def text(self, name: str) -> Content:
        """One step: its heading with the two keys, then what it has to say, with the person's own keys."""
        keymap = self._desk.keymap
        keys = {one: keymap.sign(one) for one in SPOKEN}
        for move in ("down", "up"):
            keys[move] = key_sign(next(reversed(keymap.keys(move)), move))
        heading = f"{t('tour.title', n=STEPS.index(name) + 1, all=len(STEPS))}  {t(f'tour.{name}.title')}"
        named = t("tour.last" if name == STEPS[-1] else "tour.keys", next=key_sign(NEXT), leave=key_sign(LEAVE))
        return Content.assemble((heading, "bold $accent"), (f"   {named}\n", "$text-muted"), t(f"tour.{name}", **keys))
