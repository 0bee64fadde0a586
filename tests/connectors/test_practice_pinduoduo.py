"""The Pinduoduo door: windows, tokens, vouchers that are sent once under one serial number."""

import json
import time
from pathlib import Path
from typing import Any

from tests.connectors.practice_client import Desk, plan, world

LIST = "pdd.order.number.list.increment.get"


def window(seconds: int = 600) -> dict[str, str]:
    now = int(time.time())
    return {"start_updated_at": str(now - seconds), "end_updated_at": str(now + 60), "page": "1", "page_size": "100"}


def error(answer: dict[str, Any]) -> int:
    return int(answer["error_response"]["error_code"])


def vouchers(*keys: str) -> str:
    return json.dumps([{"voucher_id": f"v{n}", "voucher_no": key} for n, key in enumerate(keys)])


async def listed(desk: Desk, **more: str) -> list[dict[str, Any]]:
    return (await desk.pdd(LIST, **(window() | more)))["order_sn_increment_get_response"]["order_sn_list"]


async def test_gateway_checks(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=("pinduoduo",)) as desk:
        url = desk.shops["pdd-main"]["url"]
        assert error((await desk.http.get(url)).json()) == 10002
        cases: list[tuple[dict[str, str], int]] = [
            ({"client_id": "x"}, 10016), ({"timestamp": "1"}, 10001), ({"timestamp": str(int(time.time()) - 700)}, 10001),
            ({"data_type": "XML"}, 10001), ({"sign": "0" * 32}, 20004), ({"access_token": "x"}, 10019), ({"page_size": "101"}, 10000),
            (window(2000), 10000), ({"order_status": "9"}, 10000),
        ]  # fmt: skip
        for change, wanted in cases:
            assert error(await desk.pdd(LIST, **(window() | change))) == wanted, change
        assert error(await desk.pdd("pdd.nothing")) == 20034
        form = desk.pdd_form(LIST, **window())
        assert "order_sn_increment_get_response" in (await desk.http.post(url, json=form)).json()


async def test_rows_name_no_buyer(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "pinduoduo", qty=2, message="谢谢")], platforms=("pinduoduo",)) as desk:
        await desk.begin()
        (row,) = await listed(desk)
        assert (row["pay_amount"], row["item_list"][0]["goods_count"], row["buyer_memo"]) == (97.8, 2, "谢谢")
        assert "u000001" not in json.dumps(row)
        assert "张三" not in json.dumps(row, ensure_ascii=False)
        detail = await desk.pdd("pdd.order.information.get", order_sn=row["order_sn"])
        assert detail["order_info_get_response"]["order_info"] == row
        status = await desk.pdd("pdd.order.status.get", order_sns=f"{row['order_sn']},nothing")
        assert status["order_status_get_response"]["order_status_list"] == [
            {"orderSn": row["order_sn"], "order_status": 1, "refund_status": 1},
            {"orderSn": "nothing", "order_status": 0, "refund_status": 0},
        ]
        assert not await listed(desk, order_status="2")
        assert len(await listed(desk, order_status="1", refund_status="1")) == 1
        more = await desk.pdd(LIST, **window(), use_has_next="true")
        assert more["order_sn_increment_get_response"]["has_next"] is False


async def test_one_serial_sends_once(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "pinduoduo"), plan(2, "pinduoduo")], platforms=("pinduoduo",)) as desk:
        await desk.begin()
        first, second = desk.setting.world.shops["pdd-main"].orders
        key, other = desk.keys("steam50")[:2]
        send = "pdd.voucher.voucher.info.send"
        for _ in range(3):
            answer = await desk.pdd(send, order_sn=first, out_biz_no="kd-1", voucher_list=vouchers(key))
            assert answer["voucher_voucher_info_send_response"]["is_success"] is True
        assert [(record["keys"], record["net_paid"], record["due"]) for record in desk.ledger("send")] == [
            ([key], 4890, 4890)
        ]
        assert len(desk.ledger("ship")) == 1
        assert len(desk.ledger("repeat")) == 2
        for order_sn, keys in ((first, vouchers(other)), (second, vouchers(key))):
            assert error(await desk.pdd(send, order_sn=order_sn, out_biz_no="kd-1", voucher_list=keys)) == 50001
        for bad in ("", "[]", "nonsense", '[{"voucher_id":"1"}]'):
            assert error(await desk.pdd(send, order_sn=first, out_biz_no="kd-2", voucher_list=bad)) == 20007
        assert error(await desk.pdd(send, order_sn="nothing", out_biz_no="kd-2", voucher_list=vouchers(key))) == 50001
        assert len(desk.ledger("send")) == 1
        assert [row["order_status"] for row in await listed(desk) if row["order_sn"] == first] == [2]


async def test_the_world_does_not_guard_the_desk(tmp_path: Path) -> None:
    acts = [(0.0, "pay"), (0.01, "refund"), (0.02, "refund_agreed")]
    async with world(tmp_path, [plan(1, "pinduoduo", acts=acts)], platforms=("pinduoduo",)) as desk:
        await desk.begin()
        (order_sn,) = desk.setting.world.shops["pdd-main"].orders
        answer = await desk.pdd("pdd.voucher.voucher.info.send", order_sn=order_sn, out_biz_no="k", voucher_list=vouchers(desk.keys("steam50")[0]))  # fmt: skip
        assert answer["voucher_voucher_info_send_response"]["is_success"] is True
        assert (await desk.control("GET", "report"))["sent_unpaid"] == 1


async def test_groups_and_reviews_hold_an_order(tmp_path: Path) -> None:
    plans = [
        plan(1, "pinduoduo", flag=1), plan(2, "pinduoduo", flag=2), plan(3, "pinduoduo", acts=[(0.0, "pay"), (0.01, "cleared")], flag=2),
        plan(4, "pinduoduo", acts=[(0.0, "pay"), (0.01, "failed")], flag=1),
    ]  # fmt: skip
    async with world(tmp_path, plans, platforms=("pinduoduo",)) as desk:
        await desk.begin()
        rows = sorted(await listed(desk), key=lambda row: row["order_sn"])
        shown = [
            (row["group_status"], row["confirm_status"], row["risk_control_status"], row["refund_status"])
            for row in rows
        ]
        assert shown == [(0, 0, 0, 1), (1, 1, 1, 1), (1, 1, 0, 1), (2, 2, 0, 4)]
        for row in rows[:2]:
            answer = await desk.pdd("pdd.voucher.voucher.info.send", order_sn=row["order_sn"], out_biz_no=row["order_sn"], voucher_list=vouchers("K"))  # fmt: skip
            assert error(answer) == 50001
        assert not desk.ledger("send")


async def test_tokens_end_and_are_renewed(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=("pinduoduo",)) as desk:
        refresh = "pdd.pop.auth.token.refresh"
        desk.setting.front._gates["pdd"].expire_token()
        assert error(await desk.pdd(LIST, **window())) == 10019
        assert error(await desk.pdd(refresh, refresh_token="wrong")) == 10035
        given = desk.shops["pdd-main"]["refresh_token"]
        first, second = [
            (await desk.pdd(refresh, refresh_token=given))["pop_auth_token_refresh_response"] for _ in range(2)
        ]
        assert first["access_token"] == second["access_token"]  # two that refresh at once do not undo each other
        desk.shops["pdd-main"]["access_token"] = first["access_token"]
        assert not await listed(desk)


async def test_notes_and_refund_list(tmp_path: Path) -> None:
    acts = [(0.0, "pay"), (0.01, "refund")]
    plans = [plan(1, "pinduoduo", acts=acts), plan(2, "pinduoduo", acts=[*acts, (0.02, "refund_agreed")])]
    async with world(tmp_path, plans, platforms=("pinduoduo",)) as desk:
        await desk.begin()
        first, second = desk.setting.world.shops["pdd-main"].orders
        half = await desk.pdd("pdd.order.note.update", order_sn=first, note="x", tag="3")
        assert half["response"]["success"] is False
        whole = await desk.pdd("pdd.order.note.update", order_sn=first, note="已发", tag="3", tag_name="绿")
        assert whole["response"]["success"] is True
        assert [row["remark"] for row in await listed(desk) if row["order_sn"] == first] == ["已发"]
        kind = "pdd.refund.list.increment.get"
        got = (await desk.pdd(kind, **window(), after_sales_type="1"))["refund_increment_get_response"]
        assert {(row["order_sn"], row["after_sales_status"], row["refund_amount"]) for row in got["refund_list"]} == {
            (first, 2, "48.90"),
            (second, 10, "48.90"),
        }
        assert got["total_count"] == 2
        only = await desk.pdd(kind, **window(), after_sales_type="1", after_sales_status="10")
        assert [row["order_sn"] for row in only["refund_increment_get_response"]["refund_list"]] == [second]
