"""A line to type in, which takes its keys in the order they came.

A slow line brings several keys in one piece. The toolkit gives letters to the input at once, but lets Enter, Backspace and
the arrows travel up through all parents first, so that ``1 Backspace 2 Enter`` would become ``1``. Here each key is done
before the next one is looked at, those of the screen around the box too. What is pasted may come from a stranger, so it is
cleaned before it is drawn.
"""

from collections.abc import Iterator
from typing import Protocol, cast

from textual import events
from textual.binding import Binding
from textual.widgets import Input

from core.model.text import clean

LONGEST = 4000


class Around(Protocol):
    """What a screen with a box offers."""

    def desk_key(self, key: str) -> bool:
        """A key for the screen before the box sees it. Answers whether it was taken."""


def _actions() -> Iterator[tuple[str, str]]:
    for one in Input.BINDINGS:
        assert isinstance(one, Binding)
        for key in one.key.split(","):
            yield key.strip(), one.action


_ACTIONS = dict(_actions())


class Box(Input):
    """The app's router leaves all keys to it while it has the focus."""

    in_order = True

    def validate_value(self, value: str) -> str:
        """Printable text alone, whatever way it came: typed, pasted, brought back, completed."""
        return clean(value, LONGEST)

    async def on_key(self, event: events.Key) -> None:
        """The screen's own keys, then what edits the line; text is left to the toolkit, which does it at once."""
        action = _ACTIONS.get(event.key)
        if cast(Around, self.screen).desk_key(event.key):
            event.stop().prevent_default()
        elif action is not None and not event.is_printable:
            event.stop().prevent_default()
            await self.app.run_action(action, self)
