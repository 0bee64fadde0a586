"""The back office's statements use the indexes they were made for: none walks keys, orders or cases."""

from pathlib import Path

import pytest

from core.desk.batches import BATCHES, FREE
from core.desk.unread import ASIDE, DRIFT
from core.rules.backtest import BUYERS, NEWEST
from core.service.stock import WAITING
from tests.store.deskdata import query, writer_on


@pytest.mark.parametrize(
    ("sql", "params", "wanted"),
    [
        (BATCHES, (9, "p", 5), "SEARCH batch USING INTEGER PRIMARY KEY (rowid<?)"),
        (FREE, ("p", 5), "SEARCH key USING INDEX ix_key_free (product=?)"),
        (WAITING, (), "SEARCH case_ USING INDEX ix_case_open (kind=?)"),
        (ASIDE, (1, 5), "SEARCH quarantine USING INDEX ix_quarantine_open (shop=?)"),
        (DRIFT, (1,), "SEARCH drift USING PRIMARY KEY (shop=?)"),
        (NEWEST, (), "SEARCH o USING INTEGER PRIMARY KEY (rowid>?)"),
        (BUYERS, ('["b"]',), "SEARCH b USING PRIMARY KEY (id=?)"),
    ],
)
async def test_the_index_is_used(tmp_path: Path, sql: str, params: tuple[object, ...], wanted: str) -> None:
    writer = await writer_on(tmp_path)
    await writer.stop()
    plan = [str(row[3]) for row in query(writer.path, f"EXPLAIN QUERY PLAN {sql}", params)]
    assert wanted in plan
    allowed = ("SCAN j VIRTUAL TABLE", "SCAN (subquery")
    assert all(line.startswith(allowed) for line in plan if line.startswith("SCAN")), plan
    if sql in (ASIDE, BATCHES, NEWEST):
        assert not any("TEMP B-TREE" in line for line in plan)
