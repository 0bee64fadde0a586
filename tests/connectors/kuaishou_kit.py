"""A scripted Kuaishou for the tests of its shop."""

import base64
import json
from collections.abc import Callable
from typing import Any

from connectors.shops.kuaishou.sign import sign
from core.ports import Shop
from tests.connectors.kit import Json, load
from tests.connectors.server import Answer, Request, Scripted

SECRET, APP_SECRET = "ks-sign-secret", "ks-app-secret"
APP = "ks123"
OID = 2607602240240301
MESSAGE_KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="
LIST, DETAIL = "open.order.cursor.list", "open.order.detail"
REFUNDS = "open.seller.order.refund.pcursor.list"
DELIVER, REFRESH = "open.seller.order.goods.deliver", "oauth2.refresh_token"


def ok(data: Any) -> Json:
    return {"result": 1, "code": "1", "error_msg": "", "msg": "", "sub_code": "", "sub_msg": "", "data": data}


def error(result: int, message: str = "m", sub: str = "") -> Json:
    return {"result": result, "code": str(result), "error_msg": message, "sub_code": sub, "sub_msg": "", "data": None}


class Platform:
    """Answers by method; signature, token, windows and cursors as the platform has them."""

    def __init__(self) -> None:
        self.orders: list[Json] = []
        self.refunds: list[Json] = []
        self.detail: Json = load("kuaishou/order")
        self.override: dict[str, Callable[[Json], Answer | Json]] = {}
        self.calls: list[tuple[str, Json]] = []
        self.token, self.expired = "tok", 24
        self.moving: Callable[[], None] = lambda: None  # called after each page

    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        method = request.path.lstrip("/").replace("/", ".")
        if method == REFRESH:
            assert request.method == "POST"
            self.calls.append((method, request.form))
            return _sent(self.override[method](request.form))
        query = {name: values[0] for name, values in request.query.items()}
        form = request.form if request.method == "POST" else query
        params: Json = json.loads(form["param"])
        self.calls.append((method, params))
        assert request.method == ("POST" if method == DELIVER else "GET")
        assert (form["method"], form["version"], form["appkey"]) == (method, "1", APP)
        assert len(form["timestamp"]) == 13
        assert form["sign"] == sign(form, SECRET)
        if form["access_token"] != self.token:
            return 200, error(self.expired, "access token expired")
        return _sent(self.override[method](params) if method in self.override else self.answer(method, params))

    def answer(self, method: str, params: Json) -> Json:
        if method == LIST:
            assert params["endTime"] - params["beginTime"] <= 7 * 86_400_000
            rows, cursor = self._page(self.orders, params, params["cursor"], _ordered, 50)
            return ok({"orderList": rows, "cursor": cursor, "pageSize": params["pageSize"]})
        if method == REFUNDS:
            assert params["endTime"] - params["beginTime"] <= 86_400_000
            rows, cursor = self._page(self.refunds, params, params["pcursor"], _changed, 100)
            return ok({"refundOrderInfoList": rows, "pcursor": cursor})
        return ok(self.detail if method == DETAIL else None)

    def _page(
        self, rows: list[Json], params: Json, cursor: str, at: Callable[[Json], int], most: int
    ) -> tuple[list[Json], str]:
        """The worst that a cursor can be: a count of rows, in a list that moves under it."""
        assert (params["queryType"], params["sort"], params["pageSize"]) == (2, 2, most)
        inside = sorted((row for row in rows if params["beginTime"] <= at(row) <= params["endTime"]), key=at)
        skip = int(base64.b64decode(cursor)) if cursor else 0
        page = inside[skip : skip + most]
        more = len(inside) > skip + most
        self.moving()
        return page, base64.b64encode(str(skip + most).encode()).decode() if more else "nomore"


def _sent(answer: Answer | Json) -> Answer:
    return (200, answer) if isinstance(answer, dict) else answer


def _ordered(row: Json) -> int:
    return int(row["orderBaseInfo"]["updateTime"])


def _changed(row: Json) -> int:
    return int(row["updateTime"])


def options(server: Scripted) -> dict[str, str]:
    return {
        "platform": "kuaishou", "url": server.url, "app_key": APP, "sign_secret": SECRET, "app_secret": APP_SECRET,
        "message_key": MESSAGE_KEY, "access_token": "tok", "refresh_token": "refresh-1", "express_code": "5000",
        "start_days": "0.01",
    }  # fmt: skip


def order(oid: int = OID, **base: Any) -> Json:
    """The sample with another number and other values of its base."""
    made = load("kuaishou/order")
    made["orderBaseInfo"] |= {"oid": oid} | base
    return made


async def pull_all(shop: Shop, cursor: str | None = None) -> tuple[list[Any], str | None]:
    found: list[Any] = []
    for _ in range(80):
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("pull does not end")
