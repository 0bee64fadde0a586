"""What is kept by product, channel and person must equal what can be counted: after long random days, and in an upgrade."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from core.desk.job_rows import NewJob, Step, Steps, create
from core.model.clock import HOUR
from core.pipeline import upkeep
from core.pipeline.setup import ShopInfo
from core.store import migrate as module
from core.store.migrate import migrate
from core.store.migrations.versions.v0004_named import FILLS
from core.store.tx import CHANNEL, PRODUCT
from tests.rig import DUMMY, T0, Rig, order
from tests.store.deskdata import query
from tests.store.test_ways_walk import WAYS, _LongDay

NAMED = (
    "SELECT kind, name, sum(received) AS r, sum(delivered) AS d, sum(failed) AS f FROM quarter GROUP BY kind, name "
    "HAVING r <> 0 OR d <> 0 OR f <> 0 ORDER BY kind, name"
)
DEEDS = (
    "SELECT operator, order_id, sum(acts), min(first), max(last) FROM deed GROUP BY operator, order_id ORDER BY 1, 2"
)


def _counted(path: Path) -> tuple[list[Any], list[Any]]:
    """The same figures, counted anew from orders, intents and events by the statements of the upgrade."""
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM quarter")
    connection.execute("DELETE FROM deed")
    everything = {"id": 0, "since": 0, "seq": 0}
    for statement in FILLS:
        connection.execute(statement, {n: v for n, v in everything.items() if f":{n}" in statement})
    found = connection.execute(NAMED).fetchall(), connection.execute(DEEDS).fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("seed", [7, 8, 9])
async def test_after_long_random_days_they_equal_a_full_count(tmp_path: Path, seed: int) -> None:
    async with Rig(tmp_path) as rig:
        for number, ways in ((1, WAYS), (2, WAYS[:2]), (3, WAYS[1:])):
            old = rig.setup.shops[number]
            rig.setup.shops[number] = ShopInfo(number, old.name, old.platform, ways[0].lane, ways[0].send, DUMMY, ways)
        await rig.stock("p1", 60)
        await rig.stock("p2", 10)
        day = _LongDay(rig, seed)
        for _ in range(20):
            await day._arrive()
        for _ in range(400):
            await day.hour()
        named, deeds = await rig.all(NAMED), await rig.all(DEEDS)
        (minutes,) = await rig.all("SELECT sum(received), sum(delivered), sum(failed) FROM minute")
        path = rig.path
    assert (named, deeds) == _counted(path)
    products = [row for row in named if row[0] == PRODUCT]
    assert tuple(sum(row[n] for row in products) for n in (2, 3, 4)) == tuple(minutes), (
        "no more and no less than the shops"
    )
    channels = {row[1]: row[2:] for row in named if row[0] == CHANNEL}
    assert set(channels) >= {"sms", "email"}
    assert sum(row[2] for row in channels.values()), "nothing ever failed: the test says little"
    assert deeds, "nobody ever acted: the test says little"


async def test_an_order_that_gets_its_product_late_counts_under_it(tmp_path: Path) -> None:
    """By the catalogue, by a person, and by the platform's own change of mind."""
    async with Rig(tmp_path) as rig:
        await rig.pull(*(order(f"A{n}", sku="?x", paid=1000) for n in range(4)))
        assert await rig.all(NAMED) == [(PRODUCT, "", 4, 0, 0)]
        await rig.pull(order("A0", sku="p2", rev=T0 + 1))
        await rig.writer.do(upkeep.remap, {("", "?x"): "p1"})
        assert await rig.all(NAMED) == [(PRODUCT, "p1", 3, 0, 0), (PRODUCT, "p2", 1, 0, 0)]
        await rig.pull(order("B", sku="?y", paid=1000))
        await rig.stock("p1", 1)
        (number,) = [row[0] for row in await rig.all("SELECT id FROM orders WHERE ext_id = 'B'")]
        job = await rig.writer.do(create, NewJob("map_sku", {"product": "p1"}, "wang", "supervisor", "r", [number]))
        while (await rig.writer.do(Steps(rig.setup).apply, Step(job))).state == "running":
            pass
        assert await rig.all(NAMED) == [(PRODUCT, "p1", 4, 0, 0), (PRODUCT, "p2", 1, 0, 0)]
        assert _counted(rig.path)[0] == [(PRODUCT, "p1", 4, 0, 0), (PRODUCT, "p2", 1, 0, 0)]


async def test_an_upgrade_counts_the_last_two_days_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keydesk.db"
    monkeypatch.setattr(module, "HEAD", "0003")
    migrate(path)
    now = _fill_old(path)
    monkeypatch.undo()
    assert migrate(path) is not None
    assert query(path, NAMED) == [(1, "new", 2, 1, 1), (2, "email", 2, 1, 1)]
    assert [row[:3] for row in query(path, DEEDS)] == [("amei", _id(now, 1), 2)]
    assert query(path, "SELECT count(*) FROM quarter WHERE at < ?", ((now - 49 * HOUR) // (15 * 60_000_000),)) == [(0,)]


def _id(now: int, hours: int) -> int:
    return max((now - hours * HOUR) // 1000 - 1_735_689_600_000, 0) << 22


def _fill_old(path: Path) -> int:
    """Three orders: of an hour, two hours and three days ago; the first was sent after a failure, by amei's hand."""
    import time

    now = time.time_ns() // 1000
    connection = sqlite3.connect(path)
    for hours, product in ((72, "old"), (2, "new"), (1, "new")):
        id, at = _id(now, hours), now - hours * HOUR
        connection.execute(
            "INSERT INTO orders(id, shop, ext_id, rev, seen_at, stage, pstate, nprio, due_at, due, paid, refunded, "
            "refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, created_at, "
            "received_at, changed_at) VALUES(?, 1, ?, 0, 0, 3, 1, 0, 0, 1, 1, 0, 0, 'CNY', 1, ?, '', '', '', '', '', '', ?, ?, 0)",
            (id, str(id), product, at, at),
        )
        connection.execute(
            "INSERT INTO intent VALUES(?, ?, 1, 1, 'email', 'A', 2, 1, 1, '', 0, 1, ?, ?, NULL)", (id + 1, id, at, at)
        )
    events = [(72, 7, "effects")] * 3 + [(1, 8, "effects"), (1, 24, "amei"), (1, 13, "amei"), (1, 7, "effects")]
    for hours, kind, actor in events:
        id, at = _id(now, hours), now - hours * HOUR
        connection.execute(
            "INSERT INTO event(seq, at, order_id, kind, actor, body) "
            "VALUES((SELECT coalesce(max(seq), 0) + 1 FROM event), ?, ?, ?, ?, ?)",
            (at, id, kind, actor, f'{{"intent":{id + 1}}}'),
        )
    connection.commit()
    connection.close()
    return now
