"""A scripted Xianguanjia, and requests in its name, for the tests of its shop."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from connectors.registry import build_shop
from connectors.shops.xianguanjia.shop import XianguanjiaShop
from connectors.shops.xianguanjia.sign import sign, sign_supply
from core.ports import Inbound, Received, Standing
from tests.connectors.kit import NOW, Json, ManualClock, load
from tests.connectors.server import Answer, Request, Scripted

APP, SECRET, MERCHANT, MERCHANT_SECRET = "203413189371893", "appsecret", "900001", "mchsecret"
NUMBER, SUPPLY = "3364342266781566229", "1929063817978999932"
LIST, DETAIL, KAM = "/api/open/order/list", "/api/open/order/detail", "/api/open/order/kam/list"
NOTIFY = "/api/open/callback/virtual/order/notify/token-1"
CREATE = "goofish/order/purchase/create"


def good(data: Any) -> Json:
    return {"code": 0, "msg": "OK", "data": data}


class Platform:
    """Answers by path, with the signature checked; one order, whose keys are what was handed over last."""

    def __init__(self) -> None:
        self.order: Json = load("xianguanjia/order")
        self.rows: list[Json] = [self.order]
        self.cards: list[str] = []
        self.override: dict[str, Callable[[Json], Answer | Json]] = {}
        self.calls: list[tuple[str, Json]] = []

    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        query = {name: values[0] for name, values in request.query.items()}
        if request.path == NOTIFY:
            assert query["mch_id"] == MERCHANT
            made = sign_supply(request.body, query["timestamp"], (APP, SECRET), (MERCHANT, MERCHANT_SECRET))
        else:
            assert query["appid"] == APP
            made = sign(request.body, query["timestamp"], APP, SECRET)
        assert query["sign"] == made
        assert request.headers["content-type"] == "application/json"
        call = json.loads(request.body)
        self.calls.append((request.path, call))
        answer = self.override[request.path](call) if request.path in self.override else self.answer(request.path, call)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, path: str, call: Json) -> Json:
        if path == LIST:
            low, high = call["update_time"]
            assert 0 <= high - low <= 1800
            assert (call["page_size"], call["page_no"] >= 1) == (100, True)
            rows = [row for row in self.rows if low <= row["update_time"] <= high]
            page = rows[(call["page_no"] - 1) * 100 : call["page_no"] * 100]
            return good({"list": page, "count": len(rows), "page_no": call["page_no"], "page_size": 100})
        if path == DETAIL:
            if call["order_no"] != self.order["order_no"]:
                return {"code": 100004, "msg": "no such order"}
            return good(self.order)
        if path == KAM:
            return good({"list": [{"card_no": "", "card_pwd": c, "cost": 0, "sold_type": 11} for c in self.cards]})
        assert path == NOTIFY, path
        assert (call["order_type"], call["order_status"], call["order_no"]) == (2, 20, SUPPLY)
        self.cards = [card["card_pwd"] for card in call["card_items"]]
        self.order = self.order | {"order_status": 21}
        return {"code": 0, "msg": "OK"}


def options(server: Scripted, folder: Path, **more: str) -> dict[str, str]:
    return {
        "platform": "xianguanjia", "url": server.url, "app_key": APP, "secret": SECRET, "mch_id": MERCHANT,
        "mch_secret": MERCHANT_SECRET, "asked_file": str(folder / "asked.jsonl"), "start_days": "0.1", **more,
    }  # fmt: skip


def shop_at(server: Scripted, folder: Path, clock: ManualClock | None = None, **more: str) -> XianguanjiaShop:
    shop = build_shop("xianyu-main", options(server, folder, **more), clock or ManualClock())
    assert isinstance(shop, XianguanjiaShop)
    return shop


def wanted(server: Scripted, **more: Any) -> Json:
    return {
        "order_no": SUPPLY, "goods_no": "steam50", "buy_quantity": 2, "max_amount": 8000, "product_id": 0,
        "notify_url": server.url + NOTIFY, "biz_order_no": NUMBER, "product_sku": 0, "item_id": 708245707949, **more,
    }  # fmt: skip


def supply(tail: str, body: Json, at: int = NOW, **query: str) -> Inbound:
    """A call of the platform, signed for this merchant."""
    raw = json.dumps(body).encode()
    made = sign_supply(raw, at, (APP, SECRET), (MERCHANT, MERCHANT_SECRET))
    fields = {"mch_id": MERCHANT, "timestamp": str(at), "sign": made} | query
    text = "&".join(f"{name}={value}" for name, value in fields.items())
    return Inbound(method="POST", tail=tail, query=text, headers={}, body=raw)


def said(received: Received, standing: Standing | None = None) -> Json:
    """The body of the answer."""
    answer: Json = json.loads(received.render(standing).body)
    return answer
