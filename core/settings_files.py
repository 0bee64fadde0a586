"""Where settings.toml, rules.toml and products.toml are found, and how they are read with errors that name the line."""

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_HEAD = re.compile(r"\s*\[\[?([^\]]+)\]")
_KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*(?:=|\.)""")


class SettingsError(Exception):
    """A settings file cannot be used. The text names file, key and remedy, never a value."""


def package_root() -> Path:
    """The folder that holds the running ``core`` package: the checkout, or site-packages."""
    return Path(__file__).resolve().parent.parent


def checkout() -> Path | None:
    """The checkout that this very package runs from, or None when it is installed."""
    root = package_root()
    return root if (root / "pyproject.toml").is_file() and (root / "settings.toml").is_file() else None


def candidates(name: str) -> Iterator[Path]:
    """Places of a file by rank: this checkout, the user's configuration, what was shipped with the package."""
    home = checkout()
    if home is not None:
        yield home / name
    config = os.environ.get("XDG_CONFIG_HOME", "")
    yield (Path(config) if config.startswith("/") else Path.home() / ".config") / "keydesk" / name
    yield package_root() / "console" / "_data" / name


def find(name: str, explicit: Path | None = None, variable: str = "") -> Path:
    """The file to use. An explicit path, or one named by the environment, must exist. Raises SettingsError."""
    chosen = explicit or (Path(os.environ[variable]) if variable and os.environ.get(variable) else None)
    if chosen is not None:
        if not chosen.is_file():
            where = f"--{Path(name).stem}" if explicit is not None else variable
            raise SettingsError(f"{chosen}: no such file (given by {where})")
        return chosen.resolve()
    for path in candidates(name):
        if path.is_file():
            return path
    raise SettingsError(f"{name} was found nowhere; looked at: " + ", ".join(str(p) for p in candidates(name)))


def read_text(path: Path) -> str:
    """A file's UTF-8 text. Raises SettingsError."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 (byte {error.start})") from None


def parse(text: str, path: Path) -> dict[str, Any]:
    """TOML to a dict. Raises SettingsError with the line; the offending text is not repeated, it may hold a secret."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (.*)\)$", str(error))
        raise SettingsError(f"{path}: not valid TOML ({place[1] if place else 'unreadable'})") from None


def line_of(text: str, keys: tuple[str, ...]) -> int | None:
    """The 1-based line where a key of plain tables stands; None when it cannot be told."""
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        head = _HEAD.match(line)
        if head:
            section = tuple(part.strip().strip("\"'") for part in head[1].split("."))
            if section[: len(keys)] == keys:
                return number
            continue
        key = _KEY.match(line)
        if key and (*section, key[1] or key[2] or key[3]) == keys[: len(section) + 1] and len(keys) > len(section):
            return number
    return None


def nearest(name: str, known: Iterable[str]) -> str:
    """``", did you mean 'socket'?"``, or a list of what there is."""
    names = sorted(known)
    starts = [known_name for known_name in names if len(name) > 2 and known_name.startswith(name)]
    close = starts or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f", did you mean {close[0]!r}?"
    return f"; known here: {', '.join(names)}" if names else ""


def require_own(path: Path) -> None:
    """Refuse a file that somebody else could change: it says who may do what. Raises SettingsError."""
    for place in (path, path.parent):
        info = place.stat()
        if info.st_uid not in (0, os.geteuid()):
            raise SettingsError(
                f"{place}: belongs to another user; a system core takes its roles only from root or itself"
            )
        shared = info.st_mode & 0o022
        if shared and not (place != path and info.st_mode & stat.S_ISVTX):
            raise SettingsError(f"{place}: can be written by others; run: chmod go-w {place}")
