"""The history: what happened, newest first, by person, kind, order and time. Enter opens the order."""

from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.actions import MOVES
from console.client import ClientError
from console.history_filter import HistoryFilter, HistoryFilterError, parse
from console.i18n import t
from console.presenters.head import keys_line
from console.presenters.history import event_facts, event_line
from console.screens.modal import DeskModal
from console.screens.prompt import PromptScreen
from console.widgets.pick_list import PickList
from console.widgets.plain import Plain
from console.wire import Event

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

PAGE = 100
KEPT = 5000  # events; whoever looks further back narrows the filter
EMPTY_PAGES = 10  # the core walks 20,000 events a page; after so many empty ones it is said how far back we are
KEYS = ("history_open", "history_xray", "history_mine", "history_filter", "back")
ALSO = MOVES | {"history", "goto", "back", "help"}
MINE = "by:me kind:decision"


class HistoryScreen(DeskModal[int | None]):
    """Leaves with the id of the order to open, or None."""

    scopes = ("history",)

    def __init__(self, desk: "DeskScreen", text: str = "") -> None:
        super().__init__(desk)
        self.text = text
        self.events: list[Event] = []
        self._next: int | None = None
        self._reading = False

    def compose(self) -> ComposeResult:
        """Title, events, the one under the cursor in full, keys."""
        with Vertical(id="history"):
            yield Plain(id="history-title")
            yield PickList(id="history-list")
            yield Plain(id="history-facts")
            yield Plain(id="leader")
            yield Plain(id="history-foot")

    def on_mount(self) -> None:
        """Reads the newest."""
        self.desk.typeahead.end()
        self.look(self.text)

    def on_resize(self) -> None:
        """Another width shows more of a line."""
        self.call_after_refresh(self._draw)

    def look(self, text: str) -> None:
        """Shows what matches another filter."""
        self.text, self.events, self._next = text, [], None
        self.query_one(PickList).index = 0
        self._title(t("history.reading"))
        self.read()

    @work(exclusive=True, exit_on_error=False, group="history")
    async def read(self) -> None:
        """The next page; pages without a match are walked past."""
        self._reading = True
        try:
            wanted = parse(self.text)
            query = wanted.query(self.desk.clock(), await self._order_of(wanted))
            for _ in range(EMPTY_PAGES):
                page = await self.desk.client.history(query, self._next, PAGE)
                self.events += page["events"]
                self._next = page["next"]
                if page["events"] or self._next is None:
                    break
            self._title("")
        except HistoryFilterError as error:
            self._title(str(error), "bold $error")
        except ClientError as error:
            self._title(t("error.offline") if error.offline else f"{error.message} {error.hint}", "bold $error")
        finally:
            self._reading = False
        self._draw()

    async def _order_of(self, wanted: HistoryFilter) -> int | None:
        if not wanted.order:
            return None
        rows = await self.desk.client.find(wanted.order)
        exact = [row for row in rows if wanted.order in (row["ext_id"], str(row["id"]))] or rows
        if len(exact) != 1:
            raise HistoryFilterError(t("history.no_order", text=wanted.order, n=len(exact)))
        return exact[0]["id"]

    def _title(self, said: str, look: str = "$text-muted") -> None:
        count = t("history.count" if self._next is None else "history.count_so_far", n=len(self.events))
        filter_ = self.text or t("history.all")
        parts = ((f" {t('act.history')}  ", "bold"), (f"{filter_}  ", "$warning"), (said or count, look))
        self.query_one("#history-title", Plain).show(Content.assemble(*parts))

    def _draw(self) -> None:
        pick = self.query_one(PickList)
        self.query_one("#history-foot", Plain).show(
            keys_line(self.desk.keymap, KEYS, self.desk.standing, self.size.width)
        )
        width = max(pick.size.width - 2, 40)
        none = "" if self._reading else t("history.none" if self._next is None else "history.further")
        lines = [(event["seq"], event_line(event, width)) for event in self.events]
        pick.set(lines, Content.styled(none, "$text-muted"))
        self._show_facts()

    def _show_facts(self) -> None:
        event, pane = self.current, self.query_one("#history-facts", Plain)
        lines = event_facts(event, max(pane.size.width - 1, 20), max(pane.size.height, 1)) if event is not None else []
        pane.show(Content("\n").join(lines))

    @property
    def current(self) -> Event | None:
        """The event under the cursor."""
        pick = self.query_one(PickList)
        return self.events[pick.index] if pick.index < len(self.events) else None

    def act(self, action: str) -> bool:
        """Moves, opens, narrows."""
        pick = self.query_one(PickList)
        if action in MOVES:
            pick.move(action)
            self._show_facts()
            near = pick.index + max(pick.size.height, 1) >= len(self.events)
            if near and action in ("down", "page_down", "end") and self._next is not None and not self._reading:
                if len(self.events) < KEPT:
                    self.read()
                else:
                    self._title(t("history.enough", n=KEPT), "$warning")
        elif action == "history_mine":
            self.look("" if self.text == MINE else MINE)
        elif action == "history_filter":
            self.desk.run(self._ask())
        else:
            self._open(xray=action == "history_xray")
        return True

    def _open(self, xray: bool) -> None:
        event = self.current
        if event is None or not event["order_id"]:
            self._title(t("history.no_one_order"), "$warning")
        elif xray:
            self.desk.run(self.desk.exports.xray(event["order_id"]))
        else:
            self.dismiss(event["order_id"])

    async def _ask(self) -> None:
        past = self.desk.history.setdefault("history", [])
        hint = t("history.hint")
        screen = PromptScreen(self.desk, t("history.prompt"), self.text, False, _wrong, past, hint)
        text = await self.desk.app.push_screen_wait(screen)
        if text is not None:
            self.look(text.strip())

    def desk_key(self, key: str) -> bool:
        """The key that opened it closes it; nothing of the desk underneath acts."""
        if key in self.desk.keymap.keys("history") or key == "q":
            self.dismiss(None)
            return True
        return super().desk_key(key) or self.help(key, ALSO) or self.leads(key) or True


async def _wrong(text: str) -> str | None:
    try:
        parse(text)
    except HistoryFilterError as error:
        return str(error)
    return None
