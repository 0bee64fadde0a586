"""The Agiso door: what the gateway checks, pushes that insist, chat messages counted; a day with the connector."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from connectors.registry import build_shop
from connectors.shops.agiso.shop import AgisoShop
from core.model.clock import now_us
from core.model.effects import Result
from core.model.order import OrderUpdate, PaymentKind, PlatformState
from tests.connectors.hook_kit import Hooked, behind
from tests.connectors.kit import send, ship
from tests.connectors.practice_client import Desk, plan, world
from tests.connectors.server import Answer, Request

WORLD, SHOP = ("agiso",), "agiso-main"


def signed(params: dict[str, str], secret: str) -> str:
    return hashlib.md5((secret + "".join(k + params[k] for k in sorted(params)) + secret).encode()).hexdigest()


async def call(desk: Desk, path: str, headers: dict[str, str] | None = None, **params: str) -> dict[str, Any]:
    shop = desk.shops[SHOP]
    form = {"timestamp": str(int(time.time())), **{k: v for k, v in params.items() if k != "sign"}}
    form["sign"] = params.get("sign", signed(form, shop["secret"]))
    head = {"Authorization": f"Bearer {shop['access_token']}", "ApiVersion": "1", **(headers or {})}
    answer = (await desk.http.post(shop["url"] + path, data=form, headers=head)).json()
    return {name.lower(): value for name, value in answer.items()}


class Listener:
    """Stands where the desk would; refuses the first pushes."""

    def __init__(self, desk: Desk) -> None:
        self.secret = desk.shops[SHOP]["secret"]
        self.heard: list[tuple[int, dict[str, Any]]] = []
        self.refuse = 2

    def __call__(self, request: Request) -> Answer:
        query, text = dict(parse_qsl(request.target.partition("?")[2])), request.form["json"]
        assert request.path == f"/hook/{SHOP}"
        assert query["sign"] == signed({"json": text, "timestamp": query["timestamp"]}, self.secret)
        if self.refuse:
            self.refuse -= 1
            return 503, {}
        self.heard.append((int(query["aopic"]), json.loads(text)))
        return 200, {}


async def test_gateway_checks(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "agiso")], platforms=WORLD) as desk:
        await desk.begin()
        (number,) = desk.setting.world.shops[SHOP].orders
        cases: list[tuple[dict[str, str], dict[str, str], int]] = [
            ({"sign": "0" * 32}, {}, 4), ({"timestamp": "1"}, {}, 5), ({}, {"ApiVersion": "2"}, 5),
            ({}, {"Authorization": "Bearer x"}, 1), ({"tid": "1"}, {}, 9), ({"tid": ""}, {}, 9),
        ]  # fmt: skip
        for params, headers, code in cases:
            answer = await call(desk, "/Order/Detail", headers, **({"tid": number} | params))
            assert (answer["issuccess"], answer["error_code"]) == (False, code), params
        assert (await call(desk, "/Order/Detail", tid=number))["data"]["order_status"] == 2
        assert (await desk.http.get(desk.shops[SHOP]["url"] + "/Order/Detail")).status_code == 404


async def test_pushes_insist_and_effects_are_recorded(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "agiso")], platforms=WORLD) as desk:
        listener = Listener(desk)
        async with Hooked(listener, desk):
            await desk.begin()
            await desk.until(lambda: len(listener.heard) == 2)
        (number,) = desk.setting.world.shops[SHOP].orders
        assert {kind for kind, _ in listener.heard} == {32, 1}
        assert {str(body["biz_order_id"]) for _, body in listener.heard} == {number}
        key = desk.keys("steam50")[0]
        assert (await call(desk, "/ImMsg/SendMsg", tid=number, msg="x" * 1001))["error_code"] == 5
        for _ in range(5):
            assert (await call(desk, "/ImMsg/SendMsg", tid=number, msg=f"您的卡密 {key}"))["issuccess"]
        assert (await call(desk, "/ImMsg/SendMsg", tid=number, msg=key))["error_code"] == 25
        assert [record["keys"] for record in desk.ledger("send")] == [[key]] * 5
        assert (await call(desk, "/Order/DummySend", tid=number))["issuccess"]
        assert (await call(desk, "/Order/DummySend", tid=number))["error_code"] == 3


async def test_a_day_with_the_connector(tmp_path: Path) -> None:
    buyers = [
        plan(1, "agiso", qty=2),
        plan(2, "agiso", acts=[(0.0, "pay"), (0.0, "refund"), (0.05, "refund_agreed")]),
        plan(3, "agiso", acts=[(0.0, "close")]),
        plan(4, "agiso", acts=[(0.0, "pay"), (0.0, "refund"), (0.05, "refund_withdrawn")]),
    ]
    async with world(tmp_path, buyers, platforms=WORLD) as desk:
        shop = build_shop(SHOP, desk.shops[SHOP], now_us)
        assert isinstance(shop, AgisoShop)
        async with Hooked(behind(shop, SHOP), desk):
            await desk.begin()
            pushes = desk.setting.pushes
            assert pushes is not None
            await desk.until(lambda: pushes.delivered >= 10)
        found = [await shop.read(number) for number in desk.setting.world.shops[SHOP].orders]
        assert all(isinstance(update, OrderUpdate) for update in found), found
        orders = [update for update in found if isinstance(update, OrderUpdate)]
        states = [update.state for update in orders]
        paid, back, closed = PlatformState.PAID, PlatformState.REFUNDED, PlatformState.CANCELLED
        assert states == [paid, back, closed, paid]
        assert [p.kind for p in orders[1].payments] == [PaymentKind.CHARGE, PaymentKind.REFUND]
        keys = tuple(desk.keys("steam50")[:2])
        assert (await shop.perform(send(orders[0].ext_id, keys=keys))).result is Result.CONFIRMED
        assert (await shop.perform(ship(orders[0].ext_id))).result is Result.CONFIRMED
        assert (await shop.perform(ship(orders[0].ext_id))).why == "already shipped"
        (sent,) = desk.ledger("send")
        assert (sent["keys"], sent["net_paid"]) == (list(keys), sent["due"])
        await shop.close()
