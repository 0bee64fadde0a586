"""A place beside the queue: a list with the particulars of what is under its cursor, read again while it is open."""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.actions import BY_ID, MOVES, Action, Standing, why_not
from console.client import ClientError
from console.i18n import t
from console.presenters.cells import clock_text
from console.presenters.head import ends, footer_line
from console.screens.modal import DeskModal
from console.widgets.pick_list import Item, PickList
from console.widgets.plain import Plain

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

# Places that a key reaches from any other one.
GOES = frozenset({"stock", "rules", "connections", "doctor", "log", "jobs", "cases", "command", "palette"})

TURNS = {"detail_down": 1, "detail_up": -1}  # keys of the queue that turn the particulars


class PaneScreen(DeskModal[None]):
    """Subclasses say what is read and how it looks; ``do_NAME`` does the action NAME of ``scope``."""

    scope: ClassVar[str] = ""
    every: ClassVar[float] = 2.0  # seconds between two looks at the core
    alone: ClassVar[bool] = False  # whether it has something to show when no core answers

    def __init__(self, desk: "DeskScreen") -> None:
        super().__init__(desk)
        self.trouble: ClientError | None = None
        self.read_at: int | None = None
        self._reading = self._again = False
        self._turned = 0  # lines of the particulars that were turned past
        self._told_of: Hashable = None  # what they are of

    # what a place says of itself

    async def fetch(self) -> None:
        """Reads what is shown. Raises ClientError."""

    def heading(self) -> Content:
        """The first line."""
        return Content.styled(t(f"help.scope.{self.scope}"), "bold")

    def columns(self) -> Content:
        """The line above the list."""
        return Content("")

    def items(self) -> Sequence[Item]:
        """The list."""
        return ()

    def empty(self) -> str:
        """What stands for an empty list."""
        return t("pane.empty")

    def particulars(self) -> list[Content]:
        """What is told of the item under the cursor."""
        return []

    def reason(self, action: str) -> str | None:
        """Why an action cannot be done with what is under the cursor, beyond what the registry's guards say."""
        return None

    def leave(self) -> bool:
        """One level out; False when there is none, and the place is left."""
        return False

    def moved(self) -> None:
        """The cursor went to another item."""

    # the frame

    @property
    def pick(self) -> PickList:
        """The list."""
        return self.query_one("#pane-list", PickList)

    @property
    def has_read(self) -> bool:
        """Whether there is anything to show yet."""
        return self.read_at is not None or (self.alone and self.trouble is not None)

    @property
    def room(self) -> int:
        """Cells of a list's line."""
        return max(self.size.width - 2, 20)

    def compose(self) -> ComposeResult:
        """Heading, list, particulars, what was said, keys."""
        with Vertical(id="pane"):
            yield Plain(id="pane-title")
            yield Plain(id="pane-columns")
            yield PickList(id="pane-list")
            yield Plain(id="pane-detail")
            yield Plain(id="leader")
            yield Plain(id="pane-say")
            yield Plain(id="pane-foot")

    def on_mount(self) -> None:
        """Begins to look."""
        self.desk.typeahead.end()
        self.desk.messages.watchers.append(self.show_said)
        self.look()
        if self.desk.live:
            self.set_interval(self.every, self.look)

    def on_unmount(self) -> None:
        """What is said is said elsewhere."""
        self.desk.messages.watchers.remove(self.show_said)

    def on_resize(self, event: events.Resize) -> None:
        """Another size, other cells."""
        self.set_class(event.size.height < 30, "short")
        self.call_after_refresh(self.draw)

    def look(self) -> None:
        """Reads again, unless that is under way; asked for meanwhile, it is read once more."""
        if self._reading:
            self._again = True
        else:
            self.run_worker(self._read(), group="pane")

    async def _read(self) -> None:
        self._reading = True
        try:
            self._again = True
            while self._again:
                self._again = False
                try:
                    await self.fetch()
                    self.trouble, self.read_at = None, self.desk.clock()
                except ClientError as error:
                    self.trouble = error
                self.draw()
        finally:
            self._reading = False

    def draw(self) -> None:
        """Everything; what is the same as before costs nothing."""
        width = max(self.size.width, 1)
        self.query_one("#pane-title", Plain).show(ends(self.heading(), self._trouble(), width))
        self.query_one("#pane-columns", Plain).show(Content.assemble("  ", self.columns()).stylize("bold"))
        items = self.items() if self.has_read else ()
        self.pick.set(items, Content.styled(self._instead(), "$text-muted"))
        self.show_particulars()
        self.show_foot()

    def _trouble(self) -> Content:
        if self.trouble is None:
            return Content("")
        if not self.trouble.offline:
            return Content.styled(f"{self.trouble.message} ", "bold $error")
        return Content.styled(t("pane.offline", at=clock_text(self.read_at)) + " ", "bold $warning")

    def _instead(self) -> str:
        if self.has_read:
            return self.empty()
        if self.trouble is None:
            return t("queue.loading")
        if self.trouble.offline:
            return t("queue.offline", path=self.desk.client.socket_path)
        return f"{self.trouble.message} {self.trouble.hint}"

    def show_particulars(self) -> None:
        """The item under the cursor."""
        pane = self.query_one("#pane-detail", Plain)
        lines = self.particulars() if self.has_read else []
        width, height = pane.content_size
        if self._told_of != self.pick.key:
            self._turned, self._told_of = 0, self.pick.key
        if width and height:
            lines = [part for line in lines for part in line.wrap(width)]
            self._turned = max(min(self._turned, len(lines) - height), 0)
            below = len(lines) - self._turned - height
            lines = lines[self._turned : self._turned + height]
            if below > 0:
                key = self.desk.keymap.sign("detail_down")
                lines[-1] = Content.styled(t("detail.more", n=below + 1, key=key), "$text-muted")
        pane.show(Content("\n").join(lines))

    def turn(self, direction: int) -> None:
        """Half a page of the particulars on or back."""
        height = self.query_one("#pane-detail", Plain).content_size.height
        self._turned = max(self._turned + direction * max(height // 2, 1), 0)
        self.show_particulars()

    def show_said(self) -> None:
        """What the desk said last."""
        if self.is_mounted:
            self.query_one("#pane-say", Plain).show(self.desk.said)

    def show_foot(self) -> None:
        """The keys of this place."""
        self.desk.standing.chosen = 1 if self.pick.key is not None else 0
        line = footer_line(self.desk.keymap, self.desk.standing, self.scopes, max(self.size.width, 1), self._why)
        self.query_one("#pane-foot", Plain).show(line)

    def _why(self, action: Action, standing: Standing) -> str | None:
        if action.guards and self.trouble is not None and self.trouble.offline:
            return t("guard.offline")  # the desk's own line may not have noticed yet
        return why_not(action, standing) or self.reason(action.id)

    # keys

    def desk_key(self, key: str) -> bool:
        """Keys of this place, and those that lead to another one."""
        if not self.is_mounted:
            return True
        if key == "escape":
            self.back()
            return True
        action = self.desk.keymap.find(key, self.scopes)
        if action is not None:
            self.desk.trail.add(action)
            return self.act(action)
        turns = TURNS.get(self.desk.keymap.find(key, ("queue",)) or "")
        if turns is not None:
            self.turn(turns)
            return True
        if self.help(key, MOVES | GOES | TURNS.keys() | {"goto", "back", "help"}) or self.leads(key):
            return True
        action = self.desk.keymap.find(key, ("desk",))
        if action == "quit":
            self.dismiss(None)
        elif action in GOES:
            self.go(action)
        return action is not None

    def go(self, action: str) -> None:
        """To another place, or back to the desk when it is this one."""
        self.dismiss(None)
        if action != self.scope:
            self.desk.perform(action)

    def back(self) -> None:
        """One level out."""
        if self.leave():
            self.draw()
            self.look()
        else:
            self.dismiss(None)

    def act(self, action: str) -> bool:
        """Moves, or does an action of this place, or says why not."""
        if action in MOVES:
            self.pick.move(action)
            self.moved()
            self.show_particulars()
            self.show_foot()
            return True
        self.desk.standing.chosen = 1 if self.pick.key is not None else 0
        found = BY_ID[action]
        why = self._why(found, self.desk.standing)
        if why is not None:
            self.desk.say(f"{found.label}: {why}", "warn")
            return True
        handler: Callable[[], None] = getattr(self, f"do_{action}")
        handler()
        return True
