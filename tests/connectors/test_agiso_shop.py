"""The Agiso shop against a scripted gateway: the watch, chat and dummy send, refusals."""

import json
from typing import Any

import pytest

from connectors.shops.agiso.mapping import order_of
from connectors.shops.agiso.watch import Watch
from core.model.effects import Call, Effect, EffectClass, Result
from core.model.order import OrderUpdate, PlatformState
from core.ports import ConnectorError
from tests.connectors.agiso_kit import (
    DETAIL,
    DUMMY,
    NUMBER,
    PAID,
    SAY,
    Gateway,
    bad,
    pulled,
    push,
    shop_at,
)
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Scripted, closed_port


async def test_open_orders_are_looked_at_again() -> None:
    gateway, clock = Gateway(), ManualClock()
    gateway.order = gateway.order | {"order_status": 1, "pay_time": 0, "payment": 0}
    async with Scripted(gateway) as server:
        shop = shop_at(server.url, clock)
        first = await shop.pull(None)
        assert (first.updates, first.more) == ((), False)
        await shop.receive(push(PAID))
        calls = len(gateway.calls)
        batch = await pulled(shop, first.cursor)
        assert (batch.updates, len(gateway.calls)) == ((), calls), "not due yet"
        clock.now += 15
        gateway.override[DETAIL] = lambda _: bad(2)
        with pytest.raises(ConnectorError):
            await pulled(shop, batch.cursor)
        gateway.override.clear()
        gateway.order = load("agiso/order")  # paid, and the push of it was lost
        (update,) = (await pulled(shop, batch.cursor)).updates
        assert isinstance(update, OrderUpdate)
        assert update.state is PlatformState.PAID
        kept = (await pulled(shop, batch.cursor)).cursor
        await shop.close()
        second = shop_at(server.url, clock)
        clock.now += 3600
        assert len((await pulled(second, kept)).updates) == 1, "a new process goes on watching"
        assert (await second.perform(ship(NUMBER))).result is Result.CONFIRMED
        clock.now += 3600
        last = await pulled(second, kept)
        assert len(last.updates) == 1
        assert json.loads(last.cursor or "") == {"watch": {}}, "shipped: nothing more is expected"
        third = shop_at(server.url, clock)
        with pytest.raises(ConnectorError, match="cursor"):
            await third.pull("[")
        for one in (second, third):
            await one.close()


def test_the_watch_has_its_limits() -> None:
    watch = Watch()
    watch.restore(None)
    sample = load("agiso/order")

    def order(n: int, **changes: Any) -> OrderUpdate:
        got = order_of(json.dumps(sample | {"biz_order_id": int(NUMBER) + n} | changes).encode(), None, "s")
        assert isinstance(got, OrderUpdate)
        return got

    for n in range(25):
        watch.saw(order(n), NOW)
    assert watch.due(NOW + 14) == []
    assert len(watch.due(NOW + 15)) == 10, "ten a pull"
    watch.put_off(NUMBER, NOW + 15)
    assert NUMBER not in watch.due(NOW + 15)
    assert NUMBER not in watch.due(NOW + 3614)
    watch.saw(order(1, order_status=4, end_time=NOW * 1000), NOW)
    assert len(watch) == 24
    watch.saw(order(2), NOW + 4 * 86_400)
    assert len(watch) == 23, "not for ever"


async def test_keys_by_chat() -> None:
    gateway = Gateway()
    async with Scripted(gateway) as server:
        shop = shop_at(server.url)
        call = send(NUMBER)
        assert (await shop.perform(call)).result is Result.CONFIRMED
        path, form = gateway.calls[-1]
        assert (path, form["tid"], form["msg"]) == (SAY, NUMBER, call.text)
        many = tuple(f"KEY-{n:04d}-{'X' * 10}" for n in range(45))
        long = Call(**{f: getattr(send(NUMBER, keys=many), f) for f in Call.__struct_fields__} | {"text": "x" * 2000})
        assert (await shop.perform(long)).result is Result.CONFIRMED
        assert gateway.calls[-1][1]["msg"] == "\n".join(many), "the keys alone"
        calls = len(gateway.calls)
        longer = await shop.perform(send(NUMBER, keys=many + many))
        assert (longer.result, len(gateway.calls)) == (Result.REJECTED, calls)
        assert (await shop.perform(send(NUMBER, keys=()))).result is Result.REJECTED
        assert (await shop.ask(call)).result is Result.UNKNOWN
        assert shop.specs[Effect.SEND].cls is EffectClass.C
        assert not shop.specs[Effect.SEND].ships
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "sent", "shipped", "anyway"),
    [
        (bad(2), Result.LATER, Result.LATER, Result.LATER), ((429, {}), Result.LATER, Result.LATER, Result.LATER),
        (bad(1), Result.LATER, Result.LATER, Result.LATER), (bad(28), Result.LATER, Result.LATER, Result.LATER),
        (bad(25), Result.REJECTED, Result.REJECTED, Result.CONFIRMED),
        (bad(3), Result.REJECTED, Result.REJECTED, Result.CONFIRMED),
        (bad(13), Result.UNKNOWN, Result.UNKNOWN, Result.CONFIRMED),
        (bad(30), Result.UNKNOWN, Result.UNKNOWN, Result.CONFIRMED),
        ((200, "x"), Result.UNKNOWN, Result.UNKNOWN, Result.CONFIRMED),
        (Act.RESET, Result.UNKNOWN, Result.UNKNOWN, Result.UNKNOWN),
        (Act.HALF, Result.UNKNOWN, Result.UNKNOWN, Result.UNKNOWN),
    ],
)  # fmt: skip
async def test_refusals(answer: Answer | Json, sent: Result, shipped: Result, anyway: Result) -> None:
    gateway = Gateway()
    gateway.override = {SAY: lambda _: answer, DUMMY: lambda _: answer}
    async with Scripted(gateway) as server:
        shop = shop_at(server.url)
        outcome = await shop.perform(send(NUMBER))
        assert outcome.result is sent
        assert "KEY-1" not in f"{outcome}"
        assert gateway.paths().count(SAY) == 1
        assert (await shop.perform(ship(NUMBER))).result is shipped
        gateway.order = gateway.order | {"order_status": 3, "ship_time": NOW * 1000}
        assert (await shop.perform(ship(NUMBER))).result is anyway, "shipped already"
        assert (await shop.ask(ship(NUMBER))).result is Result.CONFIRMED
        gateway.override[DETAIL] = lambda _: bad(13)
        assert (await shop.ask(ship(NUMBER))).result is Result.UNKNOWN
        await shop.close()


async def test_a_closed_port_has_sent_nothing() -> None:
    shop = shop_at(f"http://127.0.0.1:{closed_port()}")
    assert (await shop.perform(send(NUMBER))).result is Result.NOT_SENT
    await shop.close()


def test_settings() -> None:
    changes: list[dict[str, Any]] = [
        {"secret": " "},
        {"url": "http://gw-api.agiso.com/aldsIdle"},
        {"tokens": "x"},
        {"access_token": ""},
    ]
    for change in changes:
        with pytest.raises(ValueError, match="agiso-main"):
            shop_at(**({"url": "https://gw-api.agiso.com/aldsIdle"} | change))
