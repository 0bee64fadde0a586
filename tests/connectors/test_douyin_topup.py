"""Douyin calling us: pushes and top-ups, signed by the rule of a published vector, and through a whole core."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.registry import build_shop
from core.model.clock import now_us
from core.model.lifecycle import Stage
from core.model.order import OrderUpdate, Quarantined
from core.ports import ConnectorError, Inbound, Receiver, Shop, Standing
from tests.connectors.douyin_kit import DETAIL, KEY, ORDER, SECRET, SUB, SYNC, Platform, error, ok, options, pull_all
from tests.connectors.kit import NOW, Json, ManualClock, load
from tests.connectors.server import Scripted
from tests.faults.doors import Doors

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "signatures.json").read_text(encoding="utf-8"))
LIMIT = datetime(2026, 1, 1, 19, 34, 5, tzinfo=UTC)  # 20260102030405 in Beijing and half an hour


def sign_spi(params: str, stamp: str, how: str = "hmac-sha256", secret: str = SECRET) -> str:
    """The rule as the vector's own note gives it, apart from the connector's code."""
    text = f"{secret}app_key{KEY}param_json{params}timestamp{stamp}{secret}"
    if how == "md5":
        return hashlib.md5(text.encode()).hexdigest()
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def test_the_vector() -> None:
    (entry,) = [entry for entry in VECTORS if entry["scheme"] == "douyin-spi"]
    given = entry["inputs"]
    assert sign_spi(given["param_json"], given["timestamp"]) == entry["expected"]


def ask(
    what: str, number: str = ORDER, at: int = NOW, how: str = "hmac-sha256", get: bool = False, **change: Any
) -> Inbound:
    params = {"trade_order_no": number, "topup_biz": "GAME_TOPUP", "shop_id": "4463798"} | change
    text = json.dumps(params, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    stamp = (datetime.fromtimestamp(at, UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
    query = {"app_key": KEY, "timestamp": stamp, "sign_method": how, "sign": sign_spi(text, stamp, how)}
    if get:
        return Inbound(method="GET", tail=what, query=urlencode(query | {"param_json": text}), headers={}, body=b"")
    return Inbound(method="POST", tail=what, query=urlencode(query), headers={}, body=text.encode())


@pytest.fixture
def platform() -> Platform:
    made = Platform()
    made.detail["sku_order_list"][0]["account_list"] = {
        "account_info": [{"account_name": "邮箱", "account_type": "Email", "account_id": "li@example.com"}]
    }
    return made


@pytest.fixture
async def server(platform: Platform) -> AsyncIterator[Scripted]:
    async with Scripted(platform) as running:
        yield running


@pytest.fixture
async def shop(server: Scripted) -> AsyncIterator[Shop]:
    built = build_shop("shop-a", options(server) | {"deliver": "email"}, ManualClock())
    yield built
    await built.close()


async def receive(shop: Shop, request: Inbound) -> Any:
    assert isinstance(shop, Receiver)
    return await shop.receive(request)


def said(received: Any, standing: Standing | None = None) -> Json:
    answer: Json = json.loads(received.render(standing).body)
    return answer


def standing(stage: Stage, delivered: bool = False) -> Standing:
    return Standing(stage=stage, delivered=delivered, waits=False)


async def test_pushes(shop: Shop) -> None:
    (entry,) = [entry for entry in VECTORS if entry["scheme"] == "douyin-push"]
    body, made = entry["inputs"]["body"].encode(), entry["expected"]
    assert (entry["secret"], entry["inputs"]["header app-id"]) == (SECRET, KEY)
    good = Inbound(method="POST", tail="", query="", headers={"app-id": KEY, "event-sign": made}, body=body)
    taken = await receive(shop, good)
    assert (taken.pull, taken.batch, said(taken)) == (True, (), {"code": 0, "msg": "success"})
    for headers, other in (({}, body), ({"app-id": "1", "event-sign": made}, body), (good.headers, body + b" ")):
        refused = await receive(shop, Inbound(method="POST", tail="", query="", headers=headers, body=other))
        assert not refused.pull
        assert refused.render(None).status == 403


@pytest.mark.parametrize("how", ["hmac-sha256", "md5"])
@pytest.mark.parametrize("get", [False, True])
async def test_a_new_top_up_is_stored_before_it_is_answered(shop: Shop, how: str, get: bool) -> None:
    request = ask("topup/order", how=how, get=get, time_start="20260102030405", time_limit="1800", buy_num="1")
    received = await receive(shop, request)
    (order,) = received.batch
    assert isinstance(order, OrderUpdate)
    assert (order.ext_id, order.contact, received.look) == (ORDER, "li@example.com", ORDER)
    assert order.deadline == int(LIMIT.timestamp()) * 1_000_000, "sooner than the platform's own"
    assert said(received, standing(Stage.OPEN)) == {
        "code": 0, "message": "success",
        "data": {
            "trade_order_no": ORDER, "topup_biz": "GAME_TOPUP", "seller_order_no": ORDER,
            "seller_order_status": "IN_PROCESS",
        },
    }  # fmt: skip


async def test_its_limit_outlives_the_next_reading(shop: Shop, platform: Platform) -> None:
    await receive(shop, ask("topup/order", time_start="20260102030405", time_limit=1800))
    platform.orders = [platform.detail]
    (order,), _ = await pull_all(shop)
    assert order.deadline == int(LIMIT.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("what", "at", "status"),
    [
        ("topup/query", None, "IN_PROCESS"),
        ("topup/query", standing(Stage.OPEN), "IN_PROCESS"),
        ("topup/query", standing(Stage.DELIVERING), "IN_PROCESS"),
        ("topup/query", standing(Stage.DELIVERED, True), "SUCCESS"),
        ("topup/query", standing(Stage.CLOSED, True), "SUCCESS"),
        ("topup/query", standing(Stage.CLOSED), "IN_PROCESS"),  # closed by hand: nobody knows whether a key went out
        ("topup/query", standing(Stage.CANCELLED), "IN_PROCESS"),  # never "failed": an order may be taken up again
        ("topup/cancel", None, "IN_PROCESS"),
        ("topup/cancel", standing(Stage.DELIVERING), "IN_PROCESS"),
        ("topup/cancel", standing(Stage.DELIVERED, True), "SUCCESS"),
        ("topup/cancel", standing(Stage.CANCELLED), "CANCEL"),
        ("topup/order", standing(Stage.DELIVERED, True), "SUCCESS"),
    ],
)
async def test_how_it_stands(shop: Shop, what: str, at: Standing | None, status: str) -> None:
    received = await receive(shop, ask(what))
    assert said(received, at)["data"]["seller_order_status"] == status
    assert received.look == ORDER


async def test_a_lines_number_leads_to_its_order(shop: Shop, platform: Platform) -> None:
    platform.override[DETAIL] = lambda params: (
        ok({"shop_order_detail": platform.detail})
        if params["shop_order_id"] == ORDER
        else error(50002, "isv.business-failed:30001")
    )
    unknown = await receive(shop, ask("topup/order", SUB))
    assert (unknown.batch, unknown.pull, said(unknown)["data"]["seller_order_status"]) == ((), True, "IN_PROCESS")
    platform.orders = [platform.detail]
    await pull_all(shop)
    known = await receive(shop, ask("topup/order", SUB))
    assert (known.batch[0].ext_id, known.look) == (ORDER, ORDER)
    assert (await receive(shop, ask("topup/query", SUB))).look == ORDER
    assert said(known)["data"]["trade_order_no"] == SUB, "given back as it came"
    assert [(await receive(shop, ask("topup/query", number))).pull for number in (SUB, ORDER, "77")] == [
        False,
        False,
        True,
    ]


async def test_an_order_that_cannot_be_read(shop: Shop, platform: Platform) -> None:
    platform.override[DETAIL] = lambda params: error(20000, "isp.service-error")
    with pytest.raises(ConnectorError):
        await receive(shop, ask("topup/order"))  # the core answers "later", and Douyin asks again
    platform.override[DETAIL] = lambda params: ok({"shop_order_detail": load("douyin/order") | {"pay_amount": None}})
    received = await receive(shop, ask("topup/order"))
    assert isinstance(received.batch[0], Quarantined)
    assert said(received)["data"]["seller_order_status"] == "IN_PROCESS"


async def test_what_is_not_douyins_is_refused(shop: Shop, platform: Platform) -> None:
    good = ask("topup/order")
    for bad in (
        Inbound(method="POST", tail=good.tail, query=good.query, headers={}, body=good.body.replace(b"GAME", b"GONE")),
        Inbound(method="POST", tail=good.tail, query=good.query.replace(KEY, "1"), headers={}, body=good.body),
        Inbound(method="POST", tail=good.tail, query="", headers={}, body=good.body),
        Inbound(method="POST", tail=good.tail, query=good.query, headers={}, body=b"\xff"),
        ask("topup/order", at=NOW - 700),
        ask("topup/order", at=NOW + 700),
    ):
        received = await receive(shop, bad)
        assert (received.batch, received.pull) == ((), False)
        assert received.render(None).status == 403
    assert (await receive(shop, ask("topup/refund"))).render(None).status == 404
    for change in (
        {"trade_order_no": ""}, {"trade_order_no": 5}, {"trade_order_no": "a\x1b[2J"}, {"topup_biz": None},
        {"time_start": "yesterday", "time_limit": "1"}, {"time_start": "20260102030405", "time_limit": "-1"},
    ):  # fmt: skip
        received = await receive(shop, ask("topup/order", **change))
        assert (said(received)["code"], received.batch) == (100002, ()), change
    assert platform.calls == []


@pytest.mark.parametrize(
    ("accounts", "contact"),
    [
        ([("Email", "li@example.com")], "li@example.com"),
        ([("Email", "l***@example.com")], ""),
        ([("Mobile", "13800000000")], ""),
        ([("Email", "li@example.com"), ("Email", "wang@example.com")], ""),
        ([("Email", None)], ""),
        ([], ""),
    ],
)
async def test_the_account_is_an_address_when_it_is_one(
    shop: Shop, platform: Platform, accounts: list[tuple[str, str | None]], contact: str
) -> None:
    rows = [{"account_name": "n", "account_type": kind, "account_id": value} for kind, value in accounts]
    platform.detail["sku_order_list"][0]["account_list"] = {"account_info": rows}
    order = await shop.read(ORDER)
    assert isinstance(order, OrderUpdate)
    assert order.contact == contact


async def test_through_a_core_the_order_is_on_disk_when_douyin_hears_of_it(
    server: Scripted, platform: Platform, tmp_path: Path
) -> None:
    now = now_us() // 1_000_000
    times = {"create_time": now - 9, "pay_time": now - 8, "update_time": now - 8, "exp_ship_time": now + 9000}
    platform.detail |= times
    platform.detail["sku_order_list"][0] |= times | {"out_sku_id": "p1", "code": "p1"}
    shop = build_shop("shop-a", options(server), now_us)
    async with Doors(tmp_path, shop) as d:

        async def call(what: str) -> Json:
            request = ask(what, at=now_us() // 1_000_000)
            answer = await d.http.post(f"/shop-a/{what}?{request.query}", content=request.body)
            assert answer.status_code == 200, answer.text
            found: Json = answer.json()["data"]
            return found

        assert (await call("topup/order"))["seller_order_status"] in ("IN_PROCESS", "SUCCESS")
        assert await d.one("SELECT paid FROM orders WHERE ext_id = ?", ORDER) == 3980

        async def done() -> bool:
            return bool((await call("topup/query"))["seller_order_status"] == "SUCCESS")

        await d.until(done)
        assert platform.paths().count(SYNC) == 1
        assert (await call("topup/cancel"))["seller_order_status"] == "SUCCESS"
        forged = await d.http.post("/shop-a/topup/order?app_key=1", content=b"{}")
        assert forged.status_code == 403
