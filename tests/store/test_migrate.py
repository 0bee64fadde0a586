"""Migration: created whole or not at all; a newer schema is refused; an older one is copied first."""

import sqlite3
import stat
from pathlib import Path

import pytest

from core.audit import AuditError, audit
from core.store import migrate as module
from core.store.migrate import HEAD, SchemaError, migrate, schema_of
from core.store.migrations.versions import v0001_initial


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    return names


def test_a_new_database_is_private_and_at_the_head(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keydesk.db"
    assert schema_of(path) is None
    assert migrate(path) is None
    assert schema_of(path) == HEAD
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert audit(path).findings == ()
    before = path.read_bytes()
    assert migrate(path) is None
    assert path.read_bytes() == before


@pytest.mark.parametrize("broken_at", [1, 5, -1])
def test_a_failure_in_the_middle_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_at: int
) -> None:
    path = tmp_path / "keydesk.db"
    good = v0001_initial.statements()
    bad = [*good[:broken_at], "CREATE TABLE broken(", *good[broken_at:]]
    scripts = module._scripts()  # Alembic loads each script anew by its path: the failing DDL goes into that copy
    monkeypatch.setattr(scripts.get_revision("0001").module, "TABLES", ";\n".join(bad))
    monkeypatch.setattr(module, "_scripts", lambda: scripts)
    with pytest.raises(Exception, match=r"incomplete input|syntax error"):
        migrate(path)
    assert tables(path) == set()
    assert schema_of(path) is None
    monkeypatch.undo()
    migrate(path)
    assert schema_of(path) == HEAD


def test_a_newer_schema_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "keydesk.db"
    migrate(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(SchemaError, match="newer than this Keydesk"):
        migrate(path)
    assert schema_of(path) == "9999"
    with pytest.raises(AuditError, match="has schema 9999"):
        audit(path)


def test_an_older_database_is_upgraded_after_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keydesk.db"
    monkeypatch.setattr(module, "HEAD", "0001")
    migrate(path)
    assert "purchase" not in tables(path)
    monkeypatch.undo()
    copy = migrate(path)
    assert copy is not None
    assert copy.stat().st_mode & 0o777 == 0o600
    assert (schema_of(copy), schema_of(path)) == ("0001", HEAD)
    assert "purchase" in tables(path)
    assert "purchase" not in tables(copy)
