"""The WeChat door: lent tokens, lists of numbers that shift, virtual delivery; a day with the connector."""

import time
from pathlib import Path
from typing import Any

from connectors.registry import build_shop
from core.model.clock import now_us
from core.model.effects import Result
from core.model.order import OrderUpdate, PaymentKind, PlatformState, RefundState
from tests.connectors.kit import ship
from tests.connectors.practice_client import Desk, plan, world

WORLD, SHOP = ("wechat",), "wechat-main"


async def call(desk: Desk, path: str, token: str = "", **body: Any) -> dict[str, Any]:
    url = desk.shops[SHOP]["url"] + path
    answer: dict[str, Any] = (await desk.http.post(url, params={"access_token": token}, json=body)).json()
    return answer


async def lend(desk: Desk, **change: str) -> dict[str, Any]:
    shop = desk.shops[SHOP]
    body = {"grant_type": "client_credential", "appid": shop["app_id"], "secret": shop["secret"], **change}
    return await call(desk, "/cgi-bin/stable_token", **body)


def window(seconds: int = 600, **more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"update_time_range": {"start_time": now - seconds, "end_time": now + 60}, "page_size": 2, **more}


async def test_tokens_and_lists(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(n, "wechat-shop") for n in range(1, 4)], platforms=WORLD) as desk:
        await desk.begin()
        assert (await lend(desk, secret="x"))["errcode"] == 40125
        assert (await lend(desk, appid="x"))["errcode"] == 40013
        token = (await lend(desk))["access_token"]
        path = "/channels/ec/order/list/get"
        assert (await call(desk, path, "", **window()))["errcode"] == 40014
        assert (await call(desk, path, "x", **window()))["errcode"] == 42001
        cases: list[dict[str, Any]] = [
            {"page_size": 101},
            {"update_time_range": {}},
            window(8 * 86_400),
            {"next_key": "x"},
        ]
        for wrong in cases:
            assert (await call(desk, path, token, **(window() | wrong)))["errcode"] == 47001
        first = await call(desk, path, token, **window())
        second = await call(desk, path, token, **window(next_key=first["next_key"]))
        assert (first["has_more"], second["has_more"], second["next_key"]) == (True, False, "")
        numbers = first["order_id_list"] + second["order_id_list"]
        assert sorted(numbers) == sorted(desk.setting.world.shops[SHOP].orders)
        assert (await call(desk, "/channels/ec/order/get", token, order_id="1"))["errcode"] == 108001
        desk.setting.front._gates["wechat"].expire_token()
        assert (await call(desk, path, token, **window()))["errcode"] == 42001


async def test_delivery(tmp_path: Path) -> None:
    buyers = [plan(1, "wechat-shop"), plan(2, "wechat-shop", acts=[(0.0, "pay"), (0.0, "refund")]),
              plan(3, "wechat-shop", flag=1)]  # fmt: skip
    async with world(tmp_path, buyers, platforms=WORLD) as desk:
        await desk.begin()
        token = (await lend(desk))["access_token"]
        paid, asked, group = desk.setting.world.shops[SHOP].orders

        async def deliver(number: str, **change: Any) -> int:
            row = (await call(desk, "/channels/ec/order/get", token, order_id=number))["order"]
            goods = row["order_detail"]["product_infos"][0]
            one = {"product_id": goods["product_id"], "sku_id": goods["sku_id"], "product_cnt": goods["sku_cnt"]}
            parcel = [{"deliver_type": 3, "product_infos": [one | change]}]
            path = "/channels/ec/order/delivery/send"
            answer = await call(desk, path, token, order_id=number, delivery_list=parcel)
            return int(answer["errcode"])

        assert await deliver(paid, product_cnt=2) == 109002
        assert await deliver(asked) == 108009
        assert await deliver(group) == 109000
        assert desk.ledger("ship") == []
        assert await deliver(paid) == 0
        assert await deliver(paid) == 109001
        assert len(desk.ledger("ship")) == 1


async def test_a_day_with_the_connector(tmp_path: Path) -> None:
    buyers = [
        plan(1, "wechat-shop", qty=3, message="邮箱 buyer1@mail.example.com"),
        plan(2, "wechat-shop", acts=[(0.0, "pay"), (0.0, "refund"), (0.05, "refund_agreed")]),
        plan(3, "wechat-shop", acts=[(0.0, "close")]),
        plan(4, "wechat-shop", acts=[(0.0, "pay"), (0.0, "refund")]),
        plan(5, "wechat-shop", flag=1),
    ]
    async with world(tmp_path, buyers, platforms=WORLD) as desk:
        await desk.begin()
        shop = build_shop(SHOP, desk.shops[SHOP], now_us)
        found: dict[str, OrderUpdate] = {}
        cursor: str | None = None
        for _ in range(20):
            batch = await shop.pull(cursor)
            cursor = batch.cursor
            for update in batch.updates:
                assert isinstance(update, OrderUpdate), update
                found[update.ext_id] = update
            if not batch.more:
                break
        orders = [found[number] for number in desk.setting.world.shops[SHOP].orders]
        states = [order.state for order in orders]
        paid, back, closed = PlatformState.PAID, PlatformState.REFUNDED, PlatformState.CANCELLED
        assert states == [paid, back, closed, paid, PlatformState.FORBIDDEN]
        assert (orders[0].contact, orders[0].lines[0].qty) == ("buyer1@mail.example.com", 3)
        assert [p.kind for p in orders[1].payments] == [PaymentKind.CHARGE, PaymentKind.REFUND]
        assert [r.state for r in orders[3].refunds] == [RefundState.OPEN]
        assert (await shop.perform(ship(orders[3].ext_id))).result is Result.LATER
        desk.setting.front._gates["wechat"].expire_token()
        assert (await shop.perform(ship(orders[0].ext_id))).result is Result.CONFIRMED
        assert (await shop.perform(ship(orders[0].ext_id))).why == "already shipped"
        (shipped,) = desk.ledger("ship")
        assert shipped["ext_id"] == orders[0].ext_id
        await shop.close()
