"""Kuaishou's door in the practice world, asked plainly, and the shop in front of it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.practice.markets.kuaishou_door import sign
from connectors.practice.plans import Plan
from connectors.registry import build_shop
from core.model.clock import now_us
from core.model.effects import Call, Effect, Result
from core.model.order import OrderUpdate, Payment, PaymentKind, PlatformState, Refund, RefundState
from core.ports import Shop
from tests.connectors.practice_client import Desk, plan, world

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "signatures.json").read_text(encoding="utf-8"))
LIST, DELIVER, NOTE = "open.order.cursor.list", "open.seller.order.goods.deliver", "open.seller.order.note.add"
MAIL = "buyer1@mail.example.com"


@pytest.mark.parametrize(
    "entry", [entry for entry in VECTORS if entry["scheme"] == "kuaishou"], ids=lambda e: e["inputs"]["signMethod"]
)
def test_signatures_of_other_peoples_code(entry: dict[str, Any]) -> None:
    assert sign(entry["inputs"], entry["secret"]) == entry["expected"]
    assert sign(entry["inputs"] | {"param": "{}"}, entry["secret"]) != entry["expected"]


@asynccontextmanager
async def playing(folder: Path, *plans: Plan, late: float = 2.0) -> AsyncIterator[tuple[Desk, Shop]]:
    async with world(folder, plans, platforms=("kuaishou",), late=late) as desk:
        given = desk.shops["kuaishou-main"] | {"platform": "kuaishou", "start_days": "0.01"}
        shop = build_shop("kuaishou-main", given, now_us)
        try:
            yield desk, shop
        finally:
            await shop.close()


async def call(desk: Desk, method: str, params: dict[str, Any], *, post: bool = False, **change: str) -> dict[str, Any]:
    shop = desk.shops["kuaishou-main"]
    form = {
        "appkey": shop["app_key"], "method": method, "version": "1", "param": json.dumps(params), "signMethod": "MD5",
        "access_token": shop["access_token"], "timestamp": str(int(time.time() * 1000)),
    } | change  # fmt: skip
    form.setdefault("sign", sign(form, shop["sign_secret"]))
    url = f"{shop['url']}/{method.replace('.', '/')}"
    answer = await (desk.http.post(url, data=form) if post else desk.http.get(f"{url}?{urlencode(form)}"))
    found: dict[str, Any] = answer.json()
    return found


def window(**more: Any) -> dict[str, Any]:
    now = int(time.time() * 1000)
    given = {"orderViewStatus": 1, "pageSize": 50, "sort": 2, "queryType": 2, "cpsType": 0, "cursor": ""}
    return given | {"beginTime": now - 600_000, "endTime": now + 60_000} | more


async def pulled(shop: Shop, cursor: str | None = None) -> tuple[list[Any], str | None]:
    found: list[Any] = []
    while True:
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor


def ship(ext_id: str) -> Call:
    return Call(reference="kuaishou-main:1", effect=Effect.SHIP, attempt=1, ext_id=ext_id, recipient="")


async def test_gateway_checks(tmp_path: Path) -> None:
    async with playing(tmp_path) as (desk, _):
        old = str(int(time.time() * 1000) - 700_000)
        for change, result in (
            ({"appkey": "x"}, 22), ({"timestamp": old}, 28), ({"timestamp": old[:10]}, 28), ({"version": "2"}, 21),
            ({"signMethod": "SHA1"}, 27), ({"sign": "0" * 32}, 27), ({"access_token": "x"}, 24), ({"param": "{"}, 21),
        ):  # fmt: skip
            assert (await call(desk, LIST, window(), post=False, **change))["result"] == result, change
        now = int(time.time() * 1000)
        for bad in (
            {"pageSize": 51}, {"orderViewStatus": 8}, {"queryType": 1}, {"cursor": "!"}, {"sort": 3}, {"beginTime": "1"},
            {"beginTime": now - 8 * 86_400_000}, {"beginTime": 1, "endTime": 2}, {"beginTime": now + 120_000},
        ):  # fmt: skip
            assert (await call(desk, LIST, window(**bad)))["result"] == 21, bad
        assert (await call(desk, LIST, window(), post=True))["result"] == 21
        good = await call(desk, LIST, window(cursor=" "))
        assert (good["result"], good["data"]["orderList"], good["data"]["cursor"]) == (1, [], "nomore")
        assert (await call(desk, LIST, window(), signMethod="HMAC_SHA256"))["result"] == 1


async def test_pages_go_on_by_their_cursor(tmp_path: Path) -> None:
    async with playing(tmp_path, *(plan(n, "kuaishou") for n in range(1, 121))) as (desk, _):
        await desk.begin()
        seen: list[int] = []
        cursor = ""
        while cursor != "nomore":
            data = (await call(desk, LIST, window(cursor=cursor)))["data"]
            seen += [row["orderBaseInfo"]["oid"] for row in data["orderList"]]
            cursor = data["cursor"]
        assert (len(seen), len(set(seen))) == (120, 120)
        assert len((await call(desk, LIST, window(orderViewStatus=3)))["data"]["orderList"]) == 50
        assert (await call(desk, LIST, window(orderViewStatus=2)))["data"]["orderList"] == []


async def test_the_way_of_an_order(tmp_path: Path) -> None:
    async with playing(tmp_path, plan(1, "kuaishou", qty=2, email=MAIL, message=f"发到 {MAIL}")) as (desk, shop):
        await desk.begin()
        (order,), cursor = await pulled(shop)
        assert isinstance(order, OrderUpdate)
        assert (order.state, order.total, order.contact) == (PlatformState.PAID, 9780, MAIL)
        assert (order.buyer, [(line.sku, line.qty) for line in order.lines]) == ("u000001", [("KS-STEAM50", 2)])
        assert [payment.amount for payment in order.payments] == [9780]
        assert (await shop.ask(ship(order.ext_id))).result is Result.LATER, "nothing happened yet"
        assert (await shop.perform(ship(order.ext_id))).result is Result.CONFIRMED
        assert (await shop.perform(ship(order.ext_id))).result is Result.CONFIRMED, "refused, and seen to be shipped"
        assert (await shop.ask(ship(order.ext_id))).result is Result.CONFIRMED
        assert len(desk.ledger("ship")) == 1
        (shipped,), _ = await pulled(shop, cursor)
        assert shipped.state is PlatformState.SHIPPED


async def test_what_may_not_be_shipped_is_not(tmp_path: Path) -> None:
    plans = (
        plan(1, "kuaishou", flag=2),
        plan(2, "kuaishou", flag=3),
        plan(3, "kuaishou", acts=[(0.0, "pay"), (0.0, "refund")]),
    )
    async with playing(tmp_path, *plans) as (desk, shop):
        await desk.begin()
        updates, _ = await pulled(shop)
        orders = [update for update in updates if isinstance(update, OrderUpdate)]
        assert {order.forbid for order in orders} == {"risk 10001", "delivery disabled 1", "refund open"}
        for order in orders:
            assert (await shop.perform(ship(order.ext_id))).result is Result.REJECTED
        assert desk.ledger("ship") == []


async def test_money_back(tmp_path: Path) -> None:
    async with playing(tmp_path, plan(1, "kuaishou")) as (desk, shop):
        await desk.begin()
        (paid,), cursor = await pulled(shop)
        world_ = desk.setting.world
        order = world_.shops["kuaishou-main"].orders[paid.ext_id]
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


async def test_expired_tokens_are_renewed_and_old_ones_refused(tmp_path: Path) -> None:
    async with playing(tmp_path, plan(1, "kuaishou")) as (desk, shop):
        await desk.begin()
        desk.setting.front._gates["kuaishou"].expire_token()
        (order,), _ = await pulled(shop)
        assert order.state is PlatformState.PAID
        assert (await call(desk, LIST, window()))["result"] == 24
        url = f"{desk.shops['kuaishou-main']['url']}/oauth2/refresh_token"
        assert (await desk.http.post(url, data={"grant_type": "refresh_token"})).json()["result"] != 1


async def test_rows_that_move_while_they_are_read_are_not_missed(tmp_path: Path) -> None:
    plans = [plan(n, "kuaishou", acts=[(0.001 * n, "pay")]) for n in range(1, 251)]
    async with playing(tmp_path, *plans) as (desk, shop):
        await desk.control("POST", "begin")
        paid: set[str] = set()
        cursor: str | None = None
        deadline = time.monotonic() + 20
        while len(paid) < 250:
            assert time.monotonic() < deadline, f"{len(paid)} of 250"
            fresh, cursor = await pulled(shop, cursor)
            paid |= {update.ext_id for update in fresh if isinstance(update, OrderUpdate) and update.payments}


async def test_notes_gather(tmp_path: Path) -> None:
    async with playing(tmp_path, plan(1, "kuaishou")) as (desk, _):
        await desk.begin()
        (number,) = desk.setting.world.shops["kuaishou-main"].orders
        for text in ("一", "二"):
            assert (await call(desk, NOTE, {"orderId": int(number), "note": text, "flag": 1}, post=True))["result"] == 1
        detail = await call(desk, "open.order.detail", {"oid": int(number)})
        assert detail["data"]["orderNote"]["sellerNote"] == ["一", "二"]
        assert (await call(desk, NOTE, {"orderId": int(number), "note": "长" * 201}, post=True))["result"] == 21
        wrong = await call(desk, DELIVER, {"orderId": int(number), "expressCode": 1, "expressNo": "x"}, post=True)
        assert wrong["sub_code"] == "EXPRESS_INVALID"
        assert (await call(desk, "open.order.detail", {"oid": 7}))["sub_code"] == "ORDER_NOT_EXIST"
