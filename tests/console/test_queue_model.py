"""The list's model: cursor and marks by id, a list that does not move under a hand, pages that stay contiguous."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from console.state.queue import MAX_PAGES, QueueModel
from console.wire import Row, Window


def row(order_id: int, **fields: Any) -> Row:
    base: Any = {"id": order_id, "version": 1, "ext_id": str(order_id), "why": "", "amount": 100, "currency": "CNY"}
    return {**base, **fields}


def window(*ids: int, total: int | None = 99, **fields: Any) -> Window:
    return {
        "rows": [row(i, **fields) for i in ids],
        "first": f"m{ids[0]}" if ids else None,
        "last": f"m{ids[-1]}" if ids else None,
        "total": total,
        "seq": 1,
    }


def model_of(*ids: int) -> QueueModel:
    model = QueueModel()
    model.reset(window(*ids), head=True)
    return model


def test_cursor_stays_on_its_order_when_rows_come_above() -> None:
    model = model_of(1, 2, 3)
    model.put_cursor(1)
    model.reread(0, window(9, 8, 1, 2, 3))
    assert model.cursor == 2
    assert model.shown == [9, 8, 1, 2, 3]
    assert model.place(2) == 3


def test_cursor_goes_to_the_next_that_stayed_when_its_order_leaves() -> None:
    model = model_of(1, 2, 3, 4)
    model.put_cursor(1)
    model.reread(0, window(1, 4, 5))
    assert model.cursor == 4


def test_cursor_goes_back_when_nothing_stayed_after_it() -> None:
    model = model_of(1, 2, 3)
    model.put_cursor(2)
    model.reread(0, window(1, 2))
    assert model.cursor == 2


def test_frozen_list_does_not_move_and_counts_what_came_and_went() -> None:
    model = model_of(1, 2, 3)
    model.put_cursor(1)
    model.frozen = True
    changed = model.reread(0, window(7, 1, 3))
    assert model.shown == [1, 2, 3]
    assert model.cursor == 2
    assert model.fresh == {7}
    assert model.gone == {2}
    assert 2 in changed, "the row that left must be drawn as such"


def test_frozen_rows_still_change_in_place() -> None:
    model = model_of(1, 2)
    model.frozen = True
    assert model.reread(0, window(1, 2, why="unpaid")) == [1, 2]
    assert model.rows[1]["why"] == "unpaid"


def test_thaw_takes_the_new_order_in() -> None:
    model = model_of(1, 2, 3)
    model.put_cursor(2)
    model.frozen = True
    model.reread(0, window(7, 1, 3))
    model.thaw()
    assert model.shown == [7, 1, 3]
    assert model.cursor == 3
    assert not model.gone
    assert not model.fresh


def test_an_order_that_comes_back_while_frozen_is_no_longer_gone() -> None:
    model = model_of(1, 2)
    model.frozen = True
    model.reread(0, window(1))
    assert model.gone == {2}
    assert 2 in model.reread(0, window(1, 2))
    assert not model.gone


def test_marks_survive_leaving_the_list_and_are_counted_as_hidden() -> None:
    model = model_of(1, 2, 3)
    model.put_cursor(1)
    model.toggle_mark()
    model.reread(0, window(1, 3))
    assert model.chosen().ids == (2,)
    assert model.chosen().row == row(2)
    assert model.hidden_marks() == 1


def test_mark_range_is_by_order_not_by_row_number() -> None:
    model = model_of(1, 2, 3, 4, 5)
    model.put_cursor(1)
    assert model.mark_range() == []
    model.reread(0, window(9, 8, 1, 2, 3, 4, 5))
    model.put_cursor(model.place(4) or 0)
    assert model.mark_range() == [2, 3, 4]


def test_range_leaves_out_orders_that_left() -> None:
    model = model_of(1, 2, 3)
    model.mark_range()
    model.frozen = True
    model.reread(0, window(1, 3))
    model.put_cursor(2)
    assert model.mark_range() == [1, 3]


def test_pages_follow_each_other_and_know_the_end() -> None:
    model = model_of(1, 2)
    model.append(window(3, 4), size=2)
    assert not model.at_end
    assert model.pages[1].start == "m2"
    model.append(window(5), size=2)
    assert model.at_end
    assert model.shown == [1, 2, 3, 4, 5]


def test_a_reread_page_moves_the_start_of_the_next_and_takes_its_orders() -> None:
    model = model_of(1, 2)
    model.append(window(3, 4), size=2)
    model.reread(0, window(1, 3))
    assert model.shown == [1, 3, 4], "an order stands once, where it was read last"
    assert model.pages[1].start == "m3"


def test_prepend_keeps_the_cursor_and_finds_the_head() -> None:
    model = QueueModel()
    model.reset(window(5, 6), head=False)
    assert model.prepend(window(3, 4), size=2) == 2
    assert not model.at_head
    assert model.cursor == 5
    assert model.prepend(window(2), size=2) == 1
    assert model.at_head
    assert model.shown == [2, 3, 4, 5, 6]


def test_memory_stays_small_however_far_one_pages() -> None:
    model = model_of(0, 1)
    for start in range(2, 4000, 2):
        model.append(window(start, start + 1), size=2)
        model.put_cursor(len(model.shown) - 1)
    assert len(model.pages) <= MAX_PAGES
    assert len(model.rows) < 700
    assert model.above == 4000 - len([i for p in model.pages for i in p.ids])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 30), unique=True, min_size=1, max_size=20), min_size=1, max_size=8),
    st.integers(0, 19),
    st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_the_cursor_never_changes_to_another_order_that_is_worse_than_gone(
    steps: list[list[int]], at: int, frozen: list[bool]
) -> None:
    model = model_of(*steps[0])
    model.put_cursor(at)
    for ids, freeze in zip(steps[1:], frozen, strict=False):
        before = model.cursor
        model.frozen = freeze
        model.reread(0, window(*ids))
        if freeze or before in ids:
            assert model.cursor == before
        assert model.cursor in model.rows
        assert len(set(model.shown)) == len(model.shown)
        if not freeze:
            assert model.shown == ids
            assert model.cursor in ids


def test_marks_keep_their_sums_whatever_becomes_of_them() -> None:
    """Marked by number without having been seen, seen later at another price, unmarked by hand: the sum follows."""
    model = model_of(1, 2)
    model.mark([(1, 100, "CNY"), (7, 250, "CNY"), (8, 30, "USD")])
    assert model.marks.money == {"CNY": 350, "USD": 30}
    assert model.hidden_marks() == 2
    assert model.chosen().ids == (1, 7, 8)
    assert model.known(7) is None
    model.reread(0, window(1, 7, amount=120))
    assert model.marks.money == {"CNY": 240, "USD": 30}
    assert model.known(7) == row(7, amount=120)
    model.put_cursor(0)
    model.toggle_mark()
    assert model.marks.money["CNY"] == 120
    model.mark([(7, 120, "CNY"), (8, 30, "USD")])
    assert sum(model.marks.money.values()) == 150, "marked twice is marked once"
    model.clear_marks()
    assert (len(model.marks), dict(model.marks.money)) == (0, {})
