"""Tokens, refusals and pushes of a Kuaishou shop, against a scripted platform on a real socket."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.registry import build_shop
from connectors.shops.kuaishou.sign import seal_push
from core.model.order import OrderUpdate
from core.ports import ConnectorError, Inbound, Receiver, Shop
from tests.connectors.kit import Json, ManualClock
from tests.connectors.kuaishou_kit import APP, APP_SECRET, MESSAGE_KEY, OID, REFRESH, Platform, error, options
from tests.connectors.server import Act, Scripted


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(platform: Platform) -> AsyncIterator[Scripted]:
    async with Scripted(platform) as running:
        yield running


@pytest.fixture
async def shop(server: Scripted, clock: ManualClock) -> AsyncIterator[Shop]:
    built = build_shop("shop-a", options(server), clock)
    yield built
    await built.close()


@pytest.mark.parametrize("code", [24, 21])
async def test_an_expired_token_is_renewed_once_for_all(shop: Shop, platform: Platform, code: int) -> None:
    def renewed(form: Json) -> Json:
        assert form == {
            "app_id": APP, "app_secret": APP_SECRET, "grant_type": "refresh_token", "refresh_token": "refresh-1"
        }  # fmt: skip
        platform.token = "tok-2"
        return {"result": 1, "access_token": "tok-2", "refresh_token": "refresh-2"}

    platform.token, platform.expired = "gone", code
    platform.override[REFRESH] = renewed
    orders = await asyncio.gather(*(shop.read(str(OID)) for _ in range(6)))
    assert all(isinstance(got, OrderUpdate) for got in orders)
    assert platform.methods().count(REFRESH) == 1


async def test_a_renewal_that_fails(shop: Shop, platform: Platform) -> None:
    platform.token = "gone"
    platform.override[REFRESH] = lambda form: Act.CLOSE
    with pytest.raises(ConnectorError) as caught:
        await shop.read(str(OID))
    assert caught.value.kind == "rate"
    platform.override[REFRESH] = lambda form: {"result": 100200101, "error": "invalid_grant", "error_msg": "refresh-1"}
    with pytest.raises(ConnectorError) as caught:
        await shop.read(str(OID))
    assert caught.value.kind == "auth"
    assert "refresh-1" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(1016), "rate"),
        (error(2), "rate"),
        (error(11), "platform"),
        (error(27), "platform"),
        (error(802, sub="X"), "platform"),
    ],
)
async def test_reads_that_are_refused(shop: Shop, platform: Platform, answer: Json, kind: str) -> None:
    platform.override["open.order.detail"] = lambda params: answer
    with pytest.raises(ConnectorError) as caught:
        await shop.read(str(OID))
    assert caught.value.kind == kind
    with pytest.raises(ConnectorError):
        await shop.read("not a number")


async def test_a_push_that_opens_is_a_hint(shop: Shop) -> None:
    assert isinstance(shop, Receiver)
    good = seal_push(f'{{"appKey":"{APP}","event":"kwaishop_order_paySuccess","info":"{{}}"}}', MESSAGE_KEY).encode()
    taken = await shop.receive(knock(good))
    assert (taken.pull, taken.batch) == (True, ())
    assert taken.render(None).body == b'{"result":1}'
    other = seal_push('{"appKey":"ks9","event":"kwaishop_order_paySuccess"}', MESSAGE_KEY).encode()
    for request in (
        *(knock(body) for body in (other, b"", b"\xff", good[:-4], good.replace(good[:4], b"AAAA"))),
        knock(good, method="GET"), knock(good, tail="x"),
    ):  # fmt: skip
        refused = await shop.receive(request)
        assert not refused.pull
        assert refused.render(None).status == 403


async def test_without_a_message_key_every_push_is_refused(server: Scripted, clock: ManualClock) -> None:
    given = options(server)
    del given["message_key"]
    shop = build_shop("shop-b", given, clock)
    assert isinstance(shop, Receiver)
    good = seal_push(f'{{"appKey":"{APP}","event":"e"}}', MESSAGE_KEY).encode()
    assert not (await shop.receive(knock(good))).pull
    await shop.close()


def knock(body: bytes, method: str = "POST", tail: str = "") -> Inbound:
    return Inbound(method=method, tail=tail, query="", headers={}, body=body)
