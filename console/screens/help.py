"""The keys of where one is, from the registry."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.actions import ACTIONS, key_sign
from console.i18n import t
from console.presenters.cells import fit
from console.screens.modal import DeskModal
from console.widgets.plain import Plain

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


class HelpScreen(DeskModal[None]):
    """Two columns of keys; arrows turn when the window is small."""

    scopes = ("list",)

    def __init__(self, desk: "DeskScreen", scopes: tuple[str, ...], also: Collection[str] = ()) -> None:
        """``also``: actions of other scopes that work here too; told under a heading of their own."""
        super().__init__(desk)
        self._shown, self._also, self._offset = scopes, also, 0

    def compose(self) -> ComposeResult:
        """One block and its foot."""
        with Vertical(id="help"):
            yield Plain(id="help-keys")
            yield Plain(id="help-filter")
            yield Plain(id="help-foot")

    def on_mount(self) -> None:
        """Fills the fixed lines."""
        note = "" if self._also else t("help.filter")
        self.query_one("#help-filter", Plain).show(Content.styled(note, "$text-muted"), layout=True)
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        """Another size holds other lines."""
        self.call_after_refresh(self._draw)

    def _lines(self, width: int) -> list[Content]:
        keymap = self.desk.keymap
        columns = 2 if width >= 70 else 1
        cell = width // columns - 1
        out: list[Content] = []
        for scope in (*self._shown, "also") if self._also else self._shown:
            title = Content.styled(t(f"help.scope.{scope}"), "bold $accent")
            cells = []
            for action in ACTIONS:
                here = action.id in self._also if scope == "also" else action.scope == scope
                signs = " ".join(key_sign(k) for k in keymap.keys(action.id)) or keymap.sequence(action.id)
                if not here or not signs or action.number > 1:
                    continue
                if action.number:
                    signs = "1-9"
                label = action.label if not action.number else t(f"act.{action.id.split('.')[0]}", n="N")
                text = fit(f"{label}  {action.tip}" if action.tip else label, max(cell - 14, 8))
                cells.append(Content.assemble((fit(signs, 13), "bold"), " ", text))
            out.append(title)
            half = -(-len(cells) // columns)
            for i in range(half):
                row = [cells[j] for j in range(i, len(cells), half)]
                out.append(Content(" ").join(row))
        return out

    def _draw(self) -> None:
        pane = self.query_one("#help-keys", Plain)
        lines = self._lines(max(pane.size.width, 30))
        self._offset = max(min(self._offset, len(lines) - pane.size.height), 0)
        height = max(pane.size.height, 1)
        pane.show(Content("\n").join(lines[self._offset : self._offset + height]))
        below, foot = len(lines) - self._offset - height, t("help.foot")
        if below > 0:
            foot = f"{t('detail.more', n=below, key=self.desk.keymap.sign('page_down'))}  {foot}"
        self.query_one("#help-foot", Plain).show(Content.styled(foot, "$text-muted"))

    def act(self, action: str) -> bool:
        """Turns the page."""
        step = {"down": 1, "up": -1, "page_down": 10, "page_up": -10}.get(action, 0)
        self._offset = max(self._offset + step, 0)
        self._draw()
        return True

    def desk_key(self, key: str) -> bool:
        """The key that opened it closes it too."""
        if key in self.desk.keymap.keys("help") or key == "q":
            self.dismiss(None)
            return True
        return super().desk_key(key)
