"""The flow of work: the next order, skipping one, claims of one's own and of others, what was decided last, again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from console.client import ClientError
from console.controllers.find import find_order, show_order
from console.i18n import t
from console.presenters.cells import day_time, fit, span
from console.presenters.claims import seconds
from console.state.marks import Chosen
from console.wire import Decided, Facts
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

RECALLED = 20
CLAIMED_MAX = 20  # orders that one key claims at once: more is no work at hand but hoarding


class Flow:
    """What moves a person from one order to the next."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self.last: tuple[str, Facts, bool] | None = None  # the last act: action, arguments, whether it needs a reason

    async def do_next(self) -> None:
        """Claims the most urgent order that nobody holds, gives back the ones before it, and opens it."""
        await self._next("")

    async def _next(self, said: str) -> None:
        desk, standing = self._desk, self._desk.standing
        before = list(standing.claims)
        answer = await desk.client.claim_next(standing.view, standing.filter, before)
        row = answer["row"]
        if row is None:
            aside = answer.get("aside", 0)
            desk.say(said + (t("claim.none_but", n=aside) if aside else t("claim.none")), "warn")
            return
        standing.claims = {row["id"]: answer["until"] or 0}
        if before:
            await desk.client.drop(before)
        if desk.pane != "queue":
            desk.show_pane("queue")
        await desk.loader.at(row["id"])
        desk.open_detail(True)
        desk.say(said + t("claim.got", ext_id=clean(row["ext_id"], 60)), "good")
        await desk.browse.read_detail()

    async def do_skip(self) -> None:
        """Gives the order back with a reason, which is recorded, and takes the next one."""
        desk = self._desk
        row = desk.queue.model.current
        if row is None:
            return
        reason = await desk.ask("ask.skip", "", needed=True, hint=clean(row["ext_id"], 60), history="skip")
        if reason is None:
            return
        try:
            await desk.client.skip(row["id"], reason.strip())
        except ClientError as error:
            if error.code != "claimed":
                raise
            desk.say(self._held(row["id"], error), "warn")
            return
        desk.standing.claims.pop(row["id"], None)
        desk.typeahead.end()
        await self._next(t("claim.skipped", ext_id=clean(row["ext_id"], 40)) + "  ")

    def _name(self, order: int) -> str:
        row = self._desk.queue.model.known(order)
        return clean(row["ext_id"], 60) if row is not None else f"#{order}"

    def _held(self, order: int, error: ClientError) -> str:
        left = seconds(int(error.extra.get("until") or 0) - self._desk.clock())
        by = clean(str(error.extra.get("by") or "?"), 20)
        return f"{self._name(order)}: {t('claim.held_by', by=by, left=left)}"

    async def do_take(self) -> None:
        """Claims the chosen orders; one that is ours already is given back."""
        desk, standing = self._desk, self._desk.standing
        ids = desk.queue.model.chosen().ids
        if len(ids) == 1 and ids[0] in standing.claims:
            standing.claims.pop(ids[0])
            await desk.client.drop(ids)
            desk.say(t("claim.dropped", ext_id=self._name(ids[0])), "good")
        else:
            await self._take(ids)
        desk.loader.touch()
        desk.show_head()

    async def _take(self, orders: Sequence[int]) -> None:
        desk, got, refused = self._desk, 0, ""
        for order in orders[:CLAIMED_MAX]:
            try:
                answer = await desk.client.claim(order)
            except ClientError as error:
                if error.code != "claimed":
                    raise
                refused = refused or self._held(order, error)
                continue
            desk.standing.claims[order] = answer["until"] or 0
            got += 1
        said = [refused] if refused else []
        if got:
            what = self._name(orders[0]) if len(orders) == 1 else t("claim.some", n=got, all=len(orders))
            said.insert(0, t("claim.got", ext_id=what))
        if len(orders) > CLAIMED_MAX:
            said.append(t("claim.at_most", n=CLAIMED_MAX))
        desk.say("  ".join(said), "good" if got == len(orders) else "warn")

    async def do_break(self) -> None:
        """Takes another's claim away, with a reason that the holder is told."""
        desk = self._desk
        row = desk.queue.model.current
        if row is None:
            return
        claim = row["claim"]
        if claim is None or claim["by"] == desk.standing.me:
            desk.say(t("claim.not_held"), "warn")
            return
        hint = f"{clean(row['ext_id'], 40)}: {clean(claim['by'], 20)}"
        reason = await desk.ask("ask.break", "", needed=True, hint=hint, history="break")
        if reason is not None:
            who = await desk.client.break_claim(row["id"], reason.strip())
            desk.say(t("claim.broken", by=clean(who, 20), ext_id=clean(row["ext_id"], 40)), "good")
            desk.loader.touch()

    async def do_find(self) -> None:
        """Goes to an order by any piece of its number, id or buyer."""
        text = await self._desk.ask("find.prompt", "", needed=True)
        if text is not None:
            await find_order(self._desk, text.strip())

    # again

    async def do_repeat(self) -> None:
        """The last act once more, on what is chosen now; it goes through its preview like the first time."""
        desk = self._desk
        if self.last is None:
            desk.say(t("repeat.nothing"), "warn")
            return
        action, args, needs_reason = self.last
        case = desk.cases.current if desk.pane == "cases" else None
        chosen = Chosen((case["row"]["id"],), case["row"]) if case is not None and case["row"] is not None else Chosen()
        if desk.pane == "queue":
            chosen = desk.queue.model.chosen()
        if not chosen.ids:
            desk.say(t("do.none_chosen"), "warn")
            return
        await desk.acts.on_orders(action, dict(args), chosen, needs_reason)
        await desk.cases.renew()

    # what was decided

    async def do_recall(self) -> None:
        """The last decisions of this person; enter goes to the order, undo takes one back."""
        from console.screens.list import ListScreen

        desk = self._desk
        found = await desk.client.recall(RECALLED)
        by_id = {job["id"]: job for job in found}
        sign = desk.keymap.sign
        foot = t("recall.foot", open=sign("recall_open"), undo=sign("recall_undo"))

        def other(_: str, key: object) -> bool:
            job = by_id.get(key) if isinstance(key, int) else None
            if job is not None and desk.allowed("recall_undo"):
                self._undo(job)
            return True

        items = [(job["id"], self._decided(job)) for job in found]
        screen = ListScreen(desk, t("recall.title"), items, t("recall.none"), foot, other)
        picked = await desk.app.push_screen_wait(screen)
        first = by_id[picked]["first"] if isinstance(picked, int) else None
        if first is not None:
            await show_order(desk, first["order_id"], first["ext_id"])

    def _undo(self, job: Decided) -> None:
        desk = self._desk
        if not _undoable(job, desk.clock()):
            desk.say(t("recall.cannot"), "warn")
            return
        desk.app.screen.dismiss(None)
        desk.run(desk.jobs.undo(job["id"]))

    def _decided(self, job: Decided) -> Content:
        from console.controllers.jobs import action_name

        now, first = self._desk.clock(), job["first"]
        which = clean(first["ext_id"], 60) if first is not None else "-"
        if job["total"] > 1:
            which = f"{which} +{job['total'] - 1}"
        title = clean(first["title"], 40) if first is not None else ""
        until = job["undoable_until"]
        if job.get("undone_by") is not None:
            end = (t("recall.undone"), "$text-muted")
        elif _undoable(job, now):
            end = (t("recall.undo_left", left=span((until or now) - now)), "$accent")
        else:
            end = (t("recall.final"), "$text-muted")
        bad = (f" {t('recall.failed', n=job['failed'])}", "bold $warning") if job["failed"] else ("", "")
        head = (f"{day_time(job['at'])} ", "$text-muted")
        return Content.assemble(head, fit(action_name(job), 12), f" {fit(which, 22)} {fit(title, 12)} ", end, bad)


def _undoable(job: Decided, now: int) -> bool:
    until = job["undoable_until"]
    return until is not None and until > now and job.get("undone_by") is None and job.get("undo_of") is None
