"""A line or block of text that repaints only when it differs: an idle screen writes nothing."""

from textual.content import Content
from textual.widgets import Static


class Plain(Static):
    """Static without markup. ``show`` is the only way to fill it."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._shown: Content | None = None

    def show(self, content: Content, layout: bool = False) -> None:
        """Shows content; the same content again costs nothing. ``layout`` when its height may change."""
        if self._shown is not None and self._shown.is_same(content):
            return
        self._shown = content
        self.update(content, layout=layout)

    @property
    def plain(self) -> str:
        """The text that is shown, for tests."""
        return self._shown.plain if self._shown is not None else ""
