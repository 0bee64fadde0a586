"""The wall's history as text: its axes, its bars and what they stand for, and the hand on it."""

import itertools
import time
from typing import Any, cast

import pytest
from textual.content import Content

from console import i18n
from console.presenters.cells import ASCII, UNICODE
from console.presenters.wall import Drill
from console.presenters.wall_chart import ceiling, chart
from console.presenters.wall_history import Bar, bars, drill, shown, ticks, when
from console.presenters.wall_page import Size, page, pointed
from console.state.wall import FIGURES, HISTORY, SPANS, TOTALS, WallState
from console.wire_wall import Wall, WallHistory
from core.model.clock import HOUR, MINUTE, SECOND
from tests.console.fixture_orders import NOW
from tests.console.fixture_wall import busy, empty, history

SHOPS = ("taobao-main", "pdd-旗舰店", "indie")


@pytest.fixture(autouse=True)
def china(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def past(span: str = "hour", shop: str = "", now: int = NOW) -> WallHistory:
    return cast(WallHistory, history(span, shop, now))


def lines(size: tuple[int, int], state: WallState, told: WallHistory | None) -> list[str]:
    return [line.plain for line in page(cast(Wall, busy()), told, state, Size(*size), ASCII, NOW)]


# bars


def test_where_there_is_room_a_bar_is_a_bucket() -> None:
    made = bars(past("hour"), "in", 60)
    assert [bar.value for bar in made] == [float(n) for n in past("hour")["in"]]
    assert [b.start - a.start for a, b in itertools.pairwise(made)] == [MINUTE] * 59
    assert made[-1].start <= NOW < made[-1].start + MINUTE


@pytest.mark.parametrize("shift", range(4))
def test_neighbours_are_added_at_times_that_stay(shift: int) -> None:
    """A bar of the day stands for the same half hour, however often the newest quarter moves on."""
    made = bars(past("day", now=NOW + shift * 15 * MINUTE), "in", 60)
    assert {bar.minutes for bar in made} == {30}
    assert {bar.start % (30 * MINUTE) for bar in made} == {0}
    assert len(made) <= 60


def test_days_begin_at_local_midnight() -> None:
    made = bars(past("week"), "in", 56)
    assert all(time.localtime(made[place].start // SECOND)[3:5] == (0, 0) for place, _ in ticks(made))


def test_what_a_bar_of_several_buckets_says() -> None:
    told = past("week")
    flows, waits, errors = (bars(told, figure, 56) for figure in ("in", "backlog", "errors"))
    assert {bar.minutes for bar in flows} == {180}
    at = (flows[3].start - told["first"]) // HOUR
    assert flows[3].value == sum(told["in"][at : at + 3]), "all that came in its time"
    late = (waits[-1].start - told["first"]) // HOUR
    assert waits[-1].value == told["backlog"][late], "what waited when it began"
    wrong, good = sum(told["failed"][at : at + 3]), sum(told["delivered"][at : at + 3])
    assert errors[3].value == wrong / (wrong + good), "of all attempts in its time"
    assert waits[0].value is None, "nobody looked then"


@pytest.mark.parametrize(
    ("figure", "value", "words"),
    [("in", 12.0, "12"), ("in", 12_345.0, "12.3k"), ("in", 2.5, "2.5"), ("errors", 0.051, "5.1%"), ("errors", 0.05, "5%"),
     ("errors", 1.0, "100%"), ("errors", 0.0, "0%"), ("backlog", None, "?"), ("backlog", 0.0, "0")],
)  # fmt: skip
def test_values_have_their_unit(figure: str, value: float | None, words: str) -> None:
    assert shown(figure, value) == words


@pytest.mark.parametrize(
    ("span", "room", "step", "words"), [("hour", 60, 10 * MINUTE, "%H:%M"), ("day", 48, 6 * HOUR, "%H:%M"), ("week", 56, 48 * HOUR, "%m-%d")]
)  # fmt: skip
def test_the_time_axis_has_round_local_times(span: str, room: int, step: int, words: str) -> None:
    made = bars(past(span), "in", room)
    found = ticks(made)
    assert len(found) >= 2
    for place, label in found:
        assert label == time.strftime(words, time.localtime(made[place].start // SECOND))
    assert {made[b].start - made[a].start for (a, _), (b, _) in itertools.pairwise(found)} == {step}


def test_a_bar_names_its_time() -> None:
    at = 1_796_119_200 * SECOND  # 2026-12-01 18:00 in China
    assert when(Bar(at, 1, 0), "in") == "18:00"
    assert when(Bar(at, 15, 0), "in") == "18:00-18:15"
    assert when(Bar(at, 15, 0), "backlog") == "18:00"
    assert when(Bar(at, 180, 0), "delivered") == "12-01 18:00-21:00"


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("in", "came:2026-12-01T10:00Z+15m"), ("delivered", "sent:2026-12-01T10:00Z+15m"),
        ("errors", "error:2026-12-01T10:00Z+15m"),
        ("backlog", "came<2026-12-01T10:00Z (stage<delivered or sent>=2026-12-01T10:00Z)"),
        ("late", "deadline<2026-12-01T10:00Z came<2026-12-01T10:00Z (stage<delivered or sent>=2026-12-01T10:00Z)"),
    ],
)  # fmt: skip
def test_the_orders_behind_a_bar(figure: str, words: str) -> None:
    bar = Bar(1_796_119_200 * SECOND, 15, 1.0)
    assert drill(past(), figure, bar) == Drill("all", words)
    assert drill(past(shop="pdd-旗舰店"), figure, bar) == Drill("all", f'shop="pdd-旗舰店" {words}')
    assert drill(past(shop='a"b'), figure, bar) is None


# the chart


@pytest.mark.parametrize(
    ("top", "round_up"), [(0, 1), (1, 1), (1.2, 2), (3, 3), (7, 8), (9, 10), (11, 20), (216, 300), (500, 500)]
)
def test_the_axis_ends_at_a_round_number(top: float, round_up: int) -> None:
    assert ceiling(top) == round_up
    assert ceiling(top / 100, 0.01) == pytest.approx(round_up / 100)


def drawn(values: list[float | None], cursor: int | None = None, size: tuple[int, int] = (17, 7)) -> list[str]:
    made = chart(Content("t"), values, [(1, "1:00")], size, ASCII, "", lambda v: shown("in", v), cursor)
    return [line.plain for line in made]


def test_a_chart_has_both_axes_and_its_bars_stand_on_zero() -> None:
    assert drawn([0, 1, 5, 10]) == [
        "t",
        "   10|   %",
        "     |   %",
        "    5|  %%",
        "     | -%%",
        "    0+-+--",
        "       1:00",
    ]


def test_a_gap_is_no_zero_and_the_cursor_is_a_sign() -> None:
    assert drawn([None, 0, None, 1], 1)[-2] == "    0+ ^ -"


def test_a_chart_without_room_is_blank() -> None:
    assert drawn([1], size=(10, 6)) == [""] * 6


# the page


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("size", [(80, 21), (120, 33), (160, 45), (40, 8)])
@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("figure", FIGURES)
def test_every_history_fits_every_size(language: str, size: tuple[int, int], span: str, figure: str) -> None:
    i18n.use(language)
    for told in (past(span, "pdd-旗舰店"), None):
        state = WallState(panel=HISTORY, table=HISTORY, span=span, figure=figure)
        for made in (busy(), empty()):
            out = page(cast(Wall, made), told, state, Size(*size), UNICODE, NOW)
            assert len(out) <= size[1]
            assert all(line.cell_length <= size[0] for line in out)


def test_the_page_of_the_history_has_all_the_room() -> None:
    i18n.use("en")
    out = lines((80, 21), WallState(panel=HISTORY, table=HISTORY, span="day", figure="errors"), past("day"))
    assert len(out) == 21
    assert out[4].startswith(" error rate of attempts  all shops")
    assert sum("|" in line for line in out) == 14, "rows of bars"
    assert "+" in out[-2]
    assert ":00" in out[-1]


def test_wide_pages_show_the_figures_that_follow() -> None:
    i18n.use("en")
    for width, shown_names in ((120, ("late", "error rate")), (160, ("late", "error rate", "in"))):
        (head,) = [line for line in lines((width, 40), WallState(figure="late"), past()) if "all shops" in line]
        places = [head.find(f" {name} ") for name in shown_names]
        assert -1 not in places
        assert places == sorted(places)


# the hand


def test_the_hand_goes_over_bars_shops_and_out_at_the_top() -> None:
    starts = [10, 20, 30, 40]
    state = WallState(panel=HISTORY)
    assert state.place(starts) == 3
    state.move_in_history("left", starts, SHOPS)
    assert (state.bar, state.place(starts)) == (30, 2)
    assert state.place([15, 25, 35]) == 1, "it stays on its time while the bars move on"
    state.move_in_history("right", starts, SHOPS)
    assert state.bar is None, "the newest stays the newest"
    state.move_in_history("home", starts, SHOPS)
    assert state.place(starts) == 0
    state.move_in_history("page_down", starts, SHOPS)
    assert state.bar is None
    state.move_in_history("down", starts, SHOPS)
    assert state.shop == "taobao-main"
    state.move_in_history("up", starts, SHOPS)
    assert (state.shop, state.panel) == ("", HISTORY)
    state.move_in_history("up", starts, SHOPS)
    assert state.panel == TOTALS


def test_keys_step_through_figures_shops_and_spans_in_a_ring() -> None:
    state = WallState()
    figures, shops, spans = [], [], []
    for _ in FIGURES:
        state.other_figure()
        figures.append(state.figure)
    for _ in range(4):
        state.other_shop(SHOPS)
        shops.append(state.shop)
    for _ in SPANS:
        state.other_span()
        spans.append(state.span)
    assert figures == [*FIGURES[1:], FIGURES[0]]
    assert shops == [*SHOPS, ""]
    assert spans == ["day", "week", "hour"]


def test_the_bar_under_the_cursor_in_words() -> None:
    i18n.use("en")
    made = bars(past("hour", "indie"), "in", 73)
    words, found = pointed(past("hour", "indie"), WallState(panel=HISTORY, bar=made[5].start), 80)
    assert words == f"indie in {when(made[5], 'in')}"
    assert found == drill(past("hour", "indie"), "in", made[5])
