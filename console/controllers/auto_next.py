"""The next order by itself: after a decision on the order that ``next`` brought, for whoever has turned it on."""

from typing import TYPE_CHECKING

from console.controllers.jobs import action_name
from console.i18n import t
from console.wire import Job

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen
    from console.screens.preview import PreviewScreen

# Acts after which the order is still in hand: something was written on it, nothing was decided.
GO_ON_WITH_IT = frozenset({"note", "tag", "priority"})


class AutoNext:
    """It moves nothing under a hand that is elsewhere: with marks, another screen or another order it stays away."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk

    def do_auto_next(self) -> None:
        """Turns it on or off."""
        desk, standing = self._desk, self._desk.standing
        standing.auto_next = not standing.auto_next
        desk.say(t("auto.on" if standing.auto_next else "auto.off", key=desk.keymap.sign("next")))
        desk.show_head()

    async def follow(self, job_id: int, screen: "PreviewScreen") -> None:
        """Shows the job of what was agreed to until it ends, then takes the next order if that was a decision on the
        one in hand and nothing of it failed. Raises ClientError."""
        desk, row = self._desk, screen.row
        in_hand = row is not None and desk.flow.opened == row["id"] and set(desk.standing.claims) == {row["id"]}
        decided = desk.pane == "queue" and screen.agreed_act[0] not in GO_ON_WITH_IT
        await desk.jobs.follow(job_id)
        if row is None or not in_hand or not decided or not self._free(row["id"]):
            return
        job = await desk.client.job(job_id)
        if job["state"] == "done" and not job["failed"]:
            await desk.flow.take_next(self._said(job), lambda: self._free(row["id"]))

    def _free(self, order_id: int) -> bool:
        """Whether the hand still rests on that order, and on nothing else."""
        desk, model = self._desk, self._desk.queue.model
        elsewhere = desk.app.screen is not desk or desk.pane != "queue" or desk.typeahead.active
        between = desk.leading.active or desk.jump.active or model.anchor is not None
        on_it = model.cursor == order_id and not model.marks and set(desk.standing.claims) <= {order_id}
        return desk.standing.auto_next and on_it and not elsewhere and not between

    def _said(self, job: Job) -> str:
        done = t("job.done", action=action_name(job), ok=job["done"], failed=0)
        undo = t("auto.undo", key=self._desk.keymap.sign("undo")) if job["undoable_until"] is not None else ""
        return f"{done}{undo}  "
