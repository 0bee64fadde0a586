"""Jobs: following the one that runs, the pane of all, stop and undo."""

import asyncio
from typing import TYPE_CHECKING

from textual.content import Content

from console.i18n import t, word
from console.presenters.cells import fit, span
from console.presenters.claims import hand_words
from console.presenters.words import blocked_words
from console.wire import Job, JobItem
from core.model.clock import SECOND
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

POLL_S = 0.15
SPEED_AFTER = SECOND // 2  # a speed is told after this long


class Jobs:
    """Shows progress on one line; the pane shows the results item by item."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self.current: Job | None = None
        self._first: dict[int, tuple[int, int]] = {}  # running job -> (done, UTC us) when it was first seen

    async def follow(self, job_id: int) -> None:
        """Shows a job until it ends. Raises ClientError."""
        while True:
            job = await self._desk.client.job(job_id)
            if self.current is not None and job["at"] < self.current["at"]:
                return
            self.current = job
            self._desk.show_say()
            if job["state"] != "running":
                break
            await asyncio.sleep(POLL_S)
        self._desk.loader.touch()
        await self._desk.cases.renew()

    def line(self, job: Job, now: int) -> Content:
        """One job on one line: progress, or result and how long it can still be undone."""
        keymap = self._desk.keymap
        name = action_name(job)
        if job["state"] == "running":
            width = 20
            full = width * job["done"] // max(job["total"], 1)
            text = t("job.running", action=name, done=job["done"], total=job["total"])
            bar = "#" * full + "-" * (width - full)
            speed = f"{self._speed(job, now)} {self._stop_hint()}".strip()
            return Content.assemble(("> ", "bold $accent"), f"{text} [{bar}] ", (speed, "$text-muted"))
        self._first.pop(job["id"], None)
        key = "job.done" if job["state"] == "done" else "job.stopped"
        ok = job["done"] - job["failed"]
        text = t(key, action=name, ok=ok, failed=job["failed"], done=job["done"], total=job["total"])
        sign = self._desk.glyphs.bad if job["failed"] else self._desk.glyphs.ok
        parts = [(f"{sign} ", "bold $warning" if job["failed"] else "bold $success"), (text, "")]
        if job["failed"] and (bad := next((i for i in job.get("items", []) if not i["ok"]), None)) is not None:
            parts.append((f"  {self._failed(bad)}", "$warning"))
        if job.get("final"):
            parts.append(("  " + t("job.final", n=job["final"]), "bold $warning"))
        until = job["undoable_until"]
        if until is not None and until > now:
            parts.append(("  " + t("job.undo_left", key=keymap.sign("undo"), left=span(until - now)), "$accent"))
        return Content.assemble(*parts)

    def _speed(self, job: Job, now: int) -> str:
        """How fast it goes and how long it will take, from what was seen of it: a core that was down meanwhile would
        make an average over its whole life too low."""
        done, since = self._first.setdefault(job["id"], (job["done"], now))
        made, took = job["done"] - done, now - since
        if made <= 0 or took < SPEED_AFTER:
            return ""
        rest = job["total"] - job["done"]
        return t("job.speed", rate=round(made * SECOND / took), left=span(rest * took // made))

    def _failed(self, item: JobItem) -> str:
        """Why an order was left out, and who was quicker if somebody was."""
        hand = hand_words(item.get("last"), self._desk.clock())
        why = blocked_words(str(item["why"] or ""))
        return f"{why}: {hand}" if hand else why

    def _stop_hint(self) -> str:
        return t("job.stop_hint", key=f"{self._desk.keymap.sign('jobs')} {self._desk.keymap.sign('stop')}")

    def item_lines(self, job: Job, width: int) -> list[Content]:
        """What became of each order, failures first."""
        lines = []
        for item in job.get("items", []):
            sign = self._desk.glyphs.ok if item["ok"] else self._desk.glyphs.bad
            done = "job.item_final" if item.get("final") else "job.item_ok"
            why = t(done) if item["ok"] else self._failed(item)
            head = fit(item["ext_id"], min(26, max(width // 2, 8)))
            lines.append(Content.assemble((f"{sign} ", "$success" if item["ok"] else "$error"), head, " ", why))
        return lines

    async def do_jobs(self) -> None:
        """Opens the pane of jobs."""
        from console.screens.jobs import JobsScreen

        await self._desk.app.push_screen_wait(JobsScreen(self._desk))

    async def do_undo(self) -> None:
        """Undoes our newest job that can be undone; a colleague's is taken back in the pane of jobs, by choice."""
        now, me = self._desk.clock(), self._desk.standing.me
        for job in await self._desk.client.jobs(20):
            until = job["undoable_until"]
            spent = job.get("undo_of") is not None or job.get("undone_by") is not None
            if job["by"] == me and job["state"] != "running" and until is not None and until > now and not spent:
                await self.undo(job["id"])
                return
        self._desk.say(t("job.nothing_to_undo"), "warn")

    async def undo(self, job_id: int) -> None:
        """Undoes one job and follows the job that does it."""
        undoing = await self._desk.client.undo_job(job_id)
        self._desk.say(t("job.undone"), "good")
        self.current = None
        await self.follow(undoing)

    async def stop(self, job_id: int) -> None:
        """Stops a running job at its next item."""
        await self._desk.client.stop_job(job_id)
        self._desk.say(t("job.stopping"), "warn")


def action_name(job: Job) -> str:
    """A job's action in words."""
    return clean(word("act", job["action"]), 40)
