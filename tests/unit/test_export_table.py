"""How orders are written in files: exact money, times with a zone, cells that no spreadsheet runs."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.export.table import COLUMNS, Look, Table, cell, record, time_text
from core.model.clock import SECOND

AT = 1_790_000_000 * SECOND  # 2026-09-21T14:13:20Z


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": 251114894802288641, "ext_id": "3107000000078000234", "shop": "taobao-main", "platform": "taobao",
        "product": "steam50", "title": "Steam 50元", "qty": 2, "amount": 123456, "paid": 1, "refunded": 0,
        "currency": "CNY", "buyer": "张三", "stage": "open", "money": "part_paid", "why": "underpaid", "tag": "",
        "priority": -3, "created_at": AT, "deadline": None, "lateness": "ok", "version": 1, "cases": ["underpaid"],
        "claim": {"by": "amei", "until": AT}, "holds": ["manual", "rule"], "note": "",
    } | changes  # fmt: skip


PLAIN = Look()


def written(look: Look = PLAIN, **changes: Any) -> dict[str, str]:
    table = Table("csv", look)
    text = table.head({"at": AT}) + table.row(row(**changes)) + table.foot()
    head, *rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert head == list(COLUMNS)
    assert len(rows) == 1
    return dict(zip(head, rows[0], strict=True))


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "＝1", "＋1", "－1", "＠x", "\n=1"],
)
@pytest.mark.parametrize("name", ["buyer", "note", "title", "ext_id", "tag", "shop"])
def test_a_cell_that_would_run_is_led_by_an_apostrophe(name: str, text: str) -> None:
    # Behind a tab or a line end a cell of its own may begin, so what follows is led as well.
    led = f"{text[0]}'{text[1:]}" if text[0] in "\t\r\n" else text
    assert written(**{name: text})[name] == f"'{led}"


@given(st.text(max_size=40), st.booleans())
def test_no_text_of_others_ever_begins_as_a_formula(text: str, excel: bool) -> None:
    out = cell("note", text, excel)
    assert out.lstrip()[:1] not in set("=+-@＝＋－＠")
    assert out[:1] not in set("\t\r")
    assert out in (text, f"'{text}"), "nothing else is changed"


def test_our_own_numbers_stay_numbers() -> None:
    found = written()
    assert (found["priority"], found["qty"], found["id"]) == ("-3", "2", "251114894802288641")
    assert (found["amount"], found["paid"], found["refunded"], found["currency"]) == ("1234.56", "0.01", "0.00", "CNY")


def test_money_is_exact_where_a_currency_has_no_cents() -> None:
    assert written(currency="JPY", amount=1230)["amount"] == "1230"
    assert written(amount=9_007_199_254_740_993)["amount"] == "90071992547409.93", "more than a float holds"


def test_separators_quotes_and_breaks_come_back_as_they_were() -> None:
    note = 'a,b;"c"\r\nd'
    assert written(note=note)["note"] == note


def test_times_carry_their_zone(in_zone: Callable[[str], None]) -> None:
    in_zone("Asia/Shanghai")
    assert time_text(AT) == "2026-09-21T22:13:20+08:00"
    assert time_text(AT, utc=True) == "2026-09-21T14:13:20Z"
    assert time_text(None) == ""


def test_for_excel_there_is_a_mark_and_long_numbers_stay_whole() -> None:
    assert Table("csv", Look(excel=True)).head({"at": AT}).startswith("\ufeffid,ext_id,")
    assert written(Look(excel=True))["ext_id"] == "'3107000000078000234"
    assert written(Look(excel=True), ext_id="123456789012345")["ext_id"] == "123456789012345"
    assert written()["ext_id"] == "3107000000078000234"


def test_json_is_whole_with_none_and_with_many() -> None:
    for count in (0, 1, 3):
        table = Table("json", Look(utc=True))
        text = (
            table.head({"at": AT, "by": "amei"})
            + "".join(table.row(row(note="=1")) for _ in range(count))
            + table.foot()
        )
        found = json.loads(text)
        assert found["export"] == {"at": "2026-09-21T14:13:20Z", "by": "amei"}
        assert len(found["orders"]) == count
        for one in found["orders"]:
            assert (one["note"], one["amount"], one["id"]) == ("=1", "1234.56", "251114894802288641")
            assert (one["holds"], one["claimed_by"], one["deadline"]) == (["manual", "rule"], "amei", "")


def test_every_column_is_filled_from_the_row() -> None:
    assert set(record(row(), Look())) == set(COLUMNS)
