"""Douyin's door in the practice world, asked plainly, and the shop in front of it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.practice.markets.douyin_door import sign
from connectors.practice.plans import Plan
from connectors.registry import build_shop
from core.model.clock import now_us
from core.model.effects import Call, Effect, Result, Slot
from core.model.order import OrderUpdate, Payment, PaymentKind, PlatformState, Refund, RefundState
from core.ports import ConnectorError, Shop
from tests.connectors.practice_client import Desk, plan, world

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "signatures.json").read_text(encoding="utf-8"))
LIST, SYNC = "order/searchList", "coupons/syncV2"


@pytest.mark.parametrize(
    "entry", [entry for entry in VECTORS if entry["scheme"] == "douyin"], ids=lambda e: e["inputs"]["method"]
)
def test_signatures_of_other_peoples_code(entry: dict[str, Any]) -> None:
    given = entry["inputs"]
    assert sign(given, given["param_json"], entry["secret"]) == entry["expected"]
    assert sign(given, given["param_json"] + " ", entry["secret"]) != entry["expected"]


@asynccontextmanager
async def playing(folder: Path, *plans: Plan, late: float = 2.0) -> AsyncIterator[tuple[Desk, Shop]]:
    async with world(folder, plans, platforms=("douyin",), late=late) as desk:
        given = desk.shops["douyin-main"] | {"platform": "douyin", "start_days": "0.01"}
        shop = build_shop("douyin-main", given, now_us)
        try:
            yield desk, shop
        finally:
            await shop.close()


async def call(desk: Desk, path: str, params: dict[str, Any], **change: str) -> dict[str, Any]:
    shop = desk.shops["douyin-main"]
    body = json.dumps(params, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    query = {
        "app_key": shop["app_key"], "method": path.replace("/", "."), "timestamp": str(int(time.time())), "v": "2",
        "sign_method": "hmac-sha256", "access_token": shop["access_token"],
    } | change  # fmt: skip
    query.setdefault("sign", sign(query, body, shop["secret"]))
    answer = await desk.http.post(f"{shop['url']}/{path}?{urlencode(query)}", content=body.encode())
    found: dict[str, Any] = answer.json()
    return found


def window(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "update_time_start": now - 600,
        "update_time_end": now + 60,
        "order_by": "update_time",
        "page": 0,
        "size": 100,
    } | more


async def pulled(shop: Shop, cursor: str | None = None) -> tuple[list[Any], str | None]:
    found: list[Any] = []
    while True:
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor


def sending(order: OrderUpdate, keys: list[str], attempt: int = 1) -> Call:
    slots = tuple(Slot(order.lines[0].line, n, "t", key) for n, key in enumerate(keys, 1))
    return Call(
        reference="douyin-main:1", effect=Effect.SEND, attempt=attempt, ext_id=order.ext_id, recipient="", slots=slots
    )


async def test_gateway_checks(tmp_path: Path) -> None:
    async with playing(tmp_path) as (desk, _):
        old = str(int(time.time()) - 700)
        for change, code, sub in (
            ({"app_key": "x"}, 40003, "isv.app-key-invalid"), ({"timestamp": old}, 40003, "isv.timestamp-invalid"),
            ({"v": "1"}, 40003, "isv.parameter-format-invalid"), ({"sign": "0" * 64}, 40003, "isv.signature-invalid"),
            ({"sign": ""}, 40001, "isv.signature-missing"), ({"access_token": "x"}, 40003, "isv.access-token-expired"),
            ({"access_token": ""}, 40001, "isv.access-token-missing"),
        ):  # fmt: skip
            answer = await call(desk, LIST, window(), **change)
            assert (answer["code"], answer["sub_code"]) == (code, sub), change
        for bad in ({"size": 101}, {"page": -1}, {"page": 500}, {"update_time_start": 1}, {"order_by": "create_time"}):
            assert (await call(desk, LIST, window(**bad)))["code"] == 40004, bad
        assert (await call(desk, LIST, window()))["data"] == {"shop_order_list": [], "total": 0, "page": 0, "size": 100}
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 8 * 3600))
        assert (await call(desk, LIST, window(), timestamp=stamp))["code"] == 10000


async def test_the_way_of_an_order(tmp_path: Path) -> None:
    async with playing(tmp_path, plan(1, "douyin", qty=2, message="谢谢")) as (desk, shop):
        await desk.begin()
        (order,), cursor = await pulled(shop)
        assert isinstance(order, OrderUpdate)
        assert (order.state, order.total, order.message, order.buyer) == (PlatformState.PAID, 9780, "谢谢", "u000001")
        assert [(line.sku, line.qty, line.amount) for line in order.lines] == [("DY-STEAM50", 2, 9780)]
        assert [payment.amount for payment in order.payments] == [9780]
        keys = desk.keys("steam50")[:3]
        assert (await shop.perform(sending(order, keys))).result is Result.REJECTED, "one key too many"
        assert (await shop.perform(sending(order, keys[:2]))).result is Result.CONFIRMED
        assert (await shop.perform(sending(order, keys[:2], attempt=2))).result is Result.CONFIRMED
        assert (await shop.perform(sending(order, keys[1:], attempt=2))).result is Result.UNKNOWN
        assert [(record["keys"], record["net_paid"]) for record in desk.ledger("send")] == [(keys[:2], 9780)]
        assert (len(desk.ledger("ship")), len(desk.ledger("repeat"))) == (1, 1)
        (shipped,), _ = await pulled(shop, cursor)
        assert shipped.state is PlatformState.SHIPPED
        assert await shop.read(order.ext_id) == shipped
        with pytest.raises(ConnectorError):
            await shop.read("1")


async def test_money_back(tmp_path: Path) -> None:
    async with playing(tmp_path, plan(1, "douyin")) as (desk, shop):
        await desk.begin()
        (paid,), cursor = await pulled(shop)
        world_ = desk.setting.world
        order = world_.shops["douyin-main"].orders[paid.ext_id]
        world_.open_refund(order, "不想要了")
        (held, asked), cursor = await pulled(shop, cursor)
        assert (held.state, held.forbid) == (PlatformState.FORBIDDEN, "refund open")
        assert isinstance(asked, Refund)
        assert (asked.state, asked.amount, asked.reason) == (RefundState.OPEN, 4890, "不想要了")
        world_.settle_refund(order, True)
        (ended, done, money), _ = await pulled(shop, cursor)
        assert ended.state is PlatformState.REFUNDED
        assert (done.refund_id, done.state) == (asked.refund_id, RefundState.DONE)
        assert isinstance(money, Payment)
        assert (money.kind, money.amount) == (PaymentKind.REFUND, 4890)


async def test_under_review_nothing_is_issued(tmp_path: Path) -> None:
    async with playing(tmp_path, plan(1, "douyin", flag=2)) as (desk, shop):
        await desk.begin()
        (order,), _ = await pulled(shop)
        assert (order.state, order.forbid) == (PlatformState.FORBIDDEN, "not released for shipping")
        assert (await shop.perform(sending(order, desk.keys("steam50")[:1]))).result is Result.REJECTED
        assert desk.ledger("send") == []


async def test_expired_tokens_are_renewed_and_old_ones_refused(tmp_path: Path) -> None:
    async with playing(tmp_path, plan(1, "douyin")) as (desk, shop):
        await desk.begin()
        desk.setting.front._gates["douyin"].expire_token()
        (order,), _ = await pulled(shop)
        assert order.state is PlatformState.PAID
        assert (await call(desk, LIST, window()))["sub_code"] == "isv.access-token-expired"
        refused = await call(desk, "token/refresh", {"grant_type": "refresh_token", "refresh_token": "x"})
        assert refused["code"] == 50001


async def test_rows_that_move_while_they_are_read_are_not_missed(tmp_path: Path) -> None:
    plans = [plan(n, "douyin", acts=[(0.001 * n, "pay")]) for n in range(1, 251)]
    async with playing(tmp_path, *plans) as (desk, shop):
        await desk.control("POST", "begin")
        paid: set[str] = set()
        cursor: str | None = None
        deadline = time.monotonic() + 20
        while len(paid) < 250:
            assert time.monotonic() < deadline, f"{len(paid)} of 250"
            fresh, cursor = await pulled(shop, cursor)
            paid |= {update.ext_id for update in fresh if isinstance(update, OrderUpdate) and update.payments}


async def test_a_memo_has_sixty_characters(tmp_path: Path) -> None:
    async with playing(tmp_path, plan(1, "douyin")) as (desk, _):
        await desk.begin()
        (number,) = desk.setting.world.shops["douyin-main"].orders
        assert (await call(desk, "order/addOrderRemark", {"order_id": number, "remark": "一" * 61}))["code"] == 40004
        assert (await call(desk, "order/addOrderRemark", {"order_id": number, "remark": "一" * 60}))["code"] == 10000
        late = await call(
            desk, SYNC, {"order_id": "7", "cert_list": [{"cert_no": "k", "grant_time": "2026-01-01 00:00:00"}]}
        )
        assert late["sub_code"] == "isv.parameter-invalid:020010"
