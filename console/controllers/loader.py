"""Reads the window that is shown, and no more: pages ahead of the cursor, and what is in view again when it changed."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from console.client import ClientError
from console.i18n import t
from console.looking import LOOKS
from console.presenters.notice import looked_words
from console.widgets.direct import give_way
from console.wire import Window
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

PAGE = 64
SLICE = 2  # rows drawn before other work gets a turn
REST = 10  # times as long as it took to look through a long list, before that is done again
HAND_S = 3.0  # how long after a key the list stays still


class Loader:
    """Fills the queue's model. One request at a time; pings that arrive meanwhile merge into one more."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self._client = desk.client
        self._lock = asyncio.Lock()
        self._dirty = asyncio.Event()
        self._wants: set[bool] = set()

    @property
    def _query(self) -> tuple[str, str]:
        return self._desk.standing.view, self._desk.standing.filter

    async def _read(self, query: tuple[str, str], looks: int = LOOKS, **place: Any) -> Window:
        """A window of the query, no further looked for once another is shown. Raises ClientError."""
        return await self._client.queue(*query, limit=PAGE, looks=looks, wanted=lambda: query == self._query, **place)

    async def start(self) -> None:
        """The head of the current view; after a lost line the place is kept and only read again."""
        if not self._desk.queue.model.loaded:
            await self.first()
        else:
            self.touch()

    async def first(self) -> None:
        """The window to begin with: where the cursor was left if that order is still there, else the head.

        A filter that was left and that this core no longer understands is dropped and said: it must not keep the desk shut.
        """
        try:
            await self._first()
        except ClientError as error:
            standing = self._desk.standing
            if error.code != "bad_filter" or not standing.filter:
                raise
            self._desk.say(t("filter.dropped", text=clean(standing.filter, 60), why=clean(error.message, 80)), "warn")
            standing.filter = standing.own = ""
            await self.head()

    async def _first(self) -> None:
        at, self._desk.resume_at = self._desk.resume_at, None
        if at is not None:
            query = self._query
            with contextlib.suppress(ClientError):
                window = await self._read(query, at=at)
                if (
                    query == self._query
                    and window["rows"]
                    and window["rows"][0]["id"] == at
                    and window.get("before") != 0
                ):
                    self._fresh(window, head=False, at_end=_ends(window), cursor=at)
                    return
        await self.head()
        if at is not None and (place := self._desk.queue.model.place(at)) is not None:
            self._desk.queue.model.put_cursor(place)
            self._desk.queue.relisted()

    async def head(self) -> None:
        """The first page of the current view and filter. Raises ClientError."""
        query = self._query
        window = await self._read(query)
        if query == self._query:
            self._fresh(window, head=True, at_end=_ends(window))

    async def end(self) -> None:
        """The last page. Raises ClientError when the core cannot tell it."""
        model = self._desk.queue.model
        if model.at_end:
            model.put_cursor(len(model.shown) - 1)
            self._desk.queue.relisted()
            return
        query = self._query
        window = await self._read(query, before="end")
        if query == self._query:
            self._fresh(window, head=False, at_end=True)

    async def at(self, order_id: int) -> None:
        """The window that starts at an order, with the cursor on it. Raises ClientError."""
        model = self._desk.queue.model
        place = model.place(order_id)
        if place is not None:
            model.put_cursor(place)
            self._desk.queue.relisted()
            return
        query = self._query
        window = await self._read(query, at=order_id)
        if query == self._query:
            self._fresh(window, head=False, at_end=_ends(window), cursor=order_id)

    def _fresh(self, window: Window, head: bool, at_end: bool, cursor: int | None = None) -> None:
        queue = self._desk.queue
        queue.model.reset(window, head, at_end=at_end and not head, cursor=cursor)
        queue.model.at_end = at_end
        queue.top = 0
        queue.relisted()
        self._desk.show_list_state()

    async def more(self, down: bool) -> None:
        """The page after the last or before the first. Calls for a direction that is being read are dropped."""
        if down in self._wants:
            return
        self._wants.add(down)
        try:
            async with self._lock:
                await self._more(down)
        finally:
            self._wants.discard(down)

    async def _more(self, down: bool) -> None:
        queue, query = self._desk.queue, self._query
        model = queue.model
        if not model.pages or (model.at_end if down else model.at_head):
            return
        page = model.pages[-1 if down else 0]
        mark = model.next_mark(down)
        if mark is None:
            return
        looking = model.look is not None
        if looking:
            self._desk.say(t("queue.looking"))
        window = await self._read(query, after=mark if down else None, before=None if down else mark)
        if query != self._query or not model.pages or page is not model.pages[-1 if down else 0]:
            return
        if down:
            queue.shift(-model.append(window, PAGE))
        else:
            queue.shift(model.prepend(window, PAGE))
        if model.cursor is None:  # the first that was found after all
            model.put_cursor(0)
            queue.relisted()
        queue.draw_all()
        self._desk.show_list_state()
        if looking:
            self._desk.say(looked_words(model.look) if model.look is not None else t("queue.looked_all"))

    # following changes

    def touch(self) -> None:
        """Something changed in the core: read what is in view again, soon."""
        self._dirty.set()

    async def run(self, gap: float = 0.1) -> None:
        """Re-reads the view after changes, at most ten times a second."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            start = asyncio.get_running_loop().time()
            with contextlib.suppress(ClientError):
                await self.renew()
            # To find few among many costs the core something each time.
            took = asyncio.get_running_loop().time() - start if self._desk.queue.model.look else 0.0
            await asyncio.sleep(max(gap, REST * took))

    async def renew(self) -> None:
        """The pages in view as the core has them now. Raises ClientError."""
        async with self._lock:
            queue, query = self._desk.queue, self._query
            model = queue.model
            model.frozen = self._desk.hand_acts
            if not model.pages:
                return
            line = queue.cursor_line()
            changed: list[int] = []
            before = model.shown
            state = (len(model.fresh), len(model.gone), model.total)
            for index in self._in_view():
                if index >= len(model.pages):
                    break
                window = await self._reread(index, query)
                if query != self._query or index >= len(model.pages):
                    return
                changed += model.reread(index, window)
                if model.look is not None and index == len(model.pages) - 1 and _ends(window):
                    model.look, model.at_end = None, True
            if model.shown is not before:
                queue.relisted(line)
                self._desk.show_list_state()
            elif changed:
                await self._draw(changed)
            if state != (len(model.fresh), len(model.gone), model.total):
                self._desk.show_notice()

    async def _draw(self, ids: list[int]) -> None:
        queue = self._desk.queue
        try:
            for at in range(0, len(ids), SLICE):
                queue.draw_ids(ids[at : at + SLICE], hold=True)
                await give_way()
        finally:
            queue.painter.flush()
        if queue.model.cursor in ids:
            queue.post_message(queue.Moved())

    def _in_view(self) -> list[int]:
        queue = self._desk.queue
        shown = queue.model.shown[queue.top : queue.top + max(queue.size.height, 1)]
        seen = set(shown)
        found = [i for i, page in enumerate(queue.model.pages) if not seen.isdisjoint(page.ids)]
        return found or [0]

    async def _reread(self, index: int, query: tuple[str, str]) -> Window:
        model = self._desk.queue.model
        page = model.pages[index]
        if page.start is not None:
            return await self._read(query, LOOKS + 1, after=page.start or None)
        following = model.pages[index + 1].first if index + 1 < len(model.pages) else None
        if following is not None:
            return await self._read(query, LOOKS + 1, before=following)
        if model.at_end and index == len(model.pages) - 1:
            return await self._read(query, LOOKS + 1, before="end")
        return await self._read(query, LOOKS + 1, at=page.ids[0] if page.ids else None)

    async def mark_matching(self, text: str) -> tuple[int, bool]:
        """Marks what matches a filter in the current view. Answers how many, and whether more than one act takes match."""
        found = await self._client.matching(self._desk.standing.view, text)
        self._desk.queue.model.mark(found["orders"])
        return len(found["orders"]), found["more"]


def _ends(window: Window) -> bool:
    return len(window["rows"]) < PAGE and not window.get("next")
