"""A dujiao-next shop that buys from us: what it may ask for, what it is told, and how its keys get there."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.shops.dujiao_next.shop import DujiaoNextShop
from core.model.effects import Effect, EffectClass, Result
from core.model.lifecycle import Stage
from core.model.order import OrderUpdate, PlatformState, Update
from core.ports import ConnectorError, Inbound, Received, Receiver, Standing
from tests.connectors.dujiao_kit import (
    ORDERS,
    SECRET,
    TOKEN,
    UPSTREAM,
    WEBHOOK,
    Buyer,
    bought,
    called,
    created,
    posted,
    said,
    shop_at,
)
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Scripted

KEYS = ("AAAA-1", "BBBB-2")
NUMBER, OTHER = "DJ20260906052047400695", "A-20260301-001"
DELIVERED = Standing(stage=Stage.DELIVERED, delivered=True, waits=False, delivered_at=NOW * 1_000_000)


def only(received: Received) -> OrderUpdate:
    (update,) = received.batch
    assert isinstance(update, OrderUpdate)
    return update


async def all_of(shop: DujiaoNextShop, cursor: str | None = None) -> tuple[list[Update], str | None]:
    found: list[Update] = []
    while True:
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor


async def test_an_order_by_the_webhook(tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        shop = shop_at(server, tmp_path)
        assert isinstance(shop, Receiver)
        received = await shop.receive(posted(created(server)))
        assert said(received) == {"ok": True, "order_no": "KD1"}
        update = only(received)
        assert (update.ext_id, update.state, update.total) == (NUMBER, PlatformState.PAID, 2 * 4890)
        assert [(line.sku, line.qty, line.amount) for line in update.lines] == [("STEAM50", 2, 9780)]
        (paid,) = update.payments
        assert (paid.account, paid.amount, paid.txn_id) == ("dj", 9780, f"credit-{NUMBER}")
        assert (received.look, received.pull) == ("", False)
        assert await shop.read(NUMBER) == update
        again = await shop.receive(posted(created(server, timestamp=NOW + 60)))
        assert (said(again), only(again)) == (said(received), update), "one number, one order"
        assert said(await shop.receive(called("POST", "api/v1/upstream/ping")))["balance"] == "902.20"
        await shop.close()


async def test_an_order_by_the_upstream_api(tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        shop = shop_at(server, tmp_path)
        received = await shop.receive(called("POST", ORDERS, bought(server)))
        head = {"ok": True, "order_id": 1, "order_no": "KD1", "amount": "94.80", "currency": "CNY"}
        assert said(received) == head | {"status": "paid"}
        assert (only(received).ext_id, received.look) == (OTHER, OTHER)
        repeated = await shop.receive(called("POST", ORDERS, bought(server)))
        assert said(repeated, DELIVERED) == head | {"status": "delivered"}
        asked = await shop.receive(called("GET", f"{ORDERS}/1"))
        assert (asked.look, asked.batch) == (OTHER, ())
        for standing, status in [
            (None, "paid"), (DELIVERED, "delivered"),
            (Standing(stage=Stage.DELIVERING, delivered=False, waits=False), "fulfilling"),
            (Standing(stage=Stage.CANCELLED, delivered=False, waits=False), "canceled"),
            (Standing(stage=Stage.CLOSED, delivered=False, waits=False), "fulfilling"),
        ]:  # fmt: skip
            detail = said(asked, standing)
            assert (detail["status"], detail["items"][0]["sku_id"], "fulfillment" in detail) == (status, 2, False)
        said(await shop.receive(called("GET", f"{ORDERS}/2")), status=404)
        cancel = await shop.receive(called("POST", f"{ORDERS}/1/cancel"))
        assert said(cancel, status=409)["error_code"] == "cancel_not_allowed"
        assert said(await shop.receive(called("POST", f"{ORDERS}/7/cancel")), status=404)["ok"] is False
        await shop.close()


async def test_goods_and_balance(tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        shop = shop_at(server, tmp_path, site_name="卡台")
        pinged = said(await shop.receive(called("POST", "api/v1/upstream/ping")))
        assert (pinged["site_name"], pinged["balance"], pinged["currency"]) == ("卡台", "1000.00", "CNY")
        listed = said(await shop.receive(called("GET", "api/v1/upstream/products", query="page=1&page_size=2")))
        assert (listed["total"], [item["id"] for item in listed["items"]]) == (4, [1, 2])
        rest = said(await shop.receive(called("GET", "api/v1/upstream/products", query="page=2&page_size=2")))
        stock = [(s["id"], s["stock_status"], s["stock_quantity"]) for item in rest["items"] for s in item["skus"]]
        assert stock == [(3, "low_stock", 5), (4, "out_of_stock", 0)]
        one = said(await shop.receive(called("GET", "api/v1/upstream/products/2")))["product"]
        assert (one["price_amount"], one["skus"][0]["stock_status"]) == ("94.80", "unlimited")
        assert said(await shop.receive(called("GET", "api/v1/upstream/products/9")), status=404)["ok"] is False
        assert said(await shop.receive(called("GET", "api/v1/upstream/categories")))["categories"] == []
        assert said(await shop.receive(posted({"event": "connection.test", "timestamp": NOW})))["ok"] is True
        await shop.close()


@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (lambda b: posted(b, token="wrong"), 401, "unauthorized"),
        (lambda b: posted(b, token=""), 401, "unauthorized"),
        (lambda b: posted(b, method="GET"), 401, "unauthorized"),
        (lambda b: posted(b, key="another"), 400, "invalid_request"),
        (lambda b: posted(b, key=""), 400, "invalid_request"),
        (lambda b: posted(b"{"), 400, "invalid_request"),
        (lambda b: posted(b"\xff"), 400, "invalid_request"),
        (lambda b: posted(b | {"event": "order.gone"}), 400, "invalid_request"),
        (lambda b: posted(b | {"sku_code": "NEW"}), 200, "sku_unavailable"),
        (lambda b: posted(b | {"quantity": 0}), 200, "invalid_request"),
        (lambda b: posted(b | {"quantity": 1000}), 200, "invalid_request"),
        (lambda b: posted(b | {"quantity": 999}), 200, "insufficient_balance"),
        (lambda b: posted(b | {"currency": "USD"}), 200, "invalid_request"),
        (lambda b: posted(b | {"order_no": "a\nb"}, key="a\nb"), 200, "invalid_request"),
        (lambda b: posted(b | {"order_no": " "}, key=" "), 200, "invalid_request"),
        (lambda b: posted(b | {"order_no": ""}, key=""), 200, "invalid_request"),
        (lambda b: posted(b | {"callback_url": "https://evil.example.com/cb"}), 200, "invalid_callback_url"),
        (lambda b: posted(b | {"callback_url": "http://shop.example.com/cb"}), 200, "invalid_callback_url"),
        (lambda b: posted(b | {"callback_url": "https://u:p@shop.example.com/cb"}), 200, "invalid_callback_url"),
        (lambda b: posted(b | {"callback_url": "https://shop.example.com:x/cb"}), 200, "invalid_callback_url"),
    ],
)  # fmt: skip
async def test_what_the_webhook_refuses(
    make: Callable[[Json], Inbound], status: int, code: str, tmp_path: Path
) -> None:
    async with Scripted(Buyer()) as server:
        shop = shop_at(server, tmp_path, callback_hosts="shop.example.com")
        received = await shop.receive(make(created(server)))
        told = said(received, status=status)
        assert (told["ok"], told["error_code"], received.batch) == (False, code, ())
        assert await all_of(shop) == ([], "0"), "nothing was taken down"
        assert said(await shop.receive(posted(created(server))))["ok"] is True
        await shop.close()


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (called("POST", ORDERS, {}, **{"dujiao-next-signature": "0" * 64}), 401, "invalid_signature"),
        (called("POST", ORDERS, {}, **{"dujiao-next-signature": ""}), 401, "missing_auth_headers"),
        (called("POST", ORDERS, {}, **{"dujiao-next-api-key": "x"}), 401, "invalid_api_key"),
        (called("POST", ORDERS, {}, stamp=str(NOW - 61)), 401, "timestamp_expired"),
        (called("POST", ORDERS, {}, stamp=str(NOW + 61)), 401, "timestamp_expired"),
        (called("POST", ORDERS, {}, stamp="soon"), 401, "timestamp_expired"),
        (called("POST", ORDERS, {}), 400, "bad_request"),
        (called("GET", ORDERS), 404, "bad_request"),
        (called("DELETE", f"{ORDERS}/1"), 404, "order_not_found"),
        (called("POST", "api/v1/upstream/callback"), 404, "bad_request"),
        (called("POST", "api/v2/anything"), 404, "bad_request"),
    ],
)  # fmt: skip
async def test_what_the_upstream_api_refuses(request_: Inbound, status: int, code: str, tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        shop = shop_at(server, tmp_path)
        assert said(await shop.receive(request_), status=status)["error_code"] == code
        await shop.close()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"sku_id": 9}, 400, "sku_unavailable"), ({"sku_id": 0}, 400, "sku_unavailable"),
        ({"quantity": 12}, 402, "insufficient_balance"), ({"quantity": -1}, 400, "invalid_request"),
        ({"sku_id": "2"}, 400, "bad_request"), ({"callback_url": ""}, 400, "invalid_callback_url"),
        ({"downstream_order_no": ""}, 400, "invalid_request"),
    ],
)  # fmt: skip
async def test_orders_that_the_upstream_api_refuses(change: Json, status: int, code: str, tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        shop = shop_at(server, tmp_path)
        answer = said(await shop.receive(called("POST", ORDERS, bought(server, **change))), status=status)
        assert answer["error_code"] == code
        assert await all_of(shop) == ([], "0")
        await shop.close()


async def test_one_number_is_one_order_whatever_else_comes_under_it(tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        shop = shop_at(server, tmp_path, callback_hosts="b.example.com")
        await shop.receive(posted(created(server)))
        for change in ({"quantity": 1}, {"sku_code": "PSN100"}):
            told = said(await shop.receive(posted(created(server, **change))))
            assert (told["ok"], told["error_code"]) == (False, "duplicate_order")
        by_api = await shop.receive(called("POST", ORDERS, bought(server, downstream_order_no=NUMBER, quantity=2)))
        assert said(by_api, status=409)["error_code"] == "duplicate_order"
        moved = created(server, callback_url="https://b.example.com/cb")
        assert said(await shop.receive(posted(moved)))["order_no"] == "KD1"
        assert said(await shop.receive(called("POST", "api/v1/upstream/ping")))["balance"] == "902.20"
        await shop.close()


async def test_a_field_that_changes_its_type_makes_no_order(tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        shop = shop_at(server, tmp_path)
        sample = created(server)
        for name in ("event", "order_no", "callback_url", "sku_code", "quantity", "currency"):
            others: tuple[Any, ...] = (None, [], {}, 1.5, True, "2" if name == "quantity" else 2)
            for value in others:
                received = await shop.receive(posted(sample | {name: value}, key=NUMBER))
                assert not received.batch, (name, value)
            missing = {key: value for key, value in sample.items() if key != name}
            assert not (await shop.receive(posted(missing, key=NUMBER))).batch, name
        for name in ("product_id", "sku_id", "amount", "trace_id", "timestamp"):
            odd = only(await shop.receive(posted(sample | {name: None})))
            assert (odd.total, odd.lines[0].qty, odd.lines[0].sku) == (9780, 2, "STEAM50"), name
        await shop.close()


@pytest.mark.parametrize("by", ["webhook", "api"])
async def test_keys_go_to_the_callback(by: str, tmp_path: Path) -> None:
    buyer = Buyer()
    async with Scripted(buyer) as server:
        clock = ManualClock()
        shop = shop_at(server, tmp_path, clock)
        number = NUMBER if by == "webhook" else OTHER
        await shop.receive(
            posted(created(server)) if by == "webhook" else called("POST", ORDERS, bought(server, quantity=2))
        )
        _, cursor = await all_of(shop)
        clock.now += 5
        done = await shop.perform(send(number, keys=KEYS))
        assert done.result is Result.CONFIRMED
        ((path, body),) = buyer.got
        assert body["fulfillment"]["payload"] == "AAAA-1\nBBBB-2"
        assert (path, body["event"], body["status"]) == (
            (WEBHOOK, "order.fulfilled", "delivered") if by == "webhook" else (UPSTREAM, "order.delivered", "delivered")
        )
        assert body["order_no" if by == "webhook" else "downstream_order_no"] == number
        (update,), _ = await all_of(shop, cursor)
        assert isinstance(update, OrderUpdate)
        assert (update.state, update.rev) == (PlatformState.SHIPPED, (NOW + 5) * 1_000_000)
        again = await shop.perform(send(number, attempt=2, keys=KEYS))
        assert (again.result, len(buyer.got)) == (Result.CONFIRMED, 2)
        assert (shop.specs[Effect.SEND].cls, shop.specs[Effect.SEND].ships) == (EffectClass.A, True)
        assert (await shop.perform(ship(number))).result is Result.REJECTED
        assert (await shop.perform(send("nobody"))).result is Result.REJECTED
        assert (await shop.perform(send(number, keys=()))).result is Result.REJECTED
        assert (await shop.ask(send(number))).result is Result.UNKNOWN
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ((200, {"ok": True, "more": 1}), "confirmed"), ((200, {"ok": False, "error_code": "x"}), "unknown"),
        ((200, "<html>"), "unknown"), ((204, ""), "unknown"), ((201, {"ok": True}), "unknown"),
        ((401, {"ok": False, "error_code": "unauthorized"}), "later"), ((403, {}), "later"), ((429, {}), "later"),
        ((404, {"error_code": "order_not_found"}), "rejected"), ((400, {"error_code": "invalid_request"}), "rejected"),
        ((500, {"error_code": "callback_processing_failed"}), "unknown"), ((502, {}), "unknown"), ((302, {}), "unknown"),
        (Act.RESET, "unknown"), (Act.HALF, "unknown"), (Act.CLOSE, "unknown"),
    ],
)  # fmt: skip
async def test_what_the_webhook_makes_of_keys(answer: Answer, result: str, tmp_path: Path) -> None:
    async with Scripted(Buyer(answer)) as server:
        shop = shop_at(server, tmp_path)
        await shop.receive(posted(created(server)))
        outcome = await shop.perform(send(NUMBER, keys=KEYS))
        assert outcome.result.value == result, outcome
        kept = f"{outcome!r} {shop!r}"
        assert not any(word in kept for word in (TOKEN, SECRET, *KEYS))
        read = await shop.read(NUMBER)
        assert isinstance(read, OrderUpdate)
        assert (read.state is PlatformState.SHIPPED) is (result == "confirmed")
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "attempt", "result"),
    [
        ((200, {"ok": True, "message": "received"}), 1, "confirmed"),
        ((200, {"ok": False, "message": "signature verification failed"}), 1, "later"),
        ((200, {"ok": False, "message": "timestamp expired"}), 9, "later"),
        ((200, {"ok": False, "message": "procurement order not found"}), 1, "later"),
        ((200, {"ok": False, "message": "procurement order not found"}), 6, "rejected"),
        ((200, {"ok": False, "message": "callback processing failed"}), 1, "unknown"),
        ((200, {"ok": False, "message": "AAAA-1 is odd"}), 1, "unknown"), ((200, {"message": "x"}), 1, "unknown"),
        ((200, "ok"), 1, "unknown"), ((429, {}), 1, "later"), ((404, "no"), 1, "rejected"), ((500, {}), 1, "unknown"),
        (Act.RESET, 1, "unknown"),
    ],
)  # fmt: skip
async def test_what_the_upstream_callback_makes_of_keys(
    answer: Answer, attempt: int, result: str, tmp_path: Path
) -> None:
    async with Scripted(Buyer(answer)) as server:
        shop = shop_at(server, tmp_path)
        await shop.receive(called("POST", ORDERS, bought(server, quantity=2)))
        outcome = await shop.perform(send(OTHER, attempt=attempt, keys=KEYS))
        assert outcome.result.value == result, outcome
        assert not any(key in f"{outcome!r}" for key in KEYS)
        await shop.close()


async def test_a_closed_port_proves_that_nothing_was_sent(tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        shop = shop_at(server, tmp_path)
        await shop.receive(posted(created(server)))
    assert (await shop.perform(send(NUMBER, keys=KEYS))).result is Result.NOT_SENT
    await shop.close()


async def test_a_host_that_is_not_allowed_any_more_gets_nothing(tmp_path: Path) -> None:
    buyer = Buyer()
    async with Scripted(buyer) as server:
        shop = shop_at(server, tmp_path, callback_hosts="b.example.com")
        await shop.receive(posted(created(server, callback_url="https://b.example.com/cb")))
        await shop.close()
        later = shop_at(server, tmp_path)
        assert (await later.perform(send(NUMBER, keys=KEYS))).result is Result.REJECTED
        assert buyer.got == []
        await later.close()


async def test_what_was_taken_outlives_the_process(tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        first = shop_at(server, tmp_path)
        await asyncio.gather(*(first.receive(posted(created(server, order_no=f"N{n}", quantity=1))) for n in range(5)))
        await first.close()
        second = shop_at(server, tmp_path, credit="24450")
        found, cursor = await all_of(second)
        assert sorted(one.ext_id for one in found if isinstance(one, OrderUpdate)) == [f"N{n}" for n in range(5)]
        assert said(await second.receive(called("POST", "api/v1/upstream/ping")))["balance"] == "0.00"
        told = said(await second.receive(posted(created(server, order_no="N9", quantity=1))))
        assert told["error_code"] == "insufficient_balance"
        assert said(await second.receive(posted(created(server, order_no="N3", quantity=1))))["ok"] is True
        with pytest.raises(ConnectorError, match="cursor"):
            await second.pull("x")
        with pytest.raises(ConnectorError, match="no such order"):
            await second.read("N9")
        assert (await all_of(second, cursor))[0] == []
        await second.close()


async def test_an_order_that_cannot_be_written_down_is_not_promised(tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        shop = shop_at(server, tmp_path)
        (tmp_path / "orders.jsonl").unlink()
        (tmp_path / "orders.jsonl").mkdir()
        with pytest.raises(ConnectorError, match="cannot be written"):
            await shop.receive(posted(created(server)))
        await shop.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token": "", "api_key": "", "api_secret": ""}, "token"), ({"api_secret": ""}, "together"),
        ({"goods": "1|DEFAULT|5|1|n"}, "DEFAULT"), ({"goods": "x"}, "goods"), ({"credit": "much"}, "credit"),
        ({"currency": "yuan"}, "currency"), ({"url": "http://shop.example.com"}, "https"), ({"tokn": "x"}, "token"),
        ({"orders_file": "/nowhere/at/all"}, "orders_file"),
    ],
)  # fmt: skip
async def test_settings_that_cannot_be(change: dict[str, str], words: str, tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        with pytest.raises(ValueError, match=words) as caught:
            shop_at(server, tmp_path, None, **change)
        assert "sesame" not in str(caught.value)


async def test_one_protocol_alone(tmp_path: Path) -> None:
    async with Scripted(Buyer()) as server:
        hook = shop_at(server, tmp_path, api_key="", api_secret="")
        assert said(await hook.receive(called("POST", "api/v1/upstream/ping")), status=404)["ok"] is False
        await hook.close()
        api = shop_at(server, tmp_path, token="")
        assert said(await api.receive(posted(created(server))), status=404)["ok"] is False
        await api.close()


def test_samples_are_whole() -> None:
    made: dict[str, Any] = load("dujiao_next/order_created")
    assert json.dumps(made)
    assert made["order_no"] == NUMBER
    assert load("dujiao_next/upstream_order")["downstream_order_no"] == OTHER
