"""Folders and files for their owner alone: what Keydesk keeps holds buyers' addresses and sealed keys."""

import os
from pathlib import Path
from typing import BinaryIO

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def private_folder(path: Path) -> None:
    """Make ``path`` with mode 0700 where it is missing; one that stands is its owner's affair and left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        if not path.is_dir():
            raise


def private_file(path: Path) -> None:
    """Make an empty file with mode 0600 before anybody else fills it. Raises FileExistsError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))


def open_log(path: Path) -> BinaryIO:
    """A log to append to, mode 0600; one that others could read is closed to them."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    os.fchmod(handle, FILE_MODE)
    return os.fdopen(handle, "ab")


def tail_since(path: Path, start: int, lines: int) -> str:
    """The last ``lines`` of what was written to a log after byte ``start``, indented for a message."""
    with path.open("rb") as log:
        log.seek(start)
        told = log.read().decode("utf-8", "replace").strip().splitlines()
    return "\n  ".join(told[-lines:])
