"""What the Shopify shop changes, against a scripted server on a real socket."""

import json
from collections.abc import AsyncIterator

import pytest

from connectors.registry import build_shop
from connectors.shops.shopify.shop import ShopifyShop
from core.model.effects import Result
from tests.connectors.kit import Json, ManualClock, send, ship
from tests.connectors.server import Act, Answer, Scripted, closed_port, reply
from tests.connectors.shopify_kit import Api, error, options, part
from tests.connectors.test_shopify_mapping import NUMBER


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def server(api: Api) -> AsyncIterator[Scripted]:
    async with Scripted(api) as running:
        yield running


@pytest.fixture
async def shop(server: Scripted) -> AsyncIterator[ShopifyShop]:
    built = build_shop("shop-a", options(server), ManualClock())
    assert isinstance(built, ShopifyShop)
    yield built
    await built.close()


async def test_fulfilling_goes_location_by_location_and_is_not_repeated(shop: ShopifyShop, api: Api) -> None:
    api.parts = [part(1, "OPEN"), part(2, "CLOSED"), part(3, "IN_PROGRESS"), part(4, "OPEN", 2)]
    outcome = await shop.perform(ship(NUMBER))
    assert (outcome.result, outcome.remote_ref) == (Result.CONFIRMED, "gid://shopify/Fulfillment/9")
    sent = [variables["fulfillment"] for name, variables in api.asked if name == "Fulfil"]
    assert [len(one["lineItemsByFulfillmentOrder"]) for one in sent] == [2, 1]
    assert all(one["notifyCustomer"] for one in sent)
    assert "KEY" not in json.dumps(sent)
    outcome = await shop.perform(ship(NUMBER, attempt=2))
    assert (outcome.result, outcome.why) == (Result.CONFIRMED, "already fulfilled")
    assert (await shop.ask(ship(NUMBER))).result is Result.CONFIRMED
    assert (await shop.perform(send(NUMBER))).result is Result.REJECTED
    assert api.names().count("Fulfil") == 2


def user_error(message: str) -> Answer:
    return 200, {
        "data": {"fulfillmentCreate": {"fulfillment": None, "userErrors": [{"field": None, "message": message}]}}
    }


@pytest.mark.parametrize(
    ("name", "answer", "result"),
    [
        ("Fulfil", Act.RESET, Result.UNKNOWN),
        ("Fulfil", (502, {}), Result.UNKNOWN),
        ("Fulfil", (200, error("INTERNAL_SERVER_ERROR")), Result.UNKNOWN),
        ("Fulfil", (200, {"data": {"fulfillmentCreate": {"fulfillment": None, "userErrors": []}}}), Result.UNKNOWN),
        ("Fulfil", reply(200, b"{]"), Result.UNKNOWN),
        ("Fulfil", (200, error("THROTTLED")), Result.LATER),
        ("Fulfil", (200, error("ACCESS_DENIED")), Result.LATER),
        ("Fulfil", (200, error("INVALID_VARIABLE")), Result.REJECTED),
        ("Fulfil", user_error("no"), Result.REJECTED),
        ("Open", (503, {}), Result.LATER),
        ("Open", (200, {"data": {"order": None}}), Result.REJECTED),
    ],
)
async def test_what_a_fulfilling_came_to(
    shop: ShopifyShop, api: Api, name: str, answer: Answer, result: Result
) -> None:
    api.override[name] = lambda _: answer
    outcome = await shop.perform(ship(NUMBER))
    assert outcome.result is result
    assert (outcome.retry_after is not None) is (result is Result.LATER)
    assert api.names().count("Fulfil") <= 1


async def test_what_is_not_open_is_not_fulfilled(shop: ShopifyShop, api: Api) -> None:
    for status in ("SCHEDULED", "INCOMPLETE", "CLOSED", "CANCELLED"):
        api.parts = [part(1, status)]
        assert (await shop.perform(ship(NUMBER))).result is Result.REJECTED
    api.parts = [part(1, "ON_HOLD")]
    assert (await shop.perform(ship(NUMBER))).result is Result.LATER
    api.parts, api.cancelled = [part(1, "OPEN")], "2026-01-01T19:00:00Z"
    assert (await shop.perform(ship(NUMBER))).result is Result.REJECTED
    assert "Fulfil" not in api.names()
    assert (await shop.ask(ship(NUMBER))).result is Result.UNKNOWN


async def test_a_refusal_is_settled_by_the_order(shop: ShopifyShop, api: Api) -> None:
    def quicker(_: Json) -> Answer:
        api.shown = "FULFILLED"
        return user_error("closed")

    api.override["Fulfil"] = quicker
    assert (await shop.perform(ship(NUMBER))).result is Result.CONFIRMED


async def test_a_closed_port_changes_nothing(server: Scripted) -> None:
    shop = build_shop("shop-a", options(server) | {"url": f"http://127.0.0.1:{closed_port()}"}, ManualClock())
    assert (await shop.perform(ship(NUMBER))).result is Result.LATER
    assert (await shop.ask(ship(NUMBER))).result is Result.UNKNOWN
    await shop.close()
