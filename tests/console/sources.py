"""The sources that the console's rules are checked on: presentation. Composition (cli, commands) has rules of its own."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
_CONSOLE = ROOT / "console"
_FOLDERS = ("controllers", "export", "i18n", "presenters", "screens", "state", "widgets")
_FILES = (
    "__main__",
    "actions",
    "app",
    "client",
    "command_line",
    "history_filter",
    "keymap",
    "sign_in",
    "themes",
    "wire",
)
SOURCES = [_CONSOLE / f"{name}.py" for name in _FILES]
SOURCES += sorted(path for folder in _FOLDERS for path in (_CONSOLE / folder).glob("*.py"))
