"""The supplier's side of the Xianyu shop: what is asked of it, and what it answers."""

from pathlib import Path
from typing import Any

import pytest

from core.model.effects import Result
from core.model.lifecycle import Stage
from core.model.order import OrderUpdate, PlatformState
from core.ports import Standing
from tests.connectors.kit import NOW, Json, send
from tests.connectors.server import Scripted
from tests.connectors.xianguanjia_kit import (
    APP,
    CREATE,
    NUMBER,
    SUPPLY,
    Platform,
    said,
    shop_at,
    supply,
    wanted,
)

KEYS = ("AAAA-1", "BBBB-2")


@pytest.mark.parametrize(
    ("change", "order", "code"),
    [
        ({"buy_quantity": 1}, {}, 1201), ({"buy_quantity": 0}, {}, 1201), ({"item_id": 5}, {}, 1201),
        ({"order_no": ""}, {}, 1201), ({"biz_order_no": "9"}, {}, 1201), ({"order_no": "a\u202e"}, {}, 1201),
        ({"notify_url": "https://evil.example/x"}, {}, 1201), ({"notify_url": "http://127.0.0.1@evil.example/"}, {}, 1201),
        ({"notify_url": "ftp://127.0.0.1/x"}, {}, 1201), ({"notify_url": "https://[bad"}, {}, 1201),
        ({"goods_no": 5}, {}, 1201), ({}, {"order_type": 1}, 1201), ({}, {"order_status": 13}, 1209),
        ({}, {"order_status": 11, "pay_time": 0, "pay_amount": 0}, 1209),
    ],
)  # fmt: skip
async def test_requests_that_are_refused(change: Json, order: Json, code: int, tmp_path: Path) -> None:
    platform = Platform()
    platform.order = platform.order | order
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        received = await shop.receive(supply(CREATE, wanted(server) | change))
        assert said(received)["code"] == code
        assert not [update for update in received.batch if isinstance(update, OrderUpdate)]
        assert (tmp_path / "asked.jsonl").read_bytes() == b""
        assert (await shop.perform(send(NUMBER, keys=KEYS))).result is Result.LATER
        await shop.close()


async def test_a_request_is_answered_alike_for_ever(tmp_path: Path) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        first = await shop.receive(supply(CREATE, wanted(server)))
        (update,) = first.batch
        assert isinstance(update, OrderUpdate)
        assert (update.state, first.look) == (PlatformState.PAID, NUMBER)
        told = said(first)["data"]
        assert (told["order_no"], told["out_order_no"], told["order_status"]) == (SUPPLY, f"KD{SUPPLY}", 10)
        again = await shop.receive(supply(CREATE, wanted(server), at=NOW + 9))
        assert said(again)["data"] == told
        assert len((tmp_path / "asked.jsonl").read_bytes().splitlines()) == 1
        second = await shop.receive(supply(CREATE, wanted(server, order_no="1929063817978999933")))
        assert said(second)["code"] == 1201, "one order is not supplied under two numbers"
        question = supply("goofish/order/detail", {"order_no": SUPPLY, "order_type": 2})
        asked_again = await shop.receive(question)
        assert asked_again.look == NUMBER
        stages = [(None, 10), (Standing(stage=Stage.ALLOCATED, delivered=False, waits=False), 10),
                  (Standing(stage=Stage.DELIVERED, delivered=True, waits=False, delivered_at=NOW * 10**6), 20),
                  (Standing(stage=Stage.CANCELLED, delivered=False, waits=False), 30)]  # fmt: skip
        for standing, status in stages:
            assert said(asked_again, standing)["data"]["order_status"] == status
        assert "card_items" not in said(asked_again, stages[2][0])["data"]
        unknown = await shop.receive(supply("goofish/order/detail", {"order_no": "5"}))
        assert said(unknown)["code"] == 1200
        await shop.close()


async def test_supply_calls_are_checked(tmp_path: Path) -> None:
    async with Scripted(Platform()) as server:
        shop = shop_at(server, tmp_path, goods="steam50|4000|12|Steam 50; psn|9|1|PSN")
        good = supply("goofish/open/info", {})
        assert said(await shop.receive(good)) == {"code": 0, "msg": "OK", "data": {"app_id": int(APP)}}
        cases: list[tuple[dict[str, Any], int]] = [
            ({"sign": "0" * 32}, 401), ({"mch_id": "900002"}, 401), ({"timestamp": "x"}, 401), ({"timestamp": "1"}, 401),
        ]  # fmt: skip
        for change, code in cases:
            assert said(await shop.receive(supply("goofish/open/info", {}, **change)))["code"] == code
        assert said(await shop.receive(supply("goofish/open/info", {}, at=NOW - 301)))["code"] == 408
        assert said(await shop.receive(supply("goofish/open/info", {}, at=NOW - 300)))["code"] == 0
        assert said(await shop.receive(supply("goofish/user/info", {})))["data"]["mch_id"] == 900001
        listed = said(await shop.receive(supply("goofish/goods/list", {"goods_type": 2, "page_size": 1})))["data"]
        assert (listed["count"], [row["goods_no"] for row in listed["list"]]) == (2, ["steam50"])
        found = said(await shop.receive(supply("goofish/goods/detail", {"goods_no": "psn"})))["data"]
        assert (found["price"], found["stock"], found["goods_name"]) == (9, 1, "PSN")
        assert said(await shop.receive(supply("goofish/goods/detail", {"goods_no": "x"})))["code"] == 1100
        assert said(await shop.receive(supply("goofish/goods/detail", {"goods_no": 1})))["code"] == 1201
        assert said(await shop.receive(supply("goofish/order/recharge/create", {})))["code"] == 1201
        assert said(await shop.receive(supply(CREATE, wanted(server, goods_no="x"))))["code"] == 1100
        assert said(await shop.receive(supply(CREATE, wanted(server, max_amount=7999))))["code"] == 1201
        assert said(await shop.receive(supply(CREATE, wanted(server))))["data"]["order_amount"] == 8000
        await shop.close()
