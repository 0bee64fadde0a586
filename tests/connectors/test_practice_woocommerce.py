"""The WooCommerce door, and the connector against it over real HTTP."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from connectors.practice.markets.woocommerce_door import signature
from connectors.registry import build_shop
from core.model.clock import now_us
from core.model.effects import Result
from core.model.order import OrderUpdate, PaymentKind, PlatformState
from core.ports import Shop
from tests.connectors.kit import load, ship
from tests.connectors.practice_client import Desk, plan, world

WORD = ("woocommerce",)


def connect(desk: Desk, **more: str) -> Shop:
    return build_shop("woo-main", desk.shops["woo-main"] | more, now_us)


async def pull_all(shop: Shop, cursor: str | None = None) -> tuple[list[Any], str | None]:
    found: list[Any] = []
    for _ in range(80):
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("pull does not end")


def test_the_door_signs_as_a_published_sdk_does() -> None:
    entries: list[Any] = list(load("signatures"))
    (entry,) = [one for one in entries if one["scheme"] == "woocommerce_oauth1"]
    inputs, secret = entry["inputs"], entry["secret"]
    url, _, query = inputs["url"].partition("?")
    params = parse_qsl(query)
    params += [("oauth_consumer_key", secret["consumer_key"]), ("oauth_timestamp", str(inputs["timestamp"]))]
    params += [("oauth_nonce", inputs["nonce"]), ("oauth_signature_method", "HMAC-SHA256")]
    made = signature(inputs["method"], url, params, secret["consumer_secret"], "HMAC-SHA256")
    assert made == "+Sd6eYNJDwMUR7S1nW2wQprDjWbJNhLTlF1IsbcTGuY="


async def test_gateway_checks(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "woocommerce")], platforms=WORD) as desk:
        await desk.begin()
        shop = desk.shops["woo-main"]
        url = f"{shop['url']}/wp-json/wc/v3/orders"
        now = now_us() // 1_000_000

        async def asked(
            nonce: str = "n", at: int = now, key: str = shop["consumer_key"], **query: str
        ) -> tuple[int, Any]:
            pairs = list(query.items()) + [
                ("oauth_consumer_key", key), ("oauth_timestamp", str(at)), ("oauth_nonce", nonce),
                ("oauth_signature_method", "HMAC-SHA256"),
            ]  # fmt: skip
            pairs.append(("oauth_signature", signature("GET", url, pairs, shop["consumer_secret"], "HMAC-SHA256")))
            got = await desk.http.get(f"{url}?{urlencode(pairs)}")
            return got.status_code, got.json()

        assert (await asked("n1"))[0] == 200
        assert (await asked("n1"))[0] == 401, "a nonce is good once"
        assert (await asked("n2", at=now - 1000))[0] == 401
        assert (await asked("n3", key="ck_other"))[0] == 401
        assert (await desk.http.get(url, auth=(shop["consumer_key"], shop["consumer_secret"]))).status_code == 401
        assert (await asked("n4", per_page="101"))[0] == 400
        assert (await asked("n5", orderby="modified"))[0] == 400
        assert (await asked("n6", modified_after="2026-01-01T00:00:00"))[0] == 400
        assert (await desk.http.get(url + "/1/refunds")).json()["code"] == "rest_no_route"


async def test_pulling_reading_and_completing(tmp_path: Path) -> None:
    plans = [
        plan(1, "woocommerce", email="buyer1@mail.example.com", qty=2), plan(2, "woocommerce", acts=()),
        plan(3, "woocommerce", flag=3), plan(4, "woocommerce", acts=[(0.0, "pay"), (0.01, "refund"), (0.02, "refund_agreed")]),
        plan(5, "woocommerce", acts=[(0.0, "close")]), plan(6, "woocommerce", acts=[(0.0, "pay"), (0.01, "refund")]),
    ]  # fmt: skip
    async with world(tmp_path, plans, platforms=WORD) as desk:
        await desk.begin()
        shop = connect(desk)
        found, cursor = await pull_all(shop)
        orders = desk.setting.world.shops["woo-main"].orders
        states = {order.ext_id: (order.state, order.contact) for order in found}
        wanted = [
            (PlatformState.PAID, "buyer1@mail.example.com"), (PlatformState.UNPAID, ""), (PlatformState.UNPAID, ""),
            (PlatformState.REFUNDED, ""), (PlatformState.CANCELLED, ""), (PlatformState.FORBIDDEN, ""),
        ]  # fmt: skip
        assert states == dict(zip(orders, wanted, strict=True))
        paid, unpaid, held, refunded, _, asking = orders
        assert [one.forbid for one in found if one.ext_id == asking] == ["on-hold after payment"]
        (order,) = [one for one in found if one.ext_id == paid]
        assert (order.total, order.lines[0].qty, order.lines[0].sku) == (9780, 2, "WC-STEAM50")
        (back,) = [one for one in found if one.ext_id == refunded]
        assert [(p.kind, p.amount) for p in back.payments] == [(PaymentKind.CHARGE, 4890), (PaymentKind.REFUND, 4890)]
        nothing, cursor = await pull_all(shop, cursor)
        assert nothing == []
        assert (await shop.perform(ship(paid))).result is Result.CONFIRMED
        assert (await shop.perform(ship(paid, attempt=2))).result is Result.CONFIRMED
        assert len(desk.ledger("ship")) == len(desk.ledger("note")) == 1
        for number in (unpaid, refunded, "404"):
            assert (await shop.perform(ship(number))).result is Result.REJECTED
        assert (await shop.perform(ship(held))).result is Result.LATER
        now = await shop.read(paid)
        assert isinstance(now, OrderUpdate)
        assert now.state is PlatformState.SHIPPED
        again, _ = await pull_all(shop, cursor)
        assert [(one.ext_id, one.state) for one in again] == [(paid, PlatformState.SHIPPED)]
        await shop.close()


async def test_pages_that_shift_hide_nothing(tmp_path: Path) -> None:
    plans = [plan(n, "woocommerce", email="a@b.example.com") for n in range(1, 261)]
    async with world(tmp_path, plans, platforms=WORD) as desk:
        await desk.begin()
        orders = desk.setting.world.shops["woo-main"].orders
        await desk.until(lambda: now_us() // 1_000_000 > max(o.modified for o in orders.values()) // 1_000_000 + 1)
        shop = connect(desk)
        await pull_all(shop)  # learns nothing that it would keep: the second one starts anew
        seen: set[str] = set()
        cursor: str | None = None
        more, turn, deadline = True, 0, now_us() + 15_000_000
        while more or seen != set(orders):
            assert now_us() < deadline, set(orders) - seen
            batch = await shop.pull(cursor)
            seen |= {one.ext_id for one in batch.updates if isinstance(one, OrderUpdate)}
            cursor, more = batch.cursor, batch.more
            if turn < 3:
                await shop.perform(ship(list(orders)[turn * 60]))  # leaves its window, and the rows behind it move up
            turn += 1
        await shop.close()
