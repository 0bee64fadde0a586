"""Leaders: one key, then another. Who knows both never sees the box; who rests is shown what may follow."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.content import Content

from console.actions import BY_ID, key_sign, why_not
from console.client import ClientError
from console.i18n import t
from console.presenters.words import blocked_words
from console.widgets.plain import Plain

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.timer import Timer

    from console.screens.desk import DeskScreen

REST_S = 0.4  # a hand that knows the second key is quicker than this


class Leading:
    """Active from a leader's key until the next key, whatever that is. Nothing but that one key is taken."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self.active = ""  # the leader that was pressed
        self._host: Screen[Any] = desk
        self._does: Callable[[str], None] = desk.perform
        self._rest: Timer | None = None
        self._refused: dict[str, str] = {}
        self._box: Plain | None = None  # while it shows

    def do_menu(self) -> None:
        """What can be done with the chosen orders."""
        self.begin("menu", self._desk, self._desk.perform)

    def do_goto(self) -> None:
        """Where one can go."""
        self.begin("goto", self._desk, self._desk.perform)

    def begin(self, leader: str, host: "Screen[Any]", does: Callable[[str], None]) -> None:
        """Waits for the second key. ``host`` has the box; ``does`` does the action that the key names."""
        self.end()
        self.active, self._host, self._does = leader, host, does
        self._rest = host.set_timer(REST_S, self._show)

    def waits_on(self, screen: "Screen[Any]") -> bool:
        """Whether a key pressed there is the second one. What lies over the leader's own screen has keys of its own."""
        return bool(self.active) and screen is self._host

    def takes(self, key: str) -> bool:
        """The second key. One that means nothing here does nothing at all, as does escape."""
        leader, refused = self.active, dict(self._refused)
        self.end()
        self._desk.acted()
        if key == "escape":
            return True
        desk = self._desk
        action = desk.keymap.after(leader).get(key)
        if action is None:
            desk.say(t("leader.nothing", keys=f"{desk.keymap.sign(leader)} {key_sign(key)}"), "warn")
        elif action in refused:
            desk.say(f"{BY_ID[action].label}: {refused[action]}", "warn")
        else:
            self._does(action)
        return True

    def end(self) -> None:
        """The box goes; the next key is one of its own again."""
        if self._rest is not None:
            self._rest.stop()
        self.active, self._rest, self._refused = "", None, {}
        if self._box is not None:
            self._box.display = False
            self._box = None

    def _show(self) -> None:
        if not self.active:
            return
        if self._host.app.screen is not self._host:
            self.end()  # something opened meanwhile; keys are its own
            return
        self._draw({})
        ids = self._desk.queue.model.chosen().ids
        if self.active == "menu" and len(ids) == 1 and self._desk.standing.online:
            self._desk.run(self._ask_core(ids[0]))

    async def _ask_core(self, order_id: int) -> None:
        """Of one order the core says what it would refuse; of many the preview does."""
        rest = self._rest
        try:
            order = await self._desk.client.order(order_id)
        except ClientError:
            return
        if self.active and rest is self._rest:
            self._draw({a["action"]: blocked_words(str(a["why"] or "-")) for a in order["actions"] if not a["enabled"]})

    def _draw(self, by_core: dict[str, str]) -> None:
        from console.presenters.leader import box_lines

        desk = self._desk
        for name in desk.keymap.after(self.active).values():
            action = BY_ID[name]
            why = why_not(action, desk.standing) or by_core.get(action.order or "")
            if why:
                self._refused[name] = why
        box = self._box = self._host.query_one("#leader", Plain)
        lines = box_lines(desk.keymap, self.active, self._refused, max(self._host.size.width, 1))
        box.styles.height = len(lines)
        box.show(Content("\n").join(lines), layout=True)
        box.display = True
