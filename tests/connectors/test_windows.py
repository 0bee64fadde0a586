"""The window walker over a list that shifts while it is read: nothing is missed, and little is read twice."""

import random
from collections.abc import Callable

import msgspec
import pytest

from connectors.shops.windows import PAGE, SPAN, Mark, Page, Seen, Walker


class ShiftingList:
    """Rows (id, modified) sorted newest first, as a platform shows them; ``disturb`` runs after each page."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        self.disturb: Callable[[], None] = lambda: None
        self.calls: list[tuple[int, int, int, bool]] = []

    async def fetch(self, start: int, end: int, page: int, count: bool) -> Page:
        assert end - start <= SPAN
        self.calls.append((start, end, page, count))
        inside = sorted(((m, i) for i, m in self.rows.items() if start <= m <= end), reverse=True)
        piece = inside[(page - 1) * PAGE : page * PAGE]
        answer = Page([msgspec.Raw(f"[{i},{m}]".encode()) for m, i in piece], len(inside) if count else None)
        self.disturb()
        return answer


async def drain(walker: Walker, mark: Mark, now: int, shop: ShiftingList) -> tuple[list[tuple[int, int]], Mark]:
    found: list[tuple[int, int]] = []
    for _ in range(500):
        rows, mark, more = await walker.step(mark, now, shop.fetch)
        found += [(int(i), int(m)) for i, m in (msgspec.json.decode(row) for row in rows)]
        if not more:
            return found, mark
    raise AssertionError("the walk does not end")


NOW = 1_795_000_000


@pytest.mark.parametrize("seed", range(12))
async def test_rows_that_move_while_they_are_read_are_not_missed(seed: int) -> None:
    rng = random.Random(seed)
    shop = ShiftingList()
    shop.rows = {i: NOW - rng.randrange(1500) for i in range(730)}
    before = dict(shop.rows)

    def change() -> None:
        # A row changes: it leaves its place and the ones behind it move up by one.
        for _ in range(rng.randrange(4)):
            shop.rows[rng.randrange(730)] = NOW + 1

    shop.disturb = change
    walker, mark = Walker(budget=250), Mark(high=NOW - 1600)
    found, mark = await drain(walker, mark, NOW, shop)
    shop.disturb = lambda: None
    later, _ = await drain(walker, mark, NOW + 2, shop)
    seen = set(found) | set(later)
    for row, modified in shop.rows.items():
        assert (row, modified) in seen, "the latest version of each row is read"
    unchanged = {(row, modified) for row, modified in before.items() if shop.rows[row] == modified}
    assert {one for one in unchanged if one[1] < NOW} <= set(found)


async def test_reading_forwards_would_miss_rows_here() -> None:
    """The same list read page 1 first loses a row: the disturbance is a real one."""
    shop = ShiftingList()
    shop.rows = {i: NOW - 10 - i for i in range(150)}
    first = await shop.fetch(NOW - 500, NOW, 1, False)
    shop.rows[0] = NOW + 1
    second = await shop.fetch(NOW - 500, NOW, 2, False)
    read = {int(msgspec.json.decode(row)[0]) for row in first.rows + second.rows}
    assert set(range(150)) - read == {100}


async def test_a_quiet_list_costs_one_call_a_pull() -> None:
    shop, walker = ShiftingList(), Walker()
    _, mark = await drain(walker, Mark(high=NOW - 100), NOW, shop)
    shop.calls.clear()
    _, mark = await drain(walker, mark, NOW + 1, shop)
    assert len(shop.calls) == 1
    start, end, page, count = shop.calls[0]
    assert (end, page, count) == (NOW + 1, 1, True)
    assert start == NOW - 3  # the short overlap


async def test_a_row_that_shows_late_is_found_by_the_deep_window() -> None:
    shop, walker = ShiftingList(), Walker(overlap=3, deep=60, deep_every=30)
    _, mark = await drain(walker, Mark(high=NOW - 5), NOW, shop)
    _, mark = await drain(walker, mark, NOW + 20, shop)
    shop.rows[1] = NOW - 10  # became visible 30 s after its time
    found, mark = await drain(walker, mark, NOW + 21, shop)
    assert found == []
    found, mark = await drain(walker, mark, NOW + 31, shop)
    assert found == [(1, NOW - 10)]
    shop.rows[2] = NOW + 30
    fresh = Walker(overlap=3, deep=60)  # another process: its first window is deep
    found, _ = await drain(fresh, mark, NOW + 32, shop)
    assert {row for row, _ in found} == {1, 2}


async def test_catching_up_goes_window_by_window_and_resumes_from_any_mark() -> None:
    shop = ShiftingList()
    shop.rows = {i: NOW - 86_400 + i * 60 for i in range(1440)}
    walker, mark, marks, found = Walker(budget=100), Mark(high=NOW - 86_400), [], set[int]()
    for _ in range(1000):
        marks.append(msgspec.json.decode(msgspec.json.encode(mark), type=Mark))
        rows, mark, more = await walker.step(mark, NOW, shop.fetch)
        found |= {int(msgspec.json.decode(row)[0]) for row in rows}
        if not more:
            break
    assert found == set(range(1440))
    assert len({msgspec.json.encode(one) for one in marks}) == len(marks)
    again, _ = await drain(Walker(budget=100), marks[len(marks) // 2], NOW, shop)
    assert {row for row, _ in again} >= set(range(720, 1440))


async def test_rows_of_the_running_second_do_not_push_others_out_of_sight() -> None:
    shop, new = ShiftingList(), iter(range(1000, 2000))
    shop.rows = {i: NOW - 50 + i // 6 for i in range(250)}

    def arrive() -> None:
        for _ in range(7):
            shop.rows[next(new)] = NOW

    shop.disturb = arrive
    walker = Walker()
    found, mark = await drain(walker, Mark(high=NOW - 100), NOW, shop)
    assert set(range(250)) <= {row for row, _ in found}
    shop.disturb = lambda: None
    later, _ = await drain(walker, mark, NOW + 1, shop)
    assert set(shop.rows) <= {row for row, _ in found + later}


async def test_a_clock_that_went_back_does_not_stop_the_reading() -> None:
    shop, walker = ShiftingList(), Walker()
    shop.rows = {1: NOW - 100}
    found, mark = await drain(walker, Mark(high=NOW), NOW - 90, shop)
    assert found == [(1, NOW - 100)]
    assert mark.high == NOW


def test_seen_forgets_whatever_the_core_did_not_commit() -> None:
    seen = Seen()
    seen.begin(None)
    assert seen.fresh(b"a")
    assert not seen.fresh(b"a")
    seen.end("c1")
    seen.begin("c1")  # committed
    assert not seen.fresh(b"a")
    assert seen.fresh(b"b")
    seen.begin("c1")  # that pull failed half-way: b was never handed out
    assert not seen.fresh(b"a")
    assert seen.fresh(b"b")
    seen.end("c2")
    seen.begin("c1")  # the core lost c2: everything again
    assert seen.fresh(b"a")
    assert seen.fresh(b"b")


def test_seen_has_a_size() -> None:
    seen = Seen(size=10)
    seen.begin(None)
    for i in range(30):
        assert seen.fresh(str(i).encode())
    seen.end("c")
    seen.begin("c")
    assert not seen.fresh(b"29")
    assert seen.fresh(b"0")
