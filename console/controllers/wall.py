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
from console.state.wall import HISTORY, WallState
from console.wire_wall import Wall, WallHistory

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
        self.history: WallHistory | None = None
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
        if self.state.panel == HISTORY:
            self._move_in_history(action)
            return
        from console.presenters.wall_page import chosen

        panel, _, cell = chosen(self.figures, self.state, self.figures["at"], self._screen.size.width)
        columns = len(panel.lines[self.state.row(panel.keys)].cells) if cell is not None else 0
        self.state.move(action, panel.keys, columns)
        self._screen.draw()

    def _move_in_history(self, action: str) -> None:
        from console.presenters.wall_page import bars_on

        assert self._screen is not None
        starts = []
        if self.history is not None:
            starts = [bar.start for bar in bars_on(self.history, self.state.figure, self._screen.size.width)]
        shop = self.state.shop
        self.state.move_in_history(action, starts, self._shops)
        self._screen.draw()
        if shop != self.state.shop:
            self._screen.read()

    @property
    def _shops(self) -> list[str]:
        return [shop["name"] for shop in self.figures["shops"]] if self.figures is not None else []

    async def read(self) -> None:
        """Figures and history as they are now. Raises ClientError."""
        client, state = self._desk.client, self.state
        self.figures = await client.wall(self.names)
        if state.shop not in self._shops:
            state.shop = ""  # it is gone from the settings
        self.history = await client.wall_history(state.span, state.shop)

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
        """The history of an hour, a day, a week."""
        self.state.other_span()
        self._other_history()

    def do_wall_figure(self) -> None:
        """The history of the next figure."""
        self.state.other_figure()
        if self._screen is not None:
            self._screen.draw()

    def do_wall_shop(self) -> None:
        """The history of the next shop, or of all."""
        self.state.other_shop(self._shops)
        self._other_history()

    def _other_history(self) -> None:
        if self._screen is not None:
            self._screen.read()

    # the orders behind a figure

    def do_drill(self) -> Work:
        """Shows the orders that the figure under the cursor counts."""
        desk = self._desk
        if self.figures is None or self._screen is None:
            return None
        if self.state.panel == HISTORY:
            return self._drill_bar(self._screen.size.width)
        from console.presenters.wall_page import chosen, named

        panel, key, cell = chosen(self.figures, self.state, self.figures["at"], self._screen.size.width)
        if cell is None or cell.drill is None:
            desk.say(t("wall.no_orders"), "warn")
            return None
        what = named(panel, key, cell, self.state.column(len(panel.lines[self.state.row(panel.keys)].cells)))
        return self._drill(cell.drill, what)

    def _drill_bar(self, width: int) -> Work:
        from console.presenters.wall_page import pointed

        words, drill = pointed(self.history, self.state, width) if self.history is not None else ("", None)
        if drill is None:
            self._desk.say(t("wall.no_orders"), "warn")
            return None
        return self._drill(drill, words)

    def _drill(self, drill: "Drill", what: str) -> Work:
        desk = self._desk
        if not self.behind:
            self._before = (desk.standing.view, desk.standing.filter)
        self._drilled = drill
        self._leave()
        return self._show(*drill, t("wall.drilled", what=what, key=desk.keymap.sign("back")))

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
        await self.read()
        assert self.figures is not None
        drawn = picture(self.figures, self.history, self.state, desk.glyphs, desk.bars["say"])
        try:
            with path.open("x", encoding="utf-8") as out:
                out.write(drawn)
        except FileExistsError:
            desk.say(t("wall.exists", path=path), "warn")
        except OSError as error:
            desk.say(t("wall.not_saved", path=path, why=error.strerror or type(error).__name__), "bad")
        else:
            desk.say(t("wall.saved", path=path))
