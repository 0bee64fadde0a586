"""What of a platform's payload goes into an evidence pack, and that no key or secret of it does."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.audit.evidence_raw import RAW_MAX, Cleaned, cleaned
from core.desk.scrub import REMOVED, Scrub

KEY = "ABCD-EFGH-1234-WXYZ"
SCRUB = Scrub([KEY, "卡号:880012345678 密码:zQ7pLm2x"])
DATA = Path(__file__).parents[1] / "data"


def clean_json(value: Any, scrub: Scrub = SCRUB) -> Cleaned:
    return cleaned(json.dumps(value).encode(), scrub)


@pytest.mark.parametrize(
    "name",
    ["access_token", "accessToken", "app_secret", "client_secret", "sign", "paySign", "signature", "password", "pwd",
     "Authorization", "session_key", "cookie", "api_key", "apiKey", "order_key", "card_no", "cardPwd", "card_info_list",
     "cdkey", "voucher_code", "redeem_code", "private_key", "卡密", "卡号", "密码", "X-Auth", "license_key"],
)  # fmt: skip
def test_a_field_with_a_secrets_name_loses_its_value(name: str) -> None:
    found = clean_json({"order": {name: "value-that-opens-doors", "amount": 5}})
    assert found.payload == {"order": {name: REMOVED, "amount": 5}}
    assert found.removed == [f"$.order.{name}"]


@pytest.mark.parametrize(
    "name",
    [
        "signed_at",
        "designer",
        "status_code",
        "sku_code",
        "amount",
        "buyer_nick",
        "monkey",
        "payment",
        "assign_to",
        "hotkeys",
        "pinned",
    ],
)
def test_a_field_without_one_keeps_it(name: str) -> None:
    assert clean_json({name: "plain"}) == Cleaned({name: "plain"}, [], "")


@pytest.mark.parametrize(
    "text",
    [KEY, KEY.lower(), f"your key: {KEY}!", "ABCDEFGH1234WXYZ", "880012345678", "pw zQ7pLm2x", f'{{"memo": "{KEY}"}}',
     f"<memo>{KEY}</memo>", f"a=1&memo={KEY}"],
)  # fmt: skip
def test_a_bound_key_is_found_in_every_writing(text: str) -> None:
    found = clean_json({"memo": [{"text": text}]})
    told = json.dumps(found._asdict(), ensure_ascii=False)
    for piece in (KEY, KEY.lower(), "ABCDEFGH1234WXYZ", "880012345678", "zQ7pLm2x"):
        assert piece not in told
    assert [at[: len("$.memo[0].text")] for at in found.removed] == ["$.memo[0].text"]


def test_a_key_as_a_number_or_a_name_is_found_too() -> None:
    scrub = Scrub(["880012345678"])
    assert clean_json({"880012345678": 880012345678, "n": 880012345679}, scrub).payload == {
        REMOVED: REMOVED,
        "n": 880012345679,
    }


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://shop.example/123/orders/abcdef/authenticate?key=zzz", f"https://shop.example/{REMOVED}"),
        ("see http://user:pw@pick.example:8080/p/0aB9 now", f"see http://pick.example:8080/{REMOVED} now"),
        ("https://shop.example/", "https://shop.example/"),
        ("Bearer abcdefghijklmnop", REMOVED),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2ln", REMOVED),
        ("sk_live_abcdefghijkl1234", REMOVED),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", REMOVED),
        ("amount=5&sign=ABCDEF&t=1", f"amount=5&sign={REMOVED}&t=1"),
        ("谢谢，发到 a@b.cn", "谢谢，发到 a@b.cn"),
    ],
)
def test_secrets_in_text_go_by_their_looks(text: str, kept: str) -> None:
    assert clean_json({"text": text}).payload == {"text": kept}


def test_json_in_json_and_forms_and_xml_are_looked_through() -> None:
    inner = clean_json({"push": json.dumps({"token": "abc", "n": 1})})
    assert json.loads(inner.payload["push"]) == {"token": REMOVED, "n": 1}
    assert cleaned(b"order=5&token=abc", SCRUB).payload == f"order=5&token={REMOVED}"
    assert cleaned(b"<x><sign>AB</sign><n>1</n></x>", SCRUB).payload == f"<x><sign>{REMOVED}</sign><n>1</n></x>"


def test_what_cannot_be_looked_through_is_left_out() -> None:
    for raw in (b"\xff\xfe\x00", b"[" * (RAW_MAX + 1)):
        found = cleaned(raw, SCRUB)
        assert found.payload is None
        assert found.note.startswith("left out: ")
    deep = cleaned(b'{"a":' * 200 + b"1" + b"}" * 200, SCRUB)
    assert REMOVED in json.dumps(deep.payload)
    assert cleaned(b"[" * 100_000, SCRUB).payload == "[" * 100_000, "too deep to be read, so it is text"


def test_a_real_order_keeps_its_facts() -> None:
    raw = (DATA / "taobao_trade.json").read_bytes()
    found = cleaned(raw, SCRUB)
    assert (found.payload, found.removed) == (json.loads(raw), [])
