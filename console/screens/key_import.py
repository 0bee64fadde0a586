"""The wizard's last step: what a key file holds, the yes, and how far the import is."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.actions import BY_ID, Action, Standing, why_not
from console.i18n import t
from console.presenters.head import footer_line
from console.presenters.stock import preview_lines
from console.screens.modal import DeskModal
from console.widgets.plain import Plain
from core.model.text import clean

if TYPE_CHECKING:
    from console.controllers.importing import Importing
    from console.screens.desk import DeskScreen

BAR = 30
STEP_S = 0.1


class ImportScreen(DeskModal[None]):
    """Esc leaves at any time; an import that has begun goes on in the core."""

    scopes = ("import",)

    def __init__(self, desk: "DeskScreen", work: "Importing") -> None:
        super().__init__(desk)
        self._work = work

    def compose(self) -> ComposeResult:
        """Title, what was found, progress, keys."""
        with Vertical(id="import"):
            yield Plain(id="import-title")
            yield Plain(id="import-lines")
            yield Plain(id="import-state")
            yield Plain(id="import-foot")

    def on_mount(self) -> None:
        """Reads the file at once."""
        self.desk.typeahead.end()
        title = t("keys.title", title=self._work.title, name=clean(self._work.path.name, 60))
        self.query_one("#import-title", Plain).show(Content.styled(title, "bold"))
        self.run_worker(self._read(), group="import")
        self.set_interval(STEP_S, self.draw)

    async def _read(self) -> None:
        await self._work.read()
        self.draw()

    def on_resize(self) -> None:
        """Another size, another number of bad lines."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """The state as it is now."""
        work = self._work
        if work.preview is not None:
            room = max(
                (self.size.height - 18) // (1 if self.size.width >= 100 else 2), 2
            )  # a reason may take two lines
            lines = preview_lines(work.preview, room)
            self.query_one("#import-lines", Plain).show(Content("\n").join(lines), layout=True)
        self.query_one("#import-state", Plain).show(self._state(), layout=True)
        line = footer_line(self.desk.keymap, self.desk.standing, self.scopes, max(self.size.width - 4, 1), self._why)
        self.query_one("#import-foot", Plain).show(line)

    def _state(self) -> Content:
        work, seen = self._work, self._work.preview
        if work.state == "failed":
            return Content.styled(work.problem, "bold $error")
        if work.state == "reading" or seen is None:
            return Content.styled(t("keys.reading"), "$text-muted")
        if work.state == "writing":
            full = BAR * work.done // max(work.total, 1)
            bar = "#" * full + "-" * (BAR - full)
            return Content.assemble((f"[{bar}] ", "bold $accent"), f"{100 * work.done // max(work.total, 1)}%")
        if work.state == "done":
            return Content.styled(t("keys.done"), "bold $success")
        if seen["bad"]:
            return Content.styled(t("keys.refused_whole"), "bold $error")
        if not seen["new"]:
            return Content.styled(t("keys.nothing_new"), "bold $warning")
        return Content.styled(t("keys.ask", n=seen["new"], title=work.title), "bold")

    def _why(self, action: Action, standing: Standing) -> str | None:
        why = why_not(action, standing)
        if why is not None:
            return why
        if self._work.state in ("writing", "done"):
            return t(f"keys.{self._work.state}")
        if action.id == "import_go":
            return None if self._work.ready else t("keys.not_ready")
        return None if self._work.state != "reading" else t("keys.reading")

    def desk_key(self, key: str) -> bool:
        """Help, besides its own."""
        if self.desk.keymap.find(key, ("desk",)) == "help":
            from console.screens.help import HelpScreen

            self.app.push_screen(HelpScreen(self.desk, self.scopes, also=("help", "back")))
            return True
        return super().desk_key(key)

    def act(self, action: str) -> bool:
        """Imports, or reads the file again."""
        work = self._work
        if action == "import_go" and work.state == "done":
            self.dismiss(None)
            return True
        why = self._why(BY_ID[action], self.desk.standing)
        if why is not None:
            self.desk.say(f"{BY_ID[action].label}: {why}", "warn")
            self.query_one("#import-state", Plain).show(Content.styled(why, "bold $warning"), layout=True)
        elif action == "import_go":
            # Not of this screen: leaving it must not stop the telling of how it ended.
            self.desk.run(work.write())
        else:
            self.run_worker(self._read(), group="import")
        return True
