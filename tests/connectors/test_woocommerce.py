"""The WooCommerce shop against a scripted server on a real socket."""

import json
from collections.abc import AsyncIterator, Callable

import pytest

from connectors.registry import build_shop
from connectors.shops.woocommerce import sign
from connectors.shops.woocommerce.client import Woo
from connectors.shops.woocommerce.shop import NOTE, WooShop
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, Quarantined
from core.ports import ConnectorError, Inbound, Receiver, Shop
from tests.connectors.kit import Json, ManualClock, send, ship
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port, reply
from tests.connectors.test_woocommerce_mapping import sample

SECRET = "cs_sesame"
BASE = "/wp-json/wc/v3"


class Store:
    """Answers by method and path behind the base; what is not set answers as a shop with the sample order."""

    def __init__(self) -> None:
        self.order = sample()
        self.rows: list[Json] = []
        self.notes: list[Json] = []
        self.override: dict[str, Callable[[Request], Answer]] = {}
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Answer:
        query = {name: values[0] for name, values in request.query.items()}
        assert query["oauth_consumer_key"] == "ck_1"
        assert SECRET not in request.target
        name = f"{request.method} {request.path.removeprefix(BASE)}"
        self.asked.append(name)
        if name in self.override:
            return self.override[name](request)
        if name == "GET /orders":
            body = json.dumps(self.rows).encode()
            return reply(200, body, f"x-wp-total: {len(self.rows)}\r\n")
        if name == "PUT /orders/727":
            assert json.loads(request.body) == {"status": "completed"}
            self.order["status"] = "completed"
        if name == "POST /orders/727/notes":
            self.notes.append(json.loads(request.body))
            return 201, self.notes[-1]
        return 200, self.notes if name.endswith("/notes") else self.order

    def count(self, name: str) -> int:
        return self.asked.count(name)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def server(store: Store) -> AsyncIterator[Scripted]:
    async with Scripted(store) as running:
        yield running


def options(server: Scripted, **more: str) -> dict[str, str]:
    return {
        "platform": "woocommerce", "url": server.url, "consumer_key": "ck_1", "consumer_secret": SECRET,
        "webhook_secret": "wc_secret_01", "start_days": "0.01", **more,
    }  # fmt: skip


@pytest.fixture
async def shop(server: Scripted) -> AsyncIterator[WooShop]:
    built = build_shop("shop-a", options(server), ManualClock())
    assert isinstance(built, WooShop)
    yield built
    await built.close()


def test_what_it_says_of_itself(shop: WooShop) -> None:
    assert isinstance(shop, Shop)
    assert isinstance(shop, Receiver)
    assert (shop.platform, shop.send_via, set(shop.specs)) == ("woocommerce", "email", {Effect.SHIP})
    assert shop.specs[Effect.SHIP].cls is EffectClass.A
    assert SECRET not in repr(shop) + repr(vars(shop))


async def test_over_https_the_key_is_basic_and_out_of_the_url() -> None:
    url, headers = Woo("https://shop.example/", "ck_test", "cs_test", ManualClock()).request(
        "GET", "/orders", {"page": "1"}
    )
    assert url == "https://shop.example/wp-json/wc/v3/orders?page=1"
    assert headers["authorization"] == "Basic Y2tfdGVzdDpjc190ZXN0"


def test_a_blank_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="consumer_secret"):
        build_shop("s", {"platform": "woocommerce", "url": "https://a.example", "consumer_key": "c", "consumer_secret": " "}, ManualClock())  # fmt: skip


async def test_drafts_are_no_orders_and_broken_rows_stop_nobody(shop: WooShop, store: Store) -> None:
    store.rows = [
        sample(),
        sample() | {"id": 728, "status": "checkout-draft", "line_items": []},
        sample() | {"id": 729, "total": 1},
    ]
    found = (await shop.pull(None)).updates
    assert {(one.ext_id, type(one)) for one in found if not isinstance(one, str)} == {("727", OrderUpdate), ("729", Quarantined)}  # fmt: skip


async def test_rows_are_filed_by_the_clock_of_the_shop(shop: WooShop, store: Store) -> None:
    asked: list[str] = []

    def listed(request: Request) -> Answer:
        asked.append(request.query.get("modified_before", [""])[0])
        return reply(200, b"[]", "x-wp-total: 0\r\ndate: Thu, 01 Jan 2026 18:54:05 GMT\r\n")  # ten minutes slow

    store.override["GET /orders"] = listed
    await shop.pull(None)
    assert asked[1] == "2026-01-01T18:54:06"


@pytest.mark.parametrize(
    ("answer", "kind", "wait"),
    [
        ((401, {"code": "woocommerce_rest_cannot_view"}), "auth", None),
        ((403, {}), "auth", None),
        (reply(429, b"slow down", "retry-after: 3\r\n"), "rate", 3.0),
        ((404, {"code": "rest_no_route"}), "platform", None),
        ((500, {"code": "internal_server_error"}), "platform", None),
        (reply(200, b"[]"), "protocol", None),
        (reply(200, b"<b>Notice</b>[]", "x-wp-total: 1\r\n"), "protocol", None),
        (reply(200, b"[]", "x-wp-total: 3\r\n"), "protocol", None),
        (Act.HALF, "network", None),
    ],
)
async def test_errors_of_a_pull(shop: WooShop, store: Store, answer: Answer, kind: str, wait: float | None) -> None:
    store.override["GET /orders"] = lambda _: answer
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert (caught.value.kind, caught.value.retry_after) == (kind, wait)
    assert SECRET not in str(caught.value)


async def test_a_cursor_of_another_kind_and_another_order_are_refused(shop: WooShop, store: Store) -> None:
    with pytest.raises(ConnectorError):
        await shop.pull("{}")
    store.order["id"] = 5
    got = await shop.read("727")
    assert isinstance(got, Quarantined)
    with pytest.raises(ConnectorError):
        await shop.read("727/notes")
    assert store.count("GET /orders/727/notes") == 0


async def test_completing_leaves_one_note(shop: WooShop, store: Store) -> None:
    for attempt, why in ((1, ""), (2, "already completed")):
        outcome = await shop.perform(ship("727", attempt))
        assert (outcome.result, outcome.why) == (Result.CONFIRMED, why)
    assert [note["note"] for note in store.notes] == [NOTE]
    assert store.count("PUT /orders/727") == 1
    assert (await shop.ask(ship("727"))).result is Result.CONFIRMED
    assert (await shop.perform(send("727"))).result is Result.REJECTED
    assert (await shop.ask(send("727"))).result is Result.REJECTED


@pytest.mark.parametrize(
    ("name", "answer", "result"),
    [
        ("PUT /orders/727", Act.RESET, Result.UNKNOWN),
        ("PUT /orders/727", Act.HALF, Result.UNKNOWN),
        ("PUT /orders/727", (502, {}), Result.UNKNOWN),
        ("PUT /orders/727", (200, {"id": 727, "status": "processing"}), Result.UNKNOWN),
        ("PUT /orders/727", reply(200, b"{]"), Result.UNKNOWN),
        ("PUT /orders/727", (400, {"code": "rest_invalid_param"}), Result.REJECTED),
        ("PUT /orders/727", (429, {}), Result.LATER),
        ("PUT /orders/727", (401, {}), Result.LATER),
        ("GET /orders/727", (500, {}), Result.LATER),
        ("GET /orders/727", (200, {"id": 5, "status": "processing"}), Result.LATER),
        ("GET /orders/727", (404, {"code": "woocommerce_rest_shop_order_invalid_id"}), Result.REJECTED),
        ("GET /orders/727", (200, {"id": 727, "status": "refunded"}), Result.REJECTED),
        ("GET /orders/727", (200, {"id": 727, "status": "on-hold"}), Result.LATER),
        ("POST /orders/727/notes", Act.RESET, Result.UNKNOWN),
        ("POST /orders/727/notes", (429, {}), Result.LATER),
        ("POST /orders/727/notes", (400, {"code": "rest_invalid_param"}), Result.CONFIRMED),
        ("GET /orders/727/notes", (500, {}), Result.LATER),
        ("GET /orders/727/notes", (404, {"code": "woocommerce_rest_order_invalid_id"}), Result.CONFIRMED),
    ],
)
async def test_what_a_completing_came_to(
    shop: WooShop, store: Store, name: str, answer: Answer, result: Result
) -> None:
    store.override[name] = lambda _: answer
    outcome = await shop.perform(ship("727"))
    assert outcome.result is result
    assert (outcome.retry_after is not None) is (result is Result.LATER)
    assert store.count("PUT /orders/727") <= 1
    assert store.count("POST /orders/727/notes") <= 1


async def test_a_note_that_may_have_gone_is_looked_for_before_it_goes_again(shop: WooShop, store: Store) -> None:
    def lost(request: Request) -> Answer:
        store.notes.append(json.loads(request.body))
        return Act.RESET

    store.override["POST /orders/727/notes"] = lost
    assert (await shop.perform(ship("727"))).result is Result.UNKNOWN
    outcome = await shop.perform(ship("727", attempt=2))
    assert (outcome.result, outcome.evidence["note"]) == (Result.CONFIRMED, "was there")
    assert len(store.notes) == 1


async def test_no_note_is_left_where_none_is_wanted(server: Scripted, store: Store) -> None:
    shop = build_shop("shop-a", options(server, note="none"), ManualClock())
    assert (await shop.perform(ship("727"))).result is Result.CONFIRMED
    assert store.notes == []
    await shop.close()


async def test_a_closed_port_changes_nothing(server: Scripted) -> None:
    shop = build_shop("shop-a", options(server) | {"url": f"http://127.0.0.1:{closed_port()}"}, ManualClock())
    assert (await shop.perform(ship("727"))).result is Result.LATER
    assert (await shop.ask(ship("727"))).result is Result.UNKNOWN
    await shop.close()


async def test_webhooks(shop: WooShop) -> None:
    body = b'{"id":727}'
    signed = {"x-wc-webhook-signature": sign.sign(body, "wc_secret_01")}
    assert await shop.hint(signed, body)
    assert not await shop.hint(signed, body + b" ")
    assert not await shop.hint({}, body)

    async def got(body: bytes, headers: dict[str, str], method: str = "POST", tail: str = "") -> tuple[int, bool]:
        received = await shop.receive(Inbound(method=method, tail=tail, query="", headers=headers, body=body))
        return received.render(None).status, received.pull

    assert await got(body, signed) == (200, True)
    assert await got(body, {}) == (400, False)
    assert await got(b"webhook_id=12", {}) == (200, False)
    assert await got(b"webhook_id=12&x=1", {}) == (400, False)
    assert await got(body, signed, "GET") == (404, False)
    assert await got(body, signed, tail="x") == (404, False)
