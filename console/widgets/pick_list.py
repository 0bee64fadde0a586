"""A short list to pick from. The cursor stays on its item by key when the list is renewed."""

from collections.abc import Hashable, Sequence

from textual.content import Content

from console.widgets.plain import Plain

Item = tuple[Hashable, Content]


class PickList(Plain):
    """Shows as many items as fit around the cursor."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.items: list[Item] = []
        self.index = 0
        self._top = 0

    def set(self, items: Sequence[Item]) -> None:
        """New items; the cursor stays on the key it was on, or near its place."""
        key = self.key
        self.items = list(items)
        places = [i for i, (k, _) in enumerate(self.items) if k == key]
        self.index = places[0] if places else min(self.index, max(len(self.items) - 1, 0))
        self.draw()

    @property
    def key(self) -> Hashable | None:
        """The key of the item under the cursor."""
        return self.items[self.index][0] if 0 <= self.index < len(self.items) else None

    def go(self, key: Hashable) -> None:
        """Puts the cursor on the item with this key, if there is one."""
        at = next((i for i, (one, _) in enumerate(self.items) if one == key), None)
        if at is not None:
            self.index = at
            self.draw()

    def move(self, action: str) -> None:
        """Moves the cursor: down, up, page_down, page_up, home, end."""
        page = max(self.size.height - 1, 1)
        last = len(self.items) - 1
        step = {"down": 1, "up": -1, "page_down": page, "page_up": -page, "home": -last, "end": last}[action]
        self.index = max(min(self.index + step, last), 0)
        self.draw()

    def on_resize(self) -> None:
        """Another size shows other items."""
        self.draw()

    def draw(self) -> None:
        """Shows the items in view."""
        width, height = self.size.width, max(self.size.height, 1)
        self._top = max(min(self._top, self.index), self.index - height + 1, 0)
        lines = []
        for at in range(self._top, min(self._top + height, len(self.items))):
            sign = "> " if at == self.index else "  "
            line = Content.assemble(sign, self.items[at][1])
            if width:
                line = line.truncate(width, ellipsis=False).pad_right(max(width - line.cell_length, 0))
            lines.append(line.stylize("$text on $primary 60%") if at == self.index else line)
        self.show(Content("\n").join(lines))
