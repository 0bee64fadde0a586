"""The x-ray: one order from top to bottom, as a tree that folds by keyboard."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.actions import BY_ID, MOVES, why_not
from console.client import ClientError
from console.i18n import t
from console.presenters.head import keys_line
from console.presenters.xray import Node, title, tree
from console.screens.modal import DeskModal
from console.state.folds import Folds
from console.widgets.pick_list import PickList
from console.widgets.plain import Plain
from console.wire import OrderDetail

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

AGAIN_S = 2.0
KEYS = ("fold", "fold_all", "timeline", "evidence", "history", "back")
ALSO = MOVES | {"evidence", "history", "xray", "goto", "back", "help"}
INDENT = 2


class XrayScreen(DeskModal[None]):
    """Full screen; read again while it is open, with folds and cursor where they were."""

    scopes = ("xray",)

    def __init__(self, desk: "DeskScreen", order: OrderDetail) -> None:
        super().__init__(desk)
        self.order = order
        self._branches = tree(order)
        self._folds = Folds()
        self._by_key: dict[str, tuple[Node, str]] = {}

    def compose(self) -> ComposeResult:
        """Title, tree, what was said, keys."""
        with Vertical(id="xray"):
            yield Plain(id="xray-title")
            yield PickList(id="xray-list")
            yield Plain(id="leader")
            yield Plain(id="xray-say")
            yield Plain(id="xray-foot")

    def on_mount(self) -> None:
        """Draws, and follows the order."""
        self.desk.typeahead.end()
        self.call_after_refresh(self.draw)
        if self.desk.live:
            self.set_interval(AGAIN_S, self.read)

    def on_resize(self) -> None:
        """Another width wraps otherwise."""
        self.call_after_refresh(self.draw)

    @work(exclusive=True, exit_on_error=False, group="xray")
    async def read(self) -> None:
        """The order as it stands now; when nothing answers, what is shown stays."""
        try:
            found = await self.desk.client.order(self.order["row"]["id"])
        except ClientError as error:
            self.say(t("error.offline") if error.offline else error.message, "$warning")
            return
        if found != self.order:
            self.order, self._branches = found, tree(found)
            self.draw()

    def draw(self) -> None:
        """The lines that show."""
        pick = self.query_one(PickList)
        self.query_one("#xray-foot", Plain).show(keys_line(self.desk.keymap, KEYS, self.desk.standing, self.size.width))
        self.query_one("#xray-title", Plain).show(title(self.order).truncate(max(self.size.width, 1), ellipsis=False))
        width = max(pick.size.width - 3, 20)
        items: list[tuple[str, Content]] = []
        self._by_key = {}
        for depth, node, above in self._folds.walk(self._branches):
            assert isinstance(node, Node)
            sign = "" if not node.below else "- " if self._folds.is_open(node) else "+ "
            left = " " * (INDENT * depth) + (sign or "  ")
            room = max(width - len(left), 10)
            whole = node.text.cell_length <= room
            wrapped = [node.text.truncate(room, ellipsis=False)] if whole or node.brief else node.text.wrap(room)
            for n, part in enumerate(wrapped):
                key = node.key if n == 0 else f"{node.key}\n{n}"
                self._by_key[key] = (node, above)
                items.append((key, Content.assemble(left if n == 0 else " " * len(left), part)))
        pick.set(items)

    def say(self, text: str, look: str = "$success") -> None:
        """One line above the keys."""
        self.query_one("#xray-say", Plain).show(Content.styled(f" {text}" if text else "", look))

    def desk_key(self, key: str) -> bool:
        """The key that opened it closes it; evidence and history are the desk's own, about this order."""
        keymap = self.desk.keymap
        if key in keymap.keys("xray") or key == "q":
            self.dismiss(None)
            return True
        if super().desk_key(key) or self.help(key, ALSO) or self.leads(key):
            return True
        action = keymap.find(key, ("desk",))
        if action in ("evidence", "history") and self.allowed(action):
            row = self.order["row"]
            if action == "evidence":
                self.desk.run(self._told(self.desk.exports.evidence(row["id"], row["ext_id"])))
            else:
                self.dismiss(None)
                self.desk.run(self.desk.exports.history(f"order:{row['id']}"))
        return True

    def allowed(self, action: str) -> bool:
        """Whether an action is available now; says here why it is not."""
        reason = why_not(BY_ID[action], self.desk.standing)
        if reason is not None:
            self.say(f"{BY_ID[action].label}: {reason}", "$warning")
        return reason is None

    def act(self, action: str) -> bool:
        """Moves, folds, writes the timeline."""
        pick = self.query_one(PickList)
        found = self._by_key.get(str(pick.key))
        if action in MOVES:
            pick.move(action)
        elif action == "timeline":
            if self.allowed(action):
                row = self.order["row"]
                self.desk.run(self._told(self.desk.exports.timeline(row["id"], row["ext_id"])))
        elif action == "fold_all":
            self._folds.put_all(self._branches, not self._folds.all_open(self._branches))
            self.draw()
        elif found is not None:
            self._fold(action, *found)
        return True

    def _fold(self, action: str, node: Node, above: str) -> None:
        is_open = self._folds.is_open(node)
        pick = self.query_one(PickList)
        if action == "fold_close" and not is_open:
            pick.put(above or node.key)  # as in every tree: shut first, then up to what it hangs on
            return
        self._folds.put(node, not is_open if action == "fold" else action == "fold_open")
        pick.put(node.key)
        self.draw()

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        """Does it and says here what the desk would say at its foot."""
        try:
            await work
        except ClientError as error:
            self.say(t("error.offline") if error.offline else f"{error.message} {error.hint}", "$error")
        else:
            self.say(self.desk.said.plain)
