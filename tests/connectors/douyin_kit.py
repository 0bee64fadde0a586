"""A scripted Douyin for the tests of its shop, and calls and orders in its shape."""

import json
from collections.abc import Callable
from typing import Any

from connectors.shops.douyin.sign import sign
from core.model.effects import Call, Effect, Slot
from core.ports import Shop
from tests.connectors.kit import Json, load
from tests.connectors.server import Answer, Request, Scripted

SECRET = "dysecret"
KEY = "6839996111122223333"
ORDER, SUB, OTHER = "6931000000000000001", "6931000000000000002", "6931000000000000003"
LIST, REFUNDS, DETAIL = "order/searchList", "afterSale/List", "order/orderDetail"
SYNC, REFRESH = "coupons/syncV2", "token/refresh"


def ok(data: Any) -> Json:
    return {"code": 10000, "msg": "success", "sub_code": "", "sub_msg": "", "log_id": "l", "data": data}


def error(code: int, sub: str = "", message: str = "m") -> Json:
    return {"code": code, "msg": message, "sub_code": sub, "sub_msg": "s", "log_id": "l", "data": None}


class Platform:
    """Answers by path; signature, token, windows and pages as the platform has them."""

    def __init__(self) -> None:
        self.orders: list[Json] = []
        self.refunds: list[Json] = []
        self.detail: Json = load("douyin/order")
        self.override: dict[str, Callable[[Json], Answer | Json]] = {}
        self.calls: list[tuple[str, Json]] = []
        self.token = "tok"

    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        path, query = request.path.lstrip("/"), {name: values[0] for name, values in request.query.items()}
        params: Json = json.loads(request.body)
        self.calls.append((path, params))
        assert request.method == "POST"
        assert request.headers["x-open-no-old-err-code"] == "1"
        assert request.body.decode() == json.dumps(params, sort_keys=True, ensure_ascii=False, separators=(",", ":")), (
            "the body is what was signed"
        )
        assert (query["v"], query["method"]) == ("2", path.replace("/", "."))
        assert query["sign"] == sign(KEY, query["method"], request.body.decode(), query["timestamp"], SECRET)
        if path == REFRESH:
            assert "access_token" not in query
        elif query["access_token"] != self.token:
            return 200, error(40003, "isv.access-token-expired")
        answer = self.override[path](params) if path in self.override else self.answer(path, params)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, path: str, params: Json) -> Json:
        if path == LIST:
            return ok(self._listed(self.orders, params, "update_time", "shop_order_list", _ordered))
        if path == REFUNDS:
            swapped = {"update_time_start": params["update_start_time"], "update_time_end": params["update_end_time"]}
            return ok(self._listed(self.refunds, params | swapped, ["update_time desc"], "items", _changed))
        if path == DETAIL:
            return ok({"shop_order_detail": self.detail})
        return ok(None)

    @staticmethod
    def _listed(rows: list[Json], params: Json, by: Any, name: str, at: Callable[[Json], int]) -> Json:
        assert params["order_by"] == by
        assert params.get("order_asc", False) is False
        inside = [row for row in rows if params["update_time_start"] <= at(row) <= params["update_time_end"]]
        inside.sort(key=at, reverse=True)
        page, size = params["page"], params["size"]
        assert 0 < size <= 100
        return {name: inside[page * size : (page + 1) * size], "total": len(inside), "page": page, "size": size}


def _ordered(row: Json) -> int:
    return int(row["update_time"])


def _changed(row: Json) -> int:
    return int(row["aftersale_info"]["update_time"])


def options(server: Scripted) -> dict[str, str]:
    return {
        "platform": "douyin", "url": server.url, "app_key": KEY, "secret": SECRET, "access_token": "tok",
        "refresh_token": "refresh-1", "start_days": "0.01",
    }  # fmt: skip


def send(attempt: int = 1, lines: tuple[str, ...] = (SUB, SUB)) -> Call:
    """Keys for sub-orders of the sample, numbered within each."""
    slots = tuple(Slot(line, lines[:n].count(line) + 1, "t", f"KEY-{n}") for n, line in enumerate(lines))
    return Call(reference="shop-a:71", effect=Effect.SEND, attempt=attempt, ext_id=ORDER, recipient="", slots=slots)


def two_lines() -> Json:
    order = load("douyin/order")
    (line,) = order["sku_order_list"]
    order["sku_order_list"].append(line | {"order_id": OTHER, "sku_id": 1700000000000002})
    return order | {"pay_amount": 7960}


async def pull_all(shop: Shop, cursor: str | None = None) -> tuple[list[Any], str | None]:
    found: list[Any] = []
    for _ in range(50):
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("pull does not end")
