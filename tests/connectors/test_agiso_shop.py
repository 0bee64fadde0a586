"""The Agiso shop against a scripted gateway: pushes, details, the watch, chat and dummy send, refusals."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from connectors.registry import build_shop
from connectors.shops.agiso.shop import AgisoShop
from connectors.shops.agiso.sign import sign, sign_push
from connectors.shops.agiso.watch import Watch
from core.model.effects import Call, Effect, EffectClass, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined
from core.ports import ConnectorError, Inbound, Receiver
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port

SECRET, TOKEN = "agisosecret", "agisotoken"
NUMBER = "1520087523676842500"
DETAIL, REFUND, DUMMY, SAY = "/Order/Detail", "/Refund/Detail", "/Order/DummySend", "/ImMsg/SendMsg"
NONE = {"biz_order_id": int(NUMBER), "payment": 8000, "refund_status": 9}


def good(data: Any) -> Json:
    return {"IsSuccess": True, "Data": data, "Error_Code": 0, "Error_Msg": "", "AllowRetry": None, "RequestId": "1"}


def bad(code: int) -> Json:
    return {"isSuccess": False, "data": None, "error_Code": code, "error_Msg": "m", "requestId": "1"}


class Gateway:
    """Answers by path, with signature, token and version checked."""

    def __init__(self) -> None:
        self.order: Json = load("agiso/order")
        self.refund: Json = NONE
        self.override: dict[str, Callable[[dict[str, str]], Answer | Json]] = {}
        self.calls: list[tuple[str, dict[str, str]]] = []

    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        form = request.form
        assert (request.headers["authorization"], request.headers["apiversion"]) == (f"Bearer {TOKEN}", "1")
        assert sign({k: v for k, v in form.items() if k != "sign"}, SECRET) == form["sign"]
        assert form["timestamp"]
        self.calls.append((request.path, form))
        answer = self.override[request.path](form) if request.path in self.override else self.answer(request.path)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, path: str) -> Json:
        if path == DUMMY:
            self.order = self.order | {"order_status": 3, "ship_time": NOW * 1000}
        return good({DETAIL: self.order, REFUND: self.refund}.get(path))


def shop_at(url: str, clock: ManualClock | None = None, **more: str) -> AgisoShop:
    options = {"platform": "agiso", "url": url, "secret": SECRET, "access_token": TOKEN, **more}
    shop = build_shop("agiso-main", options, clock or ManualClock())
    assert isinstance(shop, AgisoShop)
    return shop


def push(fields: Any, at: int = NOW, **query: str) -> Inbound:
    text = fields if isinstance(fields, str) else json.dumps(fields, ensure_ascii=False)
    params = {"timestamp": str(at), "aopic": "1", "sign": sign_push(text, str(at), SECRET), "fromPlatform": "AldsIdle"}
    body = urlencode({"json": text}).encode()
    return Inbound(method="POST", tail="", query=urlencode(params | query), headers={}, body=body)


async def pulled(shop: AgisoShop, cursor: str | None) -> Batch:
    """The first pull that asks for anything."""
    batch = await shop.pull(cursor)
    return await shop.pull(batch.cursor) if batch.more else batch


PAID = {"biz_order_id": int(NUMBER), "item_id": 1, "order_status": 2, "seller_id": 9}


async def test_a_push_is_read_before_it_is_answered() -> None:
    gateway = Gateway()
    async with Scripted(gateway) as server:
        shop = shop_at(server.url)
        assert isinstance(shop, Receiver)
        received = await shop.receive(push(PAID | {"order_status": 4}))
        (update,) = received.batch
        assert isinstance(update, OrderUpdate)
        assert update.state is PlatformState.PAID, "what the detail says, not the push"
        assert (received.render(None).status, received.render(None).body, received.pull) == (200, b"", False)
        assert gateway.paths() == [DETAIL, REFUND]
        again = await shop.receive(
            push({"tid": NUMBER}, sign=sign_push(f'{{"tid": "{NUMBER}"}}', str(NOW), SECRET).upper())
        )
        assert len(again.batch) == 1
        others: list[Any] = [
            {"conversation_id": 5, "text": "在吗"},
            [],
            {"biz_order_id": True},
            {"tid": "x' or 1"},
            "{",
            {},
        ]
        for other in others:
            quiet = await shop.receive(push(other))
            assert (quiet.batch, quiet.render(None).status) == ((), 200), other
        await shop.close()


async def test_pushes_that_are_not_agisos() -> None:
    gateway = Gateway()
    async with Scripted(gateway) as server:
        clock = ManualClock()
        shop = shop_at(server.url, clock)
        genuine = push(PAID)
        body = genuine.body
        two = Inbound(method="POST", tail="", query=genuine.query, headers={}, body=body + b"&" + body)
        wrong = [
            push(PAID, sign="0" * 32), push(PAID, timestamp=str(NOW + 1)), two,
            Inbound(method="POST", tail="", query=genuine.query, headers={}, body=body.replace(b"15200", b"15201")),
            Inbound(method="GET", tail="", query=genuine.query, headers={}, body=body),
            Inbound(method="POST", tail="", query=genuine.query, headers={}, body=b"\xff\x00"),
            Inbound(method="POST", tail="", query="", headers={}, body=b""),
        ]  # fmt: skip
        for request in wrong:
            refused = await shop.receive(request)
            assert (refused.batch, refused.render(None).status) == ((), 403)
        clock.now += 601
        assert (await shop.receive(genuine)).render(None).status == 403
        assert gateway.calls == []
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (bad(1), "auth"), (bad(28), "auth"), (bad(16), "auth"), (bad(4), "auth"), (bad(2), "rate"), ((429, {}), "rate"),
        (bad(10), "platform"), (bad(13), "platform"), (bad(99), "platform"), ((502, {}), "platform"), ((401, {}), "auth"),
        ((200, []), "protocol"), ({"IsSuccess": True, "Error_Code": 3}, "protocol"), (Act.HALF, "network"),
        ({"IsSuccess": False, "Error_Code": 0}, "protocol"), (Act.RESET, "network"),
    ],
)  # fmt: skip
async def test_a_push_whose_order_cannot_be_read_is_kept(answer: Answer | Json, kind: str) -> None:
    gateway, clock = Gateway(), ManualClock()
    async with Scripted(gateway) as server:
        shop = shop_at(server.url, clock)
        cursor = (await shop.pull(None)).cursor
        for path in (DETAIL, REFUND):
            gateway.override = {path: lambda _: answer}
            received = await shop.receive(push(PAID))
            (kept,) = received.batch
            assert isinstance(kept, Quarantined)
            assert (kept.ext_id, kept.field, json.loads(kept.raw)) == (NUMBER, "push", PAID)
            assert kept.why == "pushed, and not read yet"
            assert (received.pull, received.render(None).status) == (True, 503), "kept, and asked for again"
            calls = len(gateway.calls)
            assert (await shop.receive(push(PAID))).render(None).status == 503
            assert len(gateway.calls) == calls, "a gateway that fails is left in peace"
            clock.now += 2
            saved = await shop.pull("{}")
            assert (saved.updates, saved.more) == ((), True)
            cursor = saved.cursor
            assert json.loads(cursor or "")["watch"], "on disk before anything is tried"
            with pytest.raises(ConnectorError) as caught:
                await shop.pull(cursor)
            assert caught.value.kind == kind
            assert SECRET not in f"{caught.value} {shop!r}"
            assert TOKEN not in f"{caught.value} {shop!r}"
        gateway.override = {}
        (update,) = (await shop.pull(cursor)).updates
        assert isinstance(update, OrderUpdate), "read as soon as it can be"
        assert (await shop.receive(push(PAID, at=clock.now))).render(None).status == 200
        await shop.close()


async def test_one_order_that_cannot_be_read_costs_the_others_nothing() -> None:
    gateway = Gateway()
    async with Scripted(gateway) as server:
        shop = shop_at(server.url)
        await shop.pull(None)
        gateway.override = {DETAIL: lambda _: bad(13)}
        for number in (NUMBER, "1520087523676842501", "1520087523676842502"):
            await shop.receive(push({"tid": number}))

        def one_fails(form: dict[str, str]) -> Json:
            if form["tid"].endswith("2"):
                return bad(13)
            return good(gateway.order | {"biz_order_id": int(form["tid"])})

        gateway.override = {
            DETAIL: one_fails,
            REFUND: lambda form: good({"biz_order_id": int(form["tid"]), "payment": 8000, "refund_status": 9}),
        }
        batch = await pulled(shop, "{}")
        assert sorted(update.ext_id[-1] for update in batch.updates if isinstance(update, OrderUpdate)) == ["0", "1"]
        assert len(json.loads(batch.cursor or "")["watch"]) == 3
        await shop.close()


async def test_orders_that_agiso_does_not_know() -> None:
    gateway = Gateway()
    async with Scripted(gateway) as server:
        shop = shop_at(server.url)
        gateway.override[REFUND] = lambda _: bad(9)
        update = await shop.read(NUMBER)
        assert isinstance(update, OrderUpdate), "the order is there, so what is missing is a refund"
        gateway.override[REFUND] = lambda _: bad(3)
        with pytest.raises(ConnectorError):
            await shop.read(NUMBER)
        gateway.override[DETAIL] = lambda _: bad(9)
        (kept,) = (await shop.receive(push(PAID))).batch
        assert isinstance(kept, Quarantined)
        assert (kept.ext_id, kept.field, json.loads(kept.raw)) == (NUMBER, "push", PAID)
        gateway.override[DETAIL] = lambda _: good(gateway.order | {"biz_order_id": 1520087523676842501})
        gateway.override[REFUND] = lambda _: good(None)
        other = await shop.read(NUMBER)
        assert isinstance(other, Quarantined)
        assert other.ext_id == NUMBER
        with pytest.raises(ConnectorError):
            await shop.read("../x")
        await shop.close()


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
    from connectors.shops.agiso.mapping import order_of

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


def test_forms_are_signed_as_sent() -> None:
    assert dict(parse_qsl(push(PAID).body.decode()))["json"] == json.dumps(PAID)
