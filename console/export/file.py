"""A file that comes to its place whole or not at all, for its owner alone, and over nothing that stands there."""

import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

FILE_MODE = 0o600


class FileRefused(Exception):
    """The file cannot be written; the message says why and what to do. ``taken``: only because one stands there."""

    def __init__(self, message: str, taken: bool = False) -> None:
        super().__init__(message)
        self.taken = taken


def expand(text: str) -> Path:
    """What a person typed, as an absolute path: ``~`` is home, a bare name stands in the current folder."""
    return Path(os.path.abspath(os.path.expanduser(text.strip())))


def safe_name(text: str) -> str:
    """An order's number as a part of a file's name; it was given by somebody else."""
    return "".join(char if char.isalnum() or char in "-_" else "_" for char in text)[:80] or "order"


def free_name(path: Path) -> Path:
    """``path``, or the first ``path-2``, ``path-3`` ... that nothing stands at."""
    found, number = path, 1
    while found.exists() or found.is_symlink():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


class NewFile:
    """Write inside ``with``; ``keep`` at the end puts it in place, else nothing is left. Mode 0600 from the start."""

    def __init__(self, path: Path, force: bool = False) -> None:
        self.path, self._force = path, force
        self._part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
        self._out: BinaryIO | None = None

    def check(self) -> None:
        """Raises FileRefused for what can be told before anything is asked of the core."""
        if self.path.is_symlink() or self.path.exists():
            if not self.path.is_file():
                raise FileRefused(f"{self.path} is there and is no plain file; name another")
            if not self._force:
                raise FileRefused(f"{self.path} is there already; name another, or say that it may go", taken=True)
        if not self.path.parent.is_dir():
            raise FileRefused(f"there is no folder {self.path.parent}")

    def __enter__(self) -> "NewFile":
        self.check()
        try:
            made = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            self._out = os.fdopen(made, "wb")
        except OSError as error:
            raise FileRefused(f"{self.path} cannot be written: {error.strerror}") from None
        return self

    def write(self, data: bytes) -> None:
        """Adds to it."""
        assert self._out is not None
        try:
            self._out.write(data)
        except OSError as error:
            raise FileRefused(f"{self.path} cannot be written: {error.strerror}") from None

    def keep(self) -> None:
        """It is whole: put it in place."""
        assert self._out is not None
        try:
            self._out.flush()
            os.fsync(self._out.fileno())
            if self._force:
                self._part.replace(self.path)
            else:
                os.link(self._part, self.path)  # unlike a rename it never takes the place of what came meanwhile
        except FileExistsError:
            raise FileRefused(
                f"{self.path} is there already; name another, or say that it may go", taken=True
            ) from None
        except OSError as error:
            raise FileRefused(f"{self.path} cannot be written: {error.strerror}") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._out is not None:
            self._out.close()
        self._part.unlink(missing_ok=True)
