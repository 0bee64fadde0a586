"""A scripted router of JD's open platform, for the tests of its shop."""

import json
from collections.abc import Callable
from typing import Any

from connectors.shops.jd.sign import sign
from core.model.clock import SECOND, from_text
from core.ports import Shop
from tests.connectors.kit import Json, load
from tests.connectors.server import Answer, Request, Scripted

NUMBER, SECRET = "304500112233", "jdsecret"
SEARCH, GET = "jingdong.pop.order.search", "jingdong.pop.order.get"
SHIPMENT, REQUESTS = "jingdong.pop.order.shipment", "jingdong.pop.afs.soa.refundapply.queryPageList"
GOOD: Json = {"success": True, "numberCode": "0", "chineseErrCode": "", "englishErrCode": ""}


def error(code: str) -> Json:
    return {"error_response": {"code": code, "zh_desc": "m", "en_desc": "m"}}


def answered(method: str, **body: Any) -> Json:
    return {f"{method.replace('.', '_')}_responce": {"code": "0", **body}}


class Router:
    """Answers by method; one order and its requests."""

    def __init__(self) -> None:
        self.order = load("jd/order")
        self.rows = [self.order]
        self.requests: list[Json] = []
        self.override: dict[str, Callable[[Json], Answer | Json]] = {}
        self.calls: list[tuple[str, Json]] = []
        self.token, self.refreshed = "tok", 0

    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        if request.path == "/oauth2/refresh_token":
            self.refreshed += 1
            asked = {name: values[0] for name, values in request.query.items()}
            assert asked == {
                "app_key": "app", "app_secret": SECRET, "grant_type": "refresh_token", "refresh_token": "ref",
            }  # fmt: skip
            return 200, {"access_token": self.token, "refresh_token": "ref", "expires_in": 86_400, "code": 0}
        form = request.form
        assert (request.method, request.path, form["sign"]) == ("POST", "/routerjson", sign(form, SECRET))
        assert (form["v"], form["app_key"]) == ("2.0", "app")
        method, params = form["method"], json.loads(form["360buy_param_json"])
        self.calls.append((method, params))
        if form["access_token"] != self.token:
            return 200, error("19")
        answer = self.override[method](params) if method in self.override else self.answer(method, params)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, method: str, params: Json) -> Json:
        if method == SEARCH:
            low, high = (from_text(params[key]) for key in ("start_date", "end_date"))
            assert 0 <= high - low <= 1800 * SECOND
            assert (params["page_size"], params["sortType"], params["dateType"]) == ("100", "1", "0")
            rows = [row for row in self.rows if params["start_date"] <= row["modified"] <= params["end_date"]]
            rows.sort(key=lambda row: str(row["modified"]), reverse=True)
            at = (int(params["page"]) - 1) * 100
            found = {"apiResult": GOOD, "orderInfoList": rows[at : at + 100], "orderTotal": len(rows)}
            return answered(SEARCH, searchorderinfo_result=found)
        if method == REQUESTS:
            rows = self.requests
            if "orderId" in params:
                rows = [row for row in rows if str(row["orderId"]) == params["orderId"]]
            else:
                rows = [row for row in rows if params["applyTimeStart"] <= row["applyTime"] <= params["applyTimeEnd"]]
            at = (params["pageIndex"] - 1) * 50
            found = {"success": True, "totalCount": len(rows), "result": rows[at : at + 50]}
            return answered(REQUESTS, queryResult=found)
        if method == GET:
            shown = self.order if params["order_id"] == NUMBER else None
            result = GOOD if shown else GOOD | {"success": False, "numberCode": "10100002"}
            return answered(GET, orderDetailInfo={"apiResult": result, "orderInfo": shown})
        assert params == {"orderId": NUMBER, "logiCoprId": "1274"}
        if self.order["orderState"] != "WAIT_SELLER_STOCK_OUT":
            return answered(SHIPMENT, sopjosshipment_result=GOOD | {"success": False, "chineseErrCode": "已出库"})
        self.order = self.order | {"orderState": "WAIT_GOODS_RECEIVE_CONFIRM"}
        return answered(SHIPMENT, sopjosshipment_result=GOOD | {"success": "true"})


def options(server: Scripted, **more: str) -> dict[str, str]:
    return {
        "platform": "jd", "url": f"{server.url}/routerjson", "oauth_url": f"{server.url}/oauth2", "app_key": "app",
        "secret": SECRET, "access_token": "tok", "refresh_token": "ref", "start_days": "0.01", **more,
    }  # fmt: skip


async def pull_all(shop: Shop, cursor: str | None = None) -> tuple[list[Any], str | None]:
    found: list[Any] = []
    for _ in range(50):
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("pull does not end")
