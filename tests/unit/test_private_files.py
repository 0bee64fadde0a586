"""What holds orders, contacts or sealed keys is made for its owner alone, whatever the umask; wherever it is made."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import launch
from core.private_files import open_log, private_folder
from core.service.server import database_lock
from core.store import migrate as module
from core.store.migrate import migrate
from core.vault.keyring import load_keyring


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_the_folder_is_private_at_once_and_one_that_stands_is_left(tmp_path: Path) -> None:
    private_folder(tmp_path / "a" / "data")
    assert mode(tmp_path / "a" / "data") == 0o700
    (tmp_path / "b").mkdir(mode=0o750)
    private_folder(tmp_path / "b")
    assert mode(tmp_path / "b") == 0o750


def test_the_core_that_locks_makes_it_private(tmp_path: Path) -> None:
    with database_lock(tmp_path / "data" / "keydesk.db"):
        assert mode(tmp_path / "data") == 0o700
        assert mode(tmp_path / "data" / "keydesk.db.lock") == 0o600


def test_a_migration_makes_it_private(tmp_path: Path) -> None:
    migrate(tmp_path / "data" / "keydesk.db")
    assert mode(tmp_path / "data") == 0o700
    assert mode(tmp_path / "data" / "keydesk.db") == 0o600


def test_a_master_key_makes_it_private(tmp_path: Path) -> None:
    load_keyring(tmp_path / "data", "", tmp_path, may_create=True)
    assert mode(tmp_path / "data") == 0o700
    assert mode(tmp_path / "data" / "master.key") == 0o600


def test_the_copy_before_a_migration_is_private(tmp_path: Path) -> None:
    path = tmp_path / "keydesk.db"
    migrate(path)
    copy = module._copy(path, "0000")
    assert mode(copy) == 0o600
    connection = sqlite3.connect(copy)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    connection.close()


def test_a_log_is_private_and_an_older_one_is_made_so(tmp_path: Path) -> None:
    old = tmp_path / "core.log"
    old.write_text("before\n")
    old.chmod(0o644)
    with open_log(old) as log:
        log.write(b"after\n")
    assert mode(old) == 0o600
    assert old.read_text() == "before\nafter\n"


def test_the_core_that_the_console_starts_logs_privately_and_tells_of_this_run_only(tmp_path: Path) -> None:
    socket = tmp_path / "run" / "core.sock"
    socket.parent.mkdir()
    log = socket.parent / "core.log"
    log.write_text("the trouble of last week\n")
    said = launch.start_core(socket, os.fspath(tmp_path / "no-such.toml"))
    assert "did not start" in said
    assert "no-such.toml" in said
    assert "last week" not in said
    assert mode(log) == 0o600
    private = tmp_path / "other" / "core.sock"
    launch.start_core(private, os.fspath(tmp_path / "no-such.toml"))
    assert mode(private.parent) == 0o700
    assert mode(private.parent / "core.log") == 0o600
