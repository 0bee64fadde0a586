"""JD's game-card platform: orders that JD tells of, its questions, and cards handed over to a scripted JD."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.jd_called import Book
from connectors.jd_wire import sign_gamecard
from connectors.registry import build_shop
from connectors.shops.jd_gamecard.shop import JdGameCardShop
from core.model.clock import SECOND, to_text
from core.model.effects import Effect, EffectClass, Result
from core.model.lifecycle import Stage
from core.model.order import OrderUpdate, Quarantined
from core.ports import ConnectorError, Inbound, Receiver, Remapper, Shop, Standing
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port

CUSTOMER, KEY, NUMBER = "10817", "1888bc29f89f9e19e7ff8c788ba5fc0c", "203632092"
PRICES = "JDC-STEAM20=22.90"
AT = NOW * SECOND


class Jd:
    """Takes cards, as the test says."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.taken: list[Json] = []
        self.at = NOW

    def __call__(self, request: Request) -> Answer:
        form = request.form
        assert (request.method, request.path) == ("POST", "/api/cardApi.action")
        assert form["sign"] == sign_gamecard(form, KEY)
        assert (form["customerId"], form["timestamp"]) == (CUSTOMER, to_text(self.at * SECOND, fmt="%Y%m%d%H%M%S"))
        self.taken.append(json.loads(base64.b64decode(form["data"]).decode("gbk")))
        return self.answers.pop(0) if self.answers else code("100")


def code(number: str) -> Answer:
    return 200, {"retCode": number, "retMessage": "m"}


def shop_at(url: str, folder: Path, clock: ManualClock | None = None, **more: str) -> JdGameCardShop:
    options = {
        "platform": "jd-gamecard", "callback_url": f"{url}/api/cardApi.action", "customer_id": CUSTOMER, "key": KEY,
        "asked_file": str(folder / "told"), "prices": PRICES, **more,
    }  # fmt: skip
    shop = build_shop("jd-card", options, clock or ManualClock())
    assert isinstance(shop, JdGameCardShop)
    return shop


def call(tail: str, data: Any, encoding: str = "utf-8", at: int = NOW, change: Json | None = None) -> Inbound:
    """A call in JD's name."""
    raw = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode(encoding)
    form = {
        "customerId": CUSTOMER, "data": base64.b64encode(raw).decode(), "version": "",
        "timestamp": to_text(at * SECOND, fmt="%Y%m%d%H%M%S"), **(change or {}),
    }  # fmt: skip
    form.setdefault("sign", sign_gamecard(form, KEY))
    return Inbound(method="POST", tail=tail, query="", headers={}, body=urlencode(form).encode())


async def said(shop: JdGameCardShop, request: Inbound, standing: Standing | None = None) -> tuple[str, Json]:
    """Code and data of the answer."""
    body = json.loads((await shop.receive(request)).render(standing).body)
    return body["retCode"], json.loads(base64.b64decode(body["data"])) if body.get("data") else {}


def standing(stage: Stage, waits: bool = False) -> Standing:
    done = stage in (Stage.DELIVERED, Stage.CLOSED)
    return Standing(stage=stage, delivered=done, waits=waits, delivered_at=AT if done else None)


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    shop = shop_at("http://127.0.0.1:1", tmp_path)
    assert isinstance(shop, Shop)
    assert isinstance(shop, Receiver)
    assert (shop.send_via, set(shop.specs)) == ("shop", {Effect.SEND})
    spec = shop.specs[Effect.SEND]
    assert (spec.cls, spec.ships, spec.askable) == (EffectClass.B, True, False)
    assert KEY not in repr(shop) + repr(vars(shop))


@pytest.mark.parametrize(
    "wrong", [{"key": " "}, {"customer_id": ""}, {"prices": "x"}, {"callback_url": "http://card.jd.com"},
              {"asked_file": "/nowhere/at/all"}, {"nope": "1"}],
)  # fmt: skip
def test_settings_that_are_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        shop_at("http://127.0.0.1:1", tmp_path, None, **wrong)


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
async def test_orders_are_stated_and_told_again_alike(tmp_path: Path, encoding: str) -> None:
    clock = ManualClock()
    shop = shop_at("http://127.0.0.1:1", tmp_path, clock)
    request = call("order", load("jd_gamecard/order") | {"pin": "张三"}, encoding)
    first = await shop.receive(request)
    (update,) = first.batch
    assert isinstance(update, OrderUpdate)
    assert (update.ext_id, update.buyer, first.pull) == (NUMBER, "张三", False)
    assert json.loads(first.render(None).body) == {"retCode": "100", "retMessage": "accepted"}
    clock.now += 300
    again = await shop.receive(request)
    assert again.batch == first.batch, "the same facts, with the time of the first telling"
    assert again.render(standing(Stage.DELIVERED)).body == first.render(None).body
    reborn = shop_at("http://127.0.0.1:1", tmp_path, clock)
    assert await reborn.read(NUMBER) == update
    assert (await reborn.pull(None)).updates == ()
    with pytest.raises(ConnectorError):
        await reborn.read("1")


async def test_another_order_under_a_known_number_is_not_taken(tmp_path: Path) -> None:
    shop = shop_at("http://127.0.0.1:1", tmp_path)
    sample = load("jd_gamecard/order")
    await shop.receive(call("order", sample))
    received = await shop.receive(call("order", sample | {"buyNum": "3", "totalPrice": "68.70"}))
    assert [type(update) for update in received.batch] == [Quarantined]
    assert json.loads(received.render(None).body)["retCode"] == "999"
    kept = await shop.read(NUMBER)
    assert isinstance(kept, OrderUpdate)
    assert kept.lines[0].qty == 2


async def test_what_was_set_aside_waits_for_jd_to_tell_of_it_again(tmp_path: Path) -> None:
    shop = shop_at("http://127.0.0.1:1", tmp_path)
    assert isinstance(shop, Remapper)
    raw = json.dumps(load("jd_gamecard/order")).encode()
    kept = Quarantined(ext_id=NUMBER, field="totalPrice", why="price_mismatch", raw=raw)
    (still,) = await shop.remap(kept, 5)
    assert isinstance(still, Quarantined)
    assert not (tmp_path / "told").read_bytes()
    await shop.receive(call("order", load("jd_gamecard/order")))
    assert await shop.remap(kept, 5) == (await shop.read(NUMBER),)
    other = json.dumps(load("jd_gamecard/order") | {"buyNum": "3", "totalPrice": "68.70"}).encode()
    (still,) = await shop.remap(Quarantined(ext_id=NUMBER, field="orderId", why="w", raw=other), 5)
    assert isinstance(still, Quarantined)


async def test_what_is_not_understood_is_kept_and_asked_for_again(tmp_path: Path) -> None:
    shop = shop_at("http://127.0.0.1:1", tmp_path)
    for data in (load("jd_gamecard/order") | {"buyNum": "two"}, b"\xff\xff", b"{", b""):
        received = await shop.receive(call("order", data))
        assert [type(update) for update in received.batch] == [Quarantined], data
        assert json.loads(received.render(None).body)["retCode"] == "999"
    with pytest.raises(ConnectorError):
        await shop.read(NUMBER)


@pytest.mark.parametrize(
    "change",
    [{"sign": "0" * 32}, {"sign": ""}, {"customerId": "1"}, {"timestamp": "20200101000000"}, {"timestamp": "x"}],
)
@pytest.mark.parametrize("tail", ["order", "query"])
async def test_whoever_is_not_jd_is_refused(tmp_path: Path, tail: str, change: dict[str, str]) -> None:
    shop = shop_at("http://127.0.0.1:1", tmp_path)
    received = await shop.receive(call(tail, load("jd_gamecard/order"), change=change))
    assert (received.batch, received.look) == ((), "")
    assert json.loads(received.render(None).body)["retCode"] == "106"


async def test_other_addresses_and_broken_bodies(tmp_path: Path) -> None:
    shop = shop_at("http://127.0.0.1:1", tmp_path)
    good = call("order", load("jd_gamecard/order"))
    for method, tail in (("GET", "order"), ("POST", ""), ("POST", "check")):
        request = Inbound(method=method, tail=tail, query="", headers={}, body=good.body)
        assert (await shop.receive(request)).render(None).status == 404
    for body in (b"\xff", b"a=1&" * 100, b""):
        request = Inbound(method="POST", tail="order", query="", headers={}, body=body)
        assert (await said(shop, request))[0] == "106"


async def test_a_plus_sign_that_became_a_blank(tmp_path: Path) -> None:
    shop = shop_at("http://127.0.0.1:1", tmp_path)
    data = next(
        load("jd_gamecard/order") | {"pin": "~" * n}
        for n in range(9)
        if b"+" in base64.b64encode(json.dumps(load("jd_gamecard/order") | {"pin": "~" * n}).encode())
    )
    request = call("order", data)
    unescaped = Inbound(method="POST", tail="order", query="", headers={}, body=request.body.replace(b"%2B", b"+"))
    assert unescaped.body != request.body
    assert (await said(shop, unescaped))[0] == "100"


async def test_questions(tmp_path: Path) -> None:
    shop = shop_at("http://127.0.0.1:1", tmp_path)
    question = call("query", {"orderId": NUMBER})
    assert await said(shop, question) == ("108", {}), "no answer to an unknown number may give money back"
    assert (await said(shop, call("query", {"orderId ": NUMBER})))[0] == "108"
    await shop.receive(call("order", load("jd_gamecard/order")))
    assert (await shop.receive(question)).look == NUMBER
    for at in (None, *(standing(stage) for stage in Stage if stage is not Stage.CANCELLED)):
        assert await said(shop, question, at) == ("100", {"orderStatus": 1}), at
    assert await said(shop, question, standing(Stage.CANCELLED, waits=True)) == ("100", {"orderStatus": 1})
    assert await said(shop, question, standing(Stage.CANCELLED)) == ("100", {"orderStatus": 2})


async def test_cards_are_handed_over(tmp_path: Path) -> None:
    jd = Jd()
    async with Scripted(jd) as server:
        shop = shop_at(server.url, tmp_path)
        await shop.receive(call("order", load("jd_gamecard/order")))
        assert (await shop.perform(send(NUMBER, keys=("AAAA-1", "BBBB-2")))).result is Result.CONFIRMED
        cards = [{"cardno": "-", "cardpass": key, "expiretime": ""} for key in ("AAAA-1", "BBBB-2")]
        assert jd.taken == [{"orderId": NUMBER, "orderStatus": "0", "cardinfos": cards}]
        assert (await shop.ask(send(NUMBER))).result is Result.UNKNOWN
        assert (await shop.perform(ship(NUMBER))).result is Result.REJECTED
        assert (await shop.perform(send(NUMBER, keys=()))).result is Result.REJECTED
        for wrong in ("汉字", "two words", "", "x" * 5001):
            assert (await shop.perform(send(NUMBER, keys=("AAAA-1", wrong)))).result is Result.REJECTED
        assert len(jd.taken) == 1
        await shop.close()
        parts = shop_at(server.url, tmp_path, None, separator="----")
        await parts.perform(send(NUMBER, keys=("NO_1----PASS",)))
        assert jd.taken[-1]["cardinfos"] == [{"cardno": "NO_1", "cardpass": "PASS", "expiretime": ""}]
        assert (await parts.perform(send(NUMBER, keys=("号----PASS",)))).result is Result.REJECTED
        await parts.close()


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (code("101"), Result.REJECTED), (code("102"), Result.REJECTED), (code("104"), Result.REJECTED),
        (code("105"), Result.LATER), (code("106"), Result.LATER), (code("108"), Result.LATER),
        (code("999"), Result.UNKNOWN), (code("1000"), Result.UNKNOWN), (code("777"), Result.UNKNOWN),
        ((200, []), Result.UNKNOWN), ((500, {}), Result.UNKNOWN), ((429, {}), Result.LATER),
        (Act.RESET, Result.UNKNOWN), (Act.CLOSE, Result.UNKNOWN), (Act.HALF, Result.UNKNOWN),
    ],
)  # fmt: skip
async def test_what_answers_mean(tmp_path: Path, answer: Any, result: Result) -> None:
    jd = Jd()
    async with Scripted(jd) as server:
        shop = shop_at(server.url, tmp_path)
        await shop.receive(call("order", load("jd_gamecard/order")))
        jd.answers = [answer, code("102")]
        assert (await shop.perform(send(NUMBER))).result is result
        # A lost answer explains why JD wants no cards any more; a call that was turned away does not.
        explained = Result.CONFIRMED if result is Result.UNKNOWN else Result.REJECTED
        assert (await shop.perform(send(NUMBER, attempt=2))).result is explained
        assert jd.taken[0] == jd.taken[1], "a repeat carries the same cards"
        await shop.close()


async def test_a_lost_answer_is_remembered_over_a_restart_and_not_for_ever(tmp_path: Path) -> None:
    jd, clock = Jd(), ManualClock()
    async with Scripted(jd) as server:
        shop = shop_at(server.url, tmp_path, clock)
        await shop.receive(call("order", load("jd_gamecard/order")))
        jd.answers = [Act.RESET, code("102"), code("102")]
        assert (await shop.perform(send(NUMBER))).result is Result.UNKNOWN
        await shop.close()
        reborn = shop_at(server.url, tmp_path, clock)
        assert (await reborn.perform(send(NUMBER, attempt=2))).result is Result.CONFIRMED
        await reborn.close()
        clock.now += 3601
        late = shop_at(server.url, tmp_path, clock)
        jd.at = clock.now
        assert (await late.perform(send(NUMBER, attempt=3))).result is Result.UNKNOWN, "money may be back by now"
        await late.close()


async def test_nothing_reached_a_closed_port(tmp_path: Path) -> None:
    shop = shop_at(f"http://127.0.0.1:{closed_port()}", tmp_path)
    await shop.receive(call("order", load("jd_gamecard/order")))
    assert (await shop.perform(send(NUMBER))).result is Result.NOT_SENT
    told = Book(tmp_path / "told").of(NUMBER)
    assert told is not None
    assert told.sent == 0
    await shop.close()
