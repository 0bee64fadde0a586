"""Keys leaving a Douyin shop, against a scripted platform on a real socket."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.registry import build_shop
from core.model.effects import Call, Effect, Result
from core.ports import Shop
from tests.connectors.douyin_kit import (
    DETAIL,
    ORDER,
    OTHER,
    SUB,
    SYNC,
    Platform,
    error,
    ok,
    options,
    pull_all,
    send,
    two_lines,
)
from tests.connectors.kit import ManualClock, load, ship
from tests.connectors.server import Act, Scripted, closed_port


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


async def test_keys_go_as_coupons_of_the_sub_order(shop: Shop, platform: Platform) -> None:
    assert (await shop.perform(send())).result is Result.CONFIRMED
    assert platform.paths() == [DETAIL, SYNC]  # after a restart the order is looked at first
    _, params = platform.calls[1]
    assert (params["order_id"], params["sku_id"]) == (SUB, 1700000000000001)
    assert [coupon["cert_no"] for coupon in params["cert_list"]] == ["KEY-0", "KEY-1"]
    names = [coupon["out_cert_id"] for coupon in params["cert_list"]]
    assert len(set(names)) == 2
    assert not any("KEY" in name for name in names)
    assert {coupon["grant_time"] for coupon in params["cert_list"]} == {"2026-01-02 03:01:10"}
    platform.override[SYNC] = lambda params: error(50002, "isv.business-failed:000008")
    assert (await shop.perform(send(attempt=2))).result is Result.CONFIRMED
    assert platform.calls[-1][1] == params  # a repeat is the same to the letter
    assert platform.paths() == [DETAIL, SYNC, SYNC]


async def test_one_call_for_each_sub_order(shop: Shop, platform: Platform) -> None:
    platform.orders = [two_lines()]
    await pull_all(shop)
    assert (await shop.perform(send(lines=(SUB, SUB, OTHER)))).result is Result.CONFIRMED
    sent = [(params["order_id"], len(params["cert_list"])) for path, params in platform.calls if path == SYNC]
    assert sent == [(SUB, 2), (OTHER, 1)]


@pytest.mark.parametrize(
    "answer", [error(50002, "isv.business-failed:010023"), error(60000, "isv.traffic-limited"), Act.RESET, (503, {})]
)
async def test_half_an_order_is_never_said_to_be_nothing(shop: Shop, platform: Platform, answer: Any) -> None:
    platform.detail = two_lines()
    platform.override[SYNC] = lambda params: ok(None) if params["order_id"] == SUB else answer
    outcome = await shop.perform(send(lines=(SUB, OTHER)))
    assert outcome.result is Result.UNKNOWN
    assert outcome.why.startswith("1 sub-order(s) issued")
    platform.override[SYNC] = lambda params: (
        error(50002, "isv.business-failed:8") if params["order_id"] == SUB else ok(None)
    )
    assert (await shop.perform(send(attempt=2, lines=(SUB, OTHER)))).result is Result.CONFIRMED


@pytest.mark.parametrize(
    ("answer", "result", "why"),
    [
        (Act.RESET, Result.UNKNOWN, "broken"),
        (Act.CLOSE, Result.UNKNOWN, "broken"),
        (Act.HALF, Result.UNKNOWN, "broken"),
        ((503, {}), Result.UNKNOWN, "service"),
        ((200, []), Result.UNKNOWN, "garbled"),
        (error(20000, "isp.service-error:030001"), Result.UNKNOWN, "service"),
        (error(90000), Result.UNKNOWN, "service"),
        (error(50002, "isv.business-failed:030004"), Result.UNKNOWN, "service"),
        (error(50002, "isv.business-failed:000008"), Result.REJECTED, "refused"),
        (error(50002, "isv.business-failed:010012"), Result.REJECTED, "refused"),
        (error(40004, "isv.parameter-invalid:010004"), Result.REJECTED, "refused"),
        (error(60000, "isv.traffic-limited"), Result.LATER, "rate"),
        (error(50002, "isv.business-failed:010013"), Result.LATER, "rate"),
        (error(70000, "isp.api-service-off"), Result.LATER, "rate"),
        ((429, {}), Result.LATER, "rate"),
        (error(40001, "isv.access-token-missing"), Result.LATER, "token_dead"),
        (error(30001, "dop.authorization-closed"), Result.LATER, "token_dead"),
        (error(30001, "isv.app-permissions-insufficient"), Result.REJECTED, "router"),
        (error(40003, "isv.signature-invalid"), Result.REJECTED, "router"),
    ],
)
async def test_what_a_sending_came_to(shop: Shop, platform: Platform, answer: Any, result: Result, why: str) -> None:
    platform.override[SYNC] = lambda params: answer
    outcome = await shop.perform(send())
    assert outcome.result is result
    assert outcome.why.startswith(why)
    assert platform.paths().count(SYNC) == 1
    assert "KEY" not in repr(outcome)


@pytest.mark.parametrize(("status", "result"), [(3, Result.UNKNOWN), (5, Result.UNKNOWN), (2, Result.REJECTED)])
@pytest.mark.parametrize("sub", ["isv.business-failed:010023", "isv.parameter-invalid:010004"])
async def test_a_refused_repeat_asks_what_the_first_one_did(
    shop: Shop, platform: Platform, status: int, result: Result, sub: str
) -> None:
    platform.detail |= {"order_status": status}
    platform.override[SYNC] = lambda params: error(50002, sub)
    assert (await shop.perform(send(attempt=2))).result is result


async def test_nothing_is_sent_for_an_order_that_cannot_be_read(shop: Shop, platform: Platform) -> None:
    platform.override[DETAIL] = lambda params: error(20000, "isp.service-error")
    outcome = await shop.perform(send())
    assert (outcome.result, outcome.why) == (Result.LATER, "order unread: platform")
    platform.override[DETAIL] = lambda params: error(50002, "isv.business-failed:30001")
    assert (await shop.perform(send())).result is Result.REJECTED, "there is no such order"
    assert (await shop.perform(send(attempt=2))).result is Result.UNKNOWN
    platform.override[DETAIL] = lambda params: ok({"shop_order_detail": load("douyin/order") | {"pay_amount": "39.80"}})
    assert (await shop.perform(send())).result is Result.REJECTED
    del platform.override[DETAIL]
    assert (await shop.perform(send(lines=("77",)))).result is Result.REJECTED
    assert SYNC not in platform.paths()


async def test_a_closed_port_is_not_sent(server: Scripted, clock: ManualClock, platform: Platform) -> None:
    shop = build_shop("shop-a", options(server), clock)
    platform.orders = [load("douyin/order")]
    await pull_all(shop)
    shop._douyin.url = f"http://127.0.0.1:{closed_port()}"  # type: ignore[attr-defined]
    assert (await shop.perform(send())).result is Result.NOT_SENT
    await shop.close()


async def test_other_effects_and_empty_sends_are_refused_here(shop: Shop, platform: Platform) -> None:
    assert (await shop.perform(ship(ORDER))).result is Result.REJECTED
    empty = Call(reference="shop-a:1", effect=Effect.SEND, attempt=1, ext_id=ORDER, recipient="")
    assert (await shop.perform(empty)).result is Result.REJECTED
    assert platform.calls == []
    assert (await shop.ask(send())).result is Result.UNKNOWN
