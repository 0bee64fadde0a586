"""The statements of exports and history use indexes: none walks the orders, the keys or the log."""

from pathlib import Path

import pytest

from core.audit.evidence import BLOCK_OF
from core.desk import history
from core.desk.filter import Context
from core.desk.history import Wanted
from core.desk.reads import Reader
from core.desk.scrub import KEYS
from core.desk.views import INDEXED, ids_sql, select
from core.store.engines import reader_engine
from core.store.tx import Tx
from tests.store.deskdata import Seed, explain, fill, query, writer_on


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    writer = await writer_on(tmp_path)
    await writer.stop()
    return writer.path


@pytest.mark.parametrize("view", INDEXED)
def test_which_orders_comes_sorted_from_the_queue_index(path: Path, view: str) -> None:
    found = explain(path, *ids_sql(select(view, "amount>5", Context(1, "me", 1), 5), 10))
    assert "USING INDEX ix_orders_queue" in found
    assert "TEMP B-TREE" not in found


def test_keys_are_found_by_their_order(path: Path) -> None:
    found = explain(path, KEYS, ("[1]",))
    assert "SEARCH k USING INDEX ux_key_slot (order_id=?)" in found
    assert "SCAN k" not in found


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(by="me", kinds=(*history.DECISIONS,)), Wanted(order=5)])
def test_the_log_is_read_backwards_from_a_key(path: Path, wanted: Wanted) -> None:
    where, params = history._where(wanted)
    sql = f"{history._SELECT} WHERE e.seq >= ? AND e.seq < ?{where} ORDER BY e.seq DESC LIMIT ?"
    found = explain(path, sql, (1, 9, *params, 5))
    assert "SEARCH e USING" in found
    assert "SCAN e" not in found
    assert "TEMP B-TREE" not in found
    assert ("INDEX ix_event_order (order_id=? AND rowid>? AND rowid<?)" in found) == bool(wanted.order)


async def test_the_block_of_an_event_is_found_by_halving(tmp_path: Path) -> None:
    def many(tx: Tx, items: list[int]) -> list[None]:
        fill(tx, [[Seed(at * 100 + i) for i in range(at % 5 + 1)] for at in items])
        return [None] * len(items)

    writer = await writer_on(tmp_path)
    for at in range(1, 40):
        await writer.do(many, at)
    await writer.stop()
    blocks = query(writer.path, "SELECT n, first, last FROM block ORDER BY n")
    assert len(blocks) == 39
    for n, first, last in blocks:
        for seq in {first, last}:
            assert query(writer.path, BLOCK_OF, (seq,))[0][:3] == (n, first, last)
    assert query(writer.path, BLOCK_OF, (blocks[-1][2] + 1,)) == []
    assert "SCAN block" not in explain(writer.path, BLOCK_OF, (5,))
    assert "SCAN b" not in explain(writer.path, BLOCK_OF, (5,))


async def test_a_snapshot_stays_at_its_moment_and_lets_go(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path, [Seed(1), Seed(2)])
    engine = reader_engine(writer.path)
    reader = Reader(engine)
    for _ in range(6):  # more than the pool has: a transaction that stayed open would be met again
        async with reader.snapshot() as reads:
            before = await reads.ids("SELECT id FROM orders ORDER BY id")
            await writer.do(fill, [Seed(100 + before[-1])])
            assert await reads.ids("SELECT id FROM orders ORDER BY id") == before
            assert await reads.all("SELECT count(*) FROM orders") == [(len(before),)]
        assert len(await reader.all("SELECT id FROM orders")) == len(before) + 1
    await engine.dispose()
    await writer.stop()
