"""Where a person left the desk: view, filter and order under the cursor, taken up at the next start on the same core."""

import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from console.private_file import state_home, write_private
from console.state.standing import VIEWS
from core.model.text import clean


class Left(NamedTuple):
    """``own``: the saved view that was shown, or "". ``cursor``: an order's id, or None. ``auto_next``: it was on."""

    view: str = "work"
    filter: str = ""
    own: str = ""
    cursor: int | None = None
    auto_next: bool = False


def left_path() -> Path:
    """The person's own file."""
    return state_home() / "left.json"


def load_left(socket_path: str) -> Left:
    """What was left on this core; the start as it always is when there is nothing, or nothing that can be used."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(left_path().read_text(encoding="utf-8"))
        cursor = found["cursor"]
        if found["socket"] == socket_path and found["view"] in VIEWS and isinstance(cursor, int | None):
            auto = found.get("auto_next") is True
            return Left(found["view"], clean(str(found["filter"]), 1000), clean(str(found["own"]), 24), cursor, auto)
    return Left()


def save_left(socket_path: str, left: Left) -> None:
    """Keeps it for the person alone; a disk that refuses costs the resuming and nothing else."""
    with suppress(OSError):
        write_private(left_path(), json.dumps({"socket": socket_path, **left._asdict()}, ensure_ascii=False) + "\n")
