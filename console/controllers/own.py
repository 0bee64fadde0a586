"""What a person makes the desk their own with: saved views and macros."""

from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from console.actions import BY_ID
from console.i18n import t
from console.presenters.cells import fit
from console.presenters.tabs import view_name
from console.private_file import config_home
from console.saved_views import SavedView, load_views, name_problem, save_views, views_path
from core.model.text import clean

if TYPE_CHECKING:
    from console.macros import Macro
    from console.screens.desk import DeskScreen


def macros_path() -> Path:
    """The person's own file of macros."""
    return config_home() / "macros.toml"


class Own:
    """Reads its files once, at the start; nothing in them can do more than keys could."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self.macros: dict[str, Macro] = {}
        self._error = ""
        self._running = False  # one macro at a time: its key pressed twice must not do its steps twice side by side

    def load(self) -> None:
        """Views and macros of the person; a file that cannot be used is said and costs nothing else."""
        desk = self._desk
        standing = desk.standing
        standing.saved = dict(load_views(views_path()))
        if standing.view in standing.saved:  # the start was asked for by a name of one's own
            standing.own = standing.view
            standing.view, standing.filter = standing.saved[standing.own]
        if not macros_path().exists():
            return  # most people have none: reading commands is not imported for them
        from console.macros import MacroError, load_macros

        try:
            self.macros = load_macros(macros_path(), desk.keymap)
        except MacroError as error:
            self._error = clean(str(error), 200)
            desk.say(t("macro.error", message=self._error), "warn")

    # views

    def save(self, name: str) -> None:
        """Keeps the view and filter of now under a name."""
        desk, standing = self._desk, self._desk.standing
        problem = name_problem(name, {n: SavedView(*v) for n, v in standing.saved.items()})
        if problem:
            desk.say(t(problem), "warn")
            return
        saved = {**standing.saved, name: (standing.view, standing.filter)}
        if self._write(saved):
            standing.own = name
            desk.say(t("views.saved", name=name), "good")

    async def forget(self, name: str) -> None:
        """Removes a saved view."""
        desk, standing = self._desk, self._desk.standing
        if name not in standing.saved:
            desk.say(t("views.unknown", name=clean(name, 24)), "warn")
        elif self._write({n: v for n, v in standing.saved.items() if n != name}):
            standing.counts.pop(name, None)
            desk.say(t("views.forgotten", name=name), "good")

    def _write(self, saved: dict[str, tuple[str, str]]) -> bool:
        desk = self._desk
        try:
            save_views(views_path(), {n: SavedView(*v) for n, v in saved.items()})
        except OSError as error:
            desk.say(t("views.not_saved", why=error.strerror or "", path=str(views_path())), "bad")
            return False
        desk.standing.saved = saved
        desk.show_head()
        return True

    async def do_views(self) -> None:
        """All views with their counts; enter shows one."""
        from console.screens.list import ListScreen

        standing, items = self._desk.standing, []
        for name in standing.tabs:
            view, text = standing.saved.get(name, (name, ""))
            count = standing.counts.get(name)
            what = f"{view_name(view)}  {clean(text, 100)}" if name in standing.saved else ""
            line = f"{fit(view_name(name), 16)} {fit('' if count is None else str(count), 7, True)}  "
            items.append((name, Content.assemble(line, (what, "$text-muted"))))
        picked = await self._desk.app.push_screen_wait(
            ListScreen(self._desk, t("views.title"), items, "", t("views.foot"))
        )
        if isinstance(picked, str):
            await self._desk.show_view(picked)

    # macros

    async def do_macros(self) -> None:
        """The person's macros; enter runs one on what is chosen."""
        from console.screens.list import ListScreen

        items = [
            (
                one.name,
                Content.assemble((fit(one.key, 8), "bold $accent"), fit(one.name, 16), "  " + "  ".join(one.steps)),
            )
            for one in self.macros.values()
        ]
        none = t("macro.error", message=self._error) if self._error else t("macro.none", path=str(macros_path()))
        picked = await self._desk.app.push_screen_wait(
            ListScreen(self._desk, t("macro.title"), items, none, t("macro.foot"))
        )
        if isinstance(picked, str):
            await self.run(picked)

    def of_key(self, key: str) -> str | None:
        """The macro of a key that the registry does not use."""
        return next((one.name for one in self.macros.values() if one.key == key), None)

    async def run(self, name: str) -> None:
        """Does a macro's steps on what is chosen now, one after the other; the first that fails ends it."""
        desk, macro = self._desk, self.macros.get(name)
        if macro is None:
            desk.say(t("macro.unknown", name=clean(name, 24)), "warn")
        elif self._running:
            desk.say(t("macro.running"), "warn")
        else:
            self._running = True
            try:
                await self._steps(macro)
            finally:
                self._running = False
                desk.typeahead.end()

    async def _steps(self, macro: "Macro") -> None:
        from console.controllers.command import run_command
        from console.macros import check_step

        desk = self._desk
        chosen = desk.queue.model.chosen()  # the same orders for every step, whatever becomes of cursor and marks
        for number, step in enumerate(macro.steps, 1):
            command = check_step(step)
            action = BY_ID.get(command.name)  # some commands are no actions of their own, as `view vip`
            if action is not None and not desk.allowed(command.name):
                return
            if action is None or not action.order:
                await run_command(desk, command)
                chosen = desk.queue.model.chosen()
            elif not await desk.acts.step(action, command.argument, chosen):
                desk.say(t("macro.stopped", name=macro.name, n=number, step=clean(step, 60)), "warn")
                return
        desk.say(t("macro.done", name=macro.name, n=len(macro.steps)), "good")
