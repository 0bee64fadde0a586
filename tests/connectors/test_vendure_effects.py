"""What the Vendure shop changes, against a scripted server on a real socket."""

import json
from collections.abc import AsyncIterator

import pytest

from connectors.registry import build_shop
from connectors.shops.vendure.shop import NOTE_TEXT, VendureShop
from core.model.effects import Result
from tests.connectors.kit import Json, ManualClock, send, ship
from tests.connectors.server import Act, Answer, Scripted, closed_port
from tests.connectors.test_vendure_mapping import CODE
from tests.connectors.vendure_kit import Api, error, options


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def server(api: Api) -> AsyncIterator[Scripted]:
    async with Scripted(api) as running:
        yield running


@pytest.fixture
async def shop(server: Scripted) -> AsyncIterator[VendureShop]:
    built = build_shop("shop-a", options(server), ManualClock())
    assert isinstance(built, VendureShop)
    yield built
    await built.close()


async def test_shipping_leaves_one_note(shop: VendureShop, api: Api) -> None:
    for attempt, why in ((1, ""), (2, "already shipped")):
        outcome = await shop.perform(ship(CODE, attempt))
        assert (outcome.result, outcome.why) == (Result.CONFIRMED, why)
    assert api.notes == [NOTE_TEXT]
    ((_, wanted),) = [one for one in api.asked if one[0] == "Fulfil"]
    assert wanted["lines"] == [{"orderLineId": "5", "quantity": 2}]  # what was cancelled is not shipped
    assert wanted["handler"]["code"] == "manual-fulfillment"
    assert "KEY" not in json.dumps(api.asked)
    assert (await shop.ask(ship(CODE))).result is Result.CONFIRMED
    assert (await shop.perform(send(CODE))).result is Result.REJECTED


async def test_what_was_begun_is_gone_on_with(shop: VendureShop, api: Api) -> None:
    api.parts = [{"id": "3", "state": "Pending", "method": "Keydesk"}]
    assert (await shop.perform(ship(CODE, attempt=2))).result is Result.CONFIRMED
    assert "Fulfil" not in api.names()


def refused(field: str, kind: str, code: str) -> Answer:
    return 200, {"data": {field: {"__typename": kind, "errorCode": code, "message": "m"}}}


@pytest.mark.parametrize(
    ("name", "answer", "result"),
    [
        ("Fulfil", Act.RESET, Result.UNKNOWN),
        ("Fulfil", error("INTERNAL_SERVER_ERROR"), Result.UNKNOWN),
        ("Fulfil", (502, {}), Result.UNKNOWN),
        ("Fulfil", error("GRAPHQL_VALIDATION_FAILED", 400), Result.REJECTED),
        ("Fulfil", error("FORBIDDEN"), Result.LATER),
        ("Fulfil", refused("addFulfillmentToOrder", "InsufficientStockOnHandError", "INSUFFICIENT_STOCK_ON_HAND_ERROR"), Result.REJECTED),
        ("Ship", Act.RESET, Result.UNKNOWN),
        ("Ship", refused("transitionFulfillmentToState", "FulfillmentStateTransitionError", "X"), Result.REJECTED),
        ("Note", Act.RESET, Result.UNKNOWN),
        ("Note", error("GRAPHQL_VALIDATION_FAILED", 400), Result.CONFIRMED),
        ("Standing", (503, {}), Result.LATER),
        ("Standing", (200, {"data": {"orders": {"items": []}}}), Result.REJECTED),
    ],
)  # fmt: skip
async def test_what_a_shipping_came_to(shop: VendureShop, api: Api, name: str, answer: Answer, result: Result) -> None:
    api.override[name] = lambda _: answer
    outcome = await shop.perform(ship(CODE))
    assert outcome.result is result
    assert (outcome.retry_after is not None) is (result is Result.LATER)
    stopped = answer == error("FORBIDDEN")  # at the door, and tried once more with a new session
    assert max(api.names().count(one) for one in ("Fulfil", "Ship", "Note")) <= 1 + stopped


async def test_a_refusal_is_settled_by_the_order(shop: VendureShop, api: Api) -> None:
    def quicker(_: Json) -> Answer:
        api.state = "Shipped"
        return refused("addFulfillmentToOrder", "ItemsAlreadyFulfilledError", "ITEMS_ALREADY_FULFILLED_ERROR")

    api.override["Fulfil"] = quicker
    assert (await shop.perform(ship(CODE))).result is Result.CONFIRMED


@pytest.mark.parametrize("state", ["Cancelled", "PaymentAuthorized", "PartiallyShipped", "Modifying"])
async def test_what_is_not_paid_is_not_shipped(shop: VendureShop, api: Api, state: str) -> None:
    api.state = state
    assert (await shop.perform(ship(CODE))).result is Result.REJECTED
    assert (await shop.ask(ship(CODE))).result is Result.UNKNOWN
    assert "Fulfil" not in api.names()


async def test_a_closed_port_changes_nothing(server: Scripted) -> None:
    shop = build_shop("shop-a", options(server) | {"url": f"http://127.0.0.1:{closed_port()}/admin-api"}, ManualClock())
    assert (await shop.perform(ship(CODE))).result is Result.LATER
    assert (await shop.ask(ship(CODE))).result is Result.UNKNOWN
    assert await shop.hint({}, b"") is False
    await shop.close()
