"""Pushes to the Agiso shop, and what it reads for them, against a scripted gateway."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from connectors.shops.agiso.sign import sign_push
from core.model.order import OrderUpdate, PlatformState, Quarantined
from core.ports import ConnectorError, Inbound, Receiver
from tests.connectors.agiso_kit import (
    DETAIL,
    NUMBER,
    PAID,
    REFUND,
    SECRET,
    TOKEN,
    Gateway,
    bad,
    good,
    pulled,
    push,
    shop_at,
)
from tests.connectors.kit import NOW, Json, ManualClock
from tests.connectors.server import Act, Answer, Scripted


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


def test_forms_are_signed_as_sent() -> None:
    assert dict(parse_qsl(push(PAID).body.decode()))["json"] == json.dumps(PAID)
