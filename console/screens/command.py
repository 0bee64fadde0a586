"""The command line: a box at the foot where Tab completes and the arrows bring back what was typed before."""

from typing import TYPE_CHECKING

from textual.widgets import Input

from console.command_line import CommandError, completions, parse
from console.i18n import t
from console.places import places
from console.screens.prompt import PromptScreen

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


class CommandScreen(PromptScreen):
    """Leaves with a line that can be run, or with None."""

    def __init__(self, desk: "DeskScreen", history: list[str]) -> None:
        super().__init__(desk, t("command.prompt"), check=self._wrong, history=history, hint=t("command.hint"))
        self._offers: list[str] = []
        self._places = [(one.id, one.label) for one in places(desk.standing, desk.queue.model.rows.values())]
        self._macros = list(desk.own.macros)

    async def _wrong(self, text: str) -> str | None:
        try:
            parse(text, self.desk.scopes, self.desk.standing.tabs)
        except CommandError as error:
            return str(error)
        return None

    def desk_key(self, key: str) -> bool:
        """Tab completes as far as all offers agree, then walks through them."""
        if key != "tab":
            self._offers = []
            return super().desk_key(key)
        box = self.query_one(Input)
        if box.value in self._offers:
            self._put(self._offers[(self._offers.index(box.value) + 1) % len(self._offers)])
            return True
        offers = completions(box.value, self.desk.scopes, self._places, self._macros)
        if not offers:
            self._say(t("command.no_offer"))
            return True
        common = offers[0]
        while not all(one.startswith(common) for one in offers):
            common = common[:-1]
        if len(common) < len(box.value):  # found by initials or in the middle: there is nothing to go on with
            common = box.value
        if len(offers) > 1 and common == box.value:
            self._offers, common = offers, offers[0]
        self._put(common if len(offers) > 1 else f"{offers[0].rstrip()} ")
        self._say("  ".join(offers[:12]), "$text-muted")
        return True

    def _put(self, text: str) -> None:
        box = self.query_one(Input)
        box.value = text
        box.cursor_position = len(text)
