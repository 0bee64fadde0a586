"""The statements of the queue use the indexes they were made for; a sort or a scan of the table would show at 10 M rows."""

import re
from pathlib import Path

import pytest

from core.desk.alike import ONE_ARTICLE, ONE_BUYER, alike_sql, values_sql
from core.desk.claims import HELD
from core.desk.deeds import Alike
from core.desk.filter import Context
from core.desk.hands import LAST_SQL
from core.desk.lookup import NUMBERS
from core.desk.matching import AMOUNTS
from core.desk.presence import held_sql
from core.desk.recall import jobs_sql
from core.desk.rows import COLUMNS
from core.desk.views import INDEXED, VIEWS, Page, select, window_sql
from tests.store.deskdata import explain, writer_on

_CONTEXT = Context(1_000, "wang", 120)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    writer = await writer_on(tmp_path)
    await writer.stop()
    return writer.path


@pytest.mark.parametrize("view", INDEXED)
@pytest.mark.parametrize("page", [Page(), Page(after="0.5.7"), Page(before="0.5.7"), Page(at=7)])
def test_queue_windows_use_the_queue_index(path: Path, view: str, page: Page) -> None:
    start = None if page == Page() else (0, 5, 7)
    selection = select(view, "", _CONTEXT, 50_000)
    plan = explain(path, *window_sql(selection, page, start))
    assert "USING INDEX ix_orders_queue" in plan
    assert "TEMP B-TREE" not in plan
    if start is not None:
        assert "SEARCH o USING INDEX ix_orders_queue ((nprio,due_at)" in plan


@pytest.mark.parametrize(
    "filter_text", ["steam", "case:any hold:manual", "why:unpaid", "@taobao", "claim:me or amount>5"]
)
def test_filters_keep_the_index(path: Path, filter_text: str) -> None:
    plan = explain(path, *window_sql(select("work", filter_text, _CONTEXT, 0), Page(after="0.5.7"), (0, 5, 7)))
    assert "SEARCH o USING INDEX ix_orders_queue ((nprio,due_at)" in plan
    assert "TEMP B-TREE" not in plan.split("CORRELATED")[0]
    assert "SCAN o" not in plan


SPLIT = ("stuck", "refunds", "drift", "no_stock", "unknown")


@pytest.mark.parametrize("view", ["exceptions", "held", "mine", *SPLIT])
def test_small_views_start_from_their_partial_index(path: Path, view: str) -> None:
    plan = explain(path, *window_sql(select(view, "", _CONTEXT, 0), Page(), None))
    assert "SEARCH o USING INTEGER PRIMARY KEY" in plan
    assert "SCAN o" not in plan


def test_recent_walks_the_primary_key_backwards(path: Path) -> None:
    assert VIEWS["recent"].newest
    plan = explain(path, *window_sql(select("recent", "", _CONTEXT, 0), Page(after="7"), (7,)))
    assert "SEARCH o USING INTEGER PRIMARY KEY (rowid<?)" in plan
    assert "TEMP B-TREE" not in plan


def test_case_and_hold_counts_read_indexes_only(path: Path) -> None:
    for view in ("exceptions", "held"):
        plan = explain(path, VIEWS[view].counted, ())
        assert "INDEX ux_" in plan or "INDEX ix_" in plan


@pytest.mark.parametrize("view", SPLIT)
def test_split_queues_are_counted_from_the_open_cases_of_their_kinds(path: Path, view: str) -> None:
    plan = explain(path, VIEWS[view].counted, ())
    assert "SEARCH c USING INDEX ix_case_open (kind=?)" in plan
    assert not re.search(r"SCAN (c|case_|orders)", plan)
    assert "LIMIT 10001" in VIEWS[view].counted


def test_recall_and_last_hands_read_a_bounded_piece_by_index(path: Path) -> None:
    plan = explain(path, LAST_SQL, (7,))
    assert "SEARCH event USING INDEX ix_event_order (order_id=?)" in plan
    assert "LIMIT 5000" in jobs_sql("id")
    assert "TEMP B-TREE" not in explain(path, jobs_sql("id"), ("wang", 20))
    plan = explain(path, *held_sql([1, 2], 1_000))
    assert "SEARCH o USING INTEGER PRIMARY KEY" in plan
    assert "SEARCH c USING INTEGER PRIMARY KEY" in plan


def test_the_columns_are_those_the_presenter_unpacks() -> None:
    assert len(re.sub(r"max\(.*\) AS ", "", COLUMNS).split(",")) == 24


@pytest.mark.parametrize(("sql", "values"), [(AMOUNTS, ("[1,2]",)), (HELD, ("[1,2]", 0, "wang"))])
def test_a_marked_set_is_looked_up_by_its_numbers(path: Path, sql: str, values: tuple[object, ...]) -> None:
    plan = explain(path, sql, values)
    assert "SCAN j VIRTUAL TABLE" in plan
    assert "USING INTEGER PRIMARY KEY" in plan
    assert plan.count("SCAN") == 1


def test_pasted_numbers_are_looked_up_shop_by_shop(path: Path) -> None:
    plan = explain(path, NUMBERS, ('["a","b"]', 1))
    assert "SCAN j VIRTUAL TABLE" in plan
    assert "(shop=? AND ext_id=?)" in plan
    assert plan.count("SCAN") == 1


@pytest.mark.parametrize("alike", [ONE_BUYER, ONE_ARTICLE])
def test_whether_orders_are_alike_is_read_from_these_orders_alone(path: Path, alike: Alike) -> None:
    for sql in (alike_sql(alike), values_sql(alike)):
        plan = explain(path, sql, ("[1,2]",))
        assert "SEARCH o USING INTEGER PRIMARY KEY" in plan
        assert "SCAN o" not in plan
        assert "SCAN l" not in plan
