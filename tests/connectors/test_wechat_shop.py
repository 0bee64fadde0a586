"""The WeChat shop against a scripted WeChat: windows, tokens, virtual delivery, refusals."""

import json
from typing import Any

import pytest

from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, PlatformState, Quarantined
from core.ports import ConnectorError
from tests.connectors.kit import Json, ManualClock, send, ship
from tests.connectors.server import Act, Answer, Scripted, closed_port
from tests.connectors.wechat_shop_kit import DELIVER, GET, LIST, NUMBER, SECRET, TOKEN, Platform, bad, ok, shop_at


async def test_pull_and_the_token() -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server.url)
        first = await shop.pull(None)
        (update,) = first.updates
        assert isinstance(update, OrderUpdate)
        assert (update.ext_id, update.state, first.more) == (NUMBER, PlatformState.PAID, False)
        assert platform.paths() == [TOKEN, LIST, GET]
        platform.token = "tok-2"
        assert (await shop.pull(first.cursor)).updates == ()
        assert platform.paths()[3:] == [LIST, TOKEN, LIST], "renewed once and called again"
        with pytest.raises(ConnectorError, match="cursor"):
            await shop.pull("[]")
        await shop.close()


async def test_after_sales_are_followed_by_the_clock() -> None:
    platform, clock = Platform(), ManualClock()
    platform.ask_for_money()
    async with Scripted(platform) as server:
        shop = shop_at(server.url, clock)
        first = await shop.pull(None)
        (update,) = first.updates
        assert isinstance(update, OrderUpdate)
        assert len(update.refunds) == 1
        clock.now += 200  # far from the order's own last change
        platform.ask_for_money("USER_CANCELD")
        again = await shop.pull(first.cursor)
        (later,) = again.updates
        assert isinstance(later, OrderUpdate)
        assert later.rev >= update.rev
        assert json.loads(again.cursor or "").get("open", {}) == {}
        clock.now += 200
        assert (await shop.pull(again.cursor)).updates == ()
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (bad(-1), "platform"), (bad(45009), "rate"), ((429, {}), "rate"), (bad(48001), "auth"), (bad(47001), "platform"),
        ((502, {}), "platform"), ((200, "x"), "protocol"), (ok(order_id_list=["x"]), "protocol"),
        (ok(has_more=True, next_key=""), "protocol"), (Act.HALF, "network"), (Act.RESET, "network"), (bad(42001), "auth"),
    ],
)  # fmt: skip
async def test_pull_errors(answer: Answer | Json, kind: str) -> None:
    platform = Platform()
    platform.override[LIST] = lambda _: answer
    async with Scripted(platform) as server:
        shop = shop_at(server.url)
        with pytest.raises(ConnectorError) as caught:
            await shop.pull(None)
        assert caught.value.kind == kind
        assert SECRET not in f"{caught.value} {shop!r}"
        assert "tok-1" not in f"{caught.value}"
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "kind", "sent"),
    [
        (bad(40125), "auth", Result.LATER), (bad(45009), "rate", Result.LATER), (bad(-1), "rate", Result.LATER),
        (Act.RESET, "rate", Result.LATER), (ok(), "rate", Result.LATER), (ok(access_token="a&b"), "rate", Result.LATER),
    ],
)  # fmt: skip
async def test_without_a_token_nothing_is_in_doubt(answer: Answer | Json, kind: str, sent: Result) -> None:
    platform = Platform()
    platform.override[TOKEN] = lambda _: answer
    async with Scripted(platform) as server:
        shop = shop_at(server.url)
        with pytest.raises(ConnectorError) as caught:
            await shop.read(NUMBER)
        assert caught.value.kind == kind
        assert (await shop.perform(ship(NUMBER))).result is sent
        assert set(platform.paths()) == {TOKEN}
        await shop.close()


async def test_read() -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server.url)
        platform.ask_for_money()
        update = await shop.read(NUMBER)
        assert isinstance(update, OrderUpdate)
        assert len(update.refunds) == 1
        platform.after_sale = platform.after_sale | {"status": "NEW"}
        assert isinstance(await shop.read(NUMBER), Quarantined)
        platform.order = platform.order | {"order_id": "3705115058471208929"}
        other = await shop.read(NUMBER)
        assert isinstance(other, Quarantined)
        assert other.ext_id == NUMBER
        platform.order = platform.order | {"status": "20"}
        assert isinstance(await shop.read(NUMBER), Quarantined)
        platform.override[GET] = lambda _: bad(108001)
        with pytest.raises(ConnectorError):
            await shop.read(NUMBER)
        await shop.close()


async def test_virtual_delivery() -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server.url, deliver="email,aliyun-sms")
        assert shop.send_via == "email,aliyun-sms"
        assert (await shop.perform(ship(NUMBER))).result is Result.CONFIRMED
        path, body = platform.calls[-1]
        goods = [{"product_id": "10000115", "sku_id": "1128", "product_cnt": 2}]
        assert (path, body) == (
            DELIVER,
            {"order_id": NUMBER, "delivery_list": [{"deliver_type": 3, "product_infos": goods}]},
        )
        again = await shop.perform(ship(NUMBER, attempt=2))
        assert (again.result, again.why) == (Result.CONFIRMED, "already shipped")
        assert platform.paths().count(DELIVER) == 1
        assert (await shop.perform(send(NUMBER))).result is Result.REJECTED
        assert (await shop.ask(ship(NUMBER))).result is Result.CONFIRMED
        assert (await shop.ask(send(NUMBER))).result is Result.REJECTED
        spec = shop.specs[Effect.SHIP]
        assert (spec.cls, spec.askable, Effect.SEND in shop.specs) == (EffectClass.B, True, False)
        await shop.close()


@pytest.mark.parametrize(
    ("order", "asked", "result"),
    [
        ({"status": 13}, False, Result.LATER), ({"status": 250}, False, Result.REJECTED), ({}, True, Result.LATER),
        ({"status": 77}, False, Result.LATER), ({"status": 100}, False, Result.CONFIRMED),
    ],
)  # fmt: skip
async def test_an_order_that_does_not_wait_is_not_shipped(order: Json, asked: bool, result: Result) -> None:
    platform = Platform()
    platform.order = platform.order | order
    if asked:
        platform.ask_for_money()
    async with Scripted(platform) as server:
        shop = shop_at(server.url)
        assert (await shop.perform(ship(NUMBER))).result is result
        assert DELIVER not in platform.paths()
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "result", "anyway"),
    [
        (bad(45009), Result.LATER, Result.LATER), (bad(48001), Result.LATER, Result.LATER),
        (bad(42001), Result.LATER, Result.LATER), (bad(109002), Result.REJECTED, Result.CONFIRMED),
        (bad(109001), Result.REJECTED, Result.CONFIRMED), (bad(-1), Result.UNKNOWN, Result.CONFIRMED),
        ((502, {}), Result.UNKNOWN, Result.CONFIRMED), ((200, "x"), Result.UNKNOWN, Result.CONFIRMED),
        (Act.RESET, Result.UNKNOWN, Result.UNKNOWN), (Act.HALF, Result.UNKNOWN, Result.UNKNOWN),
    ],
)  # fmt: skip
async def test_refusals(answer: Answer | Json, result: Result, anyway: Result) -> None:
    platform = Platform()
    platform.override[DELIVER] = lambda _: answer
    async with Scripted(platform) as server:
        shop = shop_at(server.url)
        assert (await shop.perform(ship(NUMBER))).result is result
        shipped = platform.order | {"status": 30}

        def done(_: Json) -> Answer | Json:
            platform.order = shipped
            return answer

        platform.override[DELIVER] = done
        assert (await shop.perform(ship(NUMBER))).result is anyway
        platform.override[GET] = lambda _: bad(-1)
        assert (await shop.ask(ship(NUMBER))).result is Result.UNKNOWN
        assert (await shop.perform(ship(NUMBER))).result is Result.LATER
        await shop.close()


@pytest.mark.parametrize(
    "change", [{"secret": " "}, {"url": "http://x.example"}, {"push_token": "t"}, {"push_token": "t", "push_key": "k"}]
)
def test_settings(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="wechat-main"):
        shop_at(**({"url": "https://api.weixin.qq.com"} | change))


async def test_a_closed_port_has_shipped_nothing() -> None:
    shop = shop_at(f"http://127.0.0.1:{closed_port()}")
    assert (await shop.perform(ship(NUMBER))).result is Result.LATER
    await shop.close()
