"""JD's general trade: orders that JD tells of, its questions, and cards under AES handed over to a scripted JD."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.jd_wire import sign_trade, unseal
from connectors.registry import build_shop
from connectors.shops.jd_trade.shop import JdTradeShop
from core.model.clock import SECOND, to_text
from core.model.effects import Effect, EffectClass, Result
from core.model.lifecycle import Stage
from core.model.order import OrderUpdate, Quarantined
from core.ports import ConnectorError, Inbound, Receiver, Remapper, Shop, Standing
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port

VENDOR, KEY, AES, NUMBER = "1201", "jdvtpkey", "12345678901234567890123456789012", "10001"
PRICES = "45001=22.90"


class Jd:
    """Takes cards, as the test says."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.taken: list[Any] = []
        self.forms: list[dict[str, str]] = []

    def __call__(self, request: Request) -> Answer:
        form = request.form
        assert (request.method, request.path) == ("POST", "/vtp/produce/result")
        assert form["sign"] == sign_trade(form, KEY)
        self.forms.append(form)
        self.taken.append(json.loads(unseal(form["product"], AES)))
        return self.answers.pop(0) if self.answers else code("0")


def code(number: str) -> Answer:
    return 200, {"code": number, "message": "m"}


def shop_at(folder: Path, clock: ManualClock | None = None, **more: str) -> JdTradeShop:
    options = {
        "platform": "jd-trade", "vendor_id": VENDOR, "key": KEY, "aes_key": AES, "asked_file": str(folder / "told"),
        "prices": PRICES, **more,
    }  # fmt: skip
    shop = build_shop("jd-trade", options, clock or ManualClock())
    assert isinstance(shop, JdTradeShop)
    return shop


def call(tail: str, form: Json, /, at: int = NOW, change: Json | None = None) -> Inbound:
    """A call in JD's name."""
    fields = {**form, "signType": "MD5", "timestamp": to_text(at * SECOND, fmt="%Y%m%d%H%M%S"), **(change or {})}
    fields.setdefault("sign", sign_trade(fields, KEY))
    return Inbound(method="POST", tail=tail, query="", headers={}, body=urlencode(fields).encode())


def told(**change: str) -> Inbound:
    return call("beginDistill", load("jd_trade/order"), change=change)


async def state(shop: JdTradeShop, request: Inbound, standing: Standing | None = None) -> tuple[str, int]:
    """Code and state of the answer, which must be signed and name the order."""
    reply = (await shop.receive(request)).render(standing)
    body: Json = json.loads(reply.body)
    assert (reply.status, body["jdOrderNo"], body["agentOrderNo"]) == (200, int(NUMBER), f"KD{NUMBER}")
    assert body["sign"] == sign_trade({name: str(value) for name, value in body.items()}, KEY)
    assert "product" not in body
    return body["code"], body["produceStatus"]


def standing(stage: Stage, waits: bool = False) -> Standing:
    done = stage in (Stage.DELIVERED, Stage.CLOSED)
    return Standing(stage=stage, delivered=done, waits=waits, delivered_at=NOW * SECOND if done else None)


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    shop = shop_at(tmp_path)
    assert isinstance(shop, Shop)
    assert isinstance(shop, Receiver)
    assert (shop.send_via, set(shop.specs)) == ("shop", {Effect.SEND})
    spec = shop.specs[Effect.SEND]
    assert (spec.cls, spec.ships, spec.askable) == (EffectClass.B, True, False)
    assert KEY not in repr(shop) + repr(vars(shop))
    assert AES not in repr(shop) + repr(vars(shop))


@pytest.mark.parametrize(
    "wrong", [{"key": " "}, {"aes_key": "short"}, {"vendor_id": ""}, {"prices": "x"}, {"notify_url": "http://jd.com"},
              {"asked_file": "/nowhere/at/all"}, {"nope": "1"}],
)  # fmt: skip
def test_settings_that_are_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        shop_at(tmp_path, None, **wrong)


async def test_orders_are_stated_and_told_again_alike(tmp_path: Path) -> None:
    clock = ManualClock()
    shop = shop_at(tmp_path, clock)
    first = await shop.receive(told())
    (update,) = first.batch
    assert isinstance(update, OrderUpdate)
    assert (update.ext_id, first.look, first.pull) == (NUMBER, NUMBER, False)
    assert await state(shop, told()) == ("JDO_201", 3)
    clock.now += 300
    again = await shop.receive(call("beginDistill", load("jd_trade/order"), at=clock.now))
    assert [type(got) for got in again.batch] == [OrderUpdate]
    reborn = shop_at(tmp_path, clock)
    kept = await reborn.read(NUMBER)
    assert isinstance(kept, OrderUpdate)
    assert (kept.lines, kept.total, kept.payments) == (update.lines, update.total, update.payments)
    assert (await reborn.pull(None)).updates == ()
    with pytest.raises(ConnectorError):
        await reborn.read("1")


async def test_another_order_under_a_known_number_is_not_taken(tmp_path: Path) -> None:
    shop = shop_at(tmp_path)
    await shop.receive(told())
    received = await shop.receive(
        call("beginDistill", load("jd_trade/order") | {"quantity": "1", "totalPrice": "2290"})
    )
    assert [type(update) for update in received.batch] == [Quarantined]
    assert received.render(None).status == 503
    kept = await shop.read(NUMBER)
    assert isinstance(kept, OrderUpdate)
    assert kept.lines[0].qty == 2


async def test_what_was_set_aside_waits_for_jd_to_tell_of_it_again(tmp_path: Path) -> None:
    shop = shop_at(tmp_path)
    assert isinstance(shop, Remapper)
    (aside,) = (await shop.receive(told(totalPrice="458000"))).batch
    assert isinstance(aside, Quarantined)
    assert isinstance((await shop.remap(aside, 5))[0], Quarantined)
    raw = json.dumps(load("jd_trade/order")).encode()
    kept = Quarantined(ext_id=NUMBER, field="totalPrice", why="price_mismatch", raw=raw)
    assert isinstance((await shop.remap(kept, 5))[0], Quarantined)
    await shop.receive(told())
    (order,) = await shop.remap(kept, 5)
    assert isinstance(order, OrderUpdate)
    assert order.total == 4580


@pytest.mark.parametrize(
    "change", [{"quantity": "two"}, {"notifyUrl": "https://example.com/vtp"}, {"expand": "AAAA"}, {"jdOrderNo": ""}]
)
async def test_what_is_not_understood_is_kept_and_asked_for_again(tmp_path: Path, change: dict[str, str]) -> None:
    shop = shop_at(tmp_path)
    received = await shop.receive(told(**change))
    assert [type(update) for update in received.batch] == [Quarantined]
    reply = received.render(None)
    assert (reply.status, "produceStatus" in json.loads(reply.body)) == (503, False)
    with pytest.raises(ConnectorError):
        await shop.read(NUMBER)


@pytest.mark.parametrize(
    "change", [{"sign": "0" * 32}, {"sign": ""}, {"vendorId": "1"}, {"timestamp": "20200101000000"}, {"timestamp": "x"}]
)
@pytest.mark.parametrize("tail", ["beginDistill", "findDistill"])
async def test_whoever_is_not_jd_is_refused(tmp_path: Path, tail: str, change: dict[str, str]) -> None:
    shop = shop_at(tmp_path)
    received = await shop.receive(call(tail, load("jd_trade/order"), change=change))
    assert (received.batch, received.look) == ((), "")
    reply = received.render(None)
    assert (reply.status, json.loads(reply.body)) == (403, {"code": "JDO_304", "message": "sign"})


async def test_other_addresses_and_broken_bodies(tmp_path: Path) -> None:
    shop = shop_at(tmp_path)
    for method, tail in (("GET", "beginDistill"), ("POST", ""), ("POST", "beginDisstill")):
        request = Inbound(method=method, tail=tail, query="", headers={}, body=told().body)
        assert (await shop.receive(request)).render(None).status == 404
    for body in (b"\xff", b"a=1&" * 100, b""):
        request = Inbound(method="POST", tail="findDistill", query="", headers={}, body=body)
        assert (await shop.receive(request)).render(None).status == 403


async def test_questions(tmp_path: Path) -> None:
    shop = shop_at(tmp_path)
    question = call("findDistill", {"jdOrderNo": NUMBER})
    for unknown in (question, call("findDistill", {"jdOrderNo": ""}), call("findDistill", {})):
        assert (await shop.receive(unknown)).render(None).status == 503, "no state may be guessed"
    await shop.receive(told())
    assert (await shop.receive(question)).look == NUMBER
    for at in (None, *(standing(stage) for stage in Stage if stage is not Stage.CANCELLED)):
        assert await state(shop, question, at) == ("JDO_201", 3), at
    assert await state(shop, question, standing(Stage.CANCELLED, waits=True)) == ("JDO_201", 3)
    assert await state(shop, question, standing(Stage.CANCELLED)) == ("JDO_305", 2)
    assert await state(shop, told(), standing(Stage.CANCELLED)) == ("JDO_305", 2)


async def test_cards_are_handed_over(tmp_path: Path) -> None:
    jd = Jd()
    async with Scripted(jd) as server:
        shop = shop_at(tmp_path, notify_hosts="127.0.0.1, jd.example.com")
        await shop.receive(told(notifyUrl=f"{server.url}/vtp"))
        assert (await shop.perform(send(NUMBER, keys=("AAAA-1", "BBBB-2")))).result is Result.CONFIRMED
        assert jd.taken == [[{"cardNumber": "-", "password": key, "expiryDate": "-"} for key in ("AAAA-1", "BBBB-2")]]
        form = jd.forms[0]
        assert (form["vendorId"], form["jdOrderNo"], form["agentOrderNo"]) == (VENDOR, NUMBER, f"KD{NUMBER}")
        assert (form["produceStatus"], form["quantity"]) == ("1", "2")
        assert "AAAA" not in str(form), "cards travel under AES"
        assert (await shop.ask(send(NUMBER))).result is Result.UNKNOWN
        assert (await shop.perform(ship(NUMBER))).result is Result.REJECTED
        assert (await shop.perform(send(NUMBER, keys=()))).result is Result.REJECTED
        assert (await shop.perform(send(NUMBER, keys=("x" * 128,)))).result is Result.REJECTED
        assert (await shop.perform(send("77"))).result is Result.LATER, "nobody said where to"
        assert len(jd.taken) == 1
        await shop.close()
        fixed = shop_at(tmp_path, notify_url=f"{server.url}/vtp/produce/result", separator="----")
        await fixed.perform(send("77", keys=("NO1----PASS",)))
        assert jd.taken[-1] == [{"cardNumber": "NO1", "password": "PASS", "expiryDate": "-"}]
        assert (await fixed.perform(send("77", keys=("NO1----",)))).result is Result.REJECTED
        await fixed.close()


async def test_a_new_address_replaces_the_first(tmp_path: Path) -> None:
    jd = Jd()
    async with Scripted(jd) as server:
        shop = shop_at(tmp_path, notify_hosts="127.0.0.1")
        await shop.receive(told())
        await shop.receive(told(notifyUrl=f"{server.url}/vtp/"))
        assert (await shop.perform(send(NUMBER))).result is Result.CONFIRMED
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (code("2"), Result.REJECTED), (code("3"), Result.REJECTED), (code("12"), Result.REJECTED),
        (code("13"), Result.REJECTED), (code("10"), Result.LATER), (code("11"), Result.LATER), (code("19"), Result.LATER),
        (code("500"), Result.UNKNOWN), (code("777"), Result.UNKNOWN), ((200, []), Result.UNKNOWN),
        ((500, {}), Result.UNKNOWN), ((429, {}), Result.LATER), (Act.RESET, Result.UNKNOWN), (Act.CLOSE, Result.UNKNOWN),
        (Act.HALF, Result.UNKNOWN),
    ],
)  # fmt: skip
async def test_what_answers_mean(tmp_path: Path, answer: Any, result: Result) -> None:
    jd = Jd()
    async with Scripted(jd) as server:
        shop = shop_at(tmp_path, notify_url=f"{server.url}/vtp/produce/result")
        await shop.receive(told())
        jd.answers = [answer, code("13")]
        assert (await shop.perform(send(NUMBER))).result is result
        # A lost answer explains why JD wants no cards any more; a call that was turned away does not.
        explained = Result.CONFIRMED if result is Result.UNKNOWN else Result.REJECTED
        assert (await shop.perform(send(NUMBER, attempt=2))).result is explained
        assert jd.taken[0] == jd.taken[1], "a repeat carries the same cards"
        await shop.close()


async def test_nothing_reached_a_closed_port(tmp_path: Path) -> None:
    shop = shop_at(tmp_path, notify_url=f"http://127.0.0.1:{closed_port()}/vtp")
    await shop.receive(told())
    assert (await shop.perform(send(NUMBER))).result is Result.NOT_SENT
    assert b'"sent"' not in (tmp_path / "told").read_bytes().splitlines()[-1]
    await shop.close()
