"""Acting on orders: what is asked first, the preview of a frozen set, then the job."""

from typing import TYPE_CHECKING

from console.actions import BY_ID, Action, order_actions, why_not
from console.i18n import t
from console.presenters.words import blocked_words, subject
from console.state.marks import Chosen
from console.wire import Facts

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
        chosen = self._desk.queue.model.chosen()
        if not chosen.ids:
            self._desk.say(t("do.none_chosen"), "warn")
            return
        chosen = await self._named(chosen)
        if action.id == "reveal":
            await self._reveal(chosen)
            return
        args = await self._ask(action, given)
        if args is None or action.order is None:
            return
        await self.on_orders(action.order, args, chosen, action.ask is not None and action.ask.arg == "reason")

    async def on_orders(self, order_action: str, args: Facts, chosen: Chosen, needs_reason: bool) -> None:
        """An act with its arguments on these orders; marks are used up by it."""
        if await self.run(order_action, args, chosen, needs_reason):
            if self._desk.pane == "queue":  # marks are not what an act on a case was about
                self._desk.queue.model.clear_marks()
                self._desk.queue.draw_all()
            self._desk.show_notice()

    async def _named(self, chosen: Chosen) -> Chosen:
        """A single order that was marked without having been seen, with its row: its preview must name it."""
        if len(chosen.ids) != 1 or chosen.row is not None:
            return chosen
        return chosen._replace(row=(await self._desk.client.order(chosen.ids[0]))["row"])

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

    async def step(self, action: Action, argument: str, chosen: Chosen) -> bool:
        """One step of a macro. What can be undone whole and costs nobody money is applied at once; all else asks.

        Answers whether the next step may follow: it was applied, and no order was left out.
        """
        from console.screens.preview import PreviewScreen

        desk = self._desk
        args = await self._ask(action, argument)
        if args is None or not chosen.ids or action.order is None:
            return False
        desk.typeahead.begin(keep=False)  # until the preview can be read, or is not needed
        needs_reason = action.ask is not None and action.ask.arg == "reason"
        preview = await desk.client.preview(action.order, args, chosen.ids)
        harmless = action.id in HARMLESS and preview["undoable"] and not preview["final"]
        if harmless and preview["confirm_number"] is None and preview["allowed"] == preview["total"]:
            job = await desk.client.apply(preview["token"], "", None)
            desk.typeahead.end()
            desk.flow.last = (action.order, dict(args), needs_reason)
        else:
            screen = PreviewScreen(desk, action.order, args, preview, needs_reason, chosen.row)
            agreed = await desk.app.push_screen_wait(screen)
            if agreed is None:
                return False
            desk.flow.last = screen.agreed_act
            job = await desk.client.apply(preview["token"], agreed.reason, agreed.number)
        desk.jobs.current = None
        await desk.jobs.follow(job)
        done = await desk.client.job(job)
        return not done["failed"] and done["state"] == "done"

    async def run(self, order_action: str, args: Facts, chosen: Chosen, needs_reason: bool) -> bool:
        """Preview, then apply if the person agrees. Answers whether it was applied."""
        from console.screens.preview import PreviewScreen

        desk = self._desk
        preview = await desk.client.preview(order_action, args, chosen.ids)
        screen = PreviewScreen(desk, order_action, args, preview, needs_reason, chosen.row)
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

    async def _reveal(self, chosen: Chosen) -> None:
        """The plain keys of one order, with a reason, recorded by the core before it answers; never of a batch."""
        from console.screens.reveal import RevealScreen

        row = chosen.row
        if row is None:
            self._desk.say(t("reveal.one"), "warn")
            return
        reason = await self._desk.ask("ask.reason", "", needed=True, hint=subject(row))
        if reason is not None:
            keys = await self._desk.client.reveal(row["id"], reason.strip())
            await self._desk.app.push_screen_wait(RevealScreen(self._desk, row["ext_id"], keys))

    async def do_menu(self) -> None:
        """Everything that can be done with the chosen orders; what cannot be done says why."""
        from console.screens.menu import MenuScreen

        desk = self._desk
        reasons: dict[str, str] = {}
        ids = desk.queue.model.chosen().ids
        if len(ids) == 1 and desk.standing.online:
            order = await desk.client.order(ids[0])
            reasons = {a["action"]: blocked_words(str(a["why"] or "-")) for a in order["actions"] if not a["enabled"]}
        entries = [(a, why_not(a, desk.standing) or reasons.get(a.order or "")) for a in order_actions()]
        picked = await desk.app.push_screen_wait(MenuScreen(desk, t("menu.title"), entries, typing=False))
        if picked is not None:
            await self.act(BY_ID[picked])
