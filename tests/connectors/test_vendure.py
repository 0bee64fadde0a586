"""What the Vendure shop reads, against a scripted server on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.registry import build_shop
from connectors.shops.vendure.shop import VendureShop
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, PlatformState, Quarantined
from core.ports import ConnectorError, Shop
from tests.connectors.kit import Json, ManualClock, ship
from tests.connectors.server import Act, Answer, Scripted, reply
from tests.connectors.test_vendure_mapping import CODE, sample
from tests.connectors.vendure_kit import PASSWORD, Api, error, options


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


def placed(n: int, second: int, **more: Any) -> Json:
    return sample() | {
        "id": str(n),
        "code": f"C{n}",
        "orderPlacedAt": f"2026-01-01T19:0{second // 60}:{second % 60:02}.500Z",
        **more,
    }


async def pull_all(shop: Shop, cursor: str | None = None) -> tuple[list[Any], str | None]:
    found: list[Any] = []
    for _ in range(50):
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("pull does not end")


def test_what_it_says_of_itself(shop: VendureShop) -> None:
    assert isinstance(shop, Shop)
    assert (shop.platform, shop.send_via, set(shop.specs)) == ("vendure", "email", {Effect.SHIP})
    assert shop.specs[Effect.SHIP].cls is EffectClass.A
    assert PASSWORD not in repr(shop) + repr(vars(shop))


@pytest.mark.parametrize("given", [{}, {"username": "u"}, {"username": "u", "password": " "}, {"api_key": " "}])
def test_credentials_must_be_whole(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"api_key|password"):
        build_shop("s", {"platform": "vendure", "url": "https://a.example/admin-api", **given}, ManualClock())


async def test_new_orders_come_by_the_time_of_placing(shop: VendureShop, api: Api) -> None:
    api.placed = [placed(1, 62), placed(2, 61), placed(3, 63, totalWithTax=1)]
    found, cursor = await pull_all(shop)
    assert {(one.ext_id, type(one)) for one in found} == {("C1", OrderUpdate), ("C2", OrderUpdate), ("C3", Quarantined)}
    again, _ = await pull_all(shop, cursor)
    assert again == []
    assert api.names().count("Precision") == 1


async def test_what_became_of_an_order_is_found_by_going_over_it(server: Scripted, api: Api) -> None:
    clock = ManualClock()
    shop = build_shop("shop-a", options(server, sweep_days="0.05", sweep_seconds="10"), clock)
    api.placed = [placed(n, n % 240) for n in range(1, 231)]
    found, cursor = await pull_all(shop)
    assert len({one.ext_id for one in found}) == 230
    api.placed[200]["state"] = "Shipped"  # nothing else changes: Vendure has no time of last change
    clock.now += 5
    assert (await shop.pull(cursor)).updates == ()
    clock.now += 10
    seen: list[Any] = []
    for _ in range(6):
        batch = await shop.pull(cursor)
        cursor = batch.cursor
        seen += [one for one in batch.updates if isinstance(one, OrderUpdate) and one.state is PlatformState.SHIPPED]
    assert [one.ext_id for one in seen] == ["C201"]
    swept = [given["skip"] for name, given in api.asked if name == "Placed" and given["order"] == "ASC"]
    assert swept == [0, 100, 200]  # a page a pull, and then a rest
    await shop.close()


async def test_a_sweep_that_stumbles_does_not_stop_new_orders(server: Scripted, api: Api) -> None:
    clock = ManualClock()
    shop = build_shop("shop-a", options(server, sweep_seconds="1"), clock)
    _, cursor = await pull_all(shop)

    def listed(given: Json) -> Answer:
        if given["order"] == "ASC":
            return error("INTERNAL_SERVER_ERROR")
        return 200, {"data": api.data("Placed", given)}

    api.override["Placed"] = listed
    clock.now += 2
    api.placed = [placed(1, 246)]
    batch = await shop.pull(cursor)
    assert [one.ext_id for one in batch.updates if isinstance(one, OrderUpdate)] == ["C1"]
    for _ in range(3):
        batch = await shop.pull(batch.cursor)
    with pytest.raises(ConnectorError):
        await shop.pull(batch.cursor)
    await shop.close()


async def test_a_session_is_had_once_for_all(shop: VendureShop, api: Api) -> None:
    found = await asyncio.gather(*(shop.read(CODE) for _ in range(5)))
    assert all(isinstance(one, OrderUpdate) for one in found)
    assert api.logins == 1


async def test_a_session_that_ended_is_had_anew_but_not_at_every_call(server: Scripted, api: Api) -> None:
    clock = ManualClock()
    shop = build_shop("shop-a", options(server), clock)
    await shop.read(CODE)
    api.session = "session-2"
    assert isinstance(await shop.read(CODE), OrderUpdate)
    assert api.logins == 2
    api.override["Order"] = lambda _: error("FORBIDDEN")  # a permission is missing: a new session does not help
    for _ in range(3):
        with pytest.raises(ConnectorError) as caught:
            await shop.read(CODE)
        assert caught.value.kind == "auth"
    assert api.logins == 3
    clock.now += 31
    with pytest.raises(ConnectorError):
        await shop.read(CODE)
    assert api.logins == 4
    await shop.close()


async def test_wrong_credentials(server: Scripted, api: Api) -> None:
    shop = build_shop("shop-a", options(server, password="wrong"), ManualClock())
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == "auth"
    assert "wrong" not in str(caught.value)
    assert (await shop.perform(ship(CODE))).result is Result.LATER
    await shop.close()


async def test_a_key_needs_no_session(server: Scripted, api: Api) -> None:
    given = {"platform": "vendure", "url": f"{server.url}/admin-api", "api_key": "key-1", "channel": "chan-1"}
    shop = build_shop("shop-a", given, ManualClock())
    assert isinstance(await shop.read(CODE), OrderUpdate)
    assert (api.logins, api.headers["vendure-token"], "authorization" in api.headers) == (0, "chan-1", False)
    await shop.close()


@pytest.mark.parametrize(
    ("name", "answer", "kind"),
    [
        ("Precision", (200, {"data": {"globalSettings": {"serverConfig": {"moneyStrategyPrecision": 9}}}}), "protocol"),
        ("Placed", error("INTERNAL_SERVER_ERROR"), "platform"),
        ("Placed", error("GRAPHQL_VALIDATION_FAILED", 400), "protocol"),
        ("Placed", (200, {"data": {"orders": {"totalItems": 3, "items": []}}}), "protocol"),
        ("Placed", (200, {"data": None}), "protocol"),
        ("Placed", (503, {}), "platform"),
        ("Placed", reply(502, b"<html>"), "platform"),
        ("Placed", reply(200, b"<html>"), "protocol"),
        ("Placed", reply(429, b"", "retry-after: 3\r\n"), "rate"),
        ("Placed", Act.HALF, "network"),
    ],
)
async def test_errors_of_a_pull(shop: VendureShop, api: Api, name: str, answer: Answer, kind: str) -> None:
    api.override[name] = lambda _: answer
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == kind
    assert PASSWORD not in str(caught.value)


async def test_answers_about_other_orders(shop: VendureShop, api: Api) -> None:
    assert isinstance(await shop.read("OTHER"), Quarantined)
    for items in ([], [sample(), sample()]):
        api.override["Order"] = lambda _, items=items: (200, {"data": {"orders": {"totalItems": 0, "items": items}}})  # type: ignore[misc]
        with pytest.raises(ConnectorError):
            await shop.read(CODE)
    with pytest.raises(ConnectorError):
        await shop.pull("[]")
