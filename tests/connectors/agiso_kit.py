"""A scripted Agiso, and pushes in its name, for the tests of its shop."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from connectors.registry import build_shop
from connectors.shops.agiso.shop import AgisoShop
from connectors.shops.agiso.sign import sign, sign_push
from core.model.order import Batch
from core.ports import Inbound
from tests.connectors.kit import NOW, Json, ManualClock, load
from tests.connectors.server import Answer, Request

SECRET, TOKEN = "agisosecret", "agisotoken"
NUMBER = "1520087523676842500"
DETAIL, REFUND, DUMMY, SAY = "/Order/Detail", "/Refund/Detail", "/Order/DummySend", "/ImMsg/SendMsg"
NONE = {"biz_order_id": int(NUMBER), "payment": 8000, "refund_status": 9}
PAID = {"biz_order_id": int(NUMBER), "item_id": 1, "order_status": 2, "seller_id": 9}


def good(data: Any) -> Json:
    return {"IsSuccess": True, "Data": data, "Error_Code": 0, "Error_Msg": "", "AllowRetry": None, "RequestId": "1"}


def bad(code: int) -> Json:
    return {"isSuccess": False, "data": None, "error_Code": code, "error_Msg": "m", "requestId": "1"}


class Gateway:
    """Answers by path, with signature, token and version checked."""

    def __init__(self) -> None:
        self.order: Json = load("agiso/order")
        self.refund: Json = NONE
        self.override: dict[str, Callable[[dict[str, str]], Answer | Json]] = {}
        self.calls: list[tuple[str, dict[str, str]]] = []

    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        form = request.form
        assert (request.headers["authorization"], request.headers["apiversion"]) == (f"Bearer {TOKEN}", "1")
        assert sign({k: v for k, v in form.items() if k != "sign"}, SECRET) == form["sign"]
        assert form["timestamp"]
        self.calls.append((request.path, form))
        answer = self.override[request.path](form) if request.path in self.override else self.answer(request.path)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, path: str) -> Json:
        if path == DUMMY:
            self.order = self.order | {"order_status": 3, "ship_time": NOW * 1000}
        return good({DETAIL: self.order, REFUND: self.refund}.get(path))


def shop_at(url: str, clock: ManualClock | None = None, **more: str) -> AgisoShop:
    options = {"platform": "agiso", "url": url, "secret": SECRET, "access_token": TOKEN, **more}
    shop = build_shop("agiso-main", options, clock or ManualClock())
    assert isinstance(shop, AgisoShop)
    return shop


def push(fields: Any, at: int = NOW, **query: str) -> Inbound:
    text = fields if isinstance(fields, str) else json.dumps(fields, ensure_ascii=False)
    params = {"timestamp": str(at), "aopic": "1", "sign": sign_push(text, str(at), SECRET), "fromPlatform": "AldsIdle"}
    body = urlencode({"json": text}).encode()
    return Inbound(method="POST", tail="", query=urlencode(params | query), headers={}, body=body)


async def pulled(shop: AgisoShop, cursor: str | None) -> Batch:
    """The first pull that asks for anything."""
    batch = await shop.pull(cursor)
    return await shop.pull(batch.cursor) if batch.more else batch
