"""What a typed command means, and how it could go on. Pure: no screen, no core."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from console.actions import BY_ID, Action
from console.fuzzy import best
from console.i18n import t
from console.private_file import state_home, write_private
from console.state.standing import VIEWS
from core.model.text import clean

KEPT = 200  # commands remembered across starts
LINE_LIMIT = 300
# Commands that are not actions of their own: they carry what a box would ask for, or name a place.
WORDS = ("filter", "forget", "macro", "order", "save", "view")
_NAMED = {"order": "command.fragment", "save": "views.name", "forget": "views.which", "macro": "macro.which"}
# What these carry is about a buyer, or was said to colleagues: it is not left behind on a disk.
UNKEPT = frozenset({"fix_contact", "note", "order", "filter", "find", "export"})
_HIDDEN = frozenset({"palette", "back", "command"})


class CommandError(ValueError):
    """A command that cannot be run; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: ``name`` is an action's id, or one of WORDS."""

    name: str
    argument: str = ""

    @property
    def action(self) -> Action | None:
        """The registry's action of that name."""
        return BY_ID.get(self.name)


def names(scopes: Sequence[str]) -> list[str]:
    """Every command of where the person is, in order of the alphabet."""
    return sorted({*WORDS, *(a.id for a in BY_ID.values() if a.scope in scopes and a.id not in _HIDDEN)})


def parse(text: str, scopes: Sequence[str], views: Sequence[str] | None = VIEWS) -> Command:
    """Reads a command. Raises CommandError when it names nothing, or carries too much or too little.

    ``views``: the views that can be shown; None when that is not known yet.
    """
    name, _, argument = text.strip().removeprefix(":").strip().partition(" ")
    argument = argument.strip()
    known = names(scopes)
    if name not in known:
        near = get_close_matches(name, known, 1)
        raise CommandError(t("command.unknown", name=name) + (t("command.near", name=near[0]) if near else ""))
    if name == "view" and views is not None and argument not in views:
        near = get_close_matches(argument, views, 1)
        more = t("command.near", name=near[0]) if near else ""
        raise CommandError(t("command.views", names=" ".join(views)) + more)
    if name in _NAMED and not argument:
        raise CommandError(t(_NAMED[name]))
    if name == "wall" and argument and argument.partition(" ")[0] != "svg":
        raise CommandError(t("command.wall"))
    action = BY_ID.get(name)
    if argument and name not in (*WORDS, "wall"):
        ask = action.ask if action is not None else None
        if ask is None:
            raise CommandError(t("command.no_argument", name=name))
        if ask.arg == "reason":
            raise CommandError(t("command.reason_later", name=name))
    return Command(name, argument)


def completions(
    text: str, scopes: Sequence[str], places: Sequence[tuple[str, str]] = (), macros: Sequence[str] = ()
) -> list[str]:
    """Whole lines that the text could become, shortest way first; [] when there is none.

    ``places``: the commands that go somewhere, with their titles; initials of pinyin find them too.
    """
    colon = ":" if text.startswith(":") else ""
    body = text.removeprefix(":").lstrip()
    name, space, argument = body.partition(" ")
    if not space:
        return [colon + one for one in names(scopes) if one.startswith(name)]
    argument = argument.strip()
    named = places or [(f"view {one}", one) for one in VIEWS]
    if name in ("view", "filter"):
        mine = [(one.partition(" ")[2], title) for one, title in named if one.startswith(f"{name} ")]
        return [f"{colon}{name} {one}" for one in best(argument, mine)]
    if name == "map_sku":
        start = "filter product="
        mine = [(one.removeprefix(start).strip('"'), title) for one, title in named if one.startswith(start)]
        return [f"{colon}{name} {one}" for one in best(argument, mine)]
    if name in ("macro", "forget"):
        known = (
            macros if name == "macro" else [one[5:] for one, _ in named if one[5:] not in VIEWS and one[:5] == "view "]
        )
        return [f"{colon}{name} {one}" for one in best(argument, [(one, one) for one in known])]
    return []


def history_path() -> Path:
    """Where commands are remembered: the person's own state folder."""
    return state_home() / "commands"


def load_history(path: Path) -> list[str]:
    """Commands remembered, oldest first; [] when there are none or they cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in (clean(one, LINE_LIMIT).strip() for one in lines[-KEPT:]) if line]


def save_history(path: Path, lines: Sequence[str]) -> None:
    """Keeps the last commands, for the person alone; a disk that refuses costs the history and nothing else."""
    kept = [one for one in lines if one.strip().removeprefix(":").split(" ", 1)[0] not in UNKEPT][-KEPT:]
    with suppress(OSError):
        write_private(path, "".join(f"{one}\n" for one in kept))
