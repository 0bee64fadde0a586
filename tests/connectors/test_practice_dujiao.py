"""dujiao-next in the practice world: it orders what is paid, insists until it is heard, and takes keys only from us."""

import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import httpx

from connectors.registry import build_shop
from connectors.shops.dujiao_next.shop import DujiaoNextShop
from core.model.clock import now_us
from core.model.effects import Result
from core.model.order import OrderUpdate
from tests.connectors.hook_kit import Hooked, behind
from tests.connectors.kit import send
from tests.connectors.practice_client import Desk, plan, world
from tests.connectors.server import Answer, Request

WORLD, SHOP = ("dujiao",), "dujiao-main"
HOOK, API = "/api/v1/upstream/generic-webhook/callback", "/api/v1/upstream/callback"


def shop_of(desk: Desk) -> DujiaoNextShop:
    shop = build_shop(SHOP, desk.shops[SHOP], now_us)
    assert isinstance(shop, DujiaoNextShop)
    return shop


async def hook(desk: Desk, body: dict[str, Any], token: str = "") -> httpx.Response:
    shop = desk.shops[SHOP]
    headers = {"authorization": f"Bearer {token or shop['token']}"}
    return await desk.http.post(shop["url"] + HOOK, json=body, headers=headers)


async def api(desk: Desk, body: dict[str, Any], **change: str) -> dict[str, Any]:
    shop, raw = desk.shops[SHOP], json.dumps(body).encode()
    stamp = change.pop("stamp", str(int(time.time())))
    text = f"POST\n{API}\n{stamp}\n{hashlib.md5(raw).hexdigest()}"
    headers = {
        "dujiao-next-api-key": shop["api_key"], "dujiao-next-timestamp": stamp,
        "dujiao-next-signature": hmac.new(shop["api_secret"].encode(), text.encode(), hashlib.sha256).hexdigest(),
    }  # fmt: skip
    answer = await desk.http.post(shop["url"] + API, content=raw, headers=headers | change)
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


class Listener:
    """Stands where the desk would: refuses twice, then takes every order."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.refuse = 2

    def __call__(self, request: Request) -> Answer:
        if self.refuse:
            self.refuse -= 1
            return 503, {}
        self.asked.append(request)
        return 200, {"ok": True, "order_no": "KD1", "order_id": 1, "status": "paid"}


def fulfilled(number: str, key: str) -> dict[str, Any]:
    return {
        "event": "order.fulfilled", "order_no": number, "downstream_order_no": number, "status": "delivered",
        "fulfillment": {"type": "auto", "payload": key},
    }  # fmt: skip


async def test_orders_insist_and_callbacks_are_checked(tmp_path: Path) -> None:
    plans = [plan(1, "dujiao-next"), plan(2, "dujiao-next"), plan(3, "dujiao-next", acts=((60.0, "pay"),))]
    async with world(tmp_path, plans, platforms=WORLD) as desk:
        heard = Listener()
        async with Hooked(heard, desk):
            await desk.control("POST", "begin")
            await desk.until(lambda: len(heard.asked) == 2)
        by_hook, by_api = sorted(heard.asked, key=lambda one: one.path)
        assert (by_hook.path, by_api.path) == (f"/hook/{SHOP}", f"/hook/{SHOP}/api/v1/upstream/orders")
        first, second = json.loads(by_hook.body)["order_no"], json.loads(by_api.body)["downstream_order_no"]
        unpaid = next(number for number in desk.setting.world.shops[SHOP].orders if number not in (first, second))
        key = desk.keys("steam50")[0]
        assert (await hook(desk, fulfilled(first, key), token="wrong")).status_code == 401
        assert (await hook(desk, {"event": "order.fulfilled"})).status_code == 400
        assert (await hook(desk, fulfilled(first, key) | {"event": "x"})).status_code == 400
        assert (await hook(desk, fulfilled(first, key) | {"status": "x"})).status_code == 400
        assert (await hook(desk, fulfilled(first, key) | {"fulfillment": None})).status_code == 400
        for wrong in ("nobody", second, unpaid):
            assert (await hook(desk, fulfilled(wrong, key))).status_code == 404
        for change, words in [
            ({"dujiao-next-signature": ""}, "missing"), ({"dujiao-next-signature": "0" * 64}, "signature"),
            ({"stamp": "1"}, "expired"), ({"stamp": "x"}, "timestamp"), ({"dujiao-next-api-key": "x"}, "api key"),
        ]:  # fmt: skip
            told = await api(desk, fulfilled(second, key), **change)
            assert told["ok"] is False
            assert words in told["message"]
        assert (await api(desk, fulfilled(first, key)))["message"] == "procurement order not found"
        assert (await api(desk, {}))["message"] == "missing required fields"
        assert (await desk.http.get(desk.shops[SHOP]["url"] + API)).status_code == 404
        assert desk.ledger("send") == []
        assert (await hook(desk, fulfilled(first, key))).json() == {"ok": True}
        assert (await api(desk, fulfilled(second, desk.keys("steam50")[1])))["ok"] is True
        assert next((one["ext_id"], one["keys"], one["net_paid"]) for one in desk.ledger("send")) == (
            first,
            [key],
            4890,
        )
        assert len(desk.ledger("ship")) == 2


async def test_a_day_of_trade(tmp_path: Path) -> None:
    plans = [plan(n, "dujiao-next", qty=1 + n % 3) for n in range(1, 9)]
    async with world(tmp_path, plans, platforms=WORLD, faults="chaos") as desk:
        shop = shop_of(desk)
        async with Hooked(behind(shop, SHOP), desk):
            await desk.begin()
            orders = desk.setting.world.shops[SHOP].orders
            found: dict[str, OrderUpdate] = {}
            cursor: str | None = None
            while len(found) < len(orders):
                batch = await shop.pull(cursor)
                cursor = batch.cursor
                found |= {one.ext_id: one for one in batch.updates if isinstance(one, OrderUpdate)}
                await desk.control("GET", "state")
        keys = desk.keys("steam50")
        for number, update in found.items():
            order = orders[number]
            assert (update.total, update.lines[0].sku, update.lines[0].qty) == (order.due, "DJ-STEAM50", order.qty)
            mine = tuple(keys.pop() for _ in range(order.qty))
            for attempt in range(1, 9):
                outcome = await shop.perform(send(number, attempt=attempt, keys=mine))
                if outcome.result is Result.CONFIRMED:
                    break
            assert outcome.result is Result.CONFIRMED
        report = await desk.control("GET", "report")
        zeros = ("keys_sent_twice", "oversold", "sent_unpaid", "wrong_product")
        assert [report[name] for name in zeros] == [0, 0, 0, 0]
        assert report["keys_sent"] == sum(order.qty for order in orders.values())
        await shop.close()
