"""Deliveries told to a Kuaishou shop, against a scripted platform on a real socket."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.registry import build_shop
from core.model.effects import Call, Effect, Result
from core.ports import Shop
from tests.connectors.kit import ManualClock, send
from tests.connectors.kuaishou_kit import DELIVER, DETAIL, OID, Platform, error, options, order
from tests.connectors.server import Act, Scripted, closed_port

SHIP = Call(reference="shop-a:72", effect=Effect.SHIP, attempt=1, ext_id=str(OID), recipient="")


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
async def server(platform: Platform) -> AsyncIterator[Scripted]:
    async with Scripted(platform) as running:
        yield running


@pytest.fixture
async def shop(server: Scripted) -> AsyncIterator[Shop]:
    built = build_shop("shop-a", options(server), ManualClock())
    yield built
    await built.close()


async def test_the_whole_order_is_delivered_with_configured_codes(
    shop: Shop, server: Scripted, platform: Platform
) -> None:
    assert (await shop.perform(SHIP)).result is Result.CONFIRMED
    assert platform.calls == [(DELIVER, {"orderId": OID, "expressCode": 5000, "expressNo": str(OID)})]
    more = {"express_no": "V1", "return_address_id": "77", "sign_method": "MD5"}
    other = build_shop("shop-b", options(server) | more, ManualClock())
    assert (await other.perform(SHIP)).result is Result.CONFIRMED
    await other.close()
    assert platform.calls[1][1] == {"orderId": OID, "expressCode": 5000, "expressNo": "V1", "returnAddressId": 77}


@pytest.mark.parametrize(
    ("answer", "result", "why"),
    [
        (Act.RESET, Result.UNKNOWN, "broken"),
        (Act.CLOSE, Result.UNKNOWN, "broken"),
        (Act.HALF, Result.UNKNOWN, "broken"),
        ((503, {}), Result.UNKNOWN, "service"),
        ((200, {"ok": 1}), Result.UNKNOWN, "garbled"),
        (error(11), Result.UNKNOWN, "service"),
        (error(99999), Result.UNKNOWN, "service"),
        (error(802, sub="EXPRESS_INVALID"), Result.REJECTED, "refused"),
        (error(1017), Result.LATER, "rate"),
        (error(8), Result.LATER, "rate"),
        ((429, {}), Result.LATER, "rate"),
        (error(27), Result.REJECTED, "router"),
        (error(21, "param invalid"), Result.REJECTED, "router"),
    ],
)
async def test_what_a_delivery_came_to(shop: Shop, platform: Platform, answer: Any, result: Result, why: str) -> None:
    platform.override[DELIVER] = lambda params: answer
    outcome = await shop.perform(SHIP)
    assert outcome.result is result
    assert outcome.why.startswith(why)
    assert platform.methods().count(DELIVER) == 1


async def test_a_refusal_of_what_is_shipped_is_no_failure(shop: Shop, platform: Platform) -> None:
    platform.override[DELIVER] = lambda params: error(802, sub="ORDER_STATUS_INVALID")
    platform.detail = order(status=40)
    assert (await shop.perform(SHIP)).result is Result.CONFIRMED
    platform.override[DETAIL] = lambda params: error(11)
    assert (await shop.perform(SHIP)).result is Result.UNKNOWN


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"status": 40}, Result.CONFIRMED),
        ({"status": 70}, Result.CONFIRMED),
        ({"status": 30}, Result.LATER),  # it did not happen: the core may try again
        ({"status": 30, "riskCode": 10001}, Result.LATER),
        ({"status": 80}, Result.UNKNOWN),
        ({"status": 90}, Result.UNKNOWN),
    ],
)
async def test_asking_repeats_nothing(shop: Shop, platform: Platform, change: Any, result: Result) -> None:
    platform.detail = order(**change)
    assert (await shop.ask(SHIP)).result is result
    assert platform.methods() == [DETAIL]


async def test_asking_without_an_answer_says_nothing(shop: Shop, platform: Platform) -> None:
    platform.override[DETAIL] = lambda params: Act.CLOSE
    assert (await shop.ask(SHIP)).result is Result.UNKNOWN


async def test_keys_do_not_go_through_the_platform(shop: Shop, platform: Platform) -> None:
    assert (await shop.perform(send(str(OID)))).result is Result.REJECTED
    assert (await shop.ask(send(str(OID)))).result is Result.REJECTED
    assert platform.calls == []


async def test_a_closed_port_is_not_sent(server: Scripted) -> None:
    shop = build_shop("shop-a", options(server) | {"url": f"http://127.0.0.1:{closed_port()}"}, ManualClock())
    assert (await shop.perform(SHIP)).result is Result.NOT_SENT
    await shop.close()


async def test_a_dead_token_leaves_it_for_later(server: Scripted, platform: Platform) -> None:
    platform.token = "gone"
    for missing in ("app_secret", "refresh_token"):
        given = options(server)
        del given[missing]
        shop = build_shop("shop-a", given, ManualClock())
        outcome = await shop.perform(SHIP)
        assert (outcome.result, outcome.why) == (Result.LATER, "token_dead")
        await shop.close()
