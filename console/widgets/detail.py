"""The order beside or below the list. It turns by keys and says how much is left."""

from textual.content import Content

from console.i18n import t
from console.presenters.detail import order_lines
from console.widgets.direct import Board
from console.wire import OrderDetail
from core.model.clock import Clock


class DetailPane(Board):
    """Lines, wrapped to the pane, from an offset that the person moves."""

    def __init__(self, clock: Clock, more_key: str, direct: bool = True, id: str | None = None) -> None:
        super().__init__(direct, id)
        self._clock, self._more_key = clock, more_key
        self._lines: list[Content] = []
        self._order_id: int | None = None
        self._offset = 0

    def shows(self, order_id: int) -> bool:
        """Whether the pane is on this order."""
        return order_id == self._order_id

    async def show_order(self, order: OrderDetail) -> None:
        """An order in full, drawn by slices: it comes when the cursor has rested, which is when the next key may."""
        self._take(order["row"]["id"], order_lines(order, self._clock()))
        await self.put_by_slices(self._part())

    def show_lines(self, order_id: int | None, lines: list[Content]) -> None:
        """Other lines; the offset starts again when they are about another order."""
        self._take(order_id, lines)
        self.draw()

    def _take(self, order_id: int | None, lines: list[Content]) -> None:
        if order_id != self._order_id:
            self._offset = 0
        self._order_id, self._lines = order_id, lines

    def turn(self, direction: int) -> None:
        """Half a page on or back."""
        self._offset = max(self._offset + direction * max(self.size.height // 2, 1), 0)
        self.draw()

    def resized(self) -> None:
        """Another width wraps otherwise."""
        super().resized()
        self.draw()

    def draw(self) -> None:
        """Shows what fits."""
        self.put(self._part())

    def _part(self) -> list[Content]:
        width, height = self.size.width - 1, self.size.height  # the last column stays free
        if width <= 0 or not height:
            return []
        wrapped = [part for line in self._lines for part in (line.wrap(width) if line.cell_length > width else [line])]
        self._offset = max(min(self._offset, len(wrapped) - height), 0)
        part = wrapped[self._offset : self._offset + height]
        below = len(wrapped) - self._offset - height
        if below > 0:
            part[-1] = Content.styled(t("detail.more", n=below + 1, key=self._more_key), "$text-muted")
        return part
