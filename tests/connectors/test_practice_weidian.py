"""The Weidian door: two JSON texts in a form, tokens, windows, orders that are told."""

import json
import time
from pathlib import Path
from typing import Any

from connectors.practice.taobao_rows import time_text
from tests.connectors.practice_client import Desk, plan, world

WORLD = ("weidian",)
LIST, GET, DELIVER = "vdian.order.list.get/1.5", "vdian.order.get/2.0", "vdian.order.deliver/1.0"


async def token(desk: Desk, **change: str) -> dict[str, Any]:
    shop = desk.shops["weidian-main"]
    query = {"grant_type": "client_credential", "appkey": shop["app_key"], "secret": shop["secret"]} | change
    answer: dict[str, Any] = (await desk.http.get(f"{shop['url']}/token", params=query)).json()
    return answer


async def api(desk: Desk, call: str, given: str = "", get: bool = False, **param: Any) -> dict[str, Any]:
    given = given or (await token(desk))["result"]["access_token"]
    method, _, version = call.partition("/")
    public = {"method": method, "access_token": given, "version": version, "format": "json"}
    form = {"public": json.dumps(public), "param": json.dumps(param)}
    url = f"{desk.shops['weidian-main']['url']}/api"
    reply = await (desk.http.get(url, params=form) if get else desk.http.post(url, data=form))
    answer: dict[str, Any] = reply.json()
    return answer


def code(answer: dict[str, Any]) -> int:
    return int(answer["status"]["status_code"])


def window(seconds: int = 600) -> dict[str, Any]:
    now = time.time_ns() // 1000
    return {"update_start": time_text(now - seconds * 1_000_000), "update_end": time_text(now + 60_000_000)}


async def test_gateway_checks(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=WORLD) as desk:
        for change in ({"grant_type": "x"}, {"appkey": "x"}, {"secret": "x"}):
            assert code(await token(desk, **change)) == 10001
        assert code(await api(desk, LIST, given="x", **window())) == 10013
        assert code(await api(desk, "vdian.nothing/1.0")) == 10001
        assert code(await api(desk, "vdian.order.list.get/9.9")) == 10001
        for wrong in ({"page_size": 51}, {"page_num": 0}, {"update_start": "2026-01-01"}, window(-100),
                      {"update_start": "2020-01-01 00:00:00"}):  # fmt: skip
            assert code(await api(desk, LIST, **(window() | wrong))) == 10001, wrong
        assert (await api(desk, LIST, get=True, **window()))["result"]["total_num"] == 0
        url = desk.shops["weidian-main"]["url"]
        assert code((await desk.http.post(f"{url}/api", data={"public": "["})).json()) == 10001
        assert (await desk.http.post(f"{url}/other")).status_code == 404


async def test_orders_are_seen_and_told(tmp_path: Path) -> None:
    plans = [plan(1, "weidian", message="a@b.example.com"), plan(2, "weidian", message="c@d.example.com")]
    async with world(tmp_path, plans, platforms=WORLD) as desk:
        await desk.begin()
        listed = (await api(desk, LIST, **window()))["result"]
        assert (listed["total_num"], listed["order_num"]) == (2, 2)
        assert "items" not in listed["orders"][0]
        escrow, direct = desk.setting.world.shops["weidian-main"].orders
        one = (await api(desk, GET, order_id=escrow))["result"]
        assert (one["status_ori"], one["order_type"], one["note"], one["quantity"]) == (
            "20",
            "3",
            "a@b.example.com",
            "1",
        )
        two = (await api(desk, GET, order_id=direct))["result"]
        assert (two["order_type"], two["note"], two["customInfos"][0]["value"]) == ("2", "", "c@d.example.com")
        assert code(await api(desk, GET, order_id="8")) == 10001
        assert code(await api(desk, DELIVER, order_id=escrow, express_type="1")) == 10001
        for number, after in ((escrow, "30"), (direct, "50")):
            assert code(await api(desk, DELIVER, order_id=number, express_type="999")) == 0
            assert (await api(desk, GET, order_id=number))["result"]["status_ori"] == after
            assert code(await api(desk, DELIVER, order_id=number, express_type="999")) == 10200
        assert len(desk.ledger("ship")) == 2
        left = (await api(desk, LIST, **window(), order_type="unship"))["result"]
        assert left["total_num"] == 0


async def test_money_that_goes_back_stands_in_the_order(tmp_path: Path) -> None:
    plans = [
        plan(1, "weidian", acts=[(0.0, "pay"), (0.0, "refund")]),
        plan(2, "weidian", acts=[(0.0, "pay"), (0.0, "refund"), (0.05, "refund_agreed")]),
    ]
    async with world(tmp_path, plans, platforms=WORLD) as desk:
        await desk.begin()
        asked, back = desk.setting.world.shops["weidian-main"].orders
        one = (await api(desk, GET, order_id=asked))["result"]
        assert (one["status_ori"], one["refund_status_ori"], one["items"][0]["refund_info"]["refund_status"]) == (
            "20", "1", "1",
        )  # fmt: skip
        two = (await api(desk, GET, order_id=back))["result"]
        assert (two["status_ori"], two["refund_status_ori"], two["refund_info"]["buyer_refund_fee"]) == (
            "60",
            "2",
            "48.90",
        )
        assert two["items"][0]["refund_info"]["refund_status"] == "10"
