"""Views that a person saved: a fixed view with a filter, under a name of one's own. Pure but for its one file."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from console.private_file import state_home, write_private
from console.state.standing import VIEWS
from core.model.text import clean

SAVED_MAX = 12
FILTER_MAX = 1000
_NAME = re.compile(r"[^\W_][\w.-]{0,23}")  # one word, so that `:view NAME` can name it


class SavedView(NamedTuple):
    """What a name stands for."""

    view: str
    filter: str


def views_path() -> Path:
    """The person's own file of views."""
    return state_home() / "views.json"


def name_problem(name: str, saved: Mapping[str, SavedView]) -> str:
    """The word key of why a view cannot be saved under a name, or ""."""
    if not _NAME.fullmatch(name):
        return "views.bad_name"
    if name in VIEWS:
        return "views.fixed"
    return "views.full" if len(saved) >= SAVED_MAX and name not in saved else ""


def load_views(path: Path) -> dict[str, SavedView]:
    """Saved views by name; {} when there are none. What cannot be used is left out, never raised."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    out: dict[str, SavedView] = {}
    for name, value in table.items() if isinstance(table, dict) else ():
        view, text = (value.get("view"), value.get("filter")) if isinstance(value, dict) else (None, None)
        if view in VIEWS and isinstance(text, str) and not name_problem(name, out):
            out[name] = SavedView(str(view), clean(text, FILTER_MAX))
    return out


def save_views(path: Path, saved: Mapping[str, SavedView]) -> None:
    """Writes them for the person alone. Raises OSError."""
    table = {name: one._asdict() for name, one in saved.items()}
    write_private(path, json.dumps(table, ensure_ascii=False, indent=1) + "\n")
