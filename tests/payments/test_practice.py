"""A practice world whose buyers pay at Alipay, WeChat Pay and an epay gateway: notices get lost, and some are forged."""

import json
from typing import Any

import pytest

from tests.end_to_end.practicekit import practice

SHOPS = ("woo-alipay", "woo-wechatpay", "woo-epay")


def of_kind(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["kind"] == kind]


@pytest.mark.parametrize("faults", ["none", "chaos"])
def test_a_world_that_pays_through_gateways(faults: str) -> None:
    with practice("--orders", "90", "--platforms", ",".join(SHOPS), "--faults", faults) as merchant:
        core = merchant.core()
        merchant.stock_all()
        states = {row["name"]: (row["platform"], row["state"]) for row in merchant.api.get("/v1/counters")["shops"]}
        assert states["woo-epay-shop-pay"] == ("epay", "ok")
        merchant.world.post("begin")
        report = merchant.settled(150)
        assert report["wrong_product"] == report["wrong_recipient"] == 0
        with open(merchant.world.ready["ledger"], encoding="utf-8") as file:
            ledger = [json.loads(line) for line in file if line.endswith("\n")]
        paid = {(line["shop"], line["ext_id"]) for line in of_kind(ledger, "pay")}
        got = {(line["shop"], line["ext_id"]) for line in of_kind(ledger, "send")}
        assert got <= paid
        assert len(got) > 60
        # Forgeries arrived, at every shop, and were turned away; lost notices were made up for by asking.
        assert {line["name"] for line in core.logged("inbound_refused")} == {f"{name}-shop-pay" for name in SHOPS}
        assert core.logged("money_found")
        merchant.promises_hold()
