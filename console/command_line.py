"""What a typed command means, and how it could go on. Pure: no screen, no core."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from console.actions import BY_ID, Action
from console.i18n import t
from console.state.standing import VIEWS
from core.model.text import clean

KEPT = 200  # commands remembered across starts
LINE_LIMIT = 300
# Commands that are not actions of their own: they carry what a box would ask for, or name a place.
WORDS = ("filter", "order", "view")
# What these carry is about a buyer, or was said to colleagues: it is not left behind on a disk.
UNKEPT = frozenset({"fix_contact", "note", "order", "filter", "export"})
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


def parse(text: str, scopes: Sequence[str]) -> Command:
    """Reads a command. Raises CommandError when it names nothing, or carries too much or too little."""
    name, _, argument = text.strip().removeprefix(":").strip().partition(" ")
    argument = argument.strip()
    known = names(scopes)
    if name not in known:
        near = get_close_matches(name, known, 1)
        raise CommandError(t("command.unknown", name=name) + (t("command.near", name=near[0]) if near else ""))
    if name == "view" and argument not in VIEWS:
        raise CommandError(t("command.views", names=" ".join(VIEWS)))
    if name == "order" and not argument:
        raise CommandError(t("command.fragment"))
    action = BY_ID.get(name)
    if argument and name not in WORDS:
        ask = action.ask if action is not None else None
        if ask is None:
            raise CommandError(t("command.no_argument", name=name))
        if ask.arg == "reason":
            raise CommandError(t("command.reason_later", name=name))
    return Command(name, argument)


def completions(text: str, scopes: Sequence[str]) -> list[str]:
    """Whole lines that the text could become, shortest way first; [] when there is none."""
    colon = ":" if text.startswith(":") else ""
    body = text.removeprefix(":").lstrip()
    name, space, argument = body.partition(" ")
    if not space:
        return [colon + one for one in names(scopes) if one.startswith(name)]
    if name == "view":
        return [f"{colon}view {one}" for one in VIEWS if one.startswith(argument.strip())]
    return []


def history_path() -> Path:
    """Where commands are remembered: the person's own state folder."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "keydesk" / "console" / "commands"


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
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write("".join(f"{one}\n" for one in kept))
        beside.replace(path)
