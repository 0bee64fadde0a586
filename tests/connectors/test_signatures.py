"""Signatures against vectors made by third parties' SDKs (tests/data/signatures.json names each source)."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.shops.pinduoduo import sign as pinduoduo
from connectors.shops.stripe_shop.webhook import verify
from connectors.shops.taobao import sign as taobao

ENTRIES: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "data" / "signatures.json").read_text())


def of(scheme: str) -> list[dict[str, Any]]:
    found = [entry for entry in ENTRIES if entry["scheme"] == scheme]
    assert found, f"no vectors of {scheme}"
    return found


@pytest.mark.parametrize("entry", of("taobao"), ids=lambda e: f"{e['inputs']['method']}-{e['inputs']['sign_method']}")
def test_taobao_vectors(entry: dict[str, Any]) -> None:
    method = entry["inputs"]["sign_method"]
    assert taobao.sign(entry["inputs"], entry["secret"], method) == entry["expected"]
    assert taobao.sign(entry["inputs"] | {"sign": "ignored"}, entry["secret"], method) == entry["expected"]
    assert taobao.sign(entry["inputs"], entry["secret"] + "x", method) != entry["expected"]


@pytest.mark.parametrize("entry", of("pinduoduo"), ids=lambda e: e["inputs"]["type"])
def test_pinduoduo_vectors(entry: dict[str, Any]) -> None:
    assert pinduoduo.sign(entry["inputs"], entry["secret"]) == entry["expected"]
    assert pinduoduo.sign(entry["inputs"] | {"sign": "ignored"}, entry["secret"]) == entry["expected"]


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        taobao.sign({"a": "b"}, "")
    with pytest.raises(ValueError, match="empty"):
        pinduoduo.sign({"a": "b"}, "")
    with pytest.raises(ValueError, match="sign_method"):
        taobao.sign({"a": "b"}, "s", "sha1")


STRIPE = of("stripe_webhook")[0]
BODY = STRIPE["inputs"]["raw_body"].encode()
AT = STRIPE["inputs"]["timestamp"]
HEADER = STRIPE["expected"]["header"]


def stripe(header: str = HEADER, body: bytes = BODY, secret: str = STRIPE["secret"], now: int = AT) -> bool:
    return verify({"Stripe-Signature": header}, body, secret, now)


def test_stripe_webhook_vector() -> None:
    assert stripe()
    assert verify({"stripe-signature": HEADER}, BODY, STRIPE["secret"], AT)
    good = STRIPE["expected"]["v1"]
    assert stripe(f"t={AT},v1={'0' * 64},v1={good},v0=abc")  # two secrets while they are rotated


@pytest.mark.parametrize(("shift", "right"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_stripe_stamps_are_near_now_either_way(shift: int, right: bool) -> None:
    assert stripe(now=AT + shift) is right


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"t={AT}",
        STRIPE["expected"]["v1"],
        f"v1={STRIPE['expected']['v1']}",
        f"t={AT},v0={STRIPE['expected']['v1']}",
        f"t={AT},v1={STRIPE['expected']['v1'][:-1]}",
        f"t={AT},v1={STRIPE['expected']['v1'].upper()}",
        f"t={AT},t={AT},v1={STRIPE['expected']['v1']}",
        f"t=0{AT},v1={STRIPE['expected']['v1']}",
        f"t=-{AT},v1={STRIPE['expected']['v1']}",
        f"t=٣,v1={STRIPE['expected']['v1']}",
        f"t={AT},v1=é",
    ],
)
def test_stripe_refuses_other_headers(header: str) -> None:
    assert not stripe(header)


def test_stripe_refuses_a_changed_body_and_a_blank_secret() -> None:
    import hashlib
    import hmac

    assert not stripe(body=BODY + b" ")
    assert not verify({}, BODY, STRIPE["secret"], AT)
    for blank in ("", "  "):
        forged = hmac.new(blank.encode(), f"{AT}.".encode() + BODY, hashlib.sha256).hexdigest()
        assert not stripe(f"t={AT},v1={forged}", secret=blank)
