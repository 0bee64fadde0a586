"""What leaves the core as a file: cells that no spreadsheet runs, and payloads without secrets, in whatever writing."""

import base64
import csv
import io
import json
from typing import Any

import pytest

from console.export.table import COLUMNS, Look, Table
from core.audit.evidence_raw import RAW_MAX, cleaned
from core.desk.scrub import REMOVED, Scrub

KEY = "ABCD-EFGH-1234-5678"
ROW: dict[str, Any] = {
    "id": 123456789012345678, "ext_id": "E1", "shop": "s", "platform": "p", "product": "p", "title": "t", "qty": 1,
    "amount": 123456, "paid": 0, "refunded": -5, "currency": "CNY", "buyer": "b", "stage": "open", "money": "paid",
    "why": "", "tag": "", "priority": -3, "created_at": 1795559655216869, "deadline": None, "lateness": "", "version": 1,
    "claim": None, "cases": [], "holds": [], "note": "",
}  # fmt: skip
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "＋1", "－1", "＠a",
            "a;=cmd|' /C calc'!A0", 'a; "=1', "a\t=1", "x;@a;-b")  # fmt: skip
TEXTS = ("ext_id", "shop", "product", "title", "buyer", "tag", "note")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("excel", [False, True])
def test_no_cell_begins_a_formula_however_the_list_is_parted(name: str, excel: bool) -> None:
    for formula in FORMULAS:
        text = Table("csv", Look(utc=True, excel=excel)).row({**ROW, name: formula})
        for parted in (",", ";", "\t"):
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=parted):
                # Money below zero and a priority are numbers of ours.
                begun = [one for one in row if one.lstrip(' \t\r\n"')[:1] in tuple("=+-@＝＋－＠")]
                assert all(one.strip('"').lstrip("-").replace(".", "").isdigit() for one in begun), (
                    formula,
                    parted,
                    row,
                )


def test_what_is_no_formula_comes_back_as_it_was() -> None:
    plain = {**ROW, "title": 'a;b, "c" = d - e', "note": "5-3=2"}
    (row,) = csv.reader(io.StringIO(Table("csv", Look(utc=True)).row(plain), newline=""))
    told = dict(zip(COLUMNS, row, strict=True))
    assert (told["title"], told["note"]) == (plain["title"], plain["note"])
    assert (told["amount"], told["refunded"], told["priority"]) == ("1234.56", "-0.05", "-3")
    assert told["created_at"] == "2026-11-24T22:34:15Z"


WRITINGS = (
    KEY, KEY.lower(), "ABCDEFGH12345678", "abcd efgh 1234 5678", "ABCD_EFGH.1234+5678", "ABCD%2DEFGH%2D1234%2d5678",
    base64.b64encode(KEY.encode()).decode(), "A B C D E F G H 1 2 3 4 5 6 7 8",
)  # fmt: skip


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_key_is_found_however_it_is_written(writing: str) -> None:
    scrub = Scrub([KEY])
    assert REMOVED in scrub.text(f"your code: {writing}, thanks")
    payload = cleaned(json.dumps({"a": [{"memo": f"x {writing} y"}], "b": json.dumps({"c": writing})}).encode(), scrub)
    assert writing not in json.dumps(payload.payload)
    assert len(payload.removed) == 2
    assert scrub.text("ABCD-EFGH-1234-9999, 1234 5678") == "ABCD-EFGH-1234-9999, 1234 5678"


def test_both_parts_of_a_key_with_a_password_are_found() -> None:
    scrub = Scrub(["CARDNO12345----pw98765"])
    assert scrub.text("card CARDNO12345 and PW98765") == f"card {REMOVED} and {REMOVED}"


PAYLOADS: tuple[Any, ...] = (
    {"access_token": "S3CRET-v"},
    {"a": {"b": [{"Authorization": "Bearer S3CRET-v0123456789"}]}},
    {"attributes": [{"name": "access_token", "value": "S3CRET-v"}]},
    {"extra": [{"key": "card_password", "value": "S3CRET-v"}]},
    {"extra": [{"Label": "卡密", "Content": "S3CRET-v"}]},
    [["token", "S3CRET-v"]],
    {"inner": json.dumps({"sign": "S3CRET-v"})},
    {"q": "a=1&sign=S3CRET-v&b=2"},
    {"link": "https://u:S3CRET-v@h.example/p"},
    {"link": "https://h.example/pick/S3CRET-v"},
    {"jwt": "eyJhbGciOiJIUzI1NiJ9.S3CRET-v.abcdef"},
    b"<xml><token>S3CRET-v</token><a>1</a></xml>",
    b"<xml><sign><![CDATA[S3CRET-v]]></sign><a><![CDATA[1]]></a></xml>",
    b"token=S3CRET-v\nrest",
)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_secret_stays_in_a_payload(payload: Any) -> None:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    told = cleaned(raw, Scrub())
    assert "S3CRET-v" not in json.dumps(told.payload, ensure_ascii=False)
    assert told.removed
    assert told.payload is not None


def test_what_is_no_secret_stays() -> None:
    payload = {
        "order": {"title": "key ring", "amount": 5, "extra": [{"name": "colour", "value": "red"}]},
        "note": "a = b",
        "time": "2026-01-02 03:04:05",
    }
    told = cleaned(json.dumps(payload).encode(), Scrub([KEY]))
    assert told.payload == payload
    assert told.removed == []


@pytest.mark.parametrize(
    "unit", [b"a", b"<", b"<a ", b"eyJ", b"eyJaaaaaaaaa.", b"https://", b"<![CDATA[a]]>", b"A-", b"-----BEGIN A", b"a="]
)
def test_a_payload_made_to_be_slow_is_looked_through_in_a_breath(unit: bytes) -> None:
    # No clock: a search that costs the square of such a payload would take minutes, and the suite's own limit end it.
    told = cleaned(b"<x>" + unit * (RAW_MAX // len(unit) - 5), Scrub([KEY]))
    assert told.payload is not None


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"x" * (RAW_MAX + 1), b"[" * 100_000])
def test_what_cannot_be_looked_through_is_left_out_or_cut(raw: bytes) -> None:
    told = cleaned(raw, Scrub())
    assert told.payload is None or len(str(told.payload)) <= len(raw)
