"""The desk: figures above, the list, the order beside or below it, the keys at the foot."""

import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from textual import events, on
from textual.content import Content
from textual.timer import Timer

from console.actions import BY_ID, why_not
from console.client import Client, ClientError
from console.controllers.auto_next import AutoNext
from console.controllers.batch import Batch
from console.controllers.browse import Browse
from console.controllers.cases import Cases
from console.controllers.exports import Exports
from console.controllers.find import pasted
from console.controllers.flow import Flow
from console.controllers.jobs import Jobs
from console.controllers.jump import Jump
from console.controllers.leading import Leading
from console.controllers.loader import HAND_S, Loader
from console.controllers.own import Own
from console.controllers.places import Places
from console.controllers.session import Session
from console.controllers.tour import Tour
from console.controllers.wall import WallControl
from console.i18n import t
from console.keymap import Keymap
from console.office import Office
from console.presenters.cells import Glyphs
from console.presenters.detail import from_row
from console.presenters.row import header
from console.resume import Left
from console.screens.face import BARS, Face
from console.state.messages import Messages
from console.state.standing import DeskStanding
from console.state.trail import Trail
from console.typeahead import ASKS, OPENS, TypeAhead
from console.widgets.detail import DetailPane
from console.widgets.direct import Bar
from console.widgets.pick_list import PickList
from console.widgets.queue_table import QueueTable
from core.model.clock import Clock

if TYPE_CHECKING:
    from console.screens.prompt import Check

DETAIL_REST_S = 0.12  # the cursor rests this long before the order is read in full


class DeskScreen(Face):
    """Holds the widgets and hands keys to controllers; no rule of the trade is in here."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        keymap: Keymap,
        glyphs: Glyphs,
        live: bool,
        direct: bool,
        read_only: bool,
        left: Left,
        bell: bool,
        kiosk: bool = False,
        names: bool = True,
    ) -> None:
        super().__init__()
        self.client, self.clock, self.keymap, self.glyphs = client, clock, keymap, glyphs
        self.live, self.direct = live, direct
        self.standing = DeskStanding(
            force_read_only=read_only, view=left.view, filter=left.filter, own=left.own, kiosk=kiosk
        )
        self.bell_wanted, self.resume_at = bell, left.cursor
        self.queue = QueueTable(clock, glyphs, direct, id="queue")
        self.detail = DetailPane(clock, keymap.sign("detail_down"), direct, id="detail")
        self.bars = {name: Bar(direct, id=name) for name in BARS}
        self.case_list = PickList(id="cases")
        self.loader, self.session, self.browse = Loader(self), Session(self), Browse(self)
        self.acts, self.jobs, self.cases, self.auto_next = Batch(self), Jobs(self), Cases(self), AutoNext(self)
        self.flow, self.own, self.jump, self.leading = Flow(self), Own(self), Jump(self), Leading(self)
        self.pane, self.detail_open, self.narrow = "queue", False, True
        self.office, self.messages, self.places = Office(client), Messages(clock), Places(self)
        self.wall, self.exports, self.tour = WallControl(self, names), Exports(self), Tour(self)
        self._handlers = (
            self.browse, self.jobs, self.cases, self.flow, self.own, self.jump, self.acts, self.places, self.wall,
            self.exports, self.leading, self.tour, self.auto_next,
        )  # fmt: skip
        self.typeahead, self.trail = TypeAhead(), Trail()
        self.said = Content("")
        self._last_key = -HAND_S
        self._rest: Timer | None = None
        self.history: dict[str, list[str]] = {}

    def on_mount(self) -> None:
        """Starts following the core."""
        self.own.load()
        self.show_pane("queue")
        self.show_list_state()
        if self.live:
            for loop in (self.session.run(), self.session.run_side(), self.session.run_beat(), self.loader.run()):
                self.app.run_worker(loop, group="line", exit_on_error=False)
            self.set_interval(1.0, self._second)
        else:
            self.run(self.reload())

    # running what keys mean

    @property
    def scopes(self) -> tuple[str, ...]:
        """Where the person is, nearest first."""
        if self.wall.shown:
            return ("wall", "desk")
        return ("cases", "desk") if self.pane == "cases" else ("queue", "desk")

    @property
    def hand_acts(self) -> bool:
        """Whether a hand is acting, so that the list must not move under it."""
        if self.queue.model.marks or self.queue.model.anchor is not None or self.app.screen is not self:
            return True
        return bool(self.leading.active) or time.monotonic() - self._last_key < HAND_S

    def acted(self) -> None:
        """A hand acts now."""
        self._last_key = time.monotonic()

    def desk_key(self, key: str) -> bool:
        """A key pressed on the desk. Answers whether it means something here."""
        if self.jump.active:
            return self.jump.takes(key)
        if self.tour.takes(key):
            return True
        action = self.keymap.find(key, self.scopes)
        if action is None:
            macro = self.own.of_key(key) if self.pane == "queue" else None
            if macro is not None:
                self.acted()
                self.typeahead.begin(keep=False)  # what a macro asks must be read before it is answered
                self.run(self.own.run(macro), opens=True)
            return macro is not None
        self.acted()
        self.perform(action)
        return True

    def perform(self, action_id: str) -> None:
        """Does an action, or says why it cannot be done now."""
        self.trail.add(action_id)
        if not self.allowed(action_id):
            return
        self.wall.stand_aside(action_id)
        action = BY_ID[action_id]
        opens = action.order is not None or action_id.partition(".")[0] in OPENS
        if opens:
            self.typeahead.begin(keep=action.ask is not None or action_id in ASKS)
        if action.order:
            self.run(self.acts.act(action), opens=True)
            return
        work = self.work_of(action_id)
        if work is not None:
            self.run(work, opens)

    def picked(self, entry: str | None) -> None:
        """What was picked in the palette: an action or a place."""
        if entry is not None and entry in BY_ID:
            self.perform(entry)
        elif entry is not None:
            self.go(entry)

    def go(self, command: str) -> None:
        """Runs a command that names a place."""
        from console.command_line import parse
        from console.controllers.command import run_command

        self.run(run_command(self, parse(command, self.scopes, self.standing.tabs)))

    def left(self) -> Left:
        """Where the person is now, for the next start."""
        standing = self.standing
        return Left(standing.view, standing.filter, standing.own, self.queue.model.cursor, standing.auto_next)

    def work_of(self, action_id: str) -> Coroutine[Any, Any, None] | None:
        """Begins an action that is not on orders; answers what of it is still to be awaited."""
        name, _, number = action_id.partition(".")
        if name in ("help", "palette", "quit"):
            getattr(self.app, f"desk_{name}")(self)
            return None
        for owner in self._handlers:
            handler: Callable[..., Coroutine[Any, Any, None] | None] | None = getattr(owner, f"do_{name}", None)
            if handler is not None:
                return handler(int(number)) if number else handler()
        return None

    def allowed(self, action_id: str) -> bool:
        """Whether an action is available; says the reason when it is not."""
        self.standing.chosen = self.queue.model.count
        reason = why_not(BY_ID[action_id], self.standing)
        if reason is not None:
            self.say(f"{BY_ID[action_id].label}: {reason}", "warn")
        return reason is None

    def run(self, work: Coroutine[Any, Any, None], opens: bool = False) -> None:
        """Runs work beside the screen; a refusal is shown, never raised into the app. ``opens``: it opens a screen."""

        async def guarded() -> None:
            try:
                await work
            except ClientError as error:
                self.say_error(error)
            finally:
                if opens:
                    self.typeahead.end()

        self.app.run_worker(guarded(), group="desk", exit_on_error=True)

    async def ask(
        self,
        key: str,
        value: str,
        needed: bool = False,
        check: "Check | None" = None,
        history: str = "",
        hint: str = "",
    ) -> str | None:
        """One line from the person, or None when they left."""
        from console.screens.prompt import PromptScreen

        past = self.history.setdefault(history or key, [])
        answer = await self.app.push_screen_wait(PromptScreen(self, t(key), value, needed, check, past, hint))
        if answer is not None:
            self.typeahead.begin(keep=False)  # until what was asked for is on the screen
        return answer

    def show_pane(self, pane: str) -> None:
        """The queue or the exceptions."""
        self.pane = pane
        self.case_list.display = pane == "cases"
        self.bars["columns"].display = pane == "queue"
        if pane == "cases":
            self.open_detail(True)
        self.show_list_state()
        self.show_head()
        self._moved()

    async def show_view(self, view: str) -> None:
        """Another view of the queue, fixed or saved; a saved one brings its filter. Raises ClientError."""
        standing = self.standing
        if standing.tab in standing.saved and view not in standing.saved:
            standing.filter = ""  # it came with the view that is left
        standing.own = view
        standing.view, standing.filter = standing.saved.get(view, (view, standing.filter))
        if self.pane != "queue":
            self.show_pane("queue")
        await self.reload()

    async def reload(self) -> None:
        """The list from its head, with the filter that is set. Raises ClientError."""
        if self.standing.health is None:
            await self.session.greet()
            await self.session.read_side()
        await self.loader.head()
        self.show_head()

    def on_paste(self, event: events.Paste) -> None:
        """Order numbers from elsewhere."""
        self.run(pasted(self, event.text))

    @on(QueueTable.Wants)
    def _wants(self, event: QueueTable.Wants) -> None:
        self.run(self.loader.more(event.down))

    @on(QueueTable.Moved)
    def _moved(self) -> None:
        if self.pane == "queue" and self.queue.size.width:  # hidden it has none, and the heading stays as it was
            self.bars["columns"].show(Content.styled(header(self.queue.columns, self.queue.size.width), "bold"))
        self.show_notice()
        row = self.queue.model.current
        if not self.detail_open or self.pane != "queue":
            return
        if row is None:
            self.detail.show_lines(None, [Content(t("detail.none"))])
            return
        if not self.detail.shows(row["id"]):
            self.detail.show_lines(row["id"], from_row(row))
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(DETAIL_REST_S, lambda: self.run(self.browse.read_detail()))

    def _second(self) -> None:
        if self.app.screen is self or self.live:
            self.queue.tick()
        job = self.jobs.current
        if job is not None and job["undoable_until"] is not None:
            self.show_say()
        if self.standing.claims:
            self.show_head()
        if self.queue.model.current is not None and self.queue.model.current["claim"]:
            self.show_notice()
        if not self.queue.model.frozen or not (self.queue.model.fresh or self.queue.model.gone):
            return
        if not self.hand_acts:
            self.browse.do_thaw()
