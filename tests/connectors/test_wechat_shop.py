"""The WeChat shop against a scripted WeChat: windows, tokens, events, virtual delivery, refusals."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.registry import build_shop
from connectors.shops.wechat_shop.shop import WechatShop
from connectors.shops.wechat_shop.sign import seal, sign
from connectors.shops.wechat_shop.walk import Page, Place, Walk
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, PlatformState, Quarantined
from core.ports import ConnectorError, Inbound, Receiver
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port

APP, SECRET, PUSH_TOKEN = "wx0123456789abcdef", "wxsecret", "pushtoken"
PUSH_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
NUMBER = "3705115058471208928"
TOKEN, LIST, GET = "/cgi-bin/stable_token", "/channels/ec/order/list/get", "/channels/ec/order/get"
AFTER_SALE, DELIVER = "/channels/ec/aftersale/getaftersaleorder", "/channels/ec/order/delivery/send"


def ok(**data: Any) -> Json:
    return {"errcode": 0, "errmsg": "ok", **data}


def bad(code: int) -> Json:
    return {"errcode": code, "errmsg": "m"}


class Platform:
    """Answers by path; one order."""

    def __init__(self) -> None:
        self.order: Json = load("wechat_shop/order")
        self.after_sale: Json = load("wechat_shop/after_sale")
        self.token = "tok-1"
        self.override: dict[str, Callable[[Json], Answer | Json]] = {}
        self.calls: list[tuple[str, Json]] = []

    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        body: Json = json.loads(request.body)
        self.calls.append((request.path, body))
        if request.path != TOKEN and request.query["access_token"] != [self.token]:
            return 200, bad(42001)
        answer = self.override[request.path](body) if request.path in self.override else self.answer(request.path, body)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, path: str, body: Json) -> Json:
        if path == TOKEN:
            assert body == {"grant_type": "client_credential", "appid": APP, "secret": SECRET, "force_refresh": False}
            return ok(access_token=self.token, expires_in=7200)
        if path == LIST:
            span = body["update_time_range"]
            assert 0 <= span["end_time"] - span["start_time"] <= 7 * 86_400
            inside = span["start_time"] <= self.order["update_time"] <= span["end_time"]
            return ok(order_id_list=[self.order["order_id"]] if inside else [], next_key="", has_more=False)
        if path == GET:
            return ok(order=self.order)
        if path == AFTER_SALE:
            return ok(after_sale_order=self.after_sale)
        self.order = self.order | {"status": 30}
        return ok()

    def ask_for_money(self, status: str = "MERCHANT_PROCESSING") -> None:
        self.after_sale = self.after_sale | {"status": status}
        running = int(status == "MERCHANT_PROCESSING")
        named = [{"aftersale_order_id": self.after_sale["after_sale_order_id"]}]
        self.order = self.order | {
            "aftersale_detail": {"on_aftersale_order_cnt": running, "aftersale_order_list": named}
        }


def shop_at(url: str, clock: ManualClock | None = None, **more: Any) -> WechatShop:
    options = {"platform": "wechat-shop", "url": url, "app_id": APP, "secret": SECRET, "start_days": "0.1", **more}
    shop = build_shop("wechat-main", options, clock or ManualClock())
    assert isinstance(shop, WechatShop)
    return shop


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


def event(body: Json, at: int = NOW, app: str = APP, **query: str) -> Inbound:
    sealed = seal(json.dumps(body), PUSH_KEY, app)
    fields = {"timestamp": str(at), "nonce": "n1", "encrypt_type": "aes"}
    fields["msg_signature"] = sign(PUSH_TOKEN, fields["timestamp"], "n1", sealed)
    raw = json.dumps({"ToUserName": "gh_1", "Encrypt": sealed}).encode()
    return Inbound(method="POST", tail="", query=urlencode(fields | query), headers={}, body=raw)


PAID = {"MsgType": "event", "Event": "channels_ec_order_pay", "order_info": {"order_id": int(NUMBER), "pay_time": 5}}


async def test_events_bring_their_order() -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server.url, push_token=PUSH_TOKEN, push_key=PUSH_KEY)
        assert isinstance(shop, Receiver)
        received = await shop.receive(event(PAID))
        (update,) = received.batch
        assert isinstance(update, OrderUpdate)
        assert (update.ext_id, received.render(None).body) == (NUMBER, b"success")
        named = {"Event": "channels_ec_aftersale_update", "finder_shop_aftersale_status_update": {"order_id": NUMBER}}
        assert len((await shop.receive(event(named))).batch) == 1
        platform.override[GET] = lambda _: bad(-1)
        slow = await shop.receive(event(PAID))
        assert (slow.batch, slow.pull, slow.render(None).body) == ((), True, b"success")
        other = await shop.receive(event({"Event": "product_spu_audit"}))
        assert (other.batch, other.pull) == ((), True)
        await shop.close()


async def test_events_that_are_not_wechats() -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        clock = ManualClock()
        shop = shop_at(server.url, clock, push_token=PUSH_TOKEN, push_key=PUSH_KEY)
        genuine = event(PAID)
        wrong = [
            event(PAID, msg_signature="0" * 40), event(PAID, app="wxother"), event(PAID, timestamp=str(NOW + 1)),
            Inbound(method="POST", tail="", query=genuine.query, headers={}, body=b"{}"),
            Inbound(method="POST", tail="", query="", headers={}, body=b"\xff"),
        ]  # fmt: skip
        for request in wrong:
            refused = await shop.receive(request)
            assert (refused.batch, refused.pull, refused.render(None).status) == ((), False, 403)
        clock.now += 601
        assert (await shop.receive(genuine)).render(None).status == 403
        without = shop_at(server.url)
        assert (await without.receive(genuine)).render(None).status == 403
        assert platform.calls == []
        for one in (shop, without):
            await one.close()


async def test_the_echo_at_set_up() -> None:
    shop = shop_at("https://api.weixin.qq.com", push_token=PUSH_TOKEN, push_key=PUSH_KEY)
    made = hashlib.sha1("".join(sorted((PUSH_TOKEN, str(NOW), "n1"))).encode()).hexdigest()
    for signature, status, body in ((made, 200, b"12345"), ("0" * 40, 403, b"refused"), ("", 403, b"refused")):
        query = urlencode({"signature": signature, "timestamp": str(NOW), "nonce": "n1", "echostr": "12345"})
        echo = (await shop.receive(Inbound(method="GET", tail="", query=query, headers={}, body=b""))).render(None)
        assert (echo.status, echo.body) == (status, body)
    await shop.close()


class Shifting:
    """A list of order numbers by second, with pages of three; what is asked for is noted."""

    def __init__(self, rows: dict[int, list[str]]) -> None:
        self.rows = rows
        self.asked: list[tuple[int, int]] = []

    async def __call__(self, start: int, end: int, key: str) -> Page:
        self.asked.append((start, end))
        inside = [number for at in sorted(self.rows, reverse=True) if start <= at <= end for number in self.rows[at]]
        page = int(key or "0")
        more = len(inside) > (page + 1) * 3
        return Page(inside[page * 3 : (page + 1) * 3], str(page + 1) if more else "")


async def test_windows_shrink_until_they_fit_a_page() -> None:
    rows = {100 + n: [f"{n}a", f"{n}b"] for n in range(8)} | {500: [f"z{n}" for n in range(7)]}
    listed = Shifting(rows)
    walk, place = Walk(3, 60), Place(high=99)
    found: list[str] = []
    for _ in range(30):
        numbers, place, more = await walk.step(place, 600, listed)
        found += numbers
        if not more:
            break
    assert set(found) == {number for numbers in rows.values() for number in numbers}
    assert (place.high, place.at) == (600, 0)
    assert any(start == end == 500 for start, end in listed.asked), "a full second is read on by its key"
    numbers, _, _ = await walk.step(place, 601, listed)
    assert numbers == []
    assert listed.asked[-1] == (597, 601), "overlap"

    async def endless(start: int, end: int, key: str) -> Page:
        return Page(["1"], "k")

    with pytest.raises(ConnectorError, match="no end"):
        await Walk(3, 60).step(Place(high=599), 600, endless)


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
