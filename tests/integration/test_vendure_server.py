"""The Vendure connector against a real Vendure server with SQLite in memory."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from connectors.registry import build_shop
from connectors.shops.vendure.shop import NOTE_TEXT
from core.model.clock import now_us
from core.model.effects import Result
from core.model.order import OrderUpdate, PaymentKind, PlatformState, RefundState
from core.ports import ConnectorError, Shop
from tests.connectors.kit import ship
from tests.integration.vendure_kit import PASSWORD, Merchant, installed, running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(installed(tmp_path_factory.mktemp("vendure"))) as address:
        yield address


@pytest.fixture(scope="module")
def merchant(url: str) -> Iterator[Merchant]:
    made = Merchant(url)
    yield made
    made.close()


def build(url: str, **more: str) -> Shop:
    login = {} if "api_key" in more else {"username": "desk", "password": PASSWORD}
    given = {"platform": "vendure", "url": url, "start_days": "0.02", "sweep_seconds": "0.5", **login, **more}
    return build_shop("vendure-a", given, now_us)


@pytest.fixture
async def shop(url: str) -> AsyncIterator[Shop]:
    built = build(url)
    yield built
    await built.close()


async def pull_until(shop: Shop, wanted: Any, cursor: str | None = None) -> tuple[OrderUpdate, str | None]:
    """The first update that is wanted, by pulls as the core makes them."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        batch = await shop.pull(cursor)
        cursor = batch.cursor
        for one in batch.updates:
            assert isinstance(one, OrderUpdate), one
            if wanted(one):
                return one, cursor
    raise AssertionError("it did not come")


async def read(shop: Shop, code: str) -> OrderUpdate:
    found = await shop.read(code)
    assert isinstance(found, OrderUpdate), found
    return found


async def test_a_paid_order_is_taken_whole(shop: Shop, merchant: Merchant) -> None:
    _, code = merchant.order(2)
    _, cart = merchant.order(1, paid=False)
    order, _ = await pull_until(shop, lambda one: one.ext_id == code)
    assert (order.state, order.total, order.currency, order.contact) == (
        PlatformState.PAID,
        4378,
        "USD",
        "buyer@example.com",
    )
    assert [(line.sku, line.title, line.qty, line.amount) for line in order.lines] == [
        ("STEAM-50", "Steam 50", 2, 4378)
    ]
    assert [(p.kind, p.amount) for p in order.payments] == [(PaymentKind.CHARGE, 4378)]
    assert (await read(shop, code)).state is PlatformState.PAID
    assert (await read(shop, cart)).state is PlatformState.UNPAID
    with pytest.raises(ConnectorError):
        await shop.read("NOSUCHORDER")


async def test_shipping_is_done_once_with_one_note(shop: Shop, merchant: Merchant) -> None:
    order, code = merchant.order(3)
    first, cursor = await pull_until(shop, lambda one: one.ext_id == code)
    for attempt, why in ((1, ""), (2, "already shipped")):
        outcome = await shop.perform(ship(code, attempt))
        assert (outcome.result, outcome.why) == (Result.CONFIRMED, why)
    seen = merchant.seen(order)
    assert (seen["state"], len(seen["fulfillments"])) == ("Shipped", 1)
    assert seen["fulfillments"][0]["trackingCode"] == "shop-a:72"
    assert [line["quantity"] for line in seen["fulfillments"][0]["lines"]] == [3]
    assert seen["history"]["items"] == [{"isPublic": True, "data": {"note": NOTE_TEXT}}]
    assert (await shop.ask(ship(code))).result is Result.CONFIRMED
    later, _ = await pull_until(shop, lambda one: one.ext_id == code and one.state is PlatformState.SHIPPED, cursor)
    assert later.rev > first.rev


async def test_half_done_shipping_is_gone_on_with(shop: Shop, merchant: Merchant) -> None:
    order, code = merchant.order(1)
    lines = merchant.do("query($o: ID!) { it: order(id: $o) { lines { id } } }", o=order)["lines"]
    begun = """mutation($l: [OrderLineInput!]!) { it: addFulfillmentToOrder(input: { lines: $l, handler: {
      code: "manual-fulfillment", arguments: [{ name: "method", value: "Keydesk" }, { name: "trackingCode", value: "x" }] } }) { __typename } }"""
    wanted = [{"orderLineId": lines[0]["id"], "quantity": 1}]
    assert merchant.do(begun, l=wanted) == {"__typename": "Fulfillment"}
    assert merchant.do(begun, l=wanted) == {"__typename": "ItemsAlreadyFulfilledError"}  # why the class is A
    assert (await read(shop, code)).state is PlatformState.PAID
    assert (await shop.perform(ship(code, attempt=2))).result is Result.CONFIRMED
    assert [one["state"] for one in merchant.seen(order)["fulfillments"]] == ["Shipped"]


async def test_a_refund_is_found_although_the_order_looks_unchanged(shop: Shop, merchant: Merchant) -> None:
    order, code = merchant.order(2)
    _, cursor = await pull_until(shop, lambda one: one.ext_id == code)
    before = merchant.seen(order)
    give_back = (
        'mutation($p: ID!) { it: refundOrder(input: { paymentId: $p, amount: 500, shipping: 0, adjustment: 0, reason: "x" }) '
        "{ __typename } }"
    )
    assert merchant.do(give_back, p=before["payments"][0]["id"]) == {"__typename": "Refund"}
    asking, cursor = await pull_until(shop, lambda one: one.ext_id == code and bool(one.refunds), cursor)
    assert [(r.state, r.amount) for r in asking.refunds] == [(RefundState.OPEN, 500)]
    refund = merchant.seen(order)["payments"][0]["refunds"][0]["id"]
    merchant.do(
        'mutation($r: ID!) { it: settleRefund(input: { id: $r, transactionId: "R1" }) { __typename } }', r=refund
    )
    given, _ = await pull_until(shop, lambda one: one.ext_id == code and len(one.payments) == 2, cursor)
    assert [(p.kind, p.amount) for p in given.payments] == [(PaymentKind.CHARGE, 4378), (PaymentKind.REFUND, 500)]
    assert merchant.seen(order)["updatedAt"] == before["updatedAt"], "then orders could be listed by their last change"


async def test_a_cancelled_order_is_not_shipped(shop: Shop, merchant: Merchant) -> None:
    order, code = merchant.order(2)
    merchant.do('mutation($o: ID!) { it: cancelOrder(input: { orderId: $o, reason: "x" }) { __typename } }', o=order)
    found = await read(shop, code)
    assert (found.state, found.total, found.lines[0].qty) == (PlatformState.CANCELLED, 4378, 2)
    assert (await shop.perform(ship(code))).result is Result.REJECTED


async def test_lines_changed_by_staff_forbid_shipping(shop: Shop, merchant: Merchant) -> None:
    order, code = merchant.order(3)
    lines = merchant.do("query($o: ID!) { it: order(id: $o) { lines { id } } }", o=order)["lines"]
    part = """mutation($o: ID!, $l: [OrderLineInput!]!) { it: cancelOrder(input: { orderId: $o, lines: $l, reason: "x" }) { __typename } }"""
    merchant.do(part, o=order, l=[{"orderLineId": lines[0]["id"], "quantity": 1}])
    found = await read(shop, code)
    assert (found.state, found.forbid, found.total) == (PlatformState.FORBIDDEN, "changed after it was placed", 4378)


async def test_a_session_that_ended_is_had_anew(url: str, merchant: Merchant) -> None:
    shop: Any = build(url)
    _, code = merchant.order(1)
    await read(shop, code)
    shop._vendure._tokens._access = "a session that is no more"
    assert (await read(shop, code)).state is PlatformState.PAID
    assert (await shop.perform(ship(code))).result is Result.CONFIRMED
    await shop.close()


async def test_an_api_key_serves_as_well(url: str, merchant: Merchant) -> None:
    roles = merchant.do("query { it: roles { items { id code } } }")["items"]
    chosen = [role["id"] for role in roles if role["code"] == "__super_admin_role__"]
    made = """mutation($r: [ID!]!) { it: createApiKey(input: { roleIds: $r, translations: [{ languageCode: en, name: "desk" }] }) { apiKey } }"""
    shop = build(url, api_key=merchant.do(made, r=chosen)["apiKey"])
    _, code = merchant.order(1)
    assert (await read(shop, code)).state is PlatformState.PAID
    assert (await shop.perform(ship(code))).result is Result.CONFIRMED
    await shop.close()


async def test_wrong_credentials_are_named_as_such(url: str) -> None:
    for wrong in ({"password": "wrong"}, {"api_key": "wrong"}):
        shop = build(url, **wrong)
        with pytest.raises(ConnectorError) as caught:
            await shop.pull(None)
        assert caught.value.kind == "auth"
        await shop.close()
