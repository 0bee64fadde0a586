"""What the desk has said, for whoever looked away. Plain lines from edge to edge, so that a terminal can copy them."""

from collections.abc import Sequence

from textual.content import Content

from console.i18n import t
from console.presenters.cells import clock_text, fit
from console.screens.pane import PaneScreen
from console.state.messages import KEPT
from console.widgets.pick_list import Item
from core.model.text import clean

_LOOKS = {"good": "$success", "warn": "$warning", "bad": "bold $error"}


class LogScreen(PaneScreen):
    """The newest stand last, where the cursor begins. It asks the core for nothing."""

    scope = "log"
    scopes = ("log",)

    def on_mount(self) -> None:
        """Follows what is said while it is open."""
        self.desk.messages.watchers.append(self._more)

    def on_unmount(self) -> None:
        """No more."""
        self.desk.messages.watchers.remove(self._more)

    def _more(self) -> None:
        if self.is_mounted:
            at_end = self.pick.index >= len(self.pick.items) - 1
            self.draw()
            if at_end:
                self.pick.move("end")

    async def fetch(self) -> None:
        """They are here already; from now on none of them was missed."""
        self.desk.messages.look()
        self.desk.show_notice()
        if self.read_at is None:
            self.read_at = self.desk.clock()
            self.draw()
            self.pick.move("end")

    def heading(self) -> Content:
        """How many of how many that are kept."""
        return Content.styled(t("log.title", n=len(self.desk.messages.kept), most=KEPT), "bold")

    def items(self) -> Sequence[Item]:
        """Time, kind, text."""
        return [
            (
                one.number,
                Content.assemble(
                    (f"{clock_text(one.at)} ", "$text-muted"),
                    (fit(t(f"log.{one.kind}"), 6), _LOOKS[one.kind]),
                    f" {clean(one.text, 300)}",
                ),
            )
            for one in self.desk.messages.kept
        ]

    def empty(self) -> str:
        """Nothing was said yet."""
        return t("log.none")

    def particulars(self) -> list[Content]:
        """The whole message, which may be longer than its line."""
        key = self.pick.key
        one = next((one for one in self.desk.messages.kept if one.number == key), None)
        return [Content(clean(one.text, 600))] if one is not None else []
