"""What comes in from a Kuaishou shop, against a scripted platform on a real socket."""

from collections.abc import AsyncIterator

import pytest

from connectors.registry import build_shop
from core.model.effects import Effect, EffectClass
from core.model.order import OrderUpdate, Payment, PlatformState, Quarantined, Refund, RefundState
from core.ports import ConnectorError, Shop
from tests.connectors.kit import NOW, Json, ManualClock, load
from tests.connectors.kuaishou_kit import (
    APP_SECRET,
    LIST,
    MESSAGE_KEY,
    OID,
    REFUNDS,
    SECRET,
    Platform,
    ok,
    options,
    order,
    pull_all,
)  # fmt: skip
from tests.connectors.server import Scripted


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(platform: Platform) -> AsyncIterator[Scripted]:
    async with Scripted(platform) as running:
        yield running


@pytest.fixture
async def shop(server: Scripted, clock: ManualClock) -> AsyncIterator[Shop]:
    built = build_shop("shop-a", options(server), clock)
    yield built
    await built.close()


def test_what_it_says_of_itself(shop: Shop) -> None:
    assert isinstance(shop, Shop)
    assert (shop.platform, shop.send_via) == ("kuaishou", "email")
    spec = shop.specs[Effect.SHIP]
    assert (spec.cls, spec.askable) == (EffectClass.B, True)
    assert Effect.SEND not in shop.specs
    said = repr(shop) + repr(vars(shop)) + repr(vars(vars(shop)["_kuaishou"]))
    assert not any(secret in said for secret in (SECRET, APP_SECRET, MESSAGE_KEY, "refresh-1"))


@pytest.mark.parametrize(("key", "value"), [("express_code", ""), ("express_code", "SF"), ("return_address_id", "x")])
async def test_codes_of_the_platform_are_numbers(server: Scripted, clock: ManualClock, key: str, value: str) -> None:
    with pytest.raises(ValueError, match=key):
        build_shop("shop-a", options(server) | {key: value}, clock)


async def test_an_order_with_its_money(shop: Shop, platform: Platform) -> None:
    platform.orders = [load("kuaishou/order")]
    (got,), _ = await pull_all(shop)
    assert isinstance(got, OrderUpdate)
    assert (got.ext_id, got.state, got.total, got.currency) == (str(OID), PlatformState.PAID, 3980, "CNY")
    assert (got.buyer, got.buyer_name, got.contact) == ("f1buyer7", "张三", "zhang@example.com")
    assert [(line.line, line.sku, line.qty, line.amount) for line in got.lines] == [
        ("2607602240240302", "STEAM-50", 2, 3980)
    ]
    assert [(p.account, p.txn_id, p.amount) for p in got.payments] == [("shop-a", f"ks:{OID}", 3980)]
    assert (got.paid_at, got.deadline) == ((NOW - 175) * 1_000_000, (NOW + 86_225) * 1_000_000)
    assert await shop.read(str(OID)) == got


@pytest.mark.parametrize(
    ("account", "remark", "contact"),
    [
        ("", "没有邮箱", ""),
        ("li@example.com", "", "li@example.com"),
        ("li@example.com", "发 Li@example.com", "li@example.com"),
        ("li@example.com", "发 wang@example.com", ""),  # two addresses are none
        ("13800000000", "发 wang@example.com", "wang@example.com"),
        (None, "a@example.com b@example.com", ""),
    ],
)
async def test_where_the_keys_go(
    shop: Shop, platform: Platform, account: str | None, remark: str, contact: str
) -> None:
    platform.detail = order(remark=remark)
    platform.detail["orderAddress"] = {"rechargeAccount": {"account": account}}
    got = await shop.read(str(OID))
    assert isinstance(got, OrderUpdate)
    assert got.contact == contact


async def test_dense_windows_are_halved_until_each_is_one_page(shop: Shop, platform: Platform) -> None:
    platform.orders = [order(1000 + n, updateTime=NOW * 1000 - 200_000 + n * 500) for n in range(300)]
    found, _ = await pull_all(shop)
    assert {got.ext_id for got in found} == {str(1000 + n) for n in range(300)}
    assert all(params["cursor"] == "" for method, params in platform.calls if method == LIST)


async def test_a_second_with_more_than_a_page_is_read_on_by_its_cursor(shop: Shop, platform: Platform) -> None:
    platform.orders = [order(1000 + n, updateTime=NOW * 1000 - 100_000) for n in range(170)]
    found, _ = await pull_all(shop)
    assert {got.ext_id for got in found} == {str(1000 + n) for n in range(170)}


async def test_rows_that_move_while_they_are_read_are_not_missed(
    shop: Shop, platform: Platform, clock: ManualClock
) -> None:
    platform.orders = [order(1000 + n, updateTime=NOW * 1000 - 300_000 + n * 900) for n in range(300)]
    turn = 0

    def move() -> None:
        nonlocal turn
        turn += 1
        platform.orders[turn % 300]["orderBaseInfo"]["updateTime"] = clock.now * 1000 + turn

    platform.moving = move
    found, cursor = await pull_all(shop)
    clock.now += 60
    platform.moving = lambda: None
    found += (await pull_all(shop, cursor))[0]
    assert {got.ext_id for got in found} == {str(1000 + n) for n in range(300)}


async def test_a_list_without_end_is_said_to_be_one(shop: Shop, platform: Platform) -> None:
    rows = [order(n + 1) for n in range(50)]
    platform.override[LIST] = lambda params: ok({"orderList": rows, "cursor": "MQ=="})
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == "protocol"
    platform.override[LIST] = lambda params: ok({"orderList": rows, "cursor": ""})
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == "protocol"


async def test_refunds(shop: Shop, platform: Platform, clock: ManualClock) -> None:
    clock.now += 60
    platform.refunds = [load("kuaishou/refund")]
    (refund,), cursor = await pull_all(shop)
    assert isinstance(refund, Refund)
    assert (refund.state, refund.amount, refund.ext_id) == (RefundState.OPEN, 3980, str(OID))
    platform.refunds = [load("kuaishou/refund") | {"status": 60, "updateTime": (NOW + 59) * 1000}]
    (refund, money), _ = await pull_all(shop, cursor)
    assert refund.state is RefundState.DONE
    assert isinstance(money, Payment)
    assert (money.amount, money.txn_id) == (3980, "ks-refund:7381745730001")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"status": 12}, RefundState.OPEN),
        ({"status": 50}, RefundState.OPEN),
        ({"status": 70}, RefundState.GONE),
        ({"status": 60, "handlingWay": 3}, RefundState.GONE),  # an exchange
    ],
)
async def test_refunds_without_money(
    shop: Shop, platform: Platform, clock: ManualClock, change: Json, state: RefundState
) -> None:
    clock.now += 60
    platform.refunds = [load("kuaishou/refund") | change]
    (refund,), _ = await pull_all(shop)
    assert isinstance(refund, Refund)
    assert refund.state is state


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": 61}, "status"), ({"handlingWay": 2}, "handlingWay"), ({"refundFee": 0}, "refundFee"),
        ({"refundFee": "39.80"}, "refundFee"), ({"updateTime": NOW + 30}, "updateTime"), ({"refundId": 0}, "refundId"),
    ],
)  # fmt: skip
async def test_a_refund_that_cannot_be_told(
    shop: Shop, platform: Platform, clock: ManualClock, change: Json, field: str
) -> None:
    clock.now += 60
    row = load("kuaishou/refund") | change
    platform.override[REFUNDS] = lambda params: ok({"refundOrderInfoList": [row], "pcursor": "nomore"})
    (got,), _ = await pull_all(shop)
    assert isinstance(got, Quarantined)
    assert (got.ext_id, got.field.removeprefix("refund.")) == (str(OID), field)


@pytest.mark.parametrize(
    ("change", "after", "state", "forbid"),
    [
        ({"status": 10, "payTime": 0}, None, PlatformState.UNPAID, ""),
        ({"status": 0, "payTime": 0}, None, PlatformState.UNPAID, ""),
        ({"status": 40}, 10, PlatformState.SHIPPED, ""),
        ({"status": 50}, None, PlatformState.SHIPPED, ""),
        ({"status": 70}, None, PlatformState.FINISHED, ""),
        ({"status": 80}, None, PlatformState.REFUNDED, ""),
        ({"status": 80, "payTime": 0}, None, PlatformState.CANCELLED, ""),
        ({"riskCode": 10001}, None, PlatformState.FORBIDDEN, "risk 10001"),
        ({"riskCode": [10001]}, None, PlatformState.FORBIDDEN, "risk 10001"),
        ({"riskCode": None}, None, PlatformState.PAID, ""),
        ({"disableDeliveryReasonCode": [3]}, None, PlatformState.FORBIDDEN, "delivery disabled 3"),
        ({}, 10, PlatformState.FORBIDDEN, "refund open"),
        ({}, 60, PlatformState.FORBIDDEN, "refunded in part"),
        ({}, 70, PlatformState.PAID, ""),
    ],
)
async def test_states(
    shop: Shop, platform: Platform, change: Json, after: int | None, state: PlatformState, forbid: str
) -> None:
    platform.detail = order(**change)
    if after is not None:
        platform.detail["orderRefundList"] = [{"refundId": 7, "refundStatus": after}]
    got = await shop.read(str(OID))
    assert isinstance(got, OrderUpdate)
    assert (got.state, got.forbid) == (state, forbid)
    if change.get("payTime") == 0:
        assert got.payments == (), "no money is held"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": 60}, "status"), ({"payTime": 0}, "payTime"), ({"payTime": NOW}, "payTime"),
        ({"totalFee": 398_000}, "totalFee"), ({"totalFee": 39.8}, "totalFee"), ({"oid": -1}, "oid"),
        ({"discountFee": -1}, "discountFee"), ({"updateTime": NOW}, "updateTime"),
    ],
)  # fmt: skip
async def test_what_cannot_be_told_is_quarantined(shop: Shop, platform: Platform, change: Json, field: str) -> None:
    platform.detail = order(**change)
    got = await shop.read(str(OID))
    assert isinstance(got, Quarantined)
    assert got.field == f"orderBaseInfo.{field}"


@pytest.mark.parametrize("field", ["riskCode", "disableDeliveryReasonCode"])
async def test_without_the_fields_that_forbid_nothing_is_believed(shop: Shop, platform: Platform, field: str) -> None:
    del platform.detail["orderBaseInfo"][field]
    got = await shop.read(str(OID))
    assert isinstance(got, Quarantined)
    assert got.field == f"orderBaseInfo.{field}"
