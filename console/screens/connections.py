"""Every shop's connector, what of it could not be read, and reading that again."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from console.i18n import t
from console.presenters import connections as words
from console.presenters.table import header
from console.screens.pane import PaneScreen
from console.screens.report import ReportScreen
from console.widgets.pick_list import Item
from console.wire import Facts
from console.wire_office import Connection, Unread
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

KEPT = 200  # items of a replay that are told one by one


class ConnectionsScreen(PaneScreen):
    """Shops and payment gateways; Enter opens what of one was set aside."""

    scope = "connections"
    scopes = ("connections",)

    def __init__(self, desk: "DeskScreen") -> None:
        super().__init__(desk)
        self._shops: list[Connection] = []
        self._open: str | None = None
        self._unread: Unread | None = None

    async def fetch(self) -> None:
        """All connectors, and what is set aside of the one that is open."""
        self._shops = await self.desk.office.shops()
        wanted = self._open
        if wanted is None:
            return
        unread = await self.desk.office.unread(wanted)
        if self._open != wanted:
            await self.fetch()  # somebody went on meanwhile: what is shown must be of what is open
        else:
            self._unread = unread

    @property
    def shop(self) -> Connection | None:
        """The one that is open, or under the cursor."""
        key = self._open or self.pick.key
        return next((one for one in self._shops if one["name"] == key), None)

    def heading(self) -> Content:
        """Which level this is."""
        if self._open is not None:
            return Content.styled(t("connections.unread", name=clean(self._open, 64)), "bold")
        good = sum(one["state"] == "ok" for one in self._shops)
        return Content.styled(t("connections.title", ok=good, all=len(self._shops)), "bold")

    def columns(self) -> Content:
        """Of the level that is open."""
        return header(words.SHOPS if self._open is None else words.UNREAD, self.room)

    def items(self) -> Sequence[Item]:
        """In the core's order: shops, then gateways."""
        now, room = self.desk.clock(), self.room
        if self._open is None:
            return [(one["name"], words.shop_line(one, now, room)) for one in self._shops]
        groups = self._unread["groups"] if self._unread is not None else []
        return [((one["field"], one["why"]), words.group_line(one, now, room)) for one in groups]

    def empty(self) -> str:
        """No shop, or nothing set aside."""
        return t("connections.nothing_aside" if self._open else "connections.none")

    def particulars(self) -> list[Content]:
        """What is under the cursor, and what to do."""
        if self._open is None:
            return words.shop_words(self.shop, self.desk.clock()) if self.shop is not None else []
        unread, key = self._unread, self.pick.key
        group = next((g for g in unread["groups"] if (g["field"], g["why"]) == key), None) if unread else None
        return words.group_words(group, unread) if group is not None and unread is not None else []

    def leave(self) -> bool:
        """From what was set aside back to the shops."""
        was, self._open = self._open, None
        self._unread = None
        if was is not None:
            self.draw()
            self.pick.put(was)
        return was is not None

    def reason(self, action: str) -> str | None:
        """Beyond role and line."""
        shop = self.shop
        if shop is None:
            return t("connections.pick")
        if action == "shop_open":
            return t("connections.open_already") if self._open else None
        if action == "shop_replay":
            return None if shop["set_aside"] else t("connections.nothing_aside")
        return None if shop["silent_since"] else t("connections.not_silent")

    def do_shop_open(self) -> None:
        """What of this shop was set aside."""
        if self.shop is not None:
            self._open, self.read_at = self.shop["name"], None
            self.draw()
            self.look()

    def do_shop_release(self) -> None:
        """Lets a silent shop go on, with a reason."""
        if self.shop is not None:
            self.desk.run(self._release(self.shop["name"]), opens=True)

    async def _release(self, name: str) -> None:
        reason = await self.desk.ask("connections.release_why", "", needed=True)
        if reason is not None:
            await self.desk.office.release_shop(name, reason)
            self.desk.say(t("connections.released", name=clean(name, 64)), "good")
            self._look_on()

    def do_shop_replay(self) -> None:
        """Reads again what was set aside: first without taking anything in, then after a yes."""
        if self.shop is not None:
            self.desk.run(self._replay(self.shop["name"]), opens=True)

    async def _replay(self, name: str) -> None:
        counts, items = await self._pages(name, dry=True)
        takes = counts["taken"]
        agree = t("connections.take", n=takes) if takes else ""
        title = t("connections.replay_dry", name=clean(name, 64))
        screen = ReportScreen(self.desk, title, words.replay_lines(counts, items, dry=True), agree)
        if await self.app.push_screen_wait(screen):
            counts, items = await self._pages(name, dry=False)
            self._look_on()
            done = t(
                "connections.replayed",
                name=clean(name, 64),
                taken=counts["taken"],
                rest=counts.total() - counts["taken"],
            )
            self.desk.say(done, "bad" if counts["failed"] else "good")
            lines = words.replay_lines(counts, items, dry=False)
            await self.app.push_screen_wait(ReportScreen(self.desk, done, lines))

    async def _pages(self, name: str, dry: bool) -> tuple[Counter[str], list[Facts]]:
        """All items, page by page. Raises ClientError; what was taken in before stays taken in."""
        counts: Counter[str] = Counter()
        items: list[Facts] = []
        after: int | None = 0
        while after is not None:
            page = await self.desk.office.replay(name, after, dry)
            counts.update(one["came"] for one in page["items"])
            items += page["items"][: KEPT - len(items)]
            after = page["after"]
            if after is not None:
                self.desk.say(t("connections.replaying", n=counts.total()), "good")
        return counts, items

    def _look_on(self) -> None:
        if self.is_mounted:
            self.look()
