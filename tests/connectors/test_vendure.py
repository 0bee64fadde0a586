"""The Vendure shop against a scripted server on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from connectors.registry import build_shop
from connectors.shops.vendure.shop import NOTE_TEXT, VendureShop
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, PlatformState, Quarantined
from core.ports import ConnectorError, Shop
from tests.connectors.kit import Json, ManualClock, send, ship
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port, reply
from tests.connectors.test_vendure_mapping import CODE, sample

PASSWORD = "sesame"


def error(code: str, status: int = 200) -> Answer:
    return status, {"errors": [{"message": "m", "extensions": {"code": code}}], "data": None}


class Api:
    """Answers by operation name."""

    def __init__(self) -> None:
        self.session = "session-1"
        self.logins = 0
        self.placed: list[Json] = []
        self.order = sample()
        self.state = "PaymentSettled"
        self.parts: list[Json] = []
        self.notes: list[str] = []
        self.override: dict[str, Callable[[Json], Answer]] = {}
        self.asked: list[tuple[str, Json]] = []
        self.headers: dict[str, str] = {}

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    def __call__(self, request: Request) -> Answer:
        assert (request.method, request.path) == ("POST", "/admin-api")
        body = json.loads(request.body)
        name = body["query"].split("(")[0].split("{")[0].split()[-1]
        self.headers = request.headers
        if name == "Login":
            self.logins += 1
            if body["variables"] != {"username": "desk", "password": PASSWORD}:
                return 200, {
                    "data": {
                        "login": {"__typename": "InvalidCredentialsError", "errorCode": "INVALID_CREDENTIALS_ERROR"}
                    }
                }
            good = json.dumps({"data": {"login": {"__typename": "CurrentUser"}}}).encode()
            return reply(200, good, f"vendure-auth-token: {self.session}\r\n")
        known = request.headers.get("authorization") == f"Bearer {self.session}"
        if not known and request.headers.get("vendure-api-key") != "key-1":
            return error("FORBIDDEN")
        self.asked.append((name, body["variables"]))
        if name in self.override:
            return self.override[name](body["variables"])
        return 200, {"data": self.data(name, body["variables"])}

    def data(self, name: str, given: Json) -> Json:
        if name == "Precision":
            return {"globalSettings": {"serverConfig": {"moneyStrategyPrecision": 2}}}
        if name == "Placed":
            rows = [row for row in self.placed if given["start"] <= row["orderPlacedAt"] <= given["end"]]
            rows.sort(key=lambda row: str(row["orderPlacedAt"]), reverse=given["order"] == "DESC")
            page = rows[given["skip"] : given["skip"] + given["take"]]
            return {"orders": {"totalItems": len(rows), "items": page}}
        if name == "Order":
            return {"orders": {"totalItems": 1, "items": [self.order]}}
        if name == "Standing":
            notes = {"items": [{"data": {"note": note}} for note in self.notes]}
            lines = [{"id": "5", "quantity": 2}, {"id": "6", "quantity": 0}]
            one = {
                "id": "77",
                "code": given["code"],
                "state": self.state,
                "lines": lines,
                "fulfillments": self.parts,
                "history": notes,
            }
            return {"orders": {"items": [one]}}
        if name == "Fulfil":
            self.parts = [{"id": "3", "state": "Pending", "method": "Keydesk"}]
            return {"addFulfillmentToOrder": {"__typename": "Fulfillment", "id": "3", "state": "Pending"}}
        if name == "Ship":
            assert given == {"id": "3"}
            self.state = self.parts[0]["state"] = "Shipped"
            return {"transitionFulfillmentToState": {"__typename": "Fulfillment", "id": "3", "state": "Shipped"}}
        assert name == "Note"
        self.notes.append(given["note"])
        return {"addNoteToOrder": {"id": given["id"]}}


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def server(api: Api) -> AsyncIterator[Scripted]:
    async with Scripted(api) as running:
        yield running


def options(server: Scripted, **more: str) -> dict[str, str]:
    return {
        "platform": "vendure", "url": f"{server.url}/admin-api", "username": "desk", "password": PASSWORD,
        "start_days": "0.01", **more,
    }  # fmt: skip


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
