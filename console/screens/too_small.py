"""A window too small to see what a key would do: it says so, and no key acts until there is room again."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen

from console.i18n import t
from console.widgets.plain import Plain

COLUMNS, LINES = 50, 14  # the head, some rows, or a preview with what it leaves out


def too_small(size: Size) -> bool:
    """Whether the desk would be in pieces at this size."""
    return size.width < COLUMNS or size.height < LINES


class TooSmallScreen(Screen[None]):
    """Covers whatever is open, which stays as it is."""

    AUTO_FOCUS: ClassVar[str | None] = None
    BINDINGS: ClassVar[list[BindingType]] = []

    def compose(self) -> ComposeResult:
        """One sentence."""
        yield Plain(id="too-small")

    def on_resize(self, event: events.Resize) -> None:
        """The size as it is now."""
        size = event.size
        words = t("window.too_small", columns=size.width, lines=size.height, least=f"{COLUMNS}x{LINES}")
        self.query_one(Plain).show(Content.styled(words, "bold $warning"))

    def on_screen_resume(self) -> None:
        """What lay over it was left when there was room again already."""
        self.app.call_later(self.fits)

    def fits(self) -> None:
        """There is room again."""
        app = self.app
        if app.screen is self and not too_small(app.window):  # type: ignore[attr-defined]
            app.pop_screen()

    def desk_key(self, key: str) -> bool:
        """Only leaving is possible: nobody sees what else a key would do."""
        if key in ("q", "ctrl+c"):
            self.app.exit()
        return True
