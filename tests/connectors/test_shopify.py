"""What the Shopify shop reads, against a scripted server on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.registry import build_shop
from connectors.shops.shopify.shop import ShopifyShop
from connectors.shops.shopify.sign import sign
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, Quarantined
from core.ports import ConnectorError, Shop
from tests.connectors.kit import Json, ManualClock, ship
from tests.connectors.server import Act, Answer, Scripted, reply
from tests.connectors.shopify_kit import INFO, SECRET, Api, error, options
from tests.connectors.test_shopify_mapping import NUMBER, sample


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


def test_what_it_says_of_itself(shop: ShopifyShop) -> None:
    assert isinstance(shop, Shop)
    assert (shop.platform, shop.send_via, set(shop.specs)) == ("shopify", "email", {Effect.SHIP})
    assert shop.specs[Effect.SHIP].cls is EffectClass.A
    assert SECRET not in repr(shop) + repr(shop._shopify)
    assert "shpat_first" not in repr(vars(shop))


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "access_token"),
        ({"client_id": "1"}, "client_secret"),
        ({"access_token": "t", "notify": "maybe"}, "notify"),
        ({"access_token": "t", "consumer": "x"}, "consumer"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, str], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        build_shop("s", {"platform": "shopify", "url": "https://a.myshopify.com", **given}, ManualClock())


def row(number: int, second: int) -> Json:
    return {"id": f"gid://shopify/Order/{number}", "updatedAt": f"2026-01-01T19:04:{second:02}Z"}


async def test_changes_are_listed_and_each_order_read_by_its_id(shop: ShopifyShop, api: Api) -> None:
    def detail(variables: Json) -> Answer:
        if variables["id"].endswith("/3"):
            return 200, {"data": {"order": None}}
        return 200, {"data": {"order": sample() | {"id": variables["id"]}}}

    api.override["Order"] = detail
    api.rows = [row(1, 1), row(2, 2), row(3, 2), row(1, 1)]
    first = await shop.pull(None)
    assert {(one.ext_id, type(one)) for one in first.updates if not isinstance(one, str)} == {
        ("1", OrderUpdate), ("2", OrderUpdate), ("3", Quarantined),
    }  # fmt: skip
    assert api.asked[0][1]["query"] == "updated_at:>='2025-12-31T18:54:05Z'"  # a day, and ten minutes for the index
    again = await shop.pull(first.cursor)
    assert (again.updates, again.more) == ((), False)
    assert api.asked[-1][1]["query"] == "updated_at:>='2026-01-01T19:03:52Z'"
    api.rows = [row(1, 9)]
    assert [one.ext_id for one in (await shop.pull(again.cursor)).updates if isinstance(one, OrderUpdate)] == ["1"]
    assert len((await shop.pull(again.cursor)).updates) == 1  # not committed: the same facts again


async def test_a_row_is_settled_only_when_its_second_is_over(server: Scripted, api: Api) -> None:
    clock = ManualClock()
    shop = build_shop("shop-a", options(server), clock)
    api.rows = [row(1, 5)]  # this very second
    api.override["Order"] = lambda v: (200, {"data": {"order": sample() | {"id": v["id"]}}})
    cursor: str | None = None
    read: list[int] = []
    for _ in range(4):
        batch = await shop.pull(cursor)
        cursor = batch.cursor
        read.append(len(batch.updates))
        clock.now += 1
    assert read == [1, 1, 1, 0]
    await shop.close()


async def test_the_index_is_asked_again_for_what_it_showed_late(server: Scripted, api: Api) -> None:
    clock = ManualClock()
    shop = build_shop("shop-a", options(server), clock)
    api.rows = [row(1, 5)]
    api.override["Order"] = lambda v: (200, {"data": {"order": sample() | {"id": v["id"]}}})
    cursor = (await shop.pull(None)).cursor
    cursor = (await shop.pull(cursor)).cursor
    clock.now += 31
    await shop.pull(cursor)
    asked = [variables["query"] for name, variables in api.asked if name == "Changed"]
    assert asked[1:] == ["updated_at:>='2026-01-01T19:03:55Z'", "updated_at:>='2026-01-01T18:54:05Z'"]
    await shop.close()


async def test_pages_follow_the_cursor_and_survive_a_restart(server: Scripted, api: Api) -> None:
    asked: list[Any] = []

    def listed(variables: Json) -> Answer:
        asked.append(variables["after"])
        more = variables["after"] != "c2"
        nodes = {None: [row(1, 1)], "c1": [row(2, 2)], "c2": [row(3, 3)]}[variables["after"]]
        info = {"hasNextPage": more, "endCursor": "c1" if variables["after"] is None else "c2"}
        return 200, {"data": {"orders": {"nodes": nodes, "pageInfo": info}}}

    api.override["Changed"] = listed
    api.override["Order"] = lambda v: (200, {"data": {"order": sample() | {"id": v["id"]}}})
    found: list[str] = []
    cursor: str | None = None
    for _ in range(3):  # a new process for each page
        shop = build_shop("shop-a", options(server), ManualClock())
        batch = await shop.pull(cursor)
        cursor = batch.cursor
        found += [one.ext_id for one in batch.updates if isinstance(one, OrderUpdate)]
        await shop.close()
    assert (asked, found, batch.more) == ([None, "c1", "c2"], ["1", "2", "3"], False)
    assert json.loads(cursor or "")["high"] == 1_767_294_243


async def test_a_token_is_renewed_once_for_all(shop: ShopifyShop, api: Api) -> None:
    api.token = "shpat_second"
    found = await asyncio.gather(*(shop.read(NUMBER) for _ in range(5)))
    assert all(isinstance(one, OrderUpdate) for one in found)
    assert api.granted == 1
    api.token = "shpat_third"
    assert (await shop.perform(ship(NUMBER))).result is Result.CONFIRMED
    assert api.granted == 2


async def test_without_a_token_the_first_call_gets_one(server: Scripted, api: Api) -> None:
    shop = build_shop("shop-a", options(server, access_token=""), ManualClock())
    assert isinstance(await shop.read(NUMBER), OrderUpdate)
    assert api.granted == 1
    await shop.close()


async def test_a_token_of_an_app_in_the_admin_cannot_be_renewed(server: Scripted, api: Api) -> None:
    shop = build_shop("shop-a", {"platform": "shopify", "url": server.url, "access_token": "old"}, ManualClock())
    with pytest.raises(ConnectorError):
        await shop.read(NUMBER)
    outcome = await shop.perform(ship(NUMBER))
    assert (outcome.result, api.granted) == (Result.LATER, 0)
    assert not await shop.hint({"x-shopify-hmac-sha256": ""}, b"{}")  # no secret: nothing can be verified
    await shop.close()


async def test_a_read_waits_for_the_bucket(shop: ShopifyShop, api: Api) -> None:
    cost = {"requestedQueryCost": 100, "throttleStatus": {"currentlyAvailable": 99, "restoreRate": 1000}}
    answers = [error("THROTTLED", cost), {"data": {"order": sample()}}]
    api.override["Order"] = lambda _: (200, answers.pop(0))
    assert isinstance(await shop.read(NUMBER), OrderUpdate)
    assert answers == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((200, error("THROTTLED", {"requestedQueryCost": 2000, "throttleStatus": {"currentlyAvailable": 0, "restoreRate": 50}})), "rate"),
        ((200, error("ACCESS_DENIED")), "auth"),
        ((200, error("undefinedField")), "protocol"),
        ((200, error("INTERNAL_SERVER_ERROR")), "platform"),
        ((200, {"data": None}), "protocol"),
        ((200, {"data": {"orders": {"nodes": [{"id": 1}], "pageInfo": INFO}}}), "protocol"),
        ((200, {"data": {"orders": {"nodes": [{"id": "gid://shopify/Order/1", "updatedAt": "today"}], "pageInfo": INFO}}}), "protocol"),
        ((200, {"data": {"orders": {"nodes": [], "pageInfo": {"hasNextPage": True}}}}), "protocol"),
        ((402, {}), "auth"),
        (reply(429, b"", "retry-after: 9\r\n"), "rate"),
        ((503, {}), "platform"),
        (reply(200, b"<html>"), "protocol"),
        (Act.HALF, "network"),
    ],
)  # fmt: skip
async def test_errors_of_a_pull(shop: ShopifyShop, api: Api, answer: Answer, kind: str) -> None:
    api.override["Changed"] = lambda _: answer
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == kind
    assert SECRET not in str(caught.value)


async def test_strange_numbers_and_cursors(shop: ShopifyShop, api: Api) -> None:
    for number in ("x", '1" }', ""):
        with pytest.raises(ConnectorError):
            await shop.read(number)
    with pytest.raises(ConnectorError):
        await shop.pull("[]")
    assert api.asked == []
    assert isinstance(await shop.read("5"), Quarantined)  # the answer is about another order


async def test_webhooks(shop: ShopifyShop) -> None:
    body = b'{"id":1}'
    signed = {"X-Shopify-Hmac-Sha256": sign(body, SECRET)}
    assert await shop.hint(signed, body)
    assert not await shop.hint(signed, body + b" ")
    assert not await shop.hint({}, body)
