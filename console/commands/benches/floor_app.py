"""The floor of ``bench desk``: an empty Textual app with one label that counts the arrow keys."""

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Label


class Floor(App[None]):
    """Does nothing but answer a key with a number."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def compose(self) -> ComposeResult:
        """The one label."""
        yield Label("count=0;")

    def on_key(self, event: events.Key) -> None:
        """Down counts up, up counts down: as a cursor's row does."""
        self._count += {"down": 1, "up": -1}.get(event.key, 0)
        self.query_one(Label).update(f"count={self._count};")


if __name__ == "__main__":
    Floor().run()
