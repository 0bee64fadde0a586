"""A path as a person types it: completed against the folders of this machine, and checked before it is read."""

import os
from pathlib import Path

from core.model.text import clean

ENTRIES = 5_000  # of one folder that are looked at
LARGEST = 64 * 1024 * 1024  # bytes; the core takes no larger file either


class FileError(ValueError):
    """A file that cannot be read; ``code`` names the sentence, ``facts`` fill it in."""

    def __init__(self, code: str, **facts: str | int) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


def expand(text: str) -> Path:
    """``~`` is the home folder; what is not absolute starts where the console was started."""
    return Path(text.strip()).expanduser()


def completions(text: str) -> list[str]:
    """Whole paths that the text could become, folders with a slash at the end; [] where there is none."""
    folder, _, start = text.rpartition("/")
    place = expand(f"{folder}/") if folder or text.startswith("/") else Path()
    ahead = text[: len(text) - len(start)]
    found: list[str] = []
    try:
        with os.scandir(place) as entries:
            for count, entry in enumerate(entries):
                if count >= ENTRIES:
                    break
                name = entry.name
                # A name that would not show as it is cannot be typed either; hidden ones are offered when asked for.
                if not name.startswith(start) or clean(name) != name or (name[0] == "." and not start):
                    continue
                found.append(f"{ahead}{name}/" if entry.is_dir() else f"{ahead}{name}")
    except (OSError, ValueError, RuntimeError):
        return []
    return sorted(found)


def check(text: str) -> Path:
    """The file of a typed path. Raises FileError when it is none, or too large."""
    try:
        path = expand(text)
        info = path.stat()
    except (OSError, ValueError, RuntimeError) as error:
        raise FileError("file.missing", why=getattr(error, "strerror", None) or type(error).__name__) from None
    if not path.is_file():
        raise FileError("file.not_a_file")
    if info.st_size > LARGEST:
        raise FileError("file.too_large", mb=LARGEST // 2**20)
    return path


def read(path: Path) -> bytes:
    """The bytes of a checked file. Raises FileError."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise FileError("file.unreadable", why=error.strerror or type(error).__name__) from None
    if len(data) > LARGEST:
        raise FileError("file.too_large", mb=LARGEST // 2**20)
    return data
