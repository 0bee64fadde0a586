"""The Xianyu shop: what it asks, hands over and answers, against a scripted Xianguanjia."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.shops.xianguanjia.shop import XianguanjiaShop
from connectors.shops.xianguanjia.sign import sign
from core.model.effects import Effect, EffectClass, Result
from core.model.lifecycle import Stage
from core.model.order import OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError, Inbound, Receiver, Standing
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Scripted
from tests.connectors.xianguanjia_kit import (
    APP,
    CREATE,
    DETAIL,
    KAM,
    LIST,
    NOTIFY,
    NUMBER,
    SECRET,
    SUPPLY,
    Platform,
    said,
    shop_at,
    supply,
    wanted,
)

KEYS = ("AAAA-1", "BBBB-2")


async def asked(shop: XianguanjiaShop, server: Scripted) -> None:
    assert said(await shop.receive(supply(CREATE, wanted(server))))["code"] == 0


async def test_pull_looks_each_changed_order_up_once(tmp_path: Path) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        assert isinstance(shop, Receiver)
        cursor: str | None = None
        found: list[Update] = []
        for _ in range(9):
            batch = await shop.pull(cursor)
            found += batch.updates
            cursor = batch.cursor
            if not batch.more:
                break
        (update,) = found
        assert isinstance(update, OrderUpdate)
        assert (update.ext_id, update.state) == (NUMBER, PlatformState.FORBIDDEN)
        assert platform.paths().count(DETAIL) == 1
        assert (await shop.pull(cursor)).updates == ()
        platform.rows = [load("xianguanjia/order") | {"update_time": NOW}]
        again = await shop.pull(cursor)
        assert len(again.updates) == 1
        platform.rows = [{"order_no": 5, "update_time": NOW}]
        (odd,) = (await shop.pull(again.cursor)).updates
        assert isinstance(odd, Quarantined)
        assert odd.field == "list.order_no"
        with pytest.raises(ConnectorError, match="cursor"):
            await shop.pull("{")
        await shop.close()


async def test_read(tmp_path: Path) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        assert isinstance(await shop.read(NUMBER), OrderUpdate)
        platform.override[DETAIL] = lambda _: platform.order  # the documentation's own example has no envelope
        assert isinstance(await shop.read(NUMBER), OrderUpdate)
        platform.override[DETAIL] = lambda _: {"code": 0, "data": platform.order | {"order_no": "77"}}
        other = await shop.read(NUMBER)
        assert isinstance(other, Quarantined)
        assert (other.ext_id, other.field) == (NUMBER, "order_no")
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"code": 429, "msg": "m"}, "rate"), ((429, {}), "rate"), ({"code": 401, "msg": "m"}, "auth"),
        ({"code": 100008, "msg": "m"}, "auth"), ({"code": 408, "msg": "m"}, "auth"), ((403, {}), "auth"),
        ({"code": 100004, "msg": "m"}, "platform"), ({"code": 500, "msg": "m"}, "platform"), ((502, {}), "platform"),
        ({"code": 77, "msg": "m"}, "platform"), ((200, "x"), "protocol"), ({"msg": "m"}, "protocol"),
        (Act.HALF, "network"), (Act.RESET, "network"), ({"code": 0, "data": {"list": []}}, "protocol"),
        ({"code": 0, "data": {"list": [], "count": 3}}, "protocol"),
    ],
)  # fmt: skip
async def test_pull_errors(answer: Answer | Json, kind: str, tmp_path: Path) -> None:
    platform = Platform()
    platform.override[LIST] = lambda _: answer
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        with pytest.raises(ConnectorError) as caught:
            await shop.pull(None)
        assert caught.value.kind == kind
        assert SECRET not in f"{caught.value} {shop!r}"
        await shop.close()


async def test_keys_go_where_they_were_asked_for(tmp_path: Path) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        early = await shop.perform(send(NUMBER, keys=KEYS))
        assert (early.result, platform.calls) == (Result.LATER, [])
        await asked(shop, server)
        assert (await shop.read(NUMBER)).state is PlatformState.PAID  # type: ignore[union-attr]
        done = await shop.perform(send(NUMBER, keys=KEYS))
        assert (done.result, done.remote_ref) == (Result.CONFIRMED, SUPPLY)
        call = next(call for path, call in platform.calls if path == NOTIFY)
        assert call["card_items"] == [{"card_no": "", "card_pwd": key} for key in KEYS]
        assert (call["out_order_no"], call["end_time"]) == (f"KD{SUPPLY}", NOW)
        assert (await shop.perform(ship(NUMBER))).result is Result.REJECTED
        assert (await shop.ask(send(NUMBER))).result is Result.UNKNOWN
        assert (shop.specs[Effect.SEND].cls, shop.specs[Effect.SEND].ships) == (EffectClass.B, True)
        await shop.close()


async def test_what_was_asked_for_outlives_the_process(tmp_path: Path) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        first = shop_at(server, tmp_path)
        await asked(first, server)
        await first.close()
        file = tmp_path / "asked.jsonl"
        assert file.stat().st_mode & 0o777 == 0o600
        with file.open("ab") as tail:
            tail.write(b'{"ext_id":"1","num')  # killed while writing
        second = shop_at(server, tmp_path)
        assert (await second.perform(send(NUMBER, keys=KEYS))).result is Result.CONFIRMED
        await second.close()
        assert file.read_bytes().endswith(b"\n")
        file.write_bytes(b"{}\n")
        with pytest.raises(ValueError, match="not ours"):
            shop_at(server, tmp_path)


@pytest.mark.parametrize(
    ("cards", "status", "refund", "result", "handed"),
    [
        ([], 12, {}, Result.CONFIRMED, 1),
        (list(KEYS), 21, {}, Result.CONFIRMED, 0),
        (["other"], 21, {}, Result.UNKNOWN, 0),
        (["AAAA-1"], 12, {}, Result.UNKNOWN, 0),
        ([], 21, {}, Result.UNKNOWN, 0),
        ([], 13, {}, Result.UNKNOWN, 0),
        ([], 23, {"refund_status": 5, "refund_amount": 8000, "refund_time": 1767290059}, Result.REJECTED, 0),
        ([], 12, {"order_type": 14}, Result.LATER, 0),
    ],
)
async def test_a_repeat_looks_first(
    cards: list[str], status: int, refund: Json, result: Result, handed: int, tmp_path: Path
) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        await asked(shop, server)
        platform.cards, platform.order = cards, platform.order | {"order_status": status} | refund
        assert (await shop.perform(send(NUMBER, attempt=2, keys=KEYS))).result is result
        assert platform.paths().count(NOTIFY) == handed
        platform.override[KAM] = lambda _: {"code": 500, "msg": "m"}
        assert (await shop.perform(send(NUMBER, attempt=2, keys=KEYS))).result is Result.LATER
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "attempt", "result"),
    [
        ({"code": 429}, 1, Result.LATER), ((429, {}), 1, Result.LATER), ({"code": 401}, 1, Result.LATER),
        ({"code": 408}, 1, Result.LATER), ({"code": 1201, "msg": "m"}, 1, Result.LATER),
        ({"code": 1201, "msg": "m"}, 6, Result.REJECTED), ({"code": 500}, 1, Result.UNKNOWN),
        ((502, {}), 1, Result.UNKNOWN), ((200, "x"), 1, Result.UNKNOWN), (Act.RESET, 1, Result.UNKNOWN),
        (Act.CLOSE, 1, Result.UNKNOWN), (Act.HALF, 1, Result.UNKNOWN),
    ],
)  # fmt: skip
async def test_refusals_of_a_hand_over(answer: Any, attempt: int, result: Result, tmp_path: Path) -> None:
    platform = Platform()
    platform.override[NOTIFY] = lambda _: answer
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        await asked(shop, server)
        outcome = await shop.perform(send(NUMBER, attempt=attempt, keys=KEYS))
        assert outcome.result is result
        assert not any(key in f"{outcome}" for key in KEYS)
        assert platform.paths().count(NOTIFY) == 1, "never repeated by itself"
        await shop.close()


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


async def test_pushes_are_hints(tmp_path: Path) -> None:
    async with Scripted(Platform()) as server:
        clock = ManualClock()
        shop = shop_at(server, tmp_path, clock)
        body = b'{"order_no":"1"}'
        query = f"appid={APP}&timestamp={NOW}&sign={sign(body, NOW, APP, SECRET)}"
        push = Inbound(method="POST", tail="", query=query, headers={}, body=body)
        received = await shop.receive(push)
        assert (received.pull, received.batch) == (True, ())
        assert json.loads(received.render(None).body)["result"] == "success"
        wrong = [
            Inbound(method="POST", tail="", query=query, headers={}, body=body + b" "),
            Inbound(method="POST", tail="", query=query.replace(APP, "1"), headers={}, body=body),
            Inbound(method="GET", tail="", query=query, headers={}, body=body),
        ]
        for request in wrong:
            refused = await shop.receive(request)
            assert (refused.pull, refused.render(None).status) == (False, 403)
        clock.now += 301
        assert not (await shop.receive(push)).pull
        await shop.close()


@pytest.mark.parametrize(
    "change", [{"goods": "a|b|c|d"}, {"url": "http://open.example"}, {"secret": " "}, {"goods": "a|1|2"}]
)
async def test_settings_are_checked(change: dict[str, Any], tmp_path: Path) -> None:
    async with Scripted(Platform()) as server:
        with pytest.raises(ValueError, match="shop xianyu-main"):
            shop_at(server, tmp_path, **change)
