"""Copies of a database: taken beside a running core, proven before they count, put in place without losing the old.

The copy is made by SQLite's online backup, so that it is one moment of a database in use. It holds orders, contacts and
sealed keys; never the master key.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from core.audit.chain import walk
from core.model.clock import iso
from core.pipeline.restored import FRESH, HELD
from core.private_files import private_file
from core.store import driver
from core.store.migrate import HEAD, known_schemas

_TAILS = ("-wal", "-shm", "-journal")


class BackupError(RuntimeError):
    """No copy was made, or a copy was refused; the message says why and what to do."""


class Head(NamedTuple):
    """How far a database is: the leader's epoch, and the last event of the log with the hash over all of it."""

    epoch: int
    seq: int
    hash: str


class Restored(NamedTuple):
    """What a restore did. ``aside``: where the old database is now, None without one; ``lost``: whether the old one
    knew more than the copy, or could not be asked, so that sends wait for a person."""

    head: Head
    aside: Path | None
    lost: bool


@contextlib.contextmanager
def _open(path: Path, query_only: bool = True) -> Iterator[Any]:
    sqlite = driver.swap()
    if not path.is_file():
        raise BackupError(f"there is no file {path}")
    connection = sqlite.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA busy_timeout = 10000")
        if query_only:
            connection.execute("PRAGMA query_only = 1")
        yield connection
    except sqlite.DatabaseError as error:
        raise BackupError(f"{path} cannot be read as a database ({error})") from None
    finally:
        connection.close()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy(source: Path, target: Path) -> None:
    """Copy the database ``source`` as it is at one moment to ``target``, mode 0600; whole or not at all.

    Blocks its thread; a core may go on writing meanwhile. Raises BackupError, also when ``target`` exists.
    """
    if target.exists():
        raise BackupError(f"{target} is there already; name a new file")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        private_file(part)
        with _open(source) as old, contextlib.closing(driver.swap().connect(part)) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")  # one file that needs nothing beside it
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}") from None
    finally:
        for tail in ("", *_TAILS):
            part.with_name(part.name + tail).unlink(missing_ok=True)


def check(path: Path) -> Head:
    """Prove that ``path`` is a whole database of ours: every page, the schema, the log from its first event on.

    Raises BackupError.
    """
    with _open(path) as connection:
        (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if said != "ok":
            raise BackupError(f"{path} is damaged ({said})")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            raise BackupError(f"{path} is not a Keydesk database")
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if row is None or row[0] not in known_schemas():
            raise BackupError(f"{path} has schema {row and row[0]}, this Keydesk has {HEAD}: install the newer version")
        chain = walk(connection)
        if chain.findings:
            raise BackupError(f"the log of {path} is not whole: {chain.findings[0].sentence}")
        epoch = connection.execute("SELECT coalesce(max(epoch), 0) FROM leader").fetchone()[0]
    return Head(int(epoch), chain.seq, chain.hash.hex())


def head_of(path: Path) -> Head | None:
    """How far a database says that it is, without proof; None when it cannot be asked."""
    with contextlib.suppress(BackupError), _open(path) as connection:
        epoch = connection.execute("SELECT coalesce(max(epoch), 0) FROM leader").fetchone()[0]
        last = connection.execute("SELECT last, hash FROM block ORDER BY n DESC LIMIT 1").fetchone()
        return Head(int(epoch), int(last[0]) if last else 0, bytes(last[1]).hex() if last else bytes(32).hex())
    return None


def restore(file: Path, database: Path, now: int) -> Restored:
    """Put a copy of ``file`` in the place of ``database``, whose lock the caller holds. ``now``: UTC microseconds.

    What stood there is moved aside, never deleted. The leader's epoch passes that of both. Unless both are at the
    same point of the log, the core that starts next sends nothing until a person says so. Raises BackupError.
    """
    part = database.with_name(f".{database.name}.restoring-{secrets.token_hex(4)}")
    try:
        copy(file, part)
        head = check(part)
        last = head_of(database) if database.exists() else None
        lost = last is None or last[1:] != head[1:]
        with _open(part, query_only=False) as connection:
            _mark(connection, max(head.epoch, last.epoch if last else 0) + 1, head, now if lost else 0)
        _sync(part)
        aside = _set_aside(database, now)
        part.rename(database)
        _sync(database.parent)
    finally:
        for tail in ("", *_TAILS):
            part.with_name(part.name + tail).unlink(missing_ok=True)
    return Restored(head, aside, lost)


def _mark(connection: Any, epoch: int, head: Head, held_at: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "INSERT INTO leader(id, holder, epoch, at) VALUES(1, 'restore', ?, 0) "
        "ON CONFLICT(id) DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch",
        (epoch,),
    )
    if held_at:
        body = msgspec.json.encode({"at": held_at, "seq": head.seq}).decode()
        for name in (HELD, FRESH):
            connection.execute(
                "INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
                (name, body),
            )
    connection.execute("COMMIT")


def _set_aside(database: Path, now: int) -> Path | None:
    if not database.exists():
        return None
    with contextlib.suppress(BackupError), _open(database, query_only=False) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # then the one file holds all of it
    stem = f"{database.name}.aside-{iso(now).replace(':', '').replace('-', '')}"
    aside = next(p for n in range(1000) if not (p := database.with_name(stem + (f".{n}" if n else ""))).exists())
    database.rename(aside)
    for tail in _TAILS:
        beside = database.with_name(database.name + tail)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + tail))
    return aside
