"""What the desk shows: figures above, the list, the order beside or below it, the line of what happened, the keys at the foot."""

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen

from console.client import Client, ClientError
from console.i18n import t
from console.keymap import Keymap
from console.presenters import head
from console.presenters.cells import Glyphs, count
from console.presenters.notice import empty_words, notice_line
from console.presenters.tabs import tabs_line
from console.state.messages import Messages
from console.state.standing import DeskStanding
from console.widgets.detail import DetailPane
from console.widgets.direct import Bar
from console.widgets.pick_list import PickList
from console.widgets.plain import Plain
from console.widgets.queue_table import QueueTable
from core.model.clock import Clock

if TYPE_CHECKING:
    from console.controllers.cases import Cases
    from console.controllers.jobs import Jobs
    from console.controllers.tour import Tour
    from console.controllers.wall import WallControl

_LOOK = {"good": "$success", "warn": "bold $warning", "bad": "bold $error"}
BARS = ("status", "rates", "tabs", "columns", "notice", "stock", "say", "foot")


class Face(Screen[None]):
    """The widgets of the desk, and how each of them is brought up to date. What they tell of is given by the desk."""

    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = []

    client: Client
    clock: Clock
    keymap: Keymap
    glyphs: Glyphs
    standing: DeskStanding
    messages: Messages
    queue: QueueTable
    detail: DetailPane
    case_list: PickList
    bars: dict[str, Bar]
    jobs: "Jobs"
    cases: "Cases"
    wall: "WallControl"
    tour: "Tour"
    pane: str  # queue or cases
    said: Content
    narrow: bool
    detail_open: bool

    @property
    def scopes(self) -> tuple[str, ...]:
        """Where the person is, nearest first."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Top to bottom."""
        yield from (self.bars[name] for name in ("status", "rates", "tabs"))
        with Container(id="body"):
            with Vertical(id="left"):
                yield self.bars["columns"]
                yield Plain(id="empty")
                yield self.queue
                yield self.case_list
            with Container(id="detail-box"):  # border and padding are its own: what paints itself has none
                yield self.detail
        yield from (self.tour.box, Plain(id="leader"))
        yield from (self.bars[name] for name in ("notice", "stock", "say", "foot"))

    def say(self, text: str, kind: str = "good") -> None:
        """One line at the foot: what just happened."""
        self.said = Content.styled(text, _LOOK[kind])
        self.messages.add(text, kind)
        self.wall.said(self.said)
        self.jobs.current = None if self.jobs.current and self.jobs.current["state"] != "running" else self.jobs.current
        self.show_say()

    def say_error(self, error: ClientError) -> None:
        """A refusal in words."""
        text = t("error.offline") if error.offline else t("error.failed", message=f"{error.message} {error.hint}")
        self.say(text.strip(), "bad")

    def show_say(self) -> None:
        """The job that runs, else what was said last."""
        job = self.jobs.current
        line = self.jobs.line(job, self.clock()) if job is not None else self.said
        self.bars["say"].show(line.truncate(max(self.size.width, 1), ellipsis=False))

    def show_head(self) -> None:
        """Figures, views, stock, keys."""
        if not self.is_mounted or not self.size.width:
            return
        width, now = self.size.width, self.clock()
        self.bars["status"].show(head.status_line(self.standing, width, self.clock()))
        self.bars["rates"].show(head.rates_line(self.standing, now, width, self.glyphs))
        self.bars["tabs"].show(tabs_line(self.standing, width, self.pane))
        self.bars["stock"].show(head.stock_line(self.standing.stock, now, width))
        self.standing.chosen = self.queue.model.count
        self.bars["foot"].show(head.footer_line(self.keymap, self.standing, self.scopes, width))

    def show_notice(self) -> None:
        """Marks, new orders waiting, the filter, where the cursor is."""
        model, left = self.queue.model, Content("")
        if self.pane == "queue":
            keys = self.keymap
            left = notice_line(model, self.standing, keys.sign("thaw"), keys.sign("down"), self.clock())
        elif self.pane == "cases":
            left = self.cases.where()
        if self.messages.missed:
            missed = t("log.missed", n=self.messages.missed, key=self.keymap.sign("log"))
            left = Content.assemble(left, Content.styled(f" {missed}", "$warning"))
        at = model.place(model.cursor)
        here = "-" if at is None or model.above is None else count(model.above + at + 1)
        total = "?" if model.total is None and not model.at_end else count(model.total or len(model.shown))
        if self.pane == "cases":
            here, total = count(self.case_list.index + 1), count(self.cases.total)
        right = Content.styled(t("queue.position", at=here, total=total) + " ", "$text-muted")
        self.bars["notice"].show(head.ends(left, right, max(self.size.width, 1)))

    def show_list_state(self) -> None:
        """Rows, or the words that stand for them."""
        empty = not self.queue.model.shown and self.pane == "queue"
        if empty:
            words = empty_words(self.queue.model, self.standing, self.keymap, self.client.socket_path)
            self.query_one("#empty", Plain).show(Content(words))
        self.query_one("#empty", Plain).display = empty
        self.queue.display = self.pane == "queue" and not empty
        self.show_notice()

    def open_detail(self, open: bool) -> None:
        """Shows or hides the order in full; beside the list it always shows."""
        self.detail_open = open or not self.narrow
        if self.detail.display == self.detail_open:
            return  # setting it again would lay out the whole screen
        self.detail.display = self.query_one("#detail-box").display = self.detail_open

    def on_resize(self, event: events.Resize) -> None:
        """Below 120 columns the detail goes under the list and opens by key."""
        was, self.narrow = self.narrow, event.size.width < 120
        self.set_class(self.narrow, "narrow")
        self.set_class(event.size.height < 30, "short")
        self.open_detail(self.detail_open if self.narrow == was else not self.narrow)
        self.show_head()
        self.show_notice()
        self.show_say()
