"""The floor of ``bench desk``: an empty Textual app with one label that counts arrow keys."""

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Label


class Floor(App[None]):
    """Nothing but a label."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Label { width: 40; }"
    count = 0

    def compose(self) -> ComposeResult:
        """One label."""
        yield Label("count=0 ready", markup=False)

    def on_key(self, event: events.Key) -> None:
        """Count."""
        step = {"down": 1, "up": -1}.get(event.key, 0)
        if step:
            self.count += step
            self.query_one(Label).update(f"count={self.count} ready")


if __name__ == "__main__":
    Floor().run()
