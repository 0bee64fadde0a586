"""The file that a crash leaves: where it happened and what was done last, and never a value.

No message of an error, no local, nothing that was typed or shown, no path: an order number or a key may stand in any of
them. Names of types, files, functions and actions are the program's own.
"""

import os
import platform
import re
import time
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from console.i18n import language
from console.private_file import state_home, write_private

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

KEPT = 5  # newest files
FRAMES = 40
_WORD = re.compile(r"[\w.+-]{1,40}", re.ASCII)


def chain(error: BaseException | None) -> list[BaseException]:
    """The error, and what it came from."""
    out: list[BaseException] = []
    while error is not None and error not in out and len(out) < 5:
        out.append(error)
        inner = getattr(error, "error", None)  # a worker's failure carries it so
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
    return out


def trace(error: BaseException | None, limit: int = FRAMES) -> list[str]:
    """Each error's type, then its innermost frames, without values."""
    out = []
    for one in chain(error):
        frames = traceback.extract_tb(one.__traceback__)[-limit:]
        out += [type(one).__name__, *(f"  {Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)]
    return out or ["error"]


def report(
    error: BaseException | None, trail: Iterable[str], size: tuple[int, int], facts: Mapping[str, object]
) -> str:
    """The file's text. ``size``: columns and lines; ``facts``: further ones of the console, each a plain word."""
    env = os.environ
    told = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "keydesk": _version("keydesk"),
        "textual": _version("textual"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "terminal": f"{_word(env.get('TERM'))} {_word(env.get('COLORTERM'))} {size[0]}x{size[1]}",
        "locale": _word(env.get("LC_ALL") or env.get("LANG")),
        "through": " ".join(name.lower() for name in ("TMUX", "STY", "SSH_CONNECTION") if name in env) or "-",
        **{name: _word(str(value)) for name, value in facts.items()},
    }
    lines = ["keydesk console: crash report", *(f"{name}: {value}" for name, value in told.items())]
    lines += ["", "where:", *trace(error), "", "last actions:", *(trail or ["-"])]
    return "\n".join(lines) + "\n"


def leave(error: BaseException | None, desk: "DeskScreen", theme: str) -> Path | None:
    """The file of this crash; None on a kiosk, which writes none. Raises OSError."""
    if desk.standing.kiosk:
        return None
    facts = {"language": language(), "theme": theme, "direct": desk.direct, "read-only": desk.standing.read_only}
    size = desk.app.size
    return keep(report(error, desk.trail.lines(), (size.width, size.height), facts))


def keep(text: str) -> Path:
    """Writes it for the person alone, and drops all but the newest. Raises OSError."""
    folder = state_home()
    path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}.txt"
    write_private(path, text)
    for old in sorted(folder.glob("crash-*.txt"))[:-KEPT]:
        with suppress(OSError):
            old.unlink()
    return path


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-"


def _word(text: str | None) -> str:
    """A word of the environment if it looks like one, else nothing of it."""
    return text if text and _WORD.fullmatch(text) else "-"
