"""The Taobao door: its checks, its pages that shift, its shipping, its errors."""

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.practice.taobao import sign
from connectors.practice.taobao_rows import parse_time
from tests.connectors.practice_client import BEIJING, Desk, plan, windows, world

FIELDS = "tid,status,payment,orders,modified,buyer_message,has_buyer_message"


def code(answer: dict[str, Any]) -> tuple[int, str]:
    error = answer["error_response"]
    return error["code"], error.get("sub_code", "")


async def listed(desk: Desk, page: int, size: int = 2, **more: str) -> dict[str, Any]:
    form = {"fields": FIELDS, "page_no": str(page), "page_size": str(size), **windows(), **more}
    return (await desk.top("taobao.trades.sold.increment.get", **form))["trades_sold_increment_get_response"]


def tids(answer: dict[str, Any]) -> list[int]:
    return [trade["tid"] for trade in answer.get("trades", {"trade": []})["trade"]]


async def test_gateway_checks(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=("taobao",)) as desk:
        read = "taobao.trade.fullinfo.get"
        old = (datetime.now(BEIJING) - timedelta(minutes=11)).strftime("%Y-%m-%d %H:%M:%S")
        cases: list[tuple[dict[str, str], int]] = [
            ({"method": ""}, 21), ({"method": "taobao.nothing"}, 22), ({"app_key": ""}, 28), ({"app_key": "x"}, 29),
            ({"timestamp": ""}, 30), ({"timestamp": "yesterday"}, 31), ({"timestamp": old}, 31), ({"v": ""}, 32),
            ({"v": "1.0"}, 33), ({"format": "xml"}, 23), ({"sign": ""}, 24), ({"sign": "0" * 32}, 25),
            ({"sign_method": "rsa"}, 25), ({"session": ""}, 26), ({"session": "other"}, 27), ({"tid": ""}, 40),
        ]  # fmt: skip
        for change, wanted in cases:
            form = desk.top_form(read, **change) if "method" not in change else desk.top_form(change["method"])
            answer = (await desk.http.post(desk.shops["taobao-main"]["url"], data=form)).json()
            assert code(answer)[0] == wanted, change
        for method in ("md5", "hmac", "hmac-sha256"):
            form = desk.top_form(read, sign_method=method, tid="1", fields="tid", sign="x")
            form["sign"] = sign(form, desk.shops["taobao-main"]["secret"])
            answer = (await desk.http.post(desk.shops["taobao-main"]["url"], data=form)).json()
            assert code(answer) == (15, "isv.trade-not-exist")


async def test_reading_backwards_misses_nothing_and_forwards_does(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(n, "taobao") for n in range(1, 9)], platforms=("taobao",)) as desk:
        await desk.begin()
        # The window ends before the changes that come between two reads: what changes leaves it, and rows move up.
        closed = windows(600, 0)
        await desk.until(lambda: int(time.time()) > parse_time(closed["end_modified"]) // 1_000_000)

        async def read(page: int) -> list[int]:
            return tids(await listed(desk, page, **closed))

        every = tids(await listed(desk, 1, 100, **closed))
        assert len(every) == 8
        forwards = await read(1)
        await desk.top("taobao.trade.memo.update", tid=str(every[0]), memo="x")
        forwards += [tid for page in (2, 3, 4) for tid in await read(page)]
        assert set(every) - set(forwards) == {every[2]}
        left = every[1:]
        backwards = await read(4)
        await desk.top("taobao.trade.memo.update", tid=str(left[0]), memo="x")
        backwards += [tid for page in (3, 2, 1) for tid in await read(page)]
        assert set(backwards) == set(left[1:])
        assert set(tids(await listed(desk, 1, 100))) == set(every)  # the changed ones are in the next window


async def test_list_shapes_and_bounds(tmp_path: Path) -> None:
    async with world(
        tmp_path, [plan(n, "taobao", email="a@b.example.com", message="a@b.example.com") for n in (1, 2, 3)]
    ) as desk:
        await desk.begin()
        page = await listed(desk, 1, use_has_next="true")
        assert page["has_next"] is True
        assert "total_results" not in page
        assert (await listed(desk, 2, use_has_next="true"))["has_next"] is False
        trade = page["trades"]["trade"][0]
        assert trade["has_buyer_message"] is True
        assert "buyer_message" not in trade  # only the detail call carries it
        assert trade["orders"]["order"][0]["outer_sku_id"] == "TB-STEAM50"
        flat = await listed(desk, 1, simplify="true")
        assert isinstance(flat["trades"], list)
        assert isinstance(flat["trades"][0]["orders"], list)
        assert "trades" not in await listed(desk, 9)
        assert len(tids(await listed(desk, 1, 100, status="WAIT_SELLER_SEND_GOODS"))) == 3
        assert not tids(await listed(desk, 1, 100, status="TRADE_FINISHED"))
        increment = "taobao.trades.sold.increment.get"
        for change, sub in (
            ({"page_size": "101"}, "isv.invalid-parameter:page_size"), ({"page_no": "0"}, "isv.invalid-parameter:page_no"),
            ({"start_modified": ""}, "isv.missing-parameter:start_modified"), ({"fields": ""}, "isv.missing-parameter:fields"),
            (windows(90_000), "isv.invalid-parameter:end_modified"),
        ):  # fmt: skip
            form = {"fields": FIELDS, "page_no": "1", "page_size": "40", **windows(), **change}
            assert code(await desk.top(increment, **form))[1] == sub
        some = await desk.top(increment, fields="tid,orders.oid", **windows())
        assert set(some["trades_sold_increment_get_response"]["trades"]["trade"][0]["orders"]["order"][0]) == {"oid"}


async def test_virtual_shipping(tmp_path: Path) -> None:
    plans = [
        plan(1, "taobao", message="发到buyer1@mail.example.com"), plan(2, "taobao", acts=()), plan(3, "taobao", flag=3),
        plan(4, "taobao", acts=[(0.0, "pay"), (0.01, "refund"), (0.02, "refund_agreed")]),
    ]  # fmt: skip
    async with world(tmp_path, plans, platforms=("taobao",)) as desk:
        await desk.begin()
        paid, unpaid, forbidden, refunded = (
            str(order.ext_id) for order in desk.setting.world.shops["taobao-main"].orders.values()
        )
        send = "taobao.logistics.dummy.send"
        info = await desk.top("taobao.trade.fullinfo.get", tid=paid, fields="tid,status,buyer_message")
        trade = info["trade_fullinfo_get_response"]["trade"]
        assert trade == {
            "tid": int(paid),
            "status": "WAIT_SELLER_SEND_GOODS",
            "buyer_message": "发到buyer1@mail.example.com",
        }
        assert (await desk.top(send, tid=paid))["logistics_dummy_send_response"]["shipping"]["is_success"] is True
        assert [record["ext_id"] for record in desk.ledger("ship")] == [paid]
        assert code(await desk.top(send, tid=paid)) == (15, "isv.logistics-dummy-service-error:B27")
        for tid in (unpaid, forbidden, refunded):
            assert code(await desk.top(send, tid=tid)) == (15, "isv.logistics-dummy-service-error:B04")
        assert code(await desk.top(send, tid="404")) == (15, "isv.logistics-dummy-service-error:B01")
        assert len(desk.ledger("ship")) == 1
        statuses = {}
        for tid in (paid, unpaid, forbidden, refunded):
            got = await desk.top("taobao.trade.fullinfo.get", tid=tid, fields="status,orders")
            found = got["trade_fullinfo_get_response"]["trade"]
            statuses[tid] = (found["status"], found["orders"]["order"][0]["refund_status"])
        assert statuses == {
            paid: ("WAIT_BUYER_CONFIRM_GOODS", "NO_REFUND"), unpaid: ("WAIT_BUYER_PAY", "NO_REFUND"),
            forbidden: ("PAID_FORBID_CONSIGN", "NO_REFUND"), refunded: ("TRADE_CLOSED", "SUCCESS"),
        }  # fmt: skip


async def test_refunds_are_listed_as_they_move(tmp_path: Path) -> None:
    acts = [(0.0, "pay"), (0.01, "refund")]
    plans = [plan(1, "taobao", acts=[*acts, (0.02, "refund_withdrawn")]), plan(2, "taobao", acts=acts), plan(3, "taobao", acts=[*acts, (0.02, "refund_agreed")])]  # fmt: skip
    async with world(tmp_path, plans, platforms=("taobao",)) as desk:
        await desk.begin()
        form = {"fields": "refund_id,tid,status,refund_fee", **windows()}
        rows = (await desk.top("taobao.refunds.receive.get", **form))["refunds_receive_get_response"]["refunds"][
            "refund"
        ]
        assert {row["status"] for row in rows} == {"CLOSED", "WAIT_SELLER_AGREE", "SUCCESS"}
        assert {row["refund_fee"] for row in rows} == {"48.90"}
        only = await desk.top("taobao.refunds.receive.get", **form, status="SUCCESS", use_has_next="true")
        assert len(only["refunds_receive_get_response"]["refunds"]["refund"]) == 1
        assert only["refunds_receive_get_response"]["has_next"] is False


@pytest.mark.parametrize("kind", ["memo", "long"])
async def test_memo(tmp_path: Path, kind: str) -> None:
    async with world(tmp_path, [plan(1, "taobao")], platforms=("taobao",)) as desk:
        await desk.begin()
        (tid,) = desk.setting.world.shops["taobao-main"].orders
        if kind == "long":
            assert code(await desk.top("taobao.trade.memo.update", tid=tid, memo="字" * 334))[0] == 41
            return
        answer = await desk.top("taobao.trade.memo.update", tid=tid, memo="卡密已发 ✓", flag="3")
        assert answer["trade_memo_update_response"]["trade"]["tid"] == int(tid)
        got = await desk.top("taobao.trade.fullinfo.get", tid=tid, fields="seller_memo")
        assert got["trade_fullinfo_get_response"]["trade"]["seller_memo"] == "卡密已发 ✓"
