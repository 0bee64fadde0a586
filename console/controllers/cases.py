"""The exceptions pane: groups by kind, then the cases of one kind, decided by a digit."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from textual.content import Content

from console.i18n import t
from console.presenters.case_list import case_head, case_line, group_line, kind_lines, kind_name
from console.presenters.cause import Cause, cause_of
from console.presenters.detail import case_lines, decision_words
from console.state.marks import Chosen
from console.wire import Case, Group

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

Work = Coroutine[None, None, None] | None
PAGE = 100
PAGE_MAX = 500  # what the core gives at most at once
ONE_EACH = frozenset({"fix_contact"})  # what it asks for belongs to one order: one address for all would get all keys
# The core refuses these without a reason, so the preview asks for one.
NEED_REASON = frozenset({"not_sent", "replace_key", "close", "reveal"})


class Cases:
    """Two levels in one list: kinds, and the cases of the kind that is open."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self.groups: list[Group] = []
        self.kind: str | None = None
        self.cases: list[Case] = []
        self.page = PAGE
        self._next: str | int | None = None  # where the cases go on that are not read yet
        self._reading = asyncio.Lock()

    @property
    def current(self) -> Case | None:
        """The case under the cursor."""
        key = self._desk.case_list.key
        return next((c for c in self.cases if c["id"] == key), None) if self.kind else None

    @property
    def total(self) -> int:
        """How many lines the open level has, read or not."""
        if self.kind is None:
            return len(self.groups)
        counted = next((g["count"] for g in self.groups if g["kind"] == self.kind), 0)
        return max(counted, len(self.cases)) if self._next is not None else len(self.cases)

    def where(self) -> Content:
        """Which level is open."""
        kind = "" if self.kind is None else f" > {kind_name(self.kind)}"
        return Content.styled(f" {t('cases.title')}{kind}", "bold")

    async def do_cases(self) -> None:
        """Shows the pane, or leaves it."""
        if self._desk.pane == "cases":
            self._desk.show_pane("queue")
            return
        self._desk.show_pane("cases")
        self.kind = None
        await self._read()

    async def renew(self) -> None:
        """Reads again what the pane shows, if it is open. Raises ClientError."""
        if self._desk.pane == "cases":
            await self._read()

    async def _read(self) -> None:
        async with self._reading:
            kind, client = self.kind, self._desk.client
            self.groups = await client.case_groups()
            if kind is not None:
                # As many as stood here: news must not throw the person back to the first page.
                wanted = max(len(self.cases), self.page)
                cases, mark = await self._pages(kind, None, wanted)
                if self.kind != kind:
                    return
                self.cases, self._next = cases, mark
                if not self.cases:
                    self.kind = None
        self.draw()

    async def _pages(self, kind: str, mark: str | int | None, wanted: int) -> tuple[list[Case], str | int | None]:
        found: list[Case] = []
        while len(found) < wanted:
            page = await self._desk.client.cases(kind, mark, min(wanted - len(found), PAGE_MAX))
            found += page["cases"]
            mark = page["next"]
            if mark is None:
                break
        return found, mark

    async def _more(self, wanted: int, to_end: bool = False) -> None:
        """Reads on. Raises ClientError."""
        async with self._reading:
            kind, mark = self.kind, self._next
            if kind is not None and mark is not None:
                cases, after = await self._pages(kind, mark, wanted)
                if self.kind != kind:
                    return
                seen = {case["id"] for case in self.cases}
                self.cases, self._next = self.cases + [c for c in cases if c["id"] not in seen], after
        self.draw()
        if to_end:
            self._desk.case_list.move("end")
            self._shown()

    def draw(self) -> None:
        """The list of the level that is open, and the case under the cursor beside it."""
        now, pick = self._desk.clock(), self._desk.case_list
        width = max(pick.size.width - 2, 20)
        if self.kind is None:
            pick.set([(g["kind"], group_line(g, now)) for g in self.groups], Content(t("cases.none")))
        else:
            pick.set([(c["id"], Content(case_line(c, now, width))) for c in self.cases])
        if self._desk.pane == "cases":
            head = self._desk.bars["columns"]
            head.display = self.kind is not None
            head.show(Content.styled("  " + case_head(width), "bold"))
        self._desk.show_notice()
        self.show_current()

    def show_current(self) -> None:
        """The case under the cursor, with its numbered decisions."""
        case = self.current
        if case is not None:
            self._desk.detail.show_lines(case["order_id"], case_lines(case, self._desk.clock()))
        elif self.kind is None and isinstance(self._desk.case_list.key, str):
            self._desk.detail.show_lines(None, kind_lines(self._desk.case_list.key))
        else:
            self._desk.detail.show_lines(None, [Content.styled(t("cases.title"), "bold $accent")])

    def move(self, action: str) -> None:
        """Moves the cursor of the list."""
        pick = self._desk.case_list
        pick.move(action)
        self._shown()
        if self.kind is None or self._next is None or self._reading.locked():
            return
        if action == "end":
            self._desk.run(self._more(self.total, to_end=True))
        elif pick.index + max(pick.size.height, 1) >= len(self.cases):
            self._desk.run(self._more(self.page))

    def _shown(self) -> None:
        self._desk.show_notice()
        self.show_current()

    def do_open(self) -> Work:
        """Opens the kind under the cursor."""
        key = self._desk.case_list.key
        if self.kind is not None or not isinstance(key, str):
            return None
        self.kind, self.cases, self._next = key, [], None
        return self._read()

    def back(self) -> Work:
        """From the cases to the kinds, from the kinds to the queue."""
        if self.kind is None:
            self._desk.show_pane("queue")
            return None
        self.kind = None
        return self._read()

    async def do_decide(self, number: int) -> None:
        """Picks the n-th decision of the case under the cursor."""
        case = self.current
        if case is not None and number <= len(case["decisions"]):
            await self._decide(case, number, [case])

    async def do_decide_all(self) -> None:
        """One decision for every case of the kind that offers it, by the digit that is asked for."""
        case = self.current
        if case is None or not case["decisions"]:
            return
        from console.screens.digit import DigitScreen

        offered = [decision_words(d["action"], d) for d in case["decisions"][:9]]
        cause = cause_of(case)
        screen = DigitScreen(self._desk, t("cases.batch"), offered, await self._scopes(cause))
        number = await self._desk.app.push_screen_wait(screen)
        if number is not None:
            picked = case["decisions"][number - 1]
            if picked["action"] in ONE_EACH and len(self.cases) > 1:
                self._desk.say(t("cases.one_each"), "warn")
                return
            self._desk.typeahead.begin(keep=False)  # until the preview can be read
            same = [c for c in self.cases if picked in c["decisions"]]
            await self._decide(case, number, same, cause.filter if screen.scope and cause is not None else "")

    async def _scopes(self, cause: Cause | None) -> list[str]:
        """All of the kind, or those of one cause; none when that is the same."""
        if cause is None:
            return []
        alike = (await self._desk.client.count("exceptions", cause.filter))["count"]
        if alike >= self.total:
            return []
        return [t("cases.scope_all", n=self.total), t("cases.scope_alike", n=alike, what=cause.name)]

    async def _decide(self, case: Case, number: int, cases: list[Case], cause: str = "") -> None:
        from console.screens.preview import PreviewScreen

        decision = case["decisions"][number - 1]
        action, args = decision["action"], dict(decision["args"])
        if action in ("map_sku", "fix_contact"):
            name = "product" if action == "map_sku" else "contact"
            if not args.get(name):
                text = await self._desk.ask(f"ask.{name}", "", needed=True)
                if text is None:
                    return
                args[name] = text.strip()
        whole = next((g["count"] for g in self.groups if g["kind"] == self.kind), 0)
        if cause or (len(cases) > 1 and whole > len(self.cases)):
            # More than the list holds, or some of it: the core itself freezes what belongs to it.
            preview = await self._desk.client.preview_matching(action, args, "exceptions", cause or f"case:{self.kind}")
            screen = PreviewScreen(self._desk, action, args, preview, action in NEED_REASON)
            await self._desk.acts.agree(screen)
        else:
            chosen = Chosen(tuple(c["order_id"] for c in cases), cases[0]["row"] if len(cases) == 1 else None)
            await self._desk.acts.run(action, args, chosen, action in NEED_REASON)
        await self.renew()
