"""Every action of the desk, once: id, keys, scope, who may, and why not. Nothing else binds keys.

Footer, help, palette, menus, the keymap file and docs/desk.md are drawn from here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from console.i18n import has, t, word

ROLES = ("viewer", "operator", "supervisor", "admin")
# These move as the queue does.
LISTS = ("cases", "jobs", "recall", "stock", "rules", "connections", "doctor", "log", "wall", "xray", "history")
SCOPES = ("desk", "queue", *LISTS, "import")


class Standing(Protocol):
    """What guards look at."""

    @property
    def role(self) -> str:
        """Our role in the core."""

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed."""

    @property
    def online(self) -> bool:
        """Whether the core answers."""

    kiosk: bool  # a screen on a wall or in a browser: it looks, whatever its role
    chosen: int  # how many orders an action would touch: the marks, else the cursor's row


Guard = Callable[[Standing], str | None]


@dataclass(frozen=True, slots=True)
class Ask:
    """What an order action asks for before its preview."""

    arg: str  # name of the argument, or "reason"
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done. ``order`` is the core's name of it when it acts on orders."""

    id: str
    keys: tuple[str, ...] = ()
    scope: str = "desk"
    role: str = "viewer"
    order: str | None = None
    ask: Ask | None = None
    footer: bool = False
    number: int = 0  # of view.N and decide.N
    guards: tuple[Guard, ...] = ()
    after: str = ""  # the one key that does it behind a leader
    leader: str = ""  # the action that leads to it

    @property
    def label(self) -> str:
        """Its name in the language in use."""
        return t(f"act.{self.id.partition('.')[0]}", n=self.number)

    @property
    def tip(self) -> str:
        """One more line for help, or nothing."""
        key = f"tip.{self.id}"
        return t(key) if has(key) else ""


def _online(standing: Standing) -> str | None:
    return None if standing.online else t("guard.offline")


def _writable(standing: Standing) -> str | None:
    return t("guard.read_only") if standing.read_only else None


def _some(standing: Standing) -> str | None:
    return None if standing.chosen else t("guard.no_order")


_ON_ORDERS: tuple[Guard, ...] = (_online, _writable, _some)


def why_not(action: Action, standing: Standing) -> str | None:
    """The reason why an action is not available now, or None."""
    if standing.kiosk and action.id.partition(".")[0] not in KIOSK:
        return t("guard.kiosk")
    for guard in action.guards:
        reason = guard(standing)
        if reason:
            return reason
    if standing.role not in ROLES or ROLES.index(standing.role) < ROLES.index(action.role):
        return t("guard.role", role=word("role", action.role))
    return None


def _order(
    id: str, after: str, *keys: str, role: str = "operator", ask: Ask | None = None, footer: bool = False
) -> Action:
    return Action(id, keys, "queue", role, id, ask, footer, guards=_ON_ORDERS, after=after, leader="menu")


def _place(id: str, after: str, *keys: str, footer: bool = False, guards: tuple[Guard, ...] = ()) -> Action:
    return Action(id, keys, "desk", footer=footer, guards=guards, after=after, leader="goto")


_REASON = Ask("reason", needed=True)

ACTIONS: tuple[Action, ...] = (
    # moving: these stand first so that the key router finds them soonest
    Action("down", ("down", "j"), "queue"),
    Action("up", ("up", "k"), "queue"),
    Action("page_down", ("pagedown", "ctrl+f"), "queue"),
    Action("page_up", ("pageup", "ctrl+b"), "queue"),
    Action("home", ("home", "g"), "queue"),
    Action("end", ("end", "G"), "queue"),
    # choosing
    Action("mark", ("space",), "queue", footer=True),
    Action("mark_range", ("V",), "queue"),
    Action("mark_filter", ("M",), "queue", guards=(_online,)),
    Action("mark_clear", ("U",), "queue"),
    Action("filter", ("slash",), "queue", footer=True, guards=(_online,)),
    Action("detail", ("enter",), "queue", footer=True),
    Action("detail_down", ("right_square_bracket",), "queue"),
    Action("detail_up", ("left_square_bracket",), "queue"),
    Action("thaw", ("comma",), "queue"),
    # acting on orders
    Action("next", ("n",), "queue", "operator", footer=True, guards=(_online, _writable)),
    Action("menu", ("a",), "queue", footer=True, guards=(_some,)),
    _order("confirm", "c", "c", footer=True),
    _order("hold", "h", "h", ask=Ask("note"), footer=True),
    _order("release", "r", "r", footer=True),
    _order("resend", "R", "R"),
    _order("note", "N", "N", ask=Ask("note", needed=True)),
    _order("tag", "t", "t", ask=Ask("tag")),
    _order("priority", "p", "p", ask=Ask("priority", needed=True)),
    _order("retry", "y"),
    _order("was_sent", "w"),
    _order("not_sent", "n", role="supervisor", ask=_REASON),
    _order("replace_key", "k", role="supervisor", ask=_REASON),
    _order("map_sku", "m", role="supervisor", ask=Ask("product", needed=True)),
    _order("accept_late", "l", role="supervisor"),
    _order("return_late", "L", role="supervisor"),
    _order("accept_case", "i"),
    _order("fix_contact", "f", ask=Ask("contact", needed=True)),
    _order("close", "z", role="supervisor", ask=_REASON),
    _order("reveal", "v", role="supervisor", ask=_REASON),
    *(Action(f"view.{n}", (str(n),), "queue", number=n) for n in range(1, 10)),
    Action("view.10", ("0",), "queue", number=10),
    # exceptions pane
    Action("open", ("enter",), "cases", footer=True),
    *(
        Action(f"decide.{n}", (str(n),), "cases", "operator", footer=n == 1, number=n, guards=(_online, _writable))
        for n in range(1, 10)
    ),
    Action("decide_all", ("A",), "cases", "operator", footer=True, guards=(_online, _writable)),
    # jobs pane
    Action("stop", ("x",), "jobs", "operator", footer=True, guards=(_online,)),
    Action("undo_job", ("u",), "jobs", "operator", footer=True, guards=(_online, _writable)),
    # the places beside the queue
    Action("stock_open", ("enter",), "stock", footer=True),
    Action("stock_import", ("i",), "stock", "supervisor", footer=True, guards=(_online, _writable)),
    Action("stock_undo", ("u",), "stock", "supervisor", footer=True, guards=(_online, _writable)),
    Action("import_go", ("enter",), "import", "supervisor", footer=True, guards=(_online, _writable)),
    Action("import_again", ("r",), "import", "supervisor", footer=True, guards=(_online,)),
    Action("rules_check", ("c",), "rules", "operator", footer=True, guards=(_online,)),
    Action("rules_try", ("t",), "rules", "operator", footer=True, guards=(_online,)),
    Action("rules_reload", ("R",), "rules", "supervisor", footer=True, guards=(_online, _writable)),
    Action("shop_open", ("enter",), "connections", footer=True),
    Action("shop_replay", ("R",), "connections", "supervisor", footer=True, guards=(_online, _writable)),
    Action("shop_release", ("r",), "connections", "supervisor", footer=True, guards=(_online, _writable)),
    _place("stock", "s", "S"),
    _place("rules", "r"),
    _place("connections", "c"),
    _place("doctor", "d"),
    _place("log", "l", "L"),
    # everywhere
    Action("undo", ("u",), "desk", "operator", guards=(_online, _writable)),
    Action("view_next", ("tab",), "desk"),
    Action("view_prev", ("shift+tab",), "desk"),
    _place("cases", "e", "e", footer=True),
    _place("jobs", "j", "J", footer=True),
    Action("goto", ("o",), "desk", footer=True),
    Action("command", ("colon",), "desk"),
    Action("palette", ("ctrl+p",), "desk"),
    Action("help", ("question_mark",), "desk", footer=True),
    Action("back", ("escape",), "desk"),
    Action("quit", ("q", "ctrl+c"), "desk", footer=True),
    # the flow of work
    Action("skip", ("s",), "queue", "operator", footer=True, guards=_ON_ORDERS, after="s", leader="menu"),
    Action("take", ("C",), "queue", "operator", guards=_ON_ORDERS, after="C", leader="menu"),
    Action("break", ("B",), "queue", "supervisor", guards=_ON_ORDERS, after="B", leader="menu"),
    Action("auto_next", ("ctrl+n",), "desk", "operator", guards=(_writable,)),
    Action("find", ("f",), "queue", guards=(_online,)),
    Action("jump", ("apostrophe",), "queue", guards=(_some,)),
    Action("repeat", ("full_stop",), "desk", "operator", guards=(_online, _writable)),
    _place("recall", "m", "m", guards=(_online,)),
    _place("views", "v"),
    _place("macros", "M"),
    _place("tour", "t"),
    Action("recall_open", ("enter",), "recall"),
    Action("recall_undo", ("u",), "recall", "operator", guards=(_online, _writable)),
    # the supervisor's wall
    _place("wall", "w", "W"),
    Action("wall_left", ("left", "h"), "wall"),
    Action("wall_right", ("right", "l"), "wall"),
    Action("drill", ("enter",), "wall", footer=True, guards=(_online,)),
    Action("wall_next", ("tab",), "wall", footer=True),
    Action("wall_prev", ("shift+tab",), "wall"),
    Action("wall_span", ("t",), "wall", footer=True),
    Action("wall_figure", ("f",), "wall", footer=True),
    Action("wall_shop", ("s",), "wall", footer=True),
    Action("wall_save", ("S",), "wall", footer=True, guards=(_online,)),
    # files, the x-ray of one order, the history
    Action("xray", ("x",), "desk", guards=(_online,)),
    Action("export", ("X",), "desk", "operator", ask=Ask("file"), guards=(_online, _writable)),
    Action("evidence", ("E",), "desk", "supervisor", guards=(_online, _writable)),
    _place("history", "h", "H", guards=(_online,)),
    Action("fold", ("enter", "space"), "xray"),
    Action("fold_open", ("right", "l"), "xray"),
    Action("fold_close", ("left", "h"), "xray"),
    Action("fold_all", ("z",), "xray"),
    Action("timeline", ("X",), "xray", "operator", guards=(_online, _writable)),
    Action("history_open", ("enter",), "history"),
    Action("history_xray", ("x",), "history"),
    Action("history_mine", ("m",), "history"),
    Action("history_filter", ("slash",), "history"),
)
BY_ID = {action.id: action for action in ACTIONS}
# What a kiosk may do: look. All else is refused there by default, files too: whoever sits at it is not known.
KIOSK = frozenset({
    "down", "up", "page_down", "page_up", "home", "end", "filter", "detail", "detail_down", "detail_up", "thaw", "view",
    "view_next", "view_prev", "help", "back", "quit", "wall", "wall_left", "wall_right", "drill", "wall_next",
    "wall_prev", "wall_span", "wall_figure", "wall_shop",
})  # fmt: skip
# Panes that are lists share the queue's way of moving.
MOVES = frozenset({"down", "up", "page_down", "page_up", "home", "end"})

_SIGNS = {
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "full_stop": ".",
    "comma": ",",
    "apostrophe": "'",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "space": "space",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "ctrl+p": "^p",
    "ctrl+c": "^c",
    "ctrl+f": "^f",
    "ctrl+b": "^b",
    "ctrl+n": "^n",
}


def key_sign(key: str) -> str:
    """A key as people write it: ``slash`` is ``/``."""
    return _SIGNS.get(key, key)
