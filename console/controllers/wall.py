"""The wall: opening and leaving it, the hand on it, the orders behind a figure and the way back, a picture of it.

What only the wall needs is imported when it opens: most desks never open one, and every one of them starts.
"""

import os
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.content import Content

from console.actions import BY_ID
from console.i18n import t
from console.presenters.cells import stamp
from console.state.wall import WallState
from console.wire_wall import Wall

if TYPE_CHECKING:
    from textual.screen import Screen

    from console.presenters.wall import Drill
    from console.screens.desk import DeskScreen
    from console.screens.wall import WallScreen

Work = Coroutine[None, None, None] | None
# What may be done without leaving the wall.
_STAYS = frozenset({"wall", "help", "palette", "command", "back", "quit"})


class WallControl:
    """``shown`` while the wall is open; ``behind`` while the desk shows the orders that one of its figures counts."""

    def __init__(self, desk: "DeskScreen", names: bool) -> None:
        self._desk, self.names = desk, names
        self.state = WallState()
        self.figures: Wall | None = None
        self._screen: WallScreen | None = None
        self._drilled: Drill | None = None
        self._before = ("work", "")

    @property
    def shown(self) -> bool:
        """Whether the wall is open, on top or under a box."""
        return self._screen is not None

    def is_top(self, screen: "Screen[Any]") -> bool:
        """Whether the wall is the screen on top, hiding all of the desk."""
        return screen is self._screen

    @property
    def behind(self) -> bool:
        """Whether what the desk shows was opened from the wall, and is still that."""
        return self._drilled == (self._desk.standing.view, self._desk.standing.filter)

    def do_wall(self) -> None:
        """Opens the wall, or leaves it."""
        if self._screen is not None:
            self._leave()
            return
        from console.screens.wall import WallScreen

        self._screen = WallScreen(self._desk, self._desk.direct)
        self._desk.app.push_screen(self._screen)

    def stand_aside(self, action_id: str) -> None:
        """Leaves the wall before an action of the desk that would be done out of sight."""
        action = BY_ID.get(action_id)
        if self.shown and action_id not in _STAYS and (action is None or action.scope != "wall"):
            self._leave()

    def _leave(self) -> None:
        screen, self._screen = self._screen, None
        if screen is not None and screen.is_attached:
            screen.dismiss()

    def said(self, words: Content) -> None:
        """What the desk has to say is said here while it is hidden."""
        if self._screen is not None and self._screen.is_mounted:
            self._screen.say(words)

    # the hand

    def move(self, action: str) -> None:
        """One move of the cursor."""
        if self.figures is None or self._screen is None:
            return
        from console.presenters.wall_page import chosen

        panel, _, cell = chosen(self.figures, self.state, self.figures["at"])
        columns = len(panel.lines[self.state.row(panel.keys)].cells) if cell is not None else 0
        self.state.move(action, panel.keys, columns)
        self._screen.draw()

    def do_wall_left(self) -> None:
        """The figure to the left."""
        self.move("left")

    def do_wall_right(self) -> None:
        """The figure to the right."""
        self.move("right")

    def do_wall_next(self) -> None:
        """The next table."""
        self._turn(1)

    def do_wall_prev(self) -> None:
        """The table before."""
        self._turn(-1)

    def _turn(self, step: int) -> None:
        self.state.turn(step)
        if self._screen is not None:
            self._screen.draw()

    def do_wall_span(self) -> None:
        """The history by the minute, or of the day."""
        self.state.other_span()
        if self._screen is not None:
            self._screen.draw()

    # the orders behind a figure

    def do_drill(self) -> Work:
        """Shows the orders that the figure under the cursor counts."""
        from console.presenters.wall_page import chosen, named

        desk = self._desk
        if self.figures is None:
            return None
        panel, key, cell = chosen(self.figures, self.state, self.figures["at"])
        if cell is None or cell.drill is None:
            desk.say(t("wall.no_orders"), "warn")
            return None
        what = named(panel, key, cell, self.state.column(len(panel.lines[self.state.row(panel.keys)].cells)))
        if not self.behind:
            self._before = (desk.standing.view, desk.standing.filter)
        self._drilled = cell.drill
        self._leave()
        return self._show(*cell.drill, t("wall.drilled", what=what, key=desk.keymap.sign("back")))

    def come_back(self) -> Work:
        """From those orders back to the wall; the list goes back to what it showed before."""
        self._drilled = None
        self._desk.said = Content("")  # it named the way back, which is gone
        self._desk.show_say()
        self.do_wall()
        return self._show(*self._before, "")

    async def _show(self, view: str, filter: str, words: str) -> None:
        desk = self._desk
        desk.standing.filter = filter
        await desk.show_view(view)
        if words:
            desk.say(words)

    # a picture

    async def do_wall_save(self) -> None:
        """Writes the wall as a picture into the working folder."""
        await self.save("")

    async def save(self, name: str) -> None:
        """Writes the wall to a file as SVG; "" gives it a name of the time. No file is ever replaced. Raises ClientError."""
        desk = self._desk
        if not desk.allowed("wall_save"):
            return
        from console.wall_svg import picture

        path = Path(os.path.expanduser(name or f"keydesk-wall-{stamp(desk.clock())}.svg"))
        if path.suffix.lower() != ".svg":
            path = path.with_name(f"{path.name}.svg")
        drawn = picture(await desk.client.wall(self.names), self.state.span, desk.glyphs, desk.bars["say"])
        try:
            with path.open("x", encoding="utf-8") as out:
                out.write(drawn)
        except FileExistsError:
            desk.say(t("wall.exists", path=path), "warn")
        except OSError as error:
            desk.say(t("wall.not_saved", path=path, why=error.strerror or type(error).__name__), "bad")
        else:
            desk.say(t("wall.saved", path=path))
