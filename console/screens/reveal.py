"""Shows the plain keys of one order, once. They live only as long as this screen."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.i18n import t
from console.screens.modal import DeskModal
from console.widgets.plain import Plain
from console.wire import Facts
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


class RevealScreen(DeskModal[None]):
    """Any key hides it."""

    def __init__(self, desk: "DeskScreen", ext_id: str, keys: list[Facts]) -> None:
        super().__init__(desk)
        self._ext_id, self._keys = ext_id, keys

    def compose(self) -> ComposeResult:
        """Title, keys, foot."""
        with Vertical(id="reveal"):
            yield Plain(id="reveal-title")
            yield Plain(id="reveal-keys")
            yield Plain(id="reveal-foot")

    def on_mount(self) -> None:
        """Fills the lines; a key longer than the line wraps, none of it is cut."""
        self.desk.typeahead.end()
        lines = [
            f"{one.get('line', 1)}.{one.get('slot', 1)}  {clean(str(one.get('key', '')), 4000)}" for one in self._keys
        ]
        self.query_one("#reveal-title", Plain).show(
            Content.styled(t("reveal.title", ext_id=clean(self._ext_id)), "bold")
        )
        self.query_one("#reveal-keys", Plain).show(Content("\n".join(lines)), layout=True)
        self.query_one("#reveal-foot", Plain).show(Content.styled(t("reveal.foot"), "$text-muted"))

    def desk_key(self, key: str) -> bool:
        """Hides the keys."""
        self._keys = []
        self.dismiss(None)
        return True
