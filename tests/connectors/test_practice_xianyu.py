"""The Xianyu door: signatures, windows, requests for keys that insist, hand-overs taken as they come; a day of trade."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from connectors.registry import build_shop
from connectors.shops.xianguanjia.shop import XianguanjiaShop
from core.model.clock import now_us
from core.model.effects import Result
from core.model.order import OrderUpdate, PlatformState
from tests.connectors.hook_kit import Hooked, behind
from tests.connectors.kit import send
from tests.connectors.practice_client import Desk, plan, world
from tests.connectors.server import Answer, Request

WORLD = ("xianyu",)
SHOP = "xianyu-main"


def md5(data: bytes | str) -> str:
    return hashlib.md5(data.encode() if isinstance(data, str) else data).hexdigest()


async def call(desk: Desk, path: str, body: Any, **query: str) -> dict[str, Any]:
    shop = desk.shops[SHOP]
    raw, stamp = json.dumps(body).encode(), query.pop("timestamp", str(int(time.time())))
    if path.startswith("callback/"):
        who, rest = {"mch_id": shop["mch_id"]}, f"{stamp},{shop['mch_id']},{shop['mch_secret']}"
        text = f"{shop['app_key']},{shop['secret']},{md5(raw)},{rest}"
    else:
        who, text = {"appid": shop["app_key"]}, f"{shop['app_key']},{md5(raw)},{stamp},{shop['secret']}"
    params = {**who, "timestamp": stamp, "sign": md5(text), **query}
    answer = await desk.http.post(f"{shop['url']}/api/open/{path}", content=raw, params=params)
    found: dict[str, Any] = answer.json()
    return found


def window(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"update_time": [now - 600, now + 60], "page_no": 1, "page_size": 100, **more}


class Listener:
    """Stands where the desk would, and answers requests for keys as the test says."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.wanted: list[dict[str, Any]] = []
        self.pushed: list[dict[str, Any]] = []
        self.refuse = 0

    def __call__(self, request: Request) -> Answer:
        shop = self.desk.shops[SHOP]
        query, body = dict(parse_qsl(request.target.partition("?")[2])), json.loads(request.body)
        if request.path == f"/hook/{SHOP}":
            assert query["sign"] == md5(f"{shop['app_key']},{md5(request.body)},{query['timestamp']},{shop['secret']}")
            self.pushed.append(body)
            return 200, {"result": "success", "msg": "ok"}
        assert request.path == f"/hook/{SHOP}/goofish/order/purchase/create"
        rest = f"{query['timestamp']},{shop['mch_id']},{shop['mch_secret']}"
        assert query["sign"] == md5(f"{shop['app_key']},{shop['secret']},{md5(request.body)},{rest}")
        if self.refuse:
            self.refuse -= 1
            return 503, {}
        self.wanted.append(body)
        return 200, {"code": 0, "msg": "OK", "data": {"order_status": 10}}


async def test_gateway_checks(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=WORLD) as desk:
        cases: list[tuple[dict[str, str], int]] = [
            ({"sign": "0" * 32}, 401), ({"appid": "x"}, 401), ({"timestamp": "x"}, 100004), ({"timestamp": "1"}, 408),
        ]  # fmt: skip
        for change, code in cases:
            assert (await call(desk, "order/list", window(), **change))["code"] == code, change
        for change_body in ({"page_no": 101}, {"page_size": 101}, {"update_time": [1]}, {"page_no": "1"}):
            assert (await call(desk, "order/list", window(**change_body)))["code"] == 100004, change_body
        assert (await call(desk, "order/list", window()))["data"] == {
            "list": [], "count": 0, "page_no": 1, "page_size": 100,
        }  # fmt: skip
        assert (await call(desk, "order/detail", {"order_no": "1"}))["code"] == 100004
        assert (await desk.http.get(desk.shops[SHOP]["url"] + "/api/open/order/list")).status_code == 404


async def test_asks_until_it_is_heard_and_takes_what_comes(tmp_path: Path) -> None:
    async with world(
        tmp_path, [plan(1, "xianguanjia", qty=2), plan(7, "xianguanjia", flag=1)], platforms=WORLD
    ) as desk:
        listener = Listener(desk)
        listener.refuse = 2
        await call(desk, "order/list", window())  # now it knows its own name
        async with Hooked(listener, desk):
            await desk.begin()
            await desk.until(lambda: listener.wanted and listener.pushed and not listener.refuse)
        first, group = desk.setting.world.shops[SHOP].orders
        (wanted,) = listener.wanted
        assert (wanted["biz_order_no"], wanted["buy_quantity"], wanted["max_amount"]) == (first, 2, 9780)
        row = (await call(desk, "order/detail", {"order_no": group}))["data"]
        assert (row["order_status"], row["idle_biz_type"], row["pin_group_status"]) == (12, 20, 1)
        keys = desk.keys("steam50")
        path = wanted["notify_url"].partition("/api/open/")[2]
        body = {
            "order_type": 2, "order_no": wanted["order_no"], "order_status": 20,
            "card_items": [{"card_no": "", "card_pwd": key} for key in keys[:2]],
        }  # fmt: skip
        wrong: dict[str, Any]
        for wrong in ({"order_status": 10}, {"card_items": []}, {"order_no": "1"}, {"order_type": 1}):
            assert (await call(desk, path, body | wrong))["code"] in (1200, 1201), wrong
        assert (await call(desk, path, body, sign="0" * 32))["code"] == 401
        assert (await call(desk, path + "x", body))["code"] == 1200
        assert desk.ledger("send") == []
        assert (await call(desk, path, body))["code"] == 0
        cards = (await call(desk, "order/kam/list", {"order_no": first}))["data"]["list"]
        assert [card["card_pwd"] for card in cards] == keys[:2]
        assert (await call(desk, "order/detail", {"order_no": first}))["data"]["order_status"] == 21
        assert (await call(desk, path, body | {"card_items": [{"card_pwd": keys[2]}]}))["code"] == 0
        assert [record["keys"] for record in desk.ledger("send")] == [keys[:2], keys[2:3]], "whatever comes goes out"


async def test_a_day_with_the_connector(tmp_path: Path) -> None:
    buyers = [
        plan(1, "xianguanjia"),
        plan(2, "xianguanjia", acts=[(0.0, "pay"), (0.0, "refund"), (0.05, "refund_agreed")]),
        plan(3, "xianguanjia", acts=[(0.0, "close")]),
        plan(4, "xianguanjia", qty=3),
    ]
    async with world(tmp_path, buyers, platforms=WORLD) as desk:
        shop = build_shop(SHOP, desk.shops[SHOP], now_us)
        assert isinstance(shop, XianguanjiaShop)

        await shop.pull(None)
        async with Hooked(behind(shop, SHOP), desk):
            await desk.begin()
            numbers = list(desk.setting.world.shops[SHOP].orders)
            found: dict[str, OrderUpdate] = {}

            async def look() -> None:
                for number in numbers:
                    update = await shop.read(number)
                    assert isinstance(update, OrderUpdate), update
                    found[number] = update

            deadline = time.monotonic() + 15
            while [found[n].state for n in found if n in (numbers[0], numbers[3])] != [PlatformState.PAID] * 2:
                assert time.monotonic() < deadline
                await look()
        states = [found[number].state for number in numbers]
        paid, back, closed = PlatformState.PAID, PlatformState.REFUNDED, PlatformState.CANCELLED
        assert states == [paid, back, closed, paid]
        assert sum(p.amount * (1 if p.kind == 0 else -1) for p in found[numbers[1]].payments) == 0
        keys = tuple(desk.keys("steam50")[:3])
        assert (await shop.perform(send(numbers[3], keys=keys))).result is Result.CONFIRMED
        again = await shop.perform(send(numbers[3], attempt=2, keys=keys))
        assert (again.result, again.why) == (Result.CONFIRMED, "the order shows our keys")
        (sent,) = desk.ledger("send")
        assert (sent["keys"], sent["ext_id"], sent["net_paid"]) == (list(keys), numbers[3], sent["due"])
        await shop.close()
