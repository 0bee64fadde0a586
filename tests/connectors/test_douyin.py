"""The Douyin shop against a scripted platform on a real socket: what comes in, and its token."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.registry import build_shop
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, Payment, PlatformState, Quarantined, Refund, RefundState
from core.ports import ConnectorError, Shop
from tests.connectors.douyin_kit import (
    DETAIL,
    LIST,
    ORDER,
    REFRESH,
    SECRET,
    SUB,
    Platform,
    error,
    ok,
    options,
    pull_all,
    send,
)
from tests.connectors.kit import NOW, Json, ManualClock, load
from tests.connectors.server import Act, Scripted


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
    assert (shop.platform, shop.send_via) == ("douyin", "shop")
    spec = shop.specs[Effect.SEND]
    assert (spec.cls, spec.ships, spec.askable) == (EffectClass.B, True, False)
    said = repr(shop) + repr(vars(shop))
    assert not any(secret in said for secret in (SECRET, "tok'", "refresh-1"))


async def test_an_order_with_its_money(shop: Shop, platform: Platform) -> None:
    platform.orders = [load("douyin/order")]
    (order,), _ = await pull_all(shop)
    assert isinstance(order, OrderUpdate)
    assert (order.ext_id, order.state, order.total, order.currency) == (ORDER, PlatformState.PAID, 3980, "CNY")
    assert (order.buyer, order.message, order.contact) == ("1@#buyer7", "尽快，谢谢", "")
    assert [(line.line, line.sku, line.qty, line.amount) for line in order.lines] == [(SUB, "STEAM-50", 2, 3980)]
    assert [(p.account, p.txn_id, p.amount) for p in order.payments] == [("shop-a", f"dy:{ORDER}", 3980)]
    assert order.paid_at == (NOW - 175) * 1_000_000
    assert (
        order.deadline == (NOW - 175 + 86_400) * 1_000_000
    )  # coupons are refused after a day, sooner than exp_ship_time
    assert DETAIL not in platform.paths()


async def test_pages_are_read_from_the_last_to_the_first(shop: Shop, platform: Platform) -> None:
    sample = load("douyin/order")
    platform.orders = [
        sample | {"order_id": f"S{n}", "update_time": NOW - 200 + n % 60, "create_time": NOW - 200} for n in range(230)
    ]
    found, _ = await pull_all(shop)
    assert {order.ext_id for order in found} == {f"S{n}" for n in range(230)}
    assert [params["page"] for path, params in platform.calls if path == LIST][-3:] == [2, 1, 0]


async def test_refunds(shop: Shop, platform: Platform, clock: ManualClock) -> None:
    clock.now += 3600
    platform.refunds = [load("douyin/refund")]
    (refund,), cursor = await pull_all(shop)
    assert isinstance(refund, Refund)
    assert (refund.state, refund.amount, refund.ext_id) == (RefundState.OPEN, 3980, ORDER)
    assert (refund.reason, refund.deadline) == ("不想要了", (NOW + 172_830) * 1_000_000)
    done = load("douyin/refund")
    done["aftersale_info"] |= {"aftersale_status": 12, "refund_status": 3, "update_time": NOW + 3599}
    platform.refunds = [done]
    (refund, money), _ = await pull_all(shop, cursor)
    assert refund.state is RefundState.DONE
    assert isinstance(money, Payment)
    assert (money.amount, money.txn_id) == (3980, "dy-refund:7381745730001")


@pytest.mark.parametrize("old_form", [False, True])
async def test_an_expired_token_is_renewed_once_for_all(shop: Shop, platform: Platform, old_form: bool) -> None:
    def renewed(params: Json) -> Json:
        assert params == {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
        platform.token = "tok-2"
        data = {"access_token": "tok-2", "refresh_token": "refresh-2", "expires_in": 604800}
        return {"err_no": 0, "message": "success", "data": data} if old_form else ok(data)

    platform.token = "gone"
    platform.override[REFRESH] = renewed
    outcome, orders = await asyncio.gather(shop.perform(send()), asyncio.gather(*(shop.read(ORDER) for _ in range(5))))
    assert outcome.result is Result.CONFIRMED
    assert all(isinstance(order, OrderUpdate) for order in orders)
    assert platform.paths().count(REFRESH) == 1


async def test_a_renewal_that_fails(shop: Shop, platform: Platform) -> None:
    platform.token = "gone"
    platform.override[REFRESH] = lambda params: Act.CLOSE
    with pytest.raises(ConnectorError) as caught:
        await shop.read(ORDER)
    assert caught.value.kind == "rate"
    platform.override[REFRESH] = lambda params: error(50001, "dop.token-generate-failed:2100007")
    with pytest.raises(ConnectorError) as caught:
        await shop.read(ORDER)
    assert caught.value.kind == "auth"
    assert "refresh-1" not in str(caught.value)


async def test_an_answer_about_another_order_or_no_rows(shop: Shop, platform: Platform) -> None:
    platform.detail |= {"order_id": "S2"}
    got = await shop.read(ORDER)
    assert isinstance(got, Quarantined)
    platform.override[LIST] = lambda params: ok({"shop_order_list": [], "total": 4, "page": 0, "size": 100})
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == "protocol"


@pytest.mark.parametrize(
    ("change", "line", "state", "forbid"),
    [
        ({"order_status": 1, "pay_time": 0}, {}, PlatformState.UNPAID, ""),
        ({"order_status": 105}, {}, PlatformState.FORBIDDEN, "not released for shipping"),
        ({"order_status": 101}, {}, PlatformState.FORBIDDEN, "partly shipped elsewhere"),
        ({"order_status": 3}, {}, PlatformState.SHIPPED, ""),
        ({"order_status": 5}, {}, PlatformState.FINISHED, ""),
        ({"order_status": 4}, {}, PlatformState.REFUNDED, ""),
        ({"order_status": 4, "pay_time": 0}, {}, PlatformState.CANCELLED, ""),
        ({"pay_type": 0, "pay_time": 0}, {}, PlatformState.FORBIDDEN, "cash on delivery"),
        ({"pay_type": 12}, {}, PlatformState.FORBIDDEN, "the buyer pays later"),
        ({}, {"after_sale_info": {"after_sale_status": 6}}, PlatformState.FORBIDDEN, "refund open"),
        ({}, {"after_sale_info": {"after_sale_status": 27}}, PlatformState.FORBIDDEN, "refund open"),
        ({}, {"after_sale_info": {"after_sale_status": 12}}, PlatformState.FORBIDDEN, "refunded in part"),
        ({}, {"after_sale_info": {"after_sale_status": 28}}, PlatformState.PAID, ""),
        ({}, {"order_status": 4}, PlatformState.FORBIDDEN, "refunded in part"),
        ({}, {"order_status": 3}, PlatformState.FORBIDDEN, "partly shipped elsewhere"),
        ({"order_status": 3}, {"after_sale_info": {"after_sale_status": 6}}, PlatformState.SHIPPED, ""),
    ],
)
async def test_states(
    shop: Shop, platform: Platform, change: Json, line: Json, state: PlatformState, forbid: str
) -> None:
    platform.detail |= change
    platform.detail["sku_order_list"][0] |= line
    order = await shop.read(ORDER)
    assert isinstance(order, OrderUpdate)
    assert (order.state, order.forbid) == (state, forbid)
    if "pay_type" in change or change.get("pay_time") == 0:
        assert order.payments == (), "no money is held"


@pytest.mark.parametrize(
    ("change", "line", "field"),
    [
        ({"pay_time": 0}, {}, "pay_time"),
        ({"order_status": 6}, {}, "order_status"),
        ({"pay_type": 6}, {}, "pay_type"),
        ({"update_time": NOW * 1000}, {}, "update_time"),
        ({"pay_amount": 398_000}, {}, "pay_amount"),
        ({"pay_amount": 39.8}, {}, "pay_amount"),
        ({"order_id": "a\x1b[2J"}, {}, "order_id"),
        ({}, {"order_status": 9}, "sku_order_list.order_status"),
        ({}, {"after_sale_info": {"after_sale_status": 9}}, "sku_order_list.after_sale_info.after_sale_status"),
        ({}, {"item_num": 3}, "sku_order_list.item_num"),
        ({"pay_amount": 398_000}, {"pay_amount": 398_000}, "sku_order_list.origin_amount"),
    ],
)
async def test_what_cannot_be_told_is_quarantined(
    shop: Shop, platform: Platform, change: Json, line: Json, field: str
) -> None:
    platform.detail |= change
    platform.detail["sku_order_list"][0] |= line
    got = await shop.read(ORDER)
    assert isinstance(got, Quarantined)
    assert got.field == field
    assert got.raw


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"aftersale_status": 27}, RefundState.OPEN),
        ({"aftersale_status": 29}, RefundState.OPEN),
        ({"aftersale_status": 28}, RefundState.GONE),
        ({"aftersale_status": 12, "refund_status": 1}, RefundState.OPEN),
        ({"aftersale_status": 12, "refund_status": 4}, RefundState.OPEN),
        ({"aftersale_status": 12, "refund_status": 0, "aftersale_type": 3}, RefundState.GONE),
        ({"aftersale_status": 14, "aftersale_type": 3}, RefundState.GONE),
    ],
)
async def test_refunds_without_money(
    shop: Shop, platform: Platform, clock: ManualClock, change: Json, state: RefundState
) -> None:
    clock.now += 60
    row = load("douyin/refund")
    row["aftersale_info"] |= change
    platform.refunds = [row]
    (refund,), _ = await pull_all(shop)
    assert isinstance(refund, Refund)
    assert refund.state is state


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"aftersale_status": 15}, "aftersale_status"),
        ({"refund_status": 6}, "refund_status"),
        ({"aftersale_type": 5}, "aftersale_type"),
        ({"refund_post_amount": 100}, "refund_post_amount"),
        ({"refund_amount": 398_000}, "refund_amount"),
    ],
)
async def test_a_refund_that_cannot_be_told(
    shop: Shop, platform: Platform, clock: ManualClock, change: Json, field: str
) -> None:
    clock.now += 60
    row = load("douyin/refund")
    row["aftersale_info"] |= change
    platform.refunds = [row]
    (got,), _ = await pull_all(shop)
    assert isinstance(got, Quarantined)
    assert (got.ext_id, got.field) == (ORDER, f"refund.aftersale_info.{field}")
