"""A full disk while orders flow: the desk says so, sends nothing that it could not write down, and goes on by itself."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.audit import audit
from core.model.effects import Effect
from tests.faults.machine import Machine, stamp, trade

ORDERS = 400


def flood(m: Machine, first: int, count: int) -> list[str]:
    """So many new paid trades; what a platform shows of a trade may be long."""
    rows = [trade(n, modified=stamp()) for n in range(first, first + count)]
    for row in rows:
        row["orders"]["order"][0]["snapshot"] = "x" * 4000
    m.routers["shop"].trades += rows
    return [str(row["tid"]) for row in rows]


async def stands_still(m: Machine) -> None:
    """Until the shop says that the disk is full; what was mailed by then stands in the database as an attempt."""
    await m.until(lambda: m.health("shop").error.startswith("disk:"), 60)
    assert m.health("shop").state == "failing"
    assert "disk is full" in m.health("shop").error
    assert "Free some space" in m.health("shop").error
    await nothing_unwritten(m)


async def nothing_unwritten(m: Machine) -> None:
    """Every mail that ever arrived has an attempt, its intent with a key bound to the order."""
    mailed = set(m.mailed())  # before the question: an attempt is committed before its mail
    rows = await m.all(
        "SELECT o.ext_id FROM intent i JOIN orders o ON o.id = i.order_id "
        "JOIN key k ON k.order_id = o.id WHERE i.effect = ? AND i.tries > 0",
        int(Effect.SEND),
    )
    assert mailed <= {str(row[0]) for row in rows}


async def all_is_well(m: Machine, expected: list[str]) -> None:
    """Space is back: every order is delivered once, each with a key of its own, and the audit agrees."""
    await m.reach(*expected, seconds=90)
    await m.until(lambda: m.health("shop").state == "ok")
    assert Counter(m.mailed()) == Counter(expected)
    keys = [word for mail in m.box.mails for word in mail.get_content().split() if word.startswith("STEAM-0")]
    assert len(keys) == len(set(keys)) == len(expected)
    assert await m.one("SELECT count(*) FROM orders") == len(expected)
    assert await m.one("SELECT count(*) FROM quarantine") == 0
    assert await m.one("SELECT count(*) FROM case_ WHERE closed_at IS NULL") == 0


async def test_a_database_that_may_not_grow(tmp_path: Path) -> None:
    async with Machine(tmp_path, "shop", stock=ORDERS) as m:
        expected = flood(m, 1, 20)
        await m.reach(*expected, seconds=30)
        await m.engine.writer.do(_limit, 4)
        expected += flood(m, 1000, 300)
        await stands_still(m)
        await m.engine.writer.do(_limit, 1_000_000)
        await all_is_well(m, expected)
    assert [f for f in audit(m.database).findings if f.severity == "violation"] == []


def _limit(tx: Any, items: list[int]) -> list[int]:
    """Let the file grow by so many pages at most; the limit is the connection's, so the writer itself must set it."""
    pages = int(tx.one("PRAGMA page_count")[0])
    return [int(tx.one(f"PRAGMA max_page_count = {pages + more}")[0]) for more in items]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = os.geteuid() == 0 and _mount("-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", os.fspath(folder))
    if not made:
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def _mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


async def test_a_file_system_of_four_megabytes(disk: Path) -> None:
    async with Machine(disk, "shop", stock=ORDERS) as m:
        expected = flood(m, 1, 20)
        await m.reach(*expected, seconds=30)
        expected += flood(m, 1000, 350)
        await stands_still(m)
        assert os.statvfs(disk).f_bavail * 4096 < 1024 * 1024
        assert _mount("-o", "remount,size=64m", os.fspath(disk))
        await all_is_well(m, expected)
    assert [f for f in audit(m.database).findings if f.severity == "violation"] == []
