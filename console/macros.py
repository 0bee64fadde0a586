"""A person's macros: names and keys for commands that belong together, read from their own file.

``macros.toml`` beside the keymap file holds one table a macro::

    [[macro]]
    name = "rush"
    key = "f5"
    do = ["tag 加急", "priority 3"]

Each step is a command as it is typed behind ``:``. What is wrong is told with the line and the remedy.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from console.actions import BY_ID
from console.command_line import Command, CommandError, parse
from console.i18n import t
from console.keymap import Keymap, named_key

MACROS_MAX = 40
STEPS_MAX = 10
SCOPES = ("queue", "desk")
# What reads the whole screen, asks for itself or would run the macro again has no place in one.
UNFIT = frozenset({
    "macro", "macros", "repeat", "command", "palette", "quit", "help", "reveal", "next", "skip", "save", "menu", "goto",
    "tour", "auto_next",
})  # fmt: skip


class MacroError(ValueError):
    """A macro file that cannot be used; the message names file, line and what to do."""


class Macro(NamedTuple):
    """Steps under a name; ``key`` is "" when it has none."""

    name: str
    key: str
    steps: tuple[str, ...]


def load_macros(path: Path, keymap: Keymap) -> dict[str, Macro]:
    """Macros by name; {} when there is no file. Raises MacroError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise MacroError(f"{path.name}: {error}") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:  # it names the line itself
        raise MacroError(f"{path.name}: {error}") from None
    given = table.get("macro", [])
    if not isinstance(given, list) or set(table) - {"macro"}:
        raise MacroError(_at(path, text, "[") + t("macro.shape"))
    if len(given) > MACROS_MAX:
        raise MacroError(f"{path.name}: " + t("macro.many", n=MACROS_MAX))
    out: dict[str, Macro] = {}
    for one in given:
        macro = _read(path, text, one)
        if macro.name in out:
            raise MacroError(_at(path, text, macro.name, last=True) + t("macro.twice", name=macro.name))
        taken = keymap.find(macro.key, SCOPES) if macro.key else None
        taken = taken or next((m.name for m in out.values() if macro.key and m.key == macro.key), None)
        if taken:
            raise MacroError(_at(path, text, str(one["key"])) + t("macro.key_taken", key=one["key"], by=taken))
        out[macro.name] = macro
    return out


def _read(path: Path, text: str, one: object) -> Macro:
    name = one.get("name") if isinstance(one, Mapping) else None
    if not isinstance(one, Mapping) or not isinstance(name, str) or not name or " " in name or len(name) > 24:
        raise MacroError(_at(path, text, str(name) if name else "[[macro]]") + t("macro.name"))
    strange = sorted(set(one) - {"name", "key", "do"})
    if strange:
        raise MacroError(_at(path, text, strange[0]) + t("macro.member", name=strange[0]))
    key, steps = one.get("key", ""), one.get("do")
    if not isinstance(key, str):
        raise MacroError(_at(path, text, name) + t("macro.member", name="key"))
    if not isinstance(steps, list) or not 0 < len(steps) <= STEPS_MAX or not all(isinstance(s, str) for s in steps):
        raise MacroError(_at(path, text, name) + t("macro.steps", n=STEPS_MAX))
    for step in steps:
        try:
            check_step(step)
        except CommandError as error:
            raise MacroError(_at(path, text, step) + str(error)) from None
    return Macro(name, named_key(key) if key else "", tuple(steps))


def check_step(step: str) -> Command:
    """What a step means. Raises CommandError when it is no command, or one that a macro cannot hold."""
    command = parse(step, SCOPES, None)
    action = BY_ID.get(command.name)
    asks = action.ask if action is not None and action.order else None
    if command.name in UNFIT:
        raise CommandError(t("macro.unfit", name=command.name))
    if asks is not None and asks.needed and asks.arg != "reason" and not command.argument:
        raise CommandError(t("macro.argument", name=command.name, arg=asks.arg))
    return command


def _at(path: Path, text: str, what: str, last: bool = False) -> str:
    """``macros.toml:12: `` of the line that holds ``what``."""
    numbered = list(enumerate(text.splitlines(), 1))
    quoted = [n for n, line in numbered if f'"{what}"' in line or f"'{what}'" in line]
    lines = quoted or [n for n, line in numbered if what in line]
    return f"{path.name}:{lines[-1 if last else 0]}: " if lines else f"{path.name}: "
