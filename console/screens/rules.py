"""The rules in force, the file that they came from, and a trial of another one."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from console import file_path
from console.file_path import FileError
from console.i18n import t
from console.presenters import rules as words
from console.presenters.table import header
from console.screens.completing import PathScreen
from console.screens.pane import PaneScreen
from console.screens.report import ReportScreen
from console.widgets.pick_list import Item
from console.wire_office import RulesInForce
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


class RulesScreen(PaneScreen):
    """Nothing here writes a rule file: it lies with the core, which takes a good one by itself."""

    scope = "rules"
    scopes = ("rules",)
    every = 5.0

    def __init__(self, desk: "DeskScreen") -> None:
        super().__init__(desk)
        self._force: RulesInForce | None = None

    async def fetch(self) -> None:
        """What is in force."""
        self._force = await self.desk.office.rules()

    def heading(self) -> Content:
        """How many."""
        return Content.styled(t("rules.title", n=len(self._force["rules"]) if self._force else "-"), "bold")

    def columns(self) -> Content:
        """Of a rule."""
        return header(words.RULES, self.room)

    def items(self) -> Sequence[Item]:
        """In the file's order, which decides between tags."""
        force = self._force
        if force is None:
            return ()
        return [(one["name"], words.rule_line(one, force["recent"], self.room)) for one in force["rules"]]

    def empty(self) -> str:
        """A file without rules is no mistake."""
        return t("rules.none")

    def particulars(self) -> list[Content]:
        """What is wrong with the file, the rule under the cursor, the file."""
        force, key = self._force, self.pick.key
        if force is None:
            return []
        rule = next((one for one in force["rules"] if one["name"] == key), None)
        told = words.rule_words(rule, force["recent"]) if rule else []
        return [*words.file_trouble(force), *told, *words.file_words(force)]

    def do_rules_check(self) -> None:
        """The core's own file as it is now, against what is in force."""
        self.desk.run(self._try("", b""), opens=True)

    def do_rules_try(self) -> None:
        """A file of this machine, against what is in force."""
        self.desk.run(self._ask(), opens=True)

    async def _ask(self) -> None:
        past = self.desk.history.setdefault("path", [])
        text = await self.app.push_screen_wait(PathScreen(self.desk, t("rules.which"), past))
        if text is None:
            return
        path = file_path.expand(text)
        try:
            data = await asyncio.to_thread(lambda: file_path.read(file_path.check(text)))
        except FileError as error:
            self.desk.say(t(error.code, **error.facts), "bad")
            return
        if not data:
            self.desk.say(t("file.empty"), "warn")
            return
        await self._try(clean(path.name, 100), data)

    async def _try(self, name: str, data: bytes) -> None:
        tried = await self.desk.office.try_rules(name, data)
        title = t("rules.tried", file=name) if name else t("act.rules_check")
        await self.app.push_screen_wait(ReportScreen(self.desk, title, words.tried_lines(tried)))

    def do_rules_reload(self) -> None:
        """The core reads its file now."""
        self.desk.run(self._reload())

    async def _reload(self) -> None:
        try:
            mark = await self.desk.office.reload_rules()
            self.desk.say(t("rules.reloaded", mark=clean(mark, 12)), "good")
        finally:
            if self.is_mounted:
                self.look()
