"""Acting on orders: what is asked first, the preview of a frozen set, then the job. Also taking the next order."""

from typing import TYPE_CHECKING

from console.actions import BY_ID, Action, order_actions, why_not
from console.i18n import t
from console.presenters.words import blocked_words
from console.wire import Facts, Row
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen
    from console.screens.preview import PreviewScreen
    from console.screens.prompt import Check


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
        ids = [row["id"] for row in rows]
        needs_reason = action.ask is not None and action.ask.arg == "reason"
        if await self.run(action.order, args, ids, subject(rows), needs_reason):
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

    async def run(self, order_action: str, args: Facts, ids: list[int], what: str, needs_reason: bool) -> bool:
        """Preview, then apply if the person agrees. Answers whether it was applied."""
        from console.screens.preview import PreviewScreen

        desk = self._desk
        return await self.agree(
            PreviewScreen(
                desk, order_action, args, await desk.client.preview(order_action, args, ids), what, needs_reason
            )
        )

    async def agree(self, screen: "PreviewScreen") -> bool:
        """Shows a preview and applies it if the person agrees."""
        desk = self._desk
        agreed = await desk.app.push_screen_wait(screen)
        if agreed is None:
            return False
        desk.jobs.current = None
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

    async def do_menu(self) -> None:
        """Everything that can be done with the chosen orders; what cannot be done says why."""
        from console.screens.menu import MenuScreen

        desk = self._desk
        reasons: dict[str, str] = {}
        rows = desk.queue.model.chosen()
        if len(rows) == 1 and desk.standing.online:
            order = await desk.client.order(rows[0]["id"])
            reasons = {a["action"]: blocked_words(str(a["why"] or "-")) for a in order["actions"] if not a["enabled"]}
        entries = [(a, why_not(a, desk.standing) or reasons.get(a.order or "")) for a in order_actions()]
        picked = await desk.app.push_screen_wait(MenuScreen(desk, t("menu.title"), entries, typing=False))
        if picked is not None:
            await self.act(BY_ID[picked])

    async def do_next(self) -> None:
        """Claims the most urgent order that nobody holds, gives back the ones before it, and opens it."""
        desk, standing = self._desk, self._desk.standing
        before = list(standing.claims)
        answer = await desk.client.claim_next(standing.view, standing.filter, before)
        row = answer["row"]
        if row is None:
            desk.say(t("claim.none"), "warn")
            return
        standing.claims = {row["id"]: answer["until"] or 0}
        if before:
            await desk.client.drop(before)
        if desk.pane != "queue":
            desk.show_pane("queue")
        await desk.loader.at(row["id"])
        desk.open_detail(True)
        desk.say(t("claim.got", ext_id=row["ext_id"]), "good")
        await desk.browse.read_detail()


def subject(rows: list[Row]) -> str:
    """Which order, in words, when it is only one: the person must see what the key will touch."""
    if len(rows) != 1:
        return ""
    row = rows[0]
    return clean(f"{row['ext_id']}  {row['title'] or row['product']}  {row['buyer']}", 120)
