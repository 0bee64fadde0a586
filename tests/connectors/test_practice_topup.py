"""The practice world's supplier: signatures, one purchase a number, and a day of top-ups with lines that break."""

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any

from connectors.channel_kinds import build_channel
from core.model.clock import now_us
from core.model.effects import Outcome, Result
from core.ports import Channel
from tests.connectors.hook_kit import Hooked
from tests.connectors.kit import send
from tests.connectors.practice_client import Desk, plan, world
from tests.connectors.server import Answer, Request

SHOP, PRODUCT = "topup-main", 41553


def options(desk: Desk) -> dict[str, str]:
    way: dict[str, str] = desk.ready["channels"]["topups"]
    return {name: Path(value[5:]).read_text() if value.startswith("file:") else value for name, value in way.items()}


async def call(desk: Desk, path: str, **params: Any) -> dict[str, Any]:
    way = options(desk)
    body = {"customer_id": int(way["customer_id"]), "timestamp": int(time.time() * 1000), **params}
    text = "".join(f"{name}{body[name]}" for name in sorted(body) if name != "sign")
    body.setdefault("sign", hashlib.md5(f"{way['secret']}{text}".encode()).hexdigest())
    answer: dict[str, Any] = (await desk.http.post(f"{way['url']}/api/{path}", json=body)).json()
    return answer


def deaf(_: Request) -> Answer:
    """Stands where the desk would, and takes every trade."""
    return 200, {"code": 200, "data": {"secret": "x", "tradeNo": "KD1"}}


async def test_its_door(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "topup", qty=2)], platforms=("topup",)) as desk:
        async with Hooked(deaf, desk):
            await desk.begin()
        buy: dict[str, Any] = {
            "product_id": PRODUCT,
            "quantity": 2,
            "recharge_account": "13800000001",
            "outer_order_id": "o1",
        }
        assert (await call(desk, "product", product_id=PRODUCT))["data"]["price"] == "9.8000"
        assert (await call(desk, "product", product_id=5))["code"] == "product_not_found"
        assert (await call(desk, "outer-order", outer_order_id="o1"))["code"] == "order_not_found"
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"sign": "0" * 32}, "sign_error"), ({"customer_id": 7}, "sign_error"), ({"product_id": 5}, "params_error"),
            ({"quantity": 0}, "params_error"), ({"outer_order_id": ""}, "params_error"), ({"safe_cost": "9.79"}, "safe_cost"),
            ({"recharge_account": "13800000002"}, "account_error"), ({"recharge_account": "x"}, "account_error"),
        ]  # fmt: skip
        for change, code in wrong:
            assert (await call(desk, "buy", **{**buy, **change}))["code"] == code
        assert desk.ledger("send") == []
        bought = await call(desk, "buy", **buy)
        assert (bought["code"], bought["data"]["total_price"]) == ("ok", "19.6000")
        assert (await call(desk, "buy", **buy))["code"] == "outer_order_id_exists"
        (sent,) = desk.ledger("send")
        assert (len(sent["keys"]), sent["net_paid"] >= sent["due"]) == (2, True)
        shown: dict[str, Any] = {}
        while shown.get("state") != 200:
            shown = (await call(desk, "outer-order", outer_order_id="o1"))["data"]
        assert (shown["recharge_account"], shown["quantity"]) == ("13800000001", 2)
        assert (await desk.http.get(f"{options(desk)['url']}/api/buy")).status_code == 404


async def settle(channel: Channel, number: str, phone: str, vouchers: tuple[str, ...]) -> Outcome:
    """What a core does with one order: attempts, and questions after each that is in doubt."""
    outcome = Outcome(result=Result.LATER)
    attempt = 0
    deadline = time.monotonic() + 40
    while outcome.result in (Result.LATER, Result.NOT_SENT):
        assert time.monotonic() < deadline
        attempt += 1
        outcome = await channel.perform(send(number, attempt=attempt, recipient=phone, keys=vouchers))
        while outcome.result is Result.UNKNOWN:
            assert time.monotonic() < deadline
            outcome = await channel.ask(send(number, attempt=attempt, recipient=phone, keys=()))
    return outcome


async def test_a_day_of_top_ups(tmp_path: Path) -> None:
    plans = [plan(n, "topup", qty=1 + n % 3) for n in range(1, 31)]
    async with world(tmp_path, plans, platforms=("topup",), faults="chaos") as desk:
        async with Hooked(deaf, desk):
            await desk.begin()
        channel = build_channel("topups", options(desk), now_us)
        orders = list(desk.setting.world.shops[SHOP].orders.values())
        outcomes = await asyncio.gather(
            *(
                settle(channel, order.ext_id, f"138{order.n:08d}", tuple(f"V-{order.n}-{i}" for i in range(order.qty)))
                for order in orders
            )
        )
        assert {outcome.result for outcome in outcomes} <= {Result.CONFIRMED, Result.REJECTED}
        report = await desk.control("GET", "report")
        zeros = ("keys_sent_twice", "oversold", "sent_unpaid", "wrong_product", "repeats")
        assert [report[name] for name in zeros] == [0, 0, 0, 0, 0]
        done = {
            order.ext_id for order, outcome in zip(orders, outcomes, strict=True) if outcome.result is Result.CONFIRMED
        }
        assert {row[1]: row[4] for row in report["by_order"] if row[4]} == {
            order.ext_id: order.qty for order in orders if order.ext_id in done
        }
        await channel.close()
