"""The supervisor's wall: the day's figures, live, and the orders behind each of them one key away."""

from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen

from console.actions import MOVES
from console.client import ClientError
from console.i18n import t
from console.presenters import head
from console.presenters.wall_page import Size, page
from console.widgets.direct import Bar, Board
from console.widgets.plain import Plain

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

# What of the desk works here; its other keys would act on a list that nobody sees.
KEPT = frozenset({"wall", "help", "palette", "command", "back", "quit", "cases", "jobs", "goto"})
ALSO = MOVES | KEPT


class WallScreen(Screen[None]):
    """Title, page, what was said, keys. Reads once a second and draws the lines that read otherwise than before."""

    AUTO_FOCUS: ClassVar[str | None] = None
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, desk: "DeskScreen", direct: bool) -> None:
        super().__init__()
        self.desk = desk
        self.board = Board(direct, id="wall-page")
        self.bars = {name: Bar(direct, id=f"wall-{name}") for name in ("title", "say", "foot")}

    def compose(self) -> ComposeResult:
        """Top to bottom."""
        yield self.bars["title"]
        yield self.board
        yield Plain(id="leader")
        yield self.bars["say"]
        yield self.bars["foot"]

    def on_mount(self) -> None:
        """Reads at once, then every second."""
        self.read()
        if self.desk.live:
            self.set_interval(1.0, self.read)

    def on_resize(self, _: events.Resize) -> None:
        """Another size holds another page."""
        self.call_after_refresh(self.draw)

    @work(exclusive=True, exit_on_error=False, group="wall")
    async def read(self) -> None:
        """The figures as they are now; those of before stand while nobody answers, and the title says so."""
        desk = self.desk
        try:
            if desk.standing.health is None:
                await desk.session.greet()
            await desk.wall.read()
        except ClientError as error:
            if not error.offline:
                desk.say_error(error)
        self.draw()

    def draw(self) -> None:
        """Shows what is known."""
        desk, control = self.desk, self.desk.wall
        width = self.size.width
        if not self.is_mounted or not width or not self.board.size.height:
            return
        title = Content.assemble((f" {t('wall.title')} ", "bold $text on $primary"), " ")
        self.bars["title"].show(title + head.status_line(desk.standing, width - title.cell_length, desk.clock()))
        self.bars["foot"].show(head.footer_line(desk.keymap, desk.standing, ("wall",), width))
        if control.figures is None:
            offline = t("queue.offline", path=desk.client.socket_path)
            self.board.put(
                [Content.styled(f" {t('queue.loading') if desk.standing.online else offline}", "$text-muted")]
            )
            return
        size = Size(self.board.size.width, self.board.size.height)
        self.board.put(page(control.figures, control.history, control.state, size, desk.glyphs, control.figures["at"]))

    def say(self, said: Content) -> None:
        """One line: what just happened."""
        self.bars["say"].show(said.truncate(max(self.size.width, 1), ellipsis=False))

    def desk_key(self, key: str) -> bool:
        """A key pressed on the wall. Answers whether it means something here."""
        desk = self.desk
        action = desk.keymap.find(key, ("wall", "desk"))
        if action is None or (action not in KEPT and desk.keymap.find(key, ("wall",)) is None):
            return False
        self.say(Content(""))
        if action in MOVES:
            desk.trail.add(action)
            desk.wall.move(action)
        elif action == "goto":
            desk.trail.add(action)
            if desk.allowed(action):
                desk.leading.begin(action, self, desk.perform)
        else:
            desk.perform(action)
        return True
