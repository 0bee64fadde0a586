"""The Xiaohongshu door: one address, a sign that leaves the body out, windows and units, text delivered once."""

import hashlib
import time
from pathlib import Path
from typing import Any

from tests.connectors.practice_client import Desk, plan, world

WORLD = ("xiaohongshu",)


async def ark(desk: Desk, method: str, **params: Any) -> dict[str, Any]:
    shop = desk.shops["xhs-main"]
    stamp = str(int(time.time()))
    system = {"method": method, "appId": shop["app_id"], "timestamp": stamp, "version": "2.0"} | {
        name: params.pop(name) for name in ("appId", "timestamp", "version") if name in params
    }
    text = (
        f"{method}?appId={system['appId']}&timestamp={system['timestamp']}&version={system['version']}{shop['secret']}"
    )
    body = {"accessToken": shop["access_token"], "sign": hashlib.md5(text.encode()).hexdigest(), **system, **params}
    answer: dict[str, Any] = (await desk.http.post(shop["url"], json=body)).json()
    return answer


def window(seconds: int = 600, unit: int = 1) -> dict[str, Any]:
    now = int(time.time())
    return {
        "startTime": (now - seconds) * unit,
        "endTime": (now + 60) * unit,
        "timeType": 2,
        "pageNo": 1,
        "pageSize": 100,
    }


async def test_gateway_checks(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=WORLD) as desk:
        assert (await desk.http.get(desk.shops["xhs-main"]["url"])).status_code == 404
        cases: list[tuple[dict[str, Any], int]] = [
            ({"appId": "x"}, -2000400), ({"version": "1.0"}, -2000400), ({"sign": "0" * 32}, -9100003),
            ({"timestamp": "1"}, -9100003), ({"accessToken": "x"}, -9100001), ({"pageSize": 101}, -2000400),
            ({"pageNo": 101}, -2000400), ({"timeType": 3}, -2000400), ({"startTime": "x"}, -2000400),
            (window(1800), -2000400), (window(600, 1000), -2000400), (window(90_000) | {"timeType": 1}, -2000400),
        ]  # fmt: skip
        for change, code in cases:
            answer = await ark(desk, "order.getOrderList", **(window() | change))
            assert (answer["error_code"], answer["success"]) == (code, False), change
        assert (await ark(desk, "order.nothing"))["error_code"] == -2000400
        assert (await ark(desk, "order.getOrderList", **window()))["data"]["orderList"] == []
        assert (await ark(desk, "afterSale.listAfterSaleInfos", **window()))["error_code"] == -2000400, "seconds"
        after = await ark(desk, "afterSale.listAfterSaleInfos", **window(600, 1000))
        assert after["data"]["data"]["totalCount"] == 0


async def test_lists_hold_no_money(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(3, "xiaohongshu", qty=2)], platforms=WORLD) as desk:
        await desk.begin()
        listed = (await ark(desk, "order.getOrderList", **window()))["data"]
        (row,) = listed["orderList"]
        assert (listed["total"], listed["maxPageNo"], row["orderStatus"]) == (1, 1, 4)
        assert "totalPayAmount" not in row
        detail = (await ark(desk, "order.getOrderDetail", orderId=row["orderId"]))["data"]
        assert (detail["totalPayAmount"], detail["skuList"][0]["skuQuantity"], detail["userId"]) == (9780, 2, "u000003")
        assert (await ark(desk, "order.getOrderDetail", orderId="P1"))["error_code"] == -2000101
        none = await ark(desk, "order.getOrderList", **window(), orderStatus=6)
        assert none["data"]["total"] == 0


async def test_text_is_delivered_once(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "xiaohongshu"), plan(2, "xiaohongshu", flag=2)], platforms=WORLD) as desk:
        await desk.begin()
        first, risky = desk.setting.world.shops["xhs-main"].orders
        key, other = desk.keys("steam50")[:2]
        cards = {"expressCompanyCode": "selfdelivery", "expressNo": key}
        deliver = "order.orderDeliver"
        for wrong in ({"expressCompanyCode": "zto"}, {"expressNo": ""}):
            assert (await ark(desk, deliver, orderId=first, **(cards | wrong)))["error_code"] == -2000400
        assert (await ark(desk, deliver, orderId=risky, **cards))["error_code"] == -2000400
        assert (await ark(desk, deliver, orderId=first, **cards))["success"] is True
        assert (await ark(desk, deliver, orderId=first, **(cards | {"expressNo": other})))["success"] is False
        assert [(record["keys"], record["net_paid"]) for record in desk.ledger("send")] == [([key], 4890)]
        assert len(desk.ledger("ship")) == 1
        detail = (await ark(desk, "order.getOrderDetail", orderId=first))["data"]
        assert (detail["orderStatus"], detail["expressTrackingNo"]) == (6, key)
        note = {"sellerMarkNote": "n", "operator": "o", "sellerMarkPriority": 2}
        assert (await ark(desk, "order.modifySellerMarkInfo", orderId=first, **note))["success"] is True
        assert (await ark(desk, "order.modifySellerMarkInfo", orderId=first, sellerMarkNote="n"))["success"] is False


async def test_tokens(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=WORLD) as desk:
        refresh = desk.shops["xhs-main"]["refresh_token"]
        same = (await ark(desk, "oauth.refreshToken", refreshToken=refresh))["data"]
        assert same["accessToken"] == desk.shops["xhs-main"]["access_token"]
        assert same["accessTokenExpiresAt"] > (time.time() + 6 * 86_400) * 1000
        desk.setting.front._gates["xhs"].expire_token()
        assert (await ark(desk, "order.getOrderList", **window()))["error_code"] == -9100001
        new = (await ark(desk, "oauth.refreshToken", refreshToken=refresh))["data"]["accessToken"]
        assert (await ark(desk, "order.getOrderList", **window(), accessToken=new))["success"] is True
        assert (await ark(desk, "oauth.refreshToken", refreshToken="x"))["success"] is False
