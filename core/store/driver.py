"""Puts a fixed SQLite under SQLAlchemy and aiosqlite. Import this before either of them.

SQLite 3.7.0-3.51.2 has the WAL-reset corruption race (sqlite.org/wal.html#walresetbug); Linux distributions still
ship it. The ``pysqlite3`` wheel carries a fixed one and is drop-in once it stands in ``sys.modules["sqlite3"]``.
"""

import sys
from types import ModuleType

import pysqlite3
import pysqlite3.dbapi2

FIXED = (3, 51, 3)
_BACKPORTS = ((3, 44, 6), (3, 50, 7))


def swap() -> ModuleType:
    """Make ``import sqlite3`` mean the shipped SQLite in this process. Safe to call again.

    Raises RuntimeError if SQLAlchemy's or aiosqlite's driver module was loaded before, since those would keep the old.
    """
    current = sys.modules.get("sqlite3")
    if current is not pysqlite3 and "aiosqlite" in sys.modules:
        raise RuntimeError("core.store.driver must be imported before aiosqlite")
    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
    swapped: ModuleType = pysqlite3
    return swapped


def is_fixed(version: str) -> bool:
    """Whether this SQLite version string is free of the WAL-reset race."""
    numbers = tuple(int(part) for part in version.split(".")[:3])
    return numbers >= FIXED or any(numbers[:2] == b[:2] and numbers >= b for b in _BACKPORTS)


def require_fixed(version: str, who: str) -> None:
    """Refuse an affected SQLite. Raises RuntimeError that says what to do."""
    if not is_fixed(version):
        raise RuntimeError(
            f"{who} runs on SQLite {version}, which can corrupt a WAL database (fixed in 3.51.3). "
            "Reinstall with `make setup`; Keydesk ships a fixed SQLite in the pysqlite3 wheel."
        )


swap()
