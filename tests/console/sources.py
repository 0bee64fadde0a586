"""The sources that the console's rules are checked on: presentation. Composition (cli, commands) has rules of its own."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
_CONSOLE = ROOT / "console"
_FOLDERS = ("controllers", "export", "i18n", "presenters", "screens", "state", "widgets")
_FILES = ("__main__", "actions", "app", "client", "command_line", "crash", "file_path", "fuzzy", "history_filter", "keymap",
          "macros", "office", "pinyin_make", "pinyin_table", "places", "private_file", "resume", "saved_views", "sign_in", "terminal", "themes",
          "wall_svg", "wire", "wire_office", "wire_wall")  # fmt: skip
SOURCES = [_CONSOLE / f"{name}.py" for name in _FILES]
SOURCES += sorted(path for folder in _FOLDERS for path in (_CONSOLE / folder).glob("*.py"))
