"""The world's signature checks reproduce vectors that were made by other people's code."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.practice import pinduoduo, stripe, taobao

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "signatures.json").read_text(encoding="utf-8"))


def entries(scheme: str) -> list[dict[str, Any]]:
    found = [entry for entry in VECTORS if entry["scheme"] == scheme]
    assert found, f"no vector for {scheme}"
    return found


@pytest.mark.parametrize("entry", entries("taobao"), ids=lambda entry: entry["note"][:20])
def test_taobao(entry: dict[str, Any]) -> None:
    assert taobao.sign(entry["inputs"] | {"sign": "ignored"}, entry["secret"]) == entry["expected"]
    assert taobao.sign(entry["inputs"] | {"v": "2.1"}, entry["secret"]) != entry["expected"]


@pytest.mark.parametrize("entry", entries("pinduoduo"), ids=lambda entry: entry["inputs"]["type"])
def test_pinduoduo(entry: dict[str, Any]) -> None:
    assert pinduoduo.sign(entry["inputs"] | {"sign": "ignored"}, entry["secret"]) == entry["expected"]
    assert pinduoduo.sign(entry["inputs"], entry["secret"] + "x") != entry["expected"]


@pytest.mark.parametrize("entry", entries("stripe_webhook"), ids=lambda entry: entry["scheme"])
def test_stripe_webhook(entry: dict[str, Any]) -> None:
    given = entry["inputs"]
    assert stripe.sign(given["raw_body"].encode(), entry["secret"], given["timestamp"]) == entry["expected"]["header"]
