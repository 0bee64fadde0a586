"""Keys that come faster than a screen opens.

A pasted ``/filter`` or a slow line brings the next keys before the box that asked for them is there. They are text for
that box, or nothing; they are never commands of the desk underneath.
"""

import time
from typing import TYPE_CHECKING

from textual import events

if TYPE_CHECKING:
    from console.widgets.box import Box

PATIENCE_S = 5.0  # a screen that has not opened by then never will; keys count again


class TypeAhead:
    """Holds keys back between an action that opens a screen and that screen's being ready."""

    def __init__(self) -> None:
        self._until = 0.0
        self._keep = False
        self._held: list[events.Key] = []

    def begin(self, keep: bool) -> None:
        """A screen is about to open. ``keep``: it asks for text, which the keys until then are; else they are dropped."""
        self._until, self._keep, self._held = time.monotonic() + PATIENCE_S, keep, []

    def takes(self, event: events.Key) -> bool:
        """Whether this key is held back."""
        if time.monotonic() >= self._until:
            return False
        if self._keep:
            self._held.append(event)
        return True

    def takes_text(self, text: str) -> bool:
        """Whether pasted text is held back, as if it were typed."""
        if time.monotonic() >= self._until:
            return False
        if self._keep:
            self._held += [events.Key(char, char) for char in text.partition("\n")[0]]
        return True

    def end(self) -> list[events.Key]:
        """The screen is ready, or will not come: what was typed meanwhile. Keys count again."""
        held, self._held, self._until = self._held, [], 0.0
        return held


async def type_into(box: "Box", keys: list[events.Key]) -> None:
    """Give held keys to a box, up to and with the first Enter; what is no text is dropped."""
    for event in keys:
        if event.key == "enter":
            await box.action_submit()
            return
        if event.key == "backspace":
            box.action_delete_left()
        elif event.is_printable and event.character is not None:
            box.insert_text_at_cursor(event.character)
