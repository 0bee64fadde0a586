"""Every action of the desk, once: id, keys, scope, who may, and why not. Nothing else binds keys.

Footer, help, palette, menus, the keymap file and docs/desk.md are drawn from here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from console.i18n import has, t, word

ROLES = ("viewer", "operator", "supervisor", "admin")
SCOPES = ("desk", "queue", "cases", "jobs", "xray", "history")


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


def why_not(action: Action, standing: Standing) -> str | None:
    """The reason why an action is not available now, or None."""
    for guard in action.guards:
        reason = guard(standing)
        if reason:
            return reason
    if standing.role not in ROLES or ROLES.index(standing.role) < ROLES.index(action.role):
        return t("guard.role", role=word("role", action.role))
    return None


def _order(
    id: str, *keys: str, role: str = "operator", ask: Ask | None = None, footer: bool = False, scope: str = "queue"
) -> Action:
    return Action(id, keys, scope, role, id, ask, footer, guards=(_online, _writable, _some))


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
    Action("thaw", ("full_stop",), "queue"),
    # acting on orders
    Action("next", ("n",), "queue", "operator", footer=True, guards=(_online, _writable)),
    _order("confirm", "c", footer=True),
    _order("hold", "h", ask=Ask("note"), footer=True),
    _order("release", "r", footer=True),
    _order("resend", "R"),
    _order("note", "N", ask=Ask("note", needed=True)),
    _order("tag", "t", ask=Ask("tag")),
    _order("priority", "p", ask=Ask("priority", needed=True)),
    Action("menu", ("a",), "queue", guards=(_some,)),
    _order("retry"),
    _order("was_sent"),
    _order("not_sent", role="supervisor", ask=_REASON),
    _order("replace_key", role="supervisor", ask=_REASON),
    _order("map_sku", role="supervisor", ask=Ask("product", needed=True)),
    _order("accept_late", role="supervisor"),
    _order("return_late", role="supervisor"),
    _order("accept_case"),
    _order("fix_contact", ask=Ask("contact", needed=True)),
    _order("close", role="supervisor", ask=_REASON),
    _order("reveal", role="supervisor", ask=_REASON),
    *(Action(f"view.{n}", (str(n),), "queue", number=n) for n in range(1, 10)),
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
    # everywhere
    Action("undo", ("u",), "desk", "operator", guards=(_online, _writable)),
    Action("view_next", ("tab",), "desk"),
    Action("view_prev", ("shift+tab",), "desk"),
    Action("cases", ("e",), "desk", footer=True),
    Action("jobs", ("J",), "desk", footer=True),
    Action("command", ("colon",), "desk"),
    Action("palette", ("ctrl+p",), "desk"),
    Action("help", ("question_mark",), "desk", footer=True),
    Action("back", ("escape",), "desk"),
    Action("quit", ("q", "ctrl+c"), "desk", footer=True),
    # files, the x-ray of one order, the history
    Action("xray", ("x",), "desk", guards=(_online,)),
    Action("export", ("X",), "desk", "operator", ask=Ask("file"), guards=(_online, _writable)),
    Action("evidence", ("E",), "desk", "supervisor", guards=(_online, _writable)),
    Action("history", ("H",), "desk", guards=(_online,)),
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
# Panes that are lists share the queue's way of moving.
MOVES = frozenset({"down", "up", "page_down", "page_up", "home", "end"})

_SIGNS = {
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "full_stop": ".",
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
}


def key_sign(key: str) -> str:
    """A key as people write it: ``slash`` is ``/``."""
    return _SIGNS.get(key, key)


def order_actions() -> tuple[Action, ...]:
    """The actions that change orders, as the menu lists them."""
    return tuple(action for action in ACTIONS if action.order)
