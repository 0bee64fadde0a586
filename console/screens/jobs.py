"""The pane of jobs: what was done by whom, how far it is, what became of each order."""

from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.client import ClientError
from console.i18n import t
from console.presenters.cells import clock_text, fit
from console.screens.modal import DeskModal
from console.widgets.pick_list import PickList
from console.widgets.plain import Plain
from console.wire import Job
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


class JobsScreen(DeskModal[None]):
    """Jobs above, the items of the one under the cursor below."""

    scopes = ("jobs",)

    def __init__(self, desk: "DeskScreen") -> None:
        super().__init__(desk)
        self._jobs: list[Job] = []

    def compose(self) -> ComposeResult:
        """Two lists."""
        with Vertical(id="jobs"):
            yield Plain(id="jobs-title")
            yield PickList(id="jobs-list")
            yield Plain(id="jobs-items")
            yield Plain(id="jobs-foot")

    def on_mount(self) -> None:
        """Reads the jobs, and again while one runs."""
        sign = self.desk.keymap.sign
        foot = f"{sign('stop')} {t('act.stop')}   {sign('undo_job')} {t('act.undo')}   {t('help.foot')}"
        self.query_one("#jobs-title", Plain).show(Content.styled(t("job.title"), "bold"))
        self.query_one("#jobs-foot", Plain).show(Content.styled(foot, "$text-muted"))
        self.read()
        if self.desk.live:
            self.set_interval(0.5, self._again)

    def _again(self) -> None:
        if any(job["state"] == "running" for job in self._jobs):
            self.read()

    @work(exclusive=True, exit_on_error=False, group="jobs")
    async def read(self) -> None:
        """Jobs and the items of the one under the cursor."""
        try:
            self._jobs = await self.desk.client.jobs()
            self._draw()
            key = self._picked()
            if key is not None:
                self._show_items(await self.desk.client.job(key))
        except ClientError as error:
            self.desk.say_error(error)

    def _picked(self) -> int | None:
        key = self.query_one(PickList).key
        return key if isinstance(key, int) else None

    def _draw(self) -> None:
        now = self.desk.clock()
        items = []
        for job in self._jobs:
            head = f"{clock_text(job['at'])} {fit(clean(job['by'], 12), 12)} "
            items.append((job["id"], Content.assemble((head, "$text-muted"), self.desk.jobs.line(job, now))))
        self.query_one(PickList).set(items, Content.styled(t("job.none"), "$text-muted"))

    def _show_items(self, job: Job) -> None:
        pane = self.query_one("#jobs-items", Plain)
        lines = self.desk.jobs.item_lines(job, pane.size.width)[: max(pane.size.height, 1)]
        if job["reason"]:
            lines.insert(0, Content.styled(f"{t('do.reason')}: {clean(job['reason'], 200)}", "$text-muted"))
        pane.show(Content("\n").join(lines))

    def act(self, action: str) -> bool:
        """Moves, stops, undoes."""
        key = self._picked()
        if action in ("stop", "undo_job"):
            if not self.desk.allowed(action):
                return True
            if key is None:
                self.desk.say(t("guard.no_job"), "warn")
            else:
                self.desk.run(self.desk.jobs.stop(key) if action == "stop" else self._undo(key))
            return True
        self.query_one("#jobs-list", PickList).move(action)
        self.read()
        return True

    async def _undo(self, key: int) -> None:
        await self.desk.jobs.undo(key)
        self.read()
