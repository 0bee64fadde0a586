"""Small files of the person's own: written whole or not at all, for nobody else to read."""

import os
from contextlib import suppress
from pathlib import Path


def config_home() -> Path:
    """Where a person's keymap, views and macros lie."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return Path(base) / "keydesk"


def state_home() -> Path:
    """Where the console remembers what it did last."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "keydesk" / "console"


def write_private(path: Path, text: str) -> None:
    """Replaces a file, mode 0600. Raises OSError; the old file then stands as it was."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
        beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
