"""The index by last change answers as a plain sort would, whatever was changed and asked."""

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.practice.gate import rows_of
from connectors.practice.recent import Recent


class Row:
    def __init__(self, name: int) -> None:
        self.name, self.modified, self.pos = name, 0, -1


@settings(max_examples=60, deadline=None)
@given(
    changes=st.lists(st.integers(0, 400), min_size=1, max_size=2500),
    low=st.integers(0, 2600), width=st.integers(0, 2600), page=st.integers(1, 12), size=st.integers(1, 100),
)  # fmt: skip
def test_like_a_plain_sort(changes: list[int], low: int, width: int, page: int, size: int) -> None:
    rows = [Row(name) for name in range(401)]
    recent: Recent[Row] = Recent()
    for now, name in enumerate(changes, 1):
        recent.touch(rows[name], now)
    alive = sorted(
        (row for row in rows if low <= row.modified <= low + width and row.pos >= 0), key=lambda row: -row.modified
    )
    assert recent.count(low, low + width) == len(alive)
    assert len(recent) == len(set(changes))
    skip = (page - 1) * size
    assert recent.page(low, low + width, skip, size) == alive[skip : skip + size]
    even = [row for row in alive if row.name % 2 == 0]
    assert recent.where(low, low + width, lambda row: row.name % 2 == 0) == even
    got, total, more = rows_of(recent, low, low + width, page, size, None)
    assert (total, more) == (len(alive), len(alive) > skip + size)
    assert got == alive[skip : skip + size]


def test_faults_repeat_or_turn_rows_and_hide_none() -> None:
    recent: Recent[Row] = Recent()
    rows = [Row(name) for name in range(10)]
    for now, row in enumerate(rows, 1):
        recent.touch(row, now)
    plain = rows_of(recent, 0, 99, 1, 5, None)[0]
    doubled = rows_of(recent, 0, 99, 1, 5, None, "overlap")[0]
    assert set(doubled) == set(plain)
    assert len(doubled) == 6
    assert rows_of(recent, 0, 99, 1, 5, None, "reorder")[0] == plain[::-1]
