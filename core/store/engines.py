"""The two ways into the database: one writing engine, one reading engine. Both on the fixed SQLite."""

# The driver must stand in place before SQLAlchemy or aiosqlite import sqlite3.
from core.store import driver

# isort: split
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA busy_timeout = 10000",
    "PRAGMA cache_size = -49152",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = OFF",
    "PRAGMA wal_autocheckpoint = 4000",
)
# Small: whenever somebody writes, a reader drops all of its pages, and what it takes and gives back that often tears the
# heap apart. The system keeps the same pages for all of them.
_READER = (
    "PRAGMA query_only = 1",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA cache_size = -2048",
    "PRAGMA temp_store = MEMORY",
)


def _pragmas(engine: Engine, lines: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by us, in words
        cursor = connection.cursor()
        for line in lines:
            cursor.execute(line)
        cursor.execute("SELECT sqlite_version()")
        driver.require_fixed(str(cursor.fetchone()[0]), "this database connection")
        cursor.close()


def writer_engine(path: Path) -> Engine:
    """The engine of the one writer: WAL, FULL; its user begins every transaction with BEGIN IMMEDIATE."""
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=StaticPool,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "cached_statements": 256},
    )
    _pragmas(engine, _WRITER)

    return engine


def reader_engine(path: Path) -> AsyncEngine:
    """The engine of all reads: a few ``query_only`` connections, short statements, no transaction held."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}", hide_parameters=True, pool_size=4, max_overflow=0, pool_timeout=30
    )
    _pragmas(engine.sync_engine, _READER)
    return engine
