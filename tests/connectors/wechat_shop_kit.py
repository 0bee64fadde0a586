"""A scripted WeChat for the tests of its shop."""

import json
from collections.abc import Callable
from typing import Any

from connectors.registry import build_shop
from connectors.shops.wechat_shop.shop import WechatShop
from tests.connectors.kit import Json, ManualClock, load
from tests.connectors.server import Answer, Request

APP, SECRET, PUSH_TOKEN = "wx0123456789abcdef", "wxsecret", "pushtoken"
PUSH_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
NUMBER = "3705115058471208928"
TOKEN, LIST, GET = "/cgi-bin/stable_token", "/channels/ec/order/list/get", "/channels/ec/order/get"
AFTER_SALE, DELIVER = "/channels/ec/aftersale/getaftersaleorder", "/channels/ec/order/delivery/send"


def ok(**data: Any) -> Json:
    return {"errcode": 0, "errmsg": "ok", **data}


def bad(code: int) -> Json:
    return {"errcode": code, "errmsg": "m"}


class Platform:
    """Answers by path; one order."""

    def __init__(self) -> None:
        self.order: Json = load("wechat_shop/order")
        self.after_sale: Json = load("wechat_shop/after_sale")
        self.token = "tok-1"
        self.override: dict[str, Callable[[Json], Answer | Json]] = {}
        self.calls: list[tuple[str, Json]] = []

    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        body: Json = json.loads(request.body)
        self.calls.append((request.path, body))
        if request.path != TOKEN and request.query["access_token"] != [self.token]:
            return 200, bad(42001)
        answer = self.override[request.path](body) if request.path in self.override else self.answer(request.path, body)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, path: str, body: Json) -> Json:
        if path == TOKEN:
            assert body == {"grant_type": "client_credential", "appid": APP, "secret": SECRET, "force_refresh": False}
            return ok(access_token=self.token, expires_in=7200)
        if path == LIST:
            span = body["update_time_range"]
            assert 0 <= span["end_time"] - span["start_time"] <= 7 * 86_400
            inside = span["start_time"] <= self.order["update_time"] <= span["end_time"]
            return ok(order_id_list=[self.order["order_id"]] if inside else [], next_key="", has_more=False)
        if path == GET:
            return ok(order=self.order)
        if path == AFTER_SALE:
            return ok(after_sale_order=self.after_sale)
        self.order = self.order | {"status": 30}
        return ok()

    def ask_for_money(self, status: str = "MERCHANT_PROCESSING") -> None:
        self.after_sale = self.after_sale | {"status": status}
        running = int(status == "MERCHANT_PROCESSING")
        named = [{"aftersale_order_id": self.after_sale["after_sale_order_id"]}]
        self.order = self.order | {
            "aftersale_detail": {"on_aftersale_order_cnt": running, "aftersale_order_list": named}
        }


def shop_at(url: str, clock: ManualClock | None = None, **more: Any) -> WechatShop:
    options = {"platform": "wechat-shop", "url": url, "app_id": APP, "secret": SECRET, "start_days": "0.1", **more}
    shop = build_shop("wechat-main", options, clock or ManualClock())
    assert isinstance(shop, WechatShop)
    return shop
