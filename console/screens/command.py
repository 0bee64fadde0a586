"""The command line: a box at the foot where Tab completes and the arrows bring back what was typed before."""

from typing import TYPE_CHECKING

from console.command_line import CommandError, completions, parse
from console.i18n import t
from console.places import places
from console.screens.completing import CompletingScreen

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


class CommandScreen(CompletingScreen):
    """Leaves with a line that can be run, or with None."""

    def __init__(self, desk: "DeskScreen", history: list[str]) -> None:
        super().__init__(desk, t("command.prompt"), check=self._wrong, history=history, hint=t("command.hint"))
        self._places = [(one.id, one.label) for one in places(desk.standing, desk.queue.model.rows.values())]
        self._macros = list(desk.own.macros)

    async def _wrong(self, text: str) -> str | None:
        try:
            parse(text, self.desk.scopes, self.desk.standing.tabs)
        except CommandError as error:
            return str(error)
        return None

    def offers(self, text: str) -> list[str]:
        """Commands, and what may stand behind them: views, macros, places by their initials."""
        return completions(text, self.desk.scopes, self._places, self._macros)

    def whole(self, offer: str) -> str:
        """With a space, for what may follow."""
        return f"{offer.rstrip()} "
