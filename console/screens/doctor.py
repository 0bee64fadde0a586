"""What this terminal, the database and the settings can and cannot do, and what to do about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from rich.cells import cell_len
from textual.content import Content

from console import terminal
from console.i18n import t
from console.presenters.cells import fit
from console.presenters.checks import said, todo
from console.screens.pane import PaneScreen
from console.widgets.pick_list import Item
from console.wire import Facts
from core.model.checks import Check
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

_LOOKS = {"ok": "$success", "warn": "bold $warning", "bad": "bold $error"}


class DoctorScreen(PaneScreen):
    """The terminal is looked at here; the rest by the core, whose it is."""

    scope = "doctor"
    scopes = ("doctor",)
    every = 10.0
    alone = True

    def __init__(self, desk: "DeskScreen") -> None:
        super().__init__(desk)
        self._checks: list[Check] = []
        self._settings: list[Facts] = []

    async def fetch(self) -> None:
        """The core's findings; without a core those of the terminal still stand."""
        found = await self.desk.office.examine()
        self._checks, self._settings = [msgspec.convert(one, Check) for one in found["checks"]], found["settings"]

    @property
    def _all(self) -> list[Check]:
        size = self.app.size
        gone = self.trouble is not None and self.trouble.offline
        path: dict[str, str | int] = {"path": self.desk.client.socket_path}
        core = Check("core", "bad" if gone else "ok", "core_gone" if gone else "core_answers", path)
        return [*self._checks, core, *terminal.terminal_checks((size.width, size.height), terminal.own_encoding())]

    def heading(self) -> Content:
        """How it looks as a whole."""
        wrong = sum(one.state != "ok" for one in self._all)
        look = "bold $success" if not wrong else "bold $warning"
        found = t("doctor.wrong", n=wrong) if wrong else t("doctor.well")
        return Content.styled(t("doctor.title"), "bold") + Content.styled(f"  {found}", look)

    def columns(self) -> Content:
        """Of a finding."""
        return Content(
            f"{fit(t('doctor.col.state'), 8)} {fit(t('doctor.col.subject'), self._subjects)} {t('doctor.col.said')}"
        )

    def items(self) -> Sequence[Item]:
        """What is wrong first, then the rest, then every setting with its origin."""
        rank = {"bad": 0, "warn": 1, "ok": 2}
        found: list[Item] = [
            (f"check {one.subject}", self._line(one)) for one in sorted(self._all, key=lambda one: rank[one.state])
        ]
        for one in self._settings:
            value = Content.assemble(
                (fit("", 8), ""),
                " ",
                (fit(clean(one["key"], 60), self._subjects), "$text-muted"),
                f" {clean(one['value'], 100) or '-'}",
            )
            found.append((f"setting {one['key']}", value))
        return found

    @property
    def _subjects(self) -> int:
        """Cells for the names of what was looked at."""
        return 24 if self.size.width < 120 else 40

    def _line(self, one: Check) -> Content:
        state = (fit(t(f"doctor.state.{one.state}"), 8), _LOOKS[one.state])
        told = clean(said(one), 300)
        room = max(self.room - self._subjects - 10, 8)
        told = fit(told, room) if cell_len(told) > room else told
        return Content.assemble(state, " ", (fit(_subject(one), self._subjects), "bold"), " ", told)

    def particulars(self) -> list[Content]:
        """What was found in full, and what to do."""
        key = self.pick.key
        check = next((one for one in self._all if f"check {one.subject}" == key), None)
        if check is not None:
            lines = [Content(clean(said(check), 600))]
            return [*lines, Content.styled(clean(todo(check), 600), "bold")] if todo(check) else lines
        setting = next((one for one in self._settings if f"setting {one['key']}" == key), None)
        if setting is None:
            return []
        where = t("doctor.from", origin=clean(setting["from"], 200))
        return [
            Content.assemble((clean(setting["key"], 100), "bold"), f" = {clean(setting['value'], 300) or '-'}"),
            Content.styled(where, "$text-muted"),
        ]


def _subject(one: Check) -> str:
    """A word for what was looked at; shops and channels go by their own name."""
    own = one.code == "refused" or one.code.startswith("shop_")
    return clean(one.subject, 60) if own else t(f"doctor.subject.{one.subject}")
