"""Asks for one line: a filter, a note, a tag."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.client import ClientError
from console.i18n import t
from console.screens.modal import DeskModal
from console.typeahead import type_into
from console.widgets.box import Box
from console.widgets.plain import Plain
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

Check = Callable[[str], Awaitable[str | None]]


class PromptScreen(DeskModal[str | None]):
    """One input at the foot of the desk, with a line for what is wrong and history on the arrows."""

    AUTO_FOCUS: ClassVar[str | None] = "Input"

    def __init__(
        self,
        desk: "DeskScreen",
        title: str,
        value: str = "",
        needed: bool = False,
        check: Check | None = None,
        history: list[str] | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(desk)
        self._title, self._value, self._needed, self._check = title, value, needed, check
        self._history, self._at = history if history is not None else [], 0
        self._hint = hint

    def compose(self) -> ComposeResult:
        """The input between its title and what is wrong with it."""
        with Vertical(id="prompt"):
            yield Plain(id="prompt-title")
            yield Box(self._value, id="prompt-input", compact=True, select_on_focus=False)
            yield Plain(id="prompt-error")

    def on_mount(self) -> None:
        """Fills the lines."""
        self.query_one("#prompt-title", Plain).show(
            Content.assemble((self._title, "bold"), "  ", (t("ask.keys"), "$text-muted"))
        )
        self._say(self._hint, "$text-muted")
        self.call_after_refresh(self._take_over)

    async def _take_over(self) -> None:
        """The box is there: what was typed since it was asked for goes into it."""
        await type_into(self.query_one(Box), self.desk.typeahead.end())

    def _say(self, text: str, look: str = "bold $error") -> None:
        self.query_one("#prompt-error", Plain).show(Content.styled(text, look))

    def desk_key(self, key: str) -> bool:
        """Arrows walk through what was asked before."""
        if key in ("up", "down") and self._history:
            self._at = max(min(self._at + (1 if key == "up" else -1), len(self._history)), 0)
            box = self.query_one(Box)
            box.value = self._history[-self._at] if self._at else self._value
            box.cursor_position = len(box.value)
            return True
        return super().desk_key(key)

    @work(exclusive=True, exit_on_error=False, group="prompt")
    async def on_input_submitted(self, event: Box.Submitted) -> None:
        """Checks and leaves, or says what is wrong and stays."""
        text = clean(event.value, 300)
        if self._needed and not text.strip():
            self._say(t("do.reason_needed"))
            return
        wrong = None
        if self._check is not None and text.strip():
            try:
                wrong = await self._check(text)
            except ClientError as error:
                wrong = t("error.failed", message=error.message)
        if wrong is not None:
            self._say(wrong)
            return
        if text.strip() and text not in self._history:
            self._history.append(text)
        self.dismiss(text)
