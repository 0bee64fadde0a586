"""A prompt where Tab completes: as far as all offers agree, then through them one by one."""

from typing import TYPE_CHECKING

from console.file_path import FileError, check, completions
from console.i18n import t
from console.screens.prompt import PromptScreen
from console.widgets.box import Box

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

SHOWN = 12  # offers named under the box


class CompletingScreen(PromptScreen):
    """``offers`` are whole lines that the text could become; ``whole`` is what a lone offer becomes in the box."""

    _offers: tuple[str, ...] = ()

    def offers(self, text: str) -> list[str]:
        """To be said by each kind of prompt."""
        raise NotImplementedError

    def whole(self, offer: str) -> str:
        """The text once nothing else is possible."""
        return offer

    def named(self, offer: str) -> str:
        """An offer as the line under the box names it."""
        return offer

    def desk_key(self, key: str) -> bool:
        """Tab completes; any other key starts anew."""
        if key != "tab":
            self._offers = ()
            return super().desk_key(key)
        box = self.query_one(Box)
        if box.value in self._offers:
            self._put(self._offers[(self._offers.index(box.value) + 1) % len(self._offers)])
            return True
        offers = self.offers(box.value)
        if not offers:
            self._say(t("command.no_offer"))
            return True
        common = offers[0]
        while not all(one.startswith(common) for one in offers):
            common = common[:-1]
        if len(common) < len(box.value):  # found by initials or in the middle: there is nothing to go on with
            common = box.value
        if len(offers) > 1 and common == box.value:
            self._offers, common = tuple(offers), offers[0]
        self._put(common if len(offers) > 1 else self.whole(offers[0]))
        self._say("  ".join(self.named(one) for one in offers[:SHOWN]), "$text-muted")
        return True

    def _put(self, text: str) -> None:
        box = self.query_one(Box)
        box.value = text
        box.cursor_position = len(text)


class PathScreen(CompletingScreen):
    """Asks for a file of this machine; leaves with a path that could be read, or with None."""

    def __init__(self, desk: "DeskScreen", title: str, history: list[str]) -> None:
        super().__init__(desk, title, needed=True, check=self._wrong, history=history, hint=t("file.hint"))

    def offers(self, text: str) -> list[str]:
        """Files and folders."""
        return completions(text)

    def named(self, offer: str) -> str:
        """The name alone: the folder stands in the box."""
        return offer.rstrip("/").rpartition("/")[2] + ("/" if offer.endswith("/") else "")

    async def _wrong(self, text: str) -> str | None:
        try:
            check(text)
        except FileError as error:
            return t(error.code, **error.facts)
        return None
