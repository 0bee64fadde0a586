"""Acting on orders: what is asked first, the preview of a frozen set, then the job."""

from typing import TYPE_CHECKING

from console.actions import Action
from console.i18n import t
from console.presenters.claims import held_words
from console.wire import Facts, Row
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen
    from console.screens.preview import PreviewScreen
    from console.screens.prompt import Check

# Acts of a macro that need no look first: they touch no money and no key, and can be taken back.
HARMLESS = frozenset({"hold", "tag", "note", "priority"})


class Batch:
    """Every act goes preview -> apply -> job, for one order as for ten thousand."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk

    async def act(self, action: Action, given: str | None = None) -> None:
        """An order action on the marks, or on the cursor's row. ``given``: its argument, else it is asked for."""
        rows = self._desk.queue.model.chosen()
        if not rows:
            self._desk.say(t("do.none_chosen"), "warn")
            return
        if action.id == "reveal":
            await self._reveal(rows[0])
            return
        args = await self._ask(action, given)
        if args is None or action.order is None:
            return
        await self.on_rows(action.order, args, rows, action.ask is not None and action.ask.arg == "reason")

    async def on_rows(self, order_action: str, args: Facts, rows: list[Row], needs_reason: bool) -> None:
        """An act with its arguments on these orders; marks are used up by it."""
        held = self.held_by_others(rows)
        if await self.run(order_action, args, [row["id"] for row in rows], subject(rows), needs_reason, held):
            if self._desk.pane == "queue":  # marks are not what an act on a case was about
                self._desk.queue.model.clear_marks()
                self._desk.queue.draw_all()
            self._desk.show_notice()

    async def _ask(self, action: Action, given: str | None) -> Facts | None:
        """The action's argument; None when the person left. A reason is asked for in the preview itself."""
        ask = action.ask
        if ask is None or ask.arg == "reason":
            return {}
        text = given
        if given is None:
            text = await self._desk.ask(f"ask.{ask.arg}", "", needed=ask.needed, check=self._check(ask.arg))
        elif (wrong := await self._check(ask.arg)(given)) is not None:
            self._desk.say(wrong, "bad")
            return None
        if text is None:
            return None
        if ask.arg == "priority":
            return {"priority": int(text)}
        return {ask.arg: text.strip()} if text.strip() or ask.arg == "tag" else {}

    @staticmethod
    def _check(arg: str) -> "Check":
        async def check(text: str) -> str | None:
            if arg != "priority":
                return None
            try:
                good = -9 <= int(text) <= 9
            except ValueError:
                good = False
            return None if good else t("ask.bad_priority")

        return check

    async def step(self, action: Action, argument: str, rows: list[Row]) -> bool:
        """One step of a macro. What can be undone whole and costs nobody money is applied at once; all else asks.

        Answers whether the next step may follow: it was applied, and no order was left out.
        """
        from console.screens.preview import PreviewScreen

        desk = self._desk
        args = await self._ask(action, argument)
        if args is None or not rows or action.order is None:
            return False
        desk.typeahead.begin(keep=False)  # until the preview can be read, or is not needed
        needs_reason = action.ask is not None and action.ask.arg == "reason"
        preview = await desk.client.preview(action.order, args, [row["id"] for row in rows])
        harmless = action.id in HARMLESS and preview["undoable"] and not preview["final"]
        if harmless and preview["confirm_number"] is None and preview["allowed"] == preview["total"]:
            job = await desk.client.apply(preview["token"], "", None)
            desk.typeahead.end()
            desk.flow.last = (action.order, dict(args), needs_reason)
        else:
            screen = PreviewScreen(
                desk, action.order, args, preview, subject(rows), needs_reason, self.held_by_others(rows)
            )
            agreed = await desk.app.push_screen_wait(screen)
            if agreed is None:
                return False
            desk.flow.last = screen.agreed_act
            job = await desk.client.apply(preview["token"], agreed.reason, agreed.number)
        desk.jobs.current = None
        await desk.jobs.follow(job)
        done = await desk.client.job(job)
        return not done["failed"] and done["state"] == "done"

    def held_by_others(self, rows: list[Row]) -> str:
        """Who else works on what is chosen, for the preview; "" when nobody does."""
        me, now = self._desk.standing.me, self._desk.clock()
        held = [words for row in rows if (words := held_words(row, me, now))]
        return held[0] if len(rows) == 1 and held else t("claim.held_some", n=len(held)) if held else ""

    async def run(
        self, order_action: str, args: Facts, ids: list[int], what: str, needs_reason: bool, held: str = ""
    ) -> bool:
        """Preview, then apply if the person agrees. Answers whether it was applied. ``held``: who else works on it."""
        from console.screens.preview import PreviewScreen

        desk = self._desk
        preview = await desk.client.preview(order_action, args, ids)
        screen = PreviewScreen(desk, order_action, args, preview, what, needs_reason, held)
        return await self.agree(screen)

    async def agree(self, screen: "PreviewScreen") -> bool:
        """Shows a preview and applies it if the person agrees."""
        desk = self._desk
        agreed = await desk.app.push_screen_wait(screen)
        if agreed is None:
            return False
        desk.jobs.current = None
        desk.flow.last = screen.agreed_act
        job = await desk.client.apply(screen.preview["token"], agreed.reason, agreed.number)
        desk.follow(job)
        return True

    async def _reveal(self, row: Row) -> None:
        """The plain keys of one order, with a reason, recorded by the core before it answers; never of a batch."""
        from console.screens.reveal import RevealScreen

        reason = await self._desk.ask("ask.reason", "", needed=True, hint=subject([row]))
        if reason is not None:
            keys = await self._desk.client.reveal(row["id"], reason.strip())
            await self._desk.app.push_screen_wait(RevealScreen(self._desk, row["ext_id"], keys))


def subject(rows: list[Row]) -> str:
    """Which order, in words, when it is only one: the person must see what the key will touch."""
    if len(rows) != 1:
        return ""
    row = rows[0]
    return clean(f"{row['ext_id']}  {row['title'] or row['product']}  {row['buyer']}", 120)
