"""The JD door: the gateway's checks, both forms of a search, rows that shift, requests by their time, shipments once."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from connectors.practice.taobao_rows import time_text
from tests.connectors.practice_client import Desk, plan, world

WORLD = ("jd",)
SHOP = "jd-main"
SEARCH, GET = "jingdong.pop.order.search", "jingdong.pop.order.get"
SHIPMENT, REQUESTS = "jingdong.pop.order.shipment", "jingdong.pop.afs.soa.refundapply.queryPageList"


def form(desk: Desk, method: str, params: Any, /, **change: str) -> dict[str, str]:
    shop = desk.shops[SHOP]
    fields = {
        "method": method, "app_key": shop["app_key"], "access_token": shop["access_token"], "v": "2.0",
        "timestamp": time_text(time.time_ns() // 1000), "360buy_param_json": json.dumps(params), **change,
    }  # fmt: skip
    text = "".join(name + fields[name] for name in sorted(fields) if fields[name] and name != "sign")
    fields.setdefault("sign", hashlib.md5(f"{shop['secret']}{text}{shop['secret']}".encode()).hexdigest().upper())
    return fields


async def call(desk: Desk, method: str, params: Any, /, **change: str) -> dict[str, Any]:
    answer = (await desk.http.post(desk.shops[SHOP]["url"], data=form(desk, method, params, **change))).json()
    found: dict[str, Any] = answer.get("error_response") or answer[f"{method.replace('.', '_')}_responce"]
    return found


def window(**more: str) -> dict[str, str]:
    now = time.time_ns() // 1000
    return {
        "start_date": time_text(now - 600_000_000), "end_date": time_text(now + 60_000_000), "page": "1",
        "order_state": "WAIT_SELLER_STOCK_OUT,LOCKED,NOT_PAY", "optional_fields": "orderId,orderState,modified",
        "page_size": "100", "sortType": "1", "dateType": "0", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"method": ""}, "14"), ({"method": "jingdong.x"}, "15"), ({"v": ""}, "4"), ({"v": "1.0"}, "5"),
        ({"app_key": "x"}, "21"), ({"timestamp": "now"}, "7"), ({"timestamp": "2026-01-01 00:00:00"}, "8"),
        ({"sign": ""}, "11"), ({"sign": "0" * 32}, "12"), ({"access_token": ""}, "19"), ({"access_token": "x"}, "19"),
        ({"360buy_param_json": "["}, "64"),
    ],
)  # fmt: skip
async def test_the_gateway_checks(tmp_path: Path, change: dict[str, str], code: str) -> None:
    async with world(tmp_path, platforms=WORLD) as desk:
        fields = form(desk, SEARCH, window(), **change)
        answer = (await desk.http.post(desk.shops[SHOP]["url"], data=fields)).json()
        assert answer["error_response"]["code"] == code


async def test_tokens(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=WORLD) as desk:
        shop = desk.shops[SHOP]
        good = {
            "app_key": shop["app_key"], "app_secret": shop["secret"], "grant_type": "refresh_token",
            "refresh_token": shop["refresh_token"],
        }  # fmt: skip
        desk.setting.front._gates["jd"].expire_token()
        assert (await call(desk, GET, {}))["code"] == "19"
        for wrong in good:
            answer = (await desk.http.get(f"{shop['oauth_url']}/refresh_token", params=good | {wrong: "x"})).json()
            assert answer["code"] == 400, wrong
        token = (await desk.http.get(f"{shop['oauth_url']}/refresh_token", params=good)).json()["access_token"]
        assert (await call(desk, GET, {}, access_token=token))["code"] == "0"


async def test_searches(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(n, "jd") for n in range(1, 6)], platforms=WORLD) as desk:
        await desk.begin()
        numbers = list(desk.setting.world.shops[SHOP].orders)
        for params in (window(), {"paramOrderJSFQuery": window()}):
            found = (await call(desk, SEARCH, params))["searchorderinfo_result"]
            assert (found["orderTotal"], found["apiResult"]["success"]) == (5, True)
            assert [row["orderId"] for row in found["orderInfoList"]] == numbers[::-1]
            assert set(found["orderInfoList"][0]) == {"orderId", "orderState", "modified"}
        page = await call(desk, SEARCH, window(page="2", page_size="2"))
        assert [row["orderId"] for row in page["searchorderinfo_result"]["orderInfoList"]] == numbers[1:3][::-1]
        desk.setting.world.annotate(desk.setting.world.shops[SHOP].orders[numbers[0]], "x")
        page = await call(desk, SEARCH, window(page="2", page_size="2"))
        shifted = [row["orderId"] for row in page["searchorderinfo_result"]["orderInfoList"]]
        assert shifted == [numbers[3], numbers[2]], "a changed row pushes the others down"
        for wrong in (
            {"page_size": "101"}, {"page": "0"}, {"order_state": ""}, {"optional_fields": ""}, {"dateType": "1"},
            {"start_date": "2026-01-01 00:00:00"}, {"sortType": "0"},
        ):  # fmt: skip
            found = (await call(desk, SEARCH, window(**wrong)))["searchorderinfo_result"]
            assert (found["apiResult"]["success"], found["orderInfoList"]) == (False, []), wrong
        assert (await call(desk, SEARCH, window(end_date="x")))["code"] == "67"


async def test_requests_and_shipments(tmp_path: Path) -> None:
    open_ = [(0.0, "pay"), (0.0, "refund")]
    plans = [plan(1, "jd"), plan(2, "jd", acts=open_), plan(3, "jd", acts=[*open_, (0.05, "refund_agreed")])]
    async with world(tmp_path, plans, platforms=WORLD) as desk:
        await desk.begin()
        first, locked, back = desk.setting.world.shops[SHOP].orders
        times = {"applyTimeStart": window()["start_date"], "applyTimeEnd": window()["end_date"]}
        found = (await call(desk, REQUESTS, {**times, "pageIndex": 1, "pageSize": 50}))["queryResult"]
        rows = [(str(row["orderId"]), row["status"], row["applyRefundSum"]) for row in found["result"]]
        assert (found["totalCount"], rows) == (2, [(locked, 0, 4890), (back, 3, 4890)])
        for about, count in ((locked, 1), (first, 0), ("1", 0)):
            one = await call(desk, REQUESTS, {"orderId": about, "pageIndex": 1, "pageSize": 50})
            assert one["queryResult"]["totalCount"] == count
        assert (await call(desk, REQUESTS, {**times, "pageIndex": 1, "pageSize": 51}))["code"] == "67"
        shown = await call(desk, GET, {"order_id": locked, "optional_fields": "orderState"})
        assert shown["orderDetailInfo"]["orderInfo"] == {"orderState": "LOCKED"}

        async def ship(number: str, **more: str) -> dict[str, Any]:
            answer = await call(desk, SHIPMENT, {"orderId": number, "logiCoprId": "1274", **more})
            result: dict[str, Any] = answer["sopjosshipment_result"]
            return result

        assert not (await ship(first, logiCoprId="467"))["success"], "another carrier needs a waybill"
        assert (await ship(first))["success"]
        for number in (first, locked, back, "1"):
            assert not (await ship(number))["success"], number
        assert [record["ext_id"] for record in desk.ledger("ship")] == [first]
        memo = "jingdong.pop.order.modifyVenderRemark"
        for text, flag, good in (("x", "1", True), ("x" * 501, "1", False), ("x", "6", False)):
            answer = await call(desk, memo, {"order_id": first, "remark": text, "flag": flag})
            assert answer["modifyvenderremark_result"]["success"] is good
