"""Backups: one moment of a database in use, proven; restores lose nothing that stood there and send nothing by themselves."""

import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from core import backup
from core.audit.run import audit
from core.backup import BackupError
from core.model.effects import Effect, Result
from core.model.lifecycle import IntentState, Stage
from core.pipeline import restored
from core.pipeline.attempts import Opened
from core.store.writer import Writer
from tests.rig import T0, Rig, order


async def _busy(rig: Rig) -> None:
    await rig.stock("p1", 6)
    await rig.pull(order("A1", paid=1000), order("A2", paid=1000), shop=1)
    await rig.pull(order("C1", paid=1000), shop=3)
    await rig.pass_gate()


def _files(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if not p.name.endswith(("-wal", "-shm", ".lock"))}


async def test_a_copy_beside_a_running_writer_is_whole_private_and_alone(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await _busy(rig)
        target = tmp_path / "out" / "copy.db"
        target.parent.mkdir()
        backup.copy(rig.path, target)
        head = backup.check(target)
        assert head.seq == await rig.one("SELECT max(last) FROM block")
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert [p.name for p in target.parent.iterdir()] == ["copy.db"]
        assert audit(target, rig.clock()).findings == ()
        with pytest.raises(BackupError, match="is there already"):
            backup.copy(rig.path, target)
        await rig.pull(order("A3", paid=1000))
        assert head.seq < await rig.one("SELECT max(last) FROM block"), "the writer went on"


async def test_what_is_damaged_cut_or_strange_is_refused(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await _busy(rig)
        backup.copy(rig.path, tmp_path / "good.db")
    good = (tmp_path / "good.db").read_bytes()
    for name, data, said in (
        ("torn.db", good[: len(good) // 2], "damaged|cannot be read"),
        ("text.db", b"not a database at all, but long enough to look at" * 40, "cannot be read"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BackupError, match=said):
            backup.check(tmp_path / name)
    (tmp_path / "cut.db").write_bytes(good)
    connection = sqlite3.connect(tmp_path / "cut.db")
    connection.execute("DROP TRIGGER event_append_only_d")
    connection.execute("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)")
    connection.commit()
    connection.close()
    with pytest.raises(BackupError, match="not whole"):
        backup.check(tmp_path / "cut.db")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t(a)").connection.close()
    with pytest.raises(BackupError, match="not a Keydesk database"):
        backup.check(tmp_path / "other.db")
    with pytest.raises(BackupError, match="no file"):
        backup.check(tmp_path / "none.db")


async def test_a_refused_restore_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await _busy(rig)
        path = rig.path
    before, names = path.read_bytes(), _files(tmp_path)
    (tmp_path / "bad.db").write_bytes(before[:5000])
    with pytest.raises(BackupError):
        backup.restore(tmp_path / "bad.db", path, T0)
    assert path.read_bytes() == before
    assert _files(tmp_path) == names | {"bad.db"}


async def test_a_restore_moves_the_old_aside_and_passes_both_epochs(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await _busy(rig)
        backup.copy(rig.path, tmp_path / "copy.db")
        await rig.pull(order("A9", paid=1000))
    path = tmp_path / "keydesk.db"
    for _ in range(3):
        writer = Writer(path)
        last = await writer.start("later")
        await writer.stop()
    done = backup.restore(tmp_path / "copy.db", path, T0)
    assert done.lost
    assert done.aside is not None
    assert backup.check(done.aside).epoch == last
    assert _count(done.aside, "SELECT count(*) FROM orders WHERE ext_id = 'A9'") == 1
    assert _count(path, "SELECT count(*) FROM orders WHERE ext_id = 'A9'") == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    writer = Writer(path)
    assert await writer.start("next") > last
    assert await writer.do(restored.held, None) == T0
    await writer.stop()
    again = backup.restore(tmp_path / "copy.db", path, T0)
    assert again.aside is not None
    assert again.aside != done.aside
    assert done.aside.exists()


async def test_the_same_point_of_the_log_holds_nothing(tmp_path: Path) -> None:
    """A copy of exactly what stood there loses nothing: the core just goes on."""
    async with Rig(tmp_path) as rig:
        await _busy(rig)
        backup.copy(rig.path, tmp_path / "copy.db")
    done = backup.restore(tmp_path / "copy.db", tmp_path / "keydesk.db", T0)
    assert not done.lost
    assert _count(tmp_path / "keydesk.db", "SELECT count(*) FROM meta WHERE name IN ('sends_held', 'restored')") == 0


@pytest.mark.parametrize("state", ["none", "damaged"])
async def test_a_lost_or_damaged_old_database_holds_sends(tmp_path: Path, state: str) -> None:
    async with Rig(tmp_path) as rig:
        await _busy(rig)
        backup.copy(rig.path, tmp_path / "copy.db")
    path = tmp_path / "keydesk.db"
    if state == "none":
        path.unlink()
    else:
        path.write_bytes(b"\0" * 8192)
    done = backup.restore(tmp_path / "copy.db", path, T0)
    assert done.lost
    assert (done.aside is None) == (state == "none")
    if done.aside is not None:
        assert done.aside.read_bytes() == b"\0" * 8192


async def test_what_waited_in_the_copy_is_an_open_question_once(tmp_path: Path) -> None:
    """A1, A2: class A, repeated. C1: class C, a person decides. Nothing of it looks as if it never went out."""
    async with Rig(tmp_path) as rig:
        await _busy(rig)
        await rig.all("SELECT 1")
        opened = await rig.open(await rig.intent("A2"))
        assert isinstance(opened, Opened)
        await rig.come(opened.intent, opened.attempt, Result.CONFIRMED)
        backup.copy(rig.path, tmp_path / "copy.db")
        await rig.pull(order("A9", paid=1000))
    backup.restore(tmp_path / "copy.db", tmp_path / "keydesk.db", T0)
    rig.clock.step(60)
    rig.writer = Writer(rig.path, rig.clock)
    await rig.writer.start("restored")

    def _reopen(tx: Any, items: list[None]) -> list[int]:
        return [restored.reopen(tx, rig.setup)] * len(items)

    assert await rig.writer.do(_reopen, None) == 3, "the sends of A1 and C1, and the report of A2"
    assert await rig.writer.do(_reopen, None) == 0
    assert await rig.cases("C1") == ["unknown_outcome"]
    states = await rig.all(
        "SELECT o.ext_id, i.effect, i.state, i.tries, o.stage FROM intent i JOIN orders o ON o.id = i.order_id "
        "WHERE NOT (o.ext_id = 'A2' AND i.effect = 1) ORDER BY o.ext_id"
    )
    assert states == [
        ("A1", Effect.SEND, IntentState.PENDING, 1, Stage.DELIVERING),
        ("A2", Effect.SHIP, IntentState.PENDING, 1, Stage.DELIVERED),
        ("C1", Effect.SEND, IntentState.UNKNOWN, 1, Stage.DELIVERING),
    ]
    assert [f for f in audit(rig.path, rig.clock()).findings if f.severity == "violation"] == []
    assert await rig.writer.do(restored.go, restored.Go("li", "checked with the mail log"))
    assert not await rig.writer.do(restored.go, restored.Go("li", "again"))
    assert await rig.writer.do(restored.held, None) == 0
    assert await rig.one("SELECT actor FROM event WHERE kind = 13 AND order_id = 0") == "li"
    await rig.writer.stop()


def _count(path: Path, sql: str) -> int:
    connection = sqlite3.connect(path)
    found = int(connection.execute(sql).fetchone()[0])
    connection.close()
    return found
