"""Ids ascend and never repeat, whatever the clock does and however often the process starts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.ids import IdMaker

T0 = 1_790_000_000_000_000  # UTC microseconds


class Hands:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> int:
        return self.now


@given(st.lists(st.tuples(st.integers(-5_000_000, 5_000_000), st.integers(0, 300)), max_size=30))
def test_ids_ascend_while_the_clock_jumps(steps: list[tuple[int, int]]) -> None:
    clock = Hands()
    make = IdMaker(clock, node=3)
    made: list[int] = [make()]
    for jump, count in steps:
        clock.now += jump
        made += make.many(count)
        made.append(make())
    assert made == sorted(set(made))
    assert all(0 < number < 2**63 and number >> 16 & 63 == 3 for number in made)


def test_a_used_up_counter_borrows_from_the_next_millisecond() -> None:
    make = IdMaker(Hands(), node=5)
    made = make.many(65_530) + make.many(20) + make.many(65_536 * 2)
    assert made == sorted(set(made))
    assert {number >> 16 & 63 for number in made} == {5}


def test_nodes_never_meet() -> None:
    clock = Hands()
    assert not set(IdMaker(clock, 0).many(5000)) & set(IdMaker(clock, 1).many(5000))
    with pytest.raises(ValueError, match="node"):
        IdMaker(clock, 64)


@given(st.integers(0, 3_600_000_000), st.integers(1, 70_000), st.integers(0, 63))
def test_a_later_process_goes_on_after_the_last_id_of_the_earlier(back: int, count: int, node: int) -> None:
    clock = Hands()
    last = IdMaker(clock, node).many(count)[-1]
    clock.now -= back
    later = IdMaker(clock)
    later.after(last)
    assert later() > last - (node << 16)
    same = IdMaker(clock, node)
    same.after(last)
    assert same() > last


def test_ids_cluster_by_time() -> None:
    clock = Hands()
    make = IdMaker(clock)
    first = make()
    clock.now += 1000
    assert make() >> 22 == (first >> 22) + 1
