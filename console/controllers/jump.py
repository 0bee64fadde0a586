"""Jump mode: letters stand before the rows in view, and typing a row's letters puts the cursor there."""

from string import ascii_lowercase
from typing import TYPE_CHECKING

from console.i18n import t

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

# The keys under the fingers come first.
LETTERS = "fjdksla" + "".join(c for c in ascii_lowercase if c not in "fjdksla")


def labels(count: int) -> list[str]:
    """One letter a row while they suffice, else two for every row."""
    if count <= len(LETTERS):
        return list(LETTERS[:count])
    return [a + b for a in LETTERS for b in LETTERS][:count]


class Jump:
    """Active from its key until letters name a row or anything else is pressed."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self._typed = ""

    @property
    def active(self) -> bool:
        """Whether letters stand before the rows."""
        return bool(self._desk.queue.labels)

    def do_jump(self) -> None:
        """Puts letters before the rows in view."""
        queue = self._desk.queue
        seen = queue.model.shown[queue.top : queue.top + max(queue.size.height, 1)]
        self._typed = ""
        queue.labels = dict(zip(seen, labels(len(seen)), strict=True))
        queue.draw_all()
        self._desk.say(t("jump.keys"), "good")

    def takes(self, key: str) -> bool:
        """The next letter. Any other key, and letters that name no row, end it."""
        queue = self._desk.queue
        self._typed += key
        going = [order for order, label in queue.labels.items() if label.startswith(self._typed)]
        if len(key) == 1 and len(going) > 1:
            return True
        queue.labels = {}
        place = queue.model.place(going[0]) if len(key) == 1 and going else None
        if place is not None:
            queue.model.put_cursor(place)
            queue.relisted()
        queue.draw_all()
        self._desk.say("")
        return True
