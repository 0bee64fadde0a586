"""Which key does what: the registry's keys, changed by the user's keymap file, checked for clashes."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from console.actions import ACTIONS, BY_ID, LISTS, MOVES, key_sign
from console.private_file import config_home

# People write "/" and "?"; the terminal layer names them.
_NAMES = {
    "/": "slash",
    "?": "question_mark",
    ".": "full_stop",
    ",": "comma",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    "-": "minus",
    "+": "plus",
    ";": "semicolon",
    ":": "colon",
    "=": "equals_sign",
    "!": "exclamation_mark",
    "'": "apostrophe",
    '"': "quotation_mark",
    "\\": "backslash",
    "*": "asterisk",
    "esc": "escape",
    "return": "enter",
    "pgdn": "pagedown",
    "pgup": "pageup",
}


def named_key(text: str) -> str:
    """A key as the terminal layer names it: ``/`` is ``slash``."""
    return _NAMES.get(text, text)


class KeymapError(ValueError):
    """A keymap file that cannot be used; the message names file, key and what was meant."""


def default_path() -> Path:
    """``keymap.toml`` in the user's own configuration folder."""
    return config_home() / "keymap.toml"


def load(path: Path) -> dict[str, tuple[str, ...]]:
    """Keys by action id from a file of ``action = "key"`` or ``action = ["key", "key"]``; {} when there is none.

    Raises KeymapError for a file that does not parse, an unknown action or a value that is no key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise KeymapError(f"{path.name}: {error}") from None
    import tomllib  # most people have no such file, and start without it

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise KeymapError(f"{path.name}: {error}") from None
    out: dict[str, tuple[str, ...]] = {}
    flat = _flat(table)
    for name, value in flat.items():
        if name not in BY_ID:
            near = get_close_matches(name, BY_ID, 1)
            raise KeymapError(f"{path.name}: no action {name!r}" + (f"; nearest is {near[0]!r}" if near else ""))
        given = value if isinstance(value, list) else [value]
        keys = [k for k in given if isinstance(k, str) and k]
        if len(keys) != len(given):
            raise KeymapError(f"{path.name}: {name} must be a key or a list of keys")
        out[name] = tuple(named_key(k) for k in keys)
    return out


def _flat(table: Mapping[str, object], above: str = "") -> dict[str, object]:
    out: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            out.update(_flat(value, f"{above}{name}."))
        else:
            out[above + name] = value
    return out


class Keymap:
    """Looks keys up by scope. The first scope that knows the key wins."""

    def __init__(self, changes: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._keys = {a.id: (changes or {}).get(a.id, a.keys) for a in ACTIONS}
        self._table: dict[str, dict[str, str]] = {}
        self.clashes: list[str] = []
        for action in ACTIONS:
            for key in self._keys[action.id]:
                taken = self._table.setdefault(action.scope, {}).setdefault(key, action.id)
                if taken != action.id:
                    self.clashes.append(f"{key_sign(key)}: {taken} / {action.id} ({action.scope})")
        moves = {key: id for key, id in self._table["queue"].items() if id in MOVES}
        for scope in LISTS:
            self._table[scope] = {**moves, **self._table.get(scope, {})}
        self._table["list"] = moves

    def find(self, key: str, scopes: tuple[str, ...]) -> str | None:
        """The action that a key means where the person is."""
        for scope in scopes:
            found = self._table.get(scope, {}).get(key)
            if found is not None:
                return found
        return None

    def keys(self, action_id: str) -> tuple[str, ...]:
        """All keys of an action."""
        return self._keys[action_id]

    def sign(self, action_id: str) -> str:
        """The first key of an action as people write it, or nothing."""
        keys = self._keys.get(action_id, ())
        return key_sign(keys[0]) if keys else ""
