"""The one writer: groups, keeps failures apart, fences out an older epoch, survives a full disk."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.audit import audit
from core.model.lifecycle import EventKind
from core.store.migrate import migrate
from core.store.tx import IllegalMove, Touched, Tx
from core.store.writer import NotLeader, StoreBroken, StoreError, StoreFull, Writer


def note(tx: Tx, items: list[str]) -> list[int]:
    """Log each text; answer its place in the group."""
    for text in items:
        tx.event(EventKind.NOTE, 0, "test", {"text": text})
    return list(range(len(items)))


def picky(tx: Tx, items: list[str]) -> list[str | Exception]:
    """Log what is not poison; raise for poison, answer an exception for a refusal."""
    out: list[str | Exception] = []
    for text in items:
        if text == "poison":
            raise ValueError("poison")
        if text == "refused":
            out.append(LookupError("refused"))
            continue
        tx.event(EventKind.NOTE, 0, "test", {"text": text})
        out.append(text)
    return out


def notes(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT body ->> 'text' FROM event WHERE kind = 18 ORDER BY seq").fetchall()
    connection.close()
    return [row[0] for row in rows]


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    migrate(tmp_path / "keydesk.db")
    return tmp_path / "keydesk.db"


async def _started(path: Path, holder: str = "test") -> Writer:
    writer = Writer(path)
    await writer.start(holder)
    return writer


async def test_what_gathers_goes_in_one_commit_and_each_gets_its_own_answer(path: Path) -> None:
    writer = await _started(path)
    answers = await asyncio.gather(*(writer.do(note, str(n)) for n in range(1000)))
    assert writer.commits <= 20
    assert notes(path) == [str(n) for n in range(1000)]
    groups = [i for i, answer in enumerate(answers) if answer == 0]
    assert len(groups) == writer.commits
    assert answers == [i - max(g for g in groups if g <= i) for i in range(1000)]
    await writer.stop()
    assert audit(path).findings == ()


async def test_poison_fails_alone_and_its_neighbours_commit(path: Path) -> None:
    writer = await _started(path)
    texts = ["a", "poison", "b", "refused", "c"]
    answers = await asyncio.gather(*(writer.do(picky, text) for text in texts), return_exceptions=True)
    assert [type(a) for a in answers] == [str, ValueError, str, LookupError, str]
    assert notes(path) == ["a", "b", "c"]
    assert await writer.do(picky, "later") == "later"
    await writer.stop()
    assert audit(path).findings == ()


async def test_a_set_is_one_unit_and_reports_its_refusals(path: Path) -> None:
    writer = await _started(path)
    mixed = await writer.submit_many(picky, ["x", "refused", "y"])
    assert [type(a) for a in mixed] == [str, LookupError, str]
    with pytest.raises(ValueError, match="poison"):
        await writer.submit_many(picky, ["lost", "poison"])
    assert notes(path) == ["x", "y"]
    assert await writer.submit_many(picky, []) == []
    await writer.stop()


async def test_a_waiter_that_gave_up_does_not_undo_the_write(path: Path) -> None:
    writer = await _started(path)
    waiter = asyncio.ensure_future(writer.do(note, "kept"))
    await asyncio.sleep(0)  # let it reach the queue
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    future = writer.submit(note, "also")
    future.cancel()
    assert await writer.do(note, "after") in (0, 1, 2)
    assert notes(path) == ["kept", "also", "after"]
    await writer.stop()


async def test_listeners_hear_what_was_touched_after_its_commit(path: Path) -> None:
    writer = await _started(path)
    heard: list[tuple[Touched, list[str]]] = []
    writer.on_touched.append(lambda touched: heard.append((touched, notes(path))))

    def touching(tx: Tx, items: list[int]) -> list[None]:
        tx.event(EventKind.NOTE, 0, "test", {"text": "t"})
        tx.touch([5, 3, 5])
        tx.wake("gate")
        return [None] * len(items)

    await writer.do(touching, 1)
    assert heard == [(Touched(1, (5, 3), frozenset({"gate"})), ["t"])]
    await writer.stop()


async def test_an_illegal_move_rolls_everything_of_its_item_back(path: Path) -> None:
    writer = await _started(path)

    def illegal(tx: Tx, items: list[int]) -> list[None]:
        tx.event(EventKind.NOTE, 0, "test", {"text": "never"})
        from core.model.lifecycle import Stage

        tx.moved(1, Stage.CLOSED, Stage.OPEN)
        return [None] * len(items)

    with pytest.raises(IllegalMove):
        await writer.do(illegal, 1)
    assert notes(path) == []
    await writer.stop()
    assert audit(path).findings == ()


async def test_the_older_epoch_writes_nothing_more(path: Path) -> None:
    first = await _started(path, "first")
    await first.do(note, "one")
    fatal: list[StoreError] = []
    first.on_fatal = fatal.append
    second = await _started(path, "second")
    assert second.epoch == first.epoch + 1
    with pytest.raises(NotLeader):
        await first.do(note, "fenced")
    with pytest.raises(NotLeader):
        first.submit(note, "fenced too")
    assert [type(error) for error in fatal] == [NotLeader]
    await second.do(note, "two")
    await first.stop()
    await second.stop()
    assert notes(path) == ["one", "two"]
    assert audit(path).findings == ()


async def test_stop_writes_what_is_queued(path: Path) -> None:
    writer = await _started(path)
    futures = [writer.submit(note, str(n)) for n in range(50)]
    await writer.stop()
    await asyncio.gather(*futures)
    assert len(notes(path)) == 50


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A 4 MB file system where mounting is allowed, else None."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        yield None
        return
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        yield None
        return
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


async def _fill(writer: Writer) -> list[str]:
    """Write until there is no room; answers what was acknowledged."""
    done: list[str] = []
    for n in range(400):
        text = f"{n}:" + "x" * 50_000
        try:
            await writer.do(note, text)
        except StoreFull:
            return done
        done.append(text)
    raise AssertionError("the disk never filled")


async def test_a_full_disk_loses_nothing_and_heals(small_disk: Path | None) -> None:
    if small_disk is None:
        pytest.skip("mounting is not allowed here; the page limit below covers it")
    path = small_disk / "keydesk.db"
    migrate(path)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    writer = await _started(path)
    done = await _fill(writer)
    assert done
    with pytest.raises(StoreFull, match="Free some space"):
        await writer.do(note, "y" * 50_000)
    assert notes(path) == done
    ballast.unlink()
    await writer.do(note, "after")
    await writer.stop()
    assert notes(path) == [*done, "after"]
    assert audit(path).findings == ()


async def test_a_database_at_its_page_limit_loses_nothing_and_heals(path: Path) -> None:
    writer = await _started(path)
    writer._raw.execute("PRAGMA max_page_count = 200")
    done = await _fill(writer)
    assert done
    assert notes(path) == done
    writer._raw.execute("PRAGMA max_page_count = 100000")
    await writer.do(note, "after")
    await writer.stop()
    assert notes(path) == [*done, "after"]
    assert audit(path).findings == ()


async def test_an_error_of_the_disk_stops_the_writer_for_good(path: Path) -> None:
    """A commit whose fate is unknown must not be followed by another."""
    writer = await _started(path)
    fatal: list[StoreError] = []
    writer.on_fatal = fatal.append

    def broken(tx: Tx, items: list[Any]) -> list[Any]:
        raise OSError("disk I/O error")

    with pytest.raises(StoreBroken):
        await writer.do(broken, 1)
    with pytest.raises(StoreBroken):
        await writer.do(note, "no")
    assert [type(error) for error in fatal] == [StoreBroken]
    await writer.stop()
    assert notes(path) == []
