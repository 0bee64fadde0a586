"""The Youzan door: the token in the query, three envelopes, goods that ship themselves, windows and depths."""

import time
from pathlib import Path
from typing import Any

from connectors.practice.taobao_rows import time_text
from tests.connectors.practice_client import Desk, plan, world

WORLD = ("youzan",)
LIST, GET = "youzan.trades.sold.get/4.0.4", "youzan.trade.get/4.0.2"
REFUNDS, CONFIRM = "youzan.trade.refund.search/3.0.1", "youzan.logistics.online.confirm/3.0.0"


async def token(desk: Desk, **more: Any) -> dict[str, Any]:
    shop = desk.shops["youzan-main"]
    body = {
        "client_id": shop["client_id"], "client_secret": shop["client_secret"], "authorize_type": "silent",
        "grant_id": shop["kdt_id"], "refresh": False, **more,
    }  # fmt: skip
    answer: dict[str, Any] = (await desk.http.post(f"{shop['url']}/auth/token", json=body)).json()
    return answer


async def api(desk: Desk, call: str, given: str = "", **params: Any) -> dict[str, Any]:
    given = given or (await token(desk))["data"]["access_token"]
    url = f"{desk.shops['youzan-main']['url']}/api/{call}?access_token={given}"
    answer: dict[str, Any] = (await desk.http.post(url, json=params)).json()
    return answer


def window(seconds: int = 600) -> dict[str, str]:
    now = time.time_ns() // 1000
    return {"start_update": time_text(now - seconds * 1_000_000), "end_update": time_text(now + 60_000_000)}


async def test_gateway_checks(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=WORLD) as desk:
        base = desk.shops["youzan-main"]["url"]
        given = (await token(desk))["data"]["access_token"]

        async def code(path: str, **how: Any) -> int:
            answer = (await desk.http.post(f"{base}/api/{path}", **how)).json()
            return int(answer["gw_err_resp"]["err_code"])

        assert await code("youzan.trade.get", json={}) == 4001
        assert await code("youzan.trade.get/9.9.9", json={}) == 4005
        assert await code(GET, content=b"{}", headers={"content-type": "text/plain"}) == 4007
        assert await code(GET, json={"access_token": given}) == 4201
        assert await code(f"{GET}?access_token=x", json={}) == 4203
        assert (
            await code(f"{GET}?access_token={given}", content=b"[", headers={"content-type": "application/json"})
            == 4004
        )
        assert (
            await code(f"{LIST}?access_token={given}", json={"start_update": "2026-01-01", "end_update": "x"}) == 5001
        )
        for change in ({"page_size": 101}, {"page_no": 101}, {"end_update": "2020-01-01 00:00:00"}):
            answer = await api(desk, LIST, **(window() | change))
            assert (answer["code"], answer["success"]) == (5000, False), change


async def test_tokens(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=WORLD) as desk:
        for change, code in (
            ({"client_id": "x"}, 1103), ({"client_secret": "x"}, 1000), ({"grant_id": "1"}, 1103),
            ({"authorize_type": "refresh_token"}, 1105),
        ):  # fmt: skip
            answer = await token(desk, **change)
            assert (answer["code"], answer["data"]) == (code, None)
        first, again = [(await token(desk))["data"]["access_token"] for _ in range(2)]
        assert first == again
        assert (await token(desk))["data"]["expires"] > (time.time() + 6 * 86_400) * 1000
        assert (await token(desk, refresh=True))["data"]["access_token"] != first
        assert (await api(desk, LIST, given=first))["gw_err_resp"]["err_code"] == 4203


async def test_virtual_goods_never_wait(tmp_path: Path) -> None:
    plans = [plan(1, "youzan", message="a@b.example.com"), plan(2, "youzan", message="c@d.example.com")]
    async with world(tmp_path, plans, platforms=WORLD) as desk:
        await desk.begin()
        listed = (await api(desk, LIST, **window()))["data"]
        rows = {
            row["full_order_info"]["order_info"]["tid"]: row["full_order_info"]
            for row in listed["full_order_info_list"]
        }
        plain, virtual = (rows[tid] for tid in desk.setting.world.shops["youzan-main"].orders)
        assert plain["order_info"]["status"] == "WAIT_SELLER_SEND_GOODS"
        assert (plain["remark_info"]["buyer_message"], plain["orders"][0]["item_type"]) == ("a@b.example.com", 0)
        assert virtual["order_info"]["status"] == "WAIT_BUYER_CONFIRM_GOODS"
        assert virtual["order_info"]["order_tags"]["is_virtual"] is True
        assert virtual["remark_info"]["buyer_message"] == ""
        assert "c@d.example.com" in virtual["orders"][0]["item_message"]
        told = {"tid": plain["order_info"]["tid"], "is_no_express": 1}
        assert (await api(desk, CONFIRM, tid=virtual["order_info"]["tid"], is_no_express=1))["code"] == 102570020
        assert (await api(desk, CONFIRM, tid=told["tid"]))["code"] == 105000003
        assert (await api(desk, CONFIRM, **told))["data"] == {"is_success": True}
        assert (await api(desk, CONFIRM, **told))["code"] == 102570007
        assert len(desk.ledger("ship")) == 1
        assert (await api(desk, GET, tid="E0"))["code"] == 5000


async def test_claims_stand_in_details_alone(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "youzan", acts=[(0.0, "pay"), (0.0, "refund")])], platforms=WORLD) as desk:
        await desk.begin()
        (tid,) = desk.setting.world.shops["youzan-main"].orders
        (row,) = (await api(desk, LIST, **window()))["data"]["full_order_info_list"]
        assert "refund_order" not in row
        assert (await api(desk, GET, tid=tid))["data"]["refund_order"][0]["refund_state"] == 1
        now = int(time.time())
        times: dict[str, Any] = {"update_time_start": now - 600, "update_time_end": now + 60}
        (refund,) = (await api(desk, REFUNDS, **times))["data"]["refunds"]
        assert (refund["tid"], refund["status"], refund["refund_fee"]) == (tid, "WAIT_SELLER_AGREE", "48.90")
        assert (await api(desk, REFUNDS, **times, page_no=31, page_size=100))["code"] == 5000
        assert (await api(desk, REFUNDS, **window()))["gw_err_resp"]["err_code"] == 5001
