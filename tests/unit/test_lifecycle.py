"""The life-cycle table: sound as a graph, told by its page, and the axes that are derived."""

from pathlib import Path

import pytest

from core.model.lifecycle import (
    BLOCKING,
    ENDED,
    LEGAL,
    MOVES,
    WORKING,
    CaseKind,
    Lateness,
    Money,
    Stage,
    may_move,
    money_axis,
    time_axis,
)
from core.model.lifecycle_page import page

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "life-cycle.md").read_text(encoding="utf-8") == page()
    for move in MOVES:
        assert move.trigger in page()


def test_every_stage_is_reached_and_left_toward_an_end() -> None:
    reached: set[Stage | None] = {None}
    while True:
        more = {t for s, t in LEGAL if s in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == {None, *Stage}
    ending: set[Stage | None] = set(ENDED)
    while True:
        more2 = {s for s, t in LEGAL if t in ending} - ending
        if not more2:
            break
        ending |= more2
    assert ending >= set(Stage)


def test_no_move_is_written_twice_and_none_skips_the_gate() -> None:
    assert len(MOVES) == len(LEGAL)
    # Keys leave only through ALLOCATED, or again by a person's decision after they had left once.
    assert {s for s, t in LEGAL if t is Stage.DELIVERING} == {Stage.ALLOCATED, Stage.DELIVERED, Stage.CLOSED}
    assert {s for s, t in LEGAL if t is Stage.ALLOCATED} == {Stage.OPEN}
    # What may have gone out never counts as cancelled, and its keys never go back.
    assert {s for s, t in LEGAL if t is Stage.CANCELLED} == {Stage.RECEIVED, Stage.OPEN, Stage.ALLOCATED}
    assert not may_move(Stage.DELIVERING, Stage.OPEN)
    assert not may_move(Stage.CLOSED, Stage.OPEN)


@pytest.mark.parametrize("stage", Stage)
def test_staying_is_always_allowed(stage: Stage) -> None:
    assert may_move(stage, stage)
    assert (stage in WORKING) + (stage in ENDED) + (stage is Stage.DELIVERED) == 1


def test_money_troubles_block() -> None:
    for kind in (
        CaseKind.UNDERPAID,
        CaseKind.REFUND_BEFORE,
        CaseKind.LATE_PAYMENT,
        CaseKind.ZERO_AMOUNT,
        CaseKind.OTHER,
    ):
        assert kind in BLOCKING
    for kind in (CaseKind.OVERPAID, CaseKind.UNKNOWN_OUTCOME, CaseKind.WRITEBACK_REJECTED):
        assert kind not in BLOCKING


@pytest.mark.parametrize(
    ("due", "paid", "refunded", "asked", "expected"),
    [
        (100, 0, 0, False, Money.UNPAID),
        (100, 99, 0, False, Money.PART_PAID),
        (100, 100, 0, False, Money.PAID),
        (100, 101, 0, False, Money.OVERPAID),
        (100, 100, 0, True, Money.REFUND_OPEN),
        (100, 100, 1, True, Money.REFUND_OPEN),
        (100, 100, 1, False, Money.PART_REFUNDED),
        (100, 100, 100, False, Money.REFUNDED),
        (100, 100, 100, True, Money.REFUNDED),
        (100, 0, 0, True, Money.REFUND_OPEN),
    ],
)
def test_money_axis(due: int, paid: int, refunded: int, asked: bool, expected: Money) -> None:
    assert money_axis(due, paid, refunded, asked) is expected


@pytest.mark.parametrize(
    ("now", "deadline", "done", "expected"),
    [
        (50, None, None, Lateness.NONE),
        (50, 100, None, Lateness.OK),
        (80, 100, None, Lateness.OK),
        (81, 100, None, Lateness.WARN),
        (100, 100, None, Lateness.WARN),
        (101, 100, None, Lateness.LATE),
        (500, 100, 99, Lateness.OK),
        (500, 100, 101, Lateness.LATE),
    ],
)
def test_time_axis(now: int, deadline: int | None, done: int | None, expected: Lateness) -> None:
    assert time_axis(now, 0, deadline, done) is expected
