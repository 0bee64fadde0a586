"""Looking: the cursor, marks, views, the filter, the detail."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING

from console.client import ClientError
from console.controllers.find import warn_when_held
from console.i18n import t
from console.state.queue import QueueModel

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

Work = Coroutine[None, None, None] | None


class Browse:
    """Nothing here changes an order."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self._seen_detail: tuple[int, int] | None = None

    @property
    def _model(self) -> QueueModel:
        return self._desk.queue.model

    def _move(self, action: str) -> None:
        desk = self._desk
        if desk.pane == "cases":
            desk.cases.move(action)
        else:
            desk.queue.move(action)

    def do_down(self) -> None:
        """The next row."""
        self._move("down")

    def do_up(self) -> None:
        """The row before."""
        self._move("up")

    def do_page_down(self) -> None:
        """A page on."""
        self._move("page_down")

    def do_page_up(self) -> None:
        """A page back."""
        self._move("page_up")

    def do_home(self) -> Work:
        """The first row of the view."""
        if self._desk.pane == "cases":
            self._move("home")
            return None
        if self._model.at_head:
            self._model.put_cursor(0)
            self._desk.queue.relisted()
            return None
        return self._desk.loader.head()

    def do_end(self) -> Work:
        """The last row of the view."""
        if self._desk.pane == "cases":
            self._move("end")
            return None
        return self._end()

    async def _end(self) -> None:
        try:
            await self._desk.loader.end()
        except ClientError as error:
            if error.offline:
                raise
            self._desk.say(t("error.end"), "warn")

    # marks

    def do_mark(self) -> Work:
        """Marks or unmarks the row and goes on."""
        self._model.toggle_mark()
        self._desk.queue.move("down")
        self._marked([self._model.cursor])
        at = self._model.place(self._model.cursor) or 0
        self._desk.queue.draw([at - 1, at])
        return None

    def do_mark_range(self) -> Work:
        """Sets the start of a range, then marks to the cursor."""
        ids = self._model.mark_range()
        self._desk.queue.draw_ids([*ids, *([self._model.cursor] if self._model.cursor else [])])
        self._desk.queue.draw_all()
        self._marked(ids)
        return None

    def do_mark_clear(self) -> Work:
        """Takes all marks away."""
        self._model.clear_marks()
        self._desk.queue.draw_all()
        self._marked([])
        return None

    async def do_mark_filter(self) -> None:
        """Marks every order of the view that matches a filter."""
        text = await self._desk.ask("mark.prompt", self._desk.standing.filter, check=self.wrong_filter)
        if text is None:
            return
        count, cut = await self._desk.loader.mark_matching(text)
        self._desk.queue.draw_all()
        self._marked([])
        self._desk.say(t("mark.cut" if cut else "mark.done", n=count), "warn" if cut else "good")

    def _marked(self, ids: object) -> None:
        self._desk.standing.chosen = self._model.count
        self._desk.show_notice()

    def do_thaw(self) -> Work:
        """Takes the new orders into the list."""
        line = self._desk.queue.cursor_line()
        self._model.thaw()
        self._desk.queue.relisted(line)
        self._desk.show_list_state()
        return None

    # views and filter

    def do_view(self, number: int) -> Work:
        """The n-th view."""
        return self._desk.show_view(self._desk.standing.tabs[number - 1])

    def do_view_next(self) -> Work:
        """The view to the right."""
        return self._step_view(1)

    def do_view_prev(self) -> Work:
        """The view to the left."""
        return self._step_view(-1)

    def _step_view(self, step: int) -> Work:
        tabs, here = self._desk.standing.tabs, self._desk.standing.tab
        at = tabs.index(here) if here in tabs else -step  # what the wall opened has no tab
        return self._desk.show_view(tabs[(at + step) % len(tabs)])

    async def wrong_filter(self, text: str) -> str | None:
        """What is wrong with a filter, by asking the core; None when it can be used."""
        try:
            await self._desk.client.count(self._desk.standing.view, text)
        except ClientError as error:
            if error.offline:
                raise
            position = error.extra.get("position")
            return t(
                "filter.error",
                position="?" if position is None else position,
                message=error.message,
                hint=error.hint,
            )
        return None

    async def do_filter(self) -> None:
        """Asks for a filter and shows what matches. An empty one shows all."""
        desk = self._desk
        text = await desk.ask("filter.prompt", desk.standing.filter, check=self.wrong_filter, history="filter")
        if text is not None and text.strip() != desk.standing.filter:
            desk.standing.filter = text.strip()
            await desk.reload()

    async def do_command(self) -> None:
        """Asks for a command by name and runs it."""
        from console.controllers.command import ask_command

        await ask_command(self._desk)

    def do_back(self) -> Work:
        """One step out: the wall, the detail, the exceptions pane, what the wall had opened, the filter, the marks."""
        desk = self._desk
        if desk.wall.shown:
            desk.wall.do_wall()
            return None
        if desk.pane == "cases":
            return desk.cases.back()
        if desk.narrow and desk.detail_open:
            desk.open_detail(False)
        elif desk.wall.behind:
            return desk.wall.come_back()
        elif desk.standing.filter:
            desk.standing.filter = ""
            return desk.reload()
        elif self._model.marks:
            return self.do_mark_clear()
        return None

    # detail

    def do_detail(self) -> Work:
        """Opens the detail, or closes it."""
        desk = self._desk
        desk.open_detail(not desk.detail_open)
        if desk.detail_open:
            warn_when_held(desk)
        return self.read_detail() if desk.detail_open else None

    def do_detail_down(self) -> None:
        """Turns the detail on."""
        self._desk.detail.turn(1)

    def do_detail_up(self) -> None:
        """Turns the detail back."""
        self._desk.detail.turn(-1)

    async def read_detail(self) -> None:
        """Reads the order under the cursor in full; skipped when it is already shown as it is."""
        desk = self._desk
        row = self._model.current
        if row is None or not desk.detail_open or desk.pane != "queue":
            return
        key = (row["id"], row["version"])
        if key == self._seen_detail and desk.detail.shows(row["id"]):
            return
        order = await desk.client.order(row["id"])
        current = self._model.current
        if current is not None and current["id"] == order["row"]["id"]:
            self._seen_detail = key
            await desk.detail.show_order(order)
