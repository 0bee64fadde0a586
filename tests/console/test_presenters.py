"""Cells by width, codes in words, the lines around the list."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console import i18n
from console.keymap import Keymap
from console.presenters import head
from console.presenters.cells import (
    ASCII,
    UNICODE,
    amount,
    clock_text,
    count,
    day_time,
    fit,
    minute_text,
    short_count,
    span,
    spark,
    stamp,
    tail,
)
from console.presenters.detail import case_lines
from console.presenters.facts import fact_name, fact_text, inline
from console.presenters.row import cells, header, layout
from console.presenters.tabs import tabs_line
from console.presenters.words import blocked_words, money_text, state_words, why_sentence, why_words
from console.state.standing import VIEWS, DeskStanding
from core.model.lifecycle import CaseKind, HoldReason, Money, Stage
from tests.console.fixture_core import Core
from tests.console.fixture_orders import NOW

CODES = ["unpaid", "underpaid", "refund_open", "stale", "at_gate", "queued_send", "sending", "unknown", "blocked", "writeback_due", "writeback_failed"]  # fmt: skip


@given(st.text(max_size=60), st.integers(1, 40), st.booleans())
def test_fit_is_exactly_as_wide_as_asked_and_harmless(text: str, width: int, right: bool) -> None:
    out = fit(text, width, right)
    assert cell_len(out) == width
    assert out.isprintable() or "\u3000" in out


def test_a_cut_chinese_name_keeps_the_column_straight() -> None:
    assert fit("张三丰先生", 5) == "张三~"
    assert fit("张三丰先生", 6) == "张三 ~"


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_hold_names_the_act_that_lifts_it(language: str) -> None:
    """Only what ``release`` lifts says release: the others would send a person to a key that refuses."""
    before = i18n.language()
    i18n.use(language)
    try:
        release, confirm = i18n.word("act", "release"), i18n.word("act", "confirm")
        said = {reason: why_sentence(f"hold:{reason}", {}).lower() for reason in HoldReason}
    finally:
        i18n.use(before)
    assert confirm in said[HoldReason.CONFIRM]
    lifted = {HoldReason.MANUAL, HoldReason.RULE, HoldReason.RULE_ERROR, HoldReason.SILENT, HoldReason.AUDIT}
    assert {reason for reason, text in said.items() if release in text} == lifted


def test_long_order_numbers_show_their_end() -> None:
    assert tail("202606110000123456789", 10) == "~123456789"


@pytest.mark.parametrize("width", range(40, 200, 3))
def test_rows_and_header_never_overflow_their_pane(width: int) -> None:
    core = Core(30)
    columns = layout(width)
    assert sum(c.cells + 1 for c in columns) + 2 <= width + 1
    assert cell_len(header(columns, width)) == width
    for row in core.rows.values():
        for (text, _look), column in zip(cells(row, columns, NOW, UNICODE), columns, strict=True):  # type: ignore[arg-type]
            assert cell_len(text) == column.cells


def test_wider_panes_show_more() -> None:
    names = [{c.name for c in layout(w)} for w in (60, 80, 112, 160)]
    assert names[0] < names[1] < names[2] <= names[3]
    assert {"ext_id", "amount", "why", "age", "left"} <= names[0]
    assert "buyer" in names[2]


def test_late_orders_are_marked_by_a_sign_not_by_colour_alone() -> None:
    row: Any = {**next(iter(Core(1).rows.values())), "deadline": NOW - 90_000_000, "lateness": "late"}
    texts = [text for text, _ in cells(row, layout(100), NOW, ASCII)]
    assert any(text.strip() == "!1m" for text in texts)


def test_spans_amounts_counts() -> None:
    minute = 60_000_000
    assert [span(x) for x in (5_000_000, 3 * minute, 120 * minute, 60 * 24 * 3 * minute, -2 * minute)] == [
        "5s", "3m", "2h", "3d", "-2m"]  # fmt: skip
    assert amount(123456) == "1,234.56"
    assert amount(1200, "JPY") == "1,200 JPY"
    assert [short_count(n) for n in (7, 1200, 123456, 2_500_000)] == ["7", "1.2k", "123k", "2.5M"]
    assert [short_count(n) for n in (99_949, 99_999)] == ["99.9k", "99k"]


def test_counts_are_grouped_like_amounts_and_stay_in_their_cells() -> None:
    assert [count(n) for n in (7, 999, 1200, 2_500_000)] == ["7", "999", "1,200", "2,500,000"]
    assert [count(n, 6) for n in (7, 1200, 99_999, 123_456, 2_500_000)] == ["7", "1,200", "99,999", "123k", "2.5M"]
    assert all(cell_len(count(n, 5)) <= 5 for n in (9, 99, 999, 9999, 99_999, 999_999, 9_999_999))


def test_times_are_written_one_way_as_long_as_a_line_needs() -> None:
    date, _, clock = clock_text(NOW).partition(" ")
    assert re.fullmatch(r"\d\d-\d\d \d\d:\d\d:\d\d", clock_text(NOW))
    assert (day_time(NOW), minute_text(NOW)) == (clock, f"{date} {clock[:5]}")
    assert re.fullmatch(r"\d{8}-\d{6}", stamp(NOW))
    assert stamp(NOW).endswith(clock.replace(":", ""))
    assert clock_text(None) == day_time(None) == minute_text(None) == "-"


def test_bars_rise_with_values_and_zero_is_empty() -> None:
    bars = spark([0, 1, 50, 100], 4, ASCII)
    assert bars[0] == " "
    assert bars[3] == ASCII.bars[-1]
    assert ASCII.bars.index(bars[1]) > 0, "something is never drawn as nothing"


@pytest.mark.parametrize("language", sorted(i18n.LANGUAGES))
def test_every_code_of_the_core_has_words(language: str) -> None:
    i18n.use(language)
    codes = [*CODES, *(f"hold:{r}" for r in HoldReason), *(f"case:{k}" for k in CaseKind)]
    for code in codes:
        kind, _, name = code.rpartition(":")
        assert i18n.has(f"{kind or 'why'}.{name}"), code
        assert cell_len(why_words(code)) <= 16, code
        assert why_sentence(code, {}) != code
    for stage in Stage:
        assert i18n.has(f"stage.{stage.name.lower()}")
    for axis in Money:
        assert i18n.has(f"money.{axis}")
    for view in VIEWS:
        assert i18n.has(f"view.{view}")


def test_codes_of_the_contract_are_the_codes_tested_here() -> None:
    page = (Path(__file__).parents[2] / "docs" / "socket.md").read_text(encoding="utf-8")
    listed = re.search(r"`unpaid, underpaid,([^`]*)`", page)
    assert listed is not None
    named = {w.strip() for w in ("unpaid, underpaid," + listed[1]).replace("\n", " ").split(",")}
    assert named - {'""', "hold:<reason>", "case:<kind>"} == set(CODES)


@pytest.mark.parametrize("language", sorted(i18n.LANGUAGES))
def test_every_code_of_why_not_has_words(language: str) -> None:
    i18n.use(language)
    page = (Path(__file__).parents[2] / "docs" / "socket.md").read_text(encoding="utf-8")
    listed = page[page.index("`no_such_order, ") : page.index("`needs_<role>`")]
    codes = {c for part in re.findall(r"`([^`]*)`", listed) for c in re.split(r"[,\s]+", part) if c and "<" not in c}
    assert len(codes) > 30
    for code in codes:
        assert i18n.has(f"blocked.{code}"), code
    assert "Boom" in blocked_words("error:Boom")


def test_an_unknown_code_is_shown_as_it_came_but_clean() -> None:
    assert why_words("case:new\x1b[2Jkind") == "new�[2Jkind"


def test_an_open_order_with_its_money_waits_for_a_key() -> None:
    i18n.use("zh_CN")
    row: Any = {"why": "", "stage": "open", "money": "paid"}
    assert state_words(row) == "待分配"
    assert state_words({**row, "money": "unpaid"}) == "待付款"


def test_a_case_of_a_shop_has_no_order_and_is_still_shown() -> None:
    i18n.use("en")
    case: Any = {
        "id": 1, "order_id": 0, "ext_id": "", "shop": "shop one", "kind": "token_dead", "fact": {"error": "[/]"},
        "opened_at": NOW - 60_000_000, "deadline": None, "money": {}, "proposal": None, "row": None,
        "decisions": [{"action": "accept_case", "args": {}, "label": "x"}],
    }  # fmt: skip
    text = "\n".join(line.plain for line in case_lines(case, NOW))
    assert "token dead" in text
    assert "shop one" in text
    assert "1  accept, close case" in text
    assert "[/]" in text


def test_facts_say_times_and_money() -> None:
    assert fact_text("due", 129900) == "1,299.00"
    assert re.fullmatch(r"\d\d-\d\d \d\d:\d\d:\d\d", fact_text("opened_at", NOW))
    assert fact_text("body", {"amount": 100, "odd": "a\nb"}) == "金额=1.00 odd=a b"


def test_money_without_minor_units_is_not_a_hundred_times_less() -> None:
    """A yen has no hundredth: 4,800 of them once stood in the preview as 48.00."""
    assert money_text({"CNY": 480000, "JPY": 4800}) == "4,800.00 CNY 4,800 JPY"
    assert fact_text("due", 4800, "JPY") == "4,800 JPY"
    assert inline({"paid": 4800, "note": ""}, currency="JPY") == "已收=4,800 JPY"
    assert inline({"amount": 4800, "currency": "JPY"}).startswith("金额=4,800 JPY")


@pytest.mark.parametrize(
    ("name", "value", "zh", "en"),
    [
        ("kind", "underpaid", "款不足", "underpaid"),
        ("state", "PAID", "已付款，待发货", "paid, to be shipped"),
        ("from", "OPEN", "已接单", "open"),
        ("verdict", "resolved by the platform", "平台已解决", "resolved by the platform"),
        ("why", "the core stopped between sending and recording", "核心在发出与记下之间中断", None),
        ("note", "新客大额", "新客大额", "新客大额"),
        ("restart", True, "是", "yes"),
        ("kind", "of tomorrow", "of tomorrow", "of tomorrow"),
    ],
)
def test_codes_of_the_core_are_said_in_words(name: str, value: object, zh: str, en: str | None) -> None:
    """What a person wrote, or a newer core says, stays as it is."""
    before = i18n.language()
    try:
        i18n.use("zh_CN")
        assert fact_text(name, value) == zh
        i18n.use("en")
        assert fact_text(name, value) == (en or value)
        assert fact_name("txn_id") == "transaction"
        assert fact_name("of_tomorrow") == "of_tomorrow"
    finally:
        i18n.use(before)


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_lines_around_the_list_fit_the_window(width: int) -> None:
    standing = DeskStanding()
    core = Core(30)
    counters: Any = core.counters()
    standing.counters, standing.link = counters, "lost"
    standing.counts = dict.fromkeys(VIEWS, 12_345)
    for line in (
        head.status_line(standing, width, NOW),
        head.rates_line(standing, NOW, width, UNICODE) if width > 60 else head.status_line(standing, width, NOW),
        tabs_line(standing, width, "queue"),
        head.footer_line(Keymap(), standing, ("queue", "desk"), width),
    ):
        assert line.cell_length <= width
    assert "在办" in tabs_line(standing, width, "queue").plain
