"""JD's doors that call the desk: they ask until they are answered, act on what they are told, and take cards as they come."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.practice.world import State
from connectors.registry import build_shop
from core.model.clock import now_us
from core.model.effects import Result
from core.model.order import OrderUpdate
from core.ports import Receiver
from tests.connectors.hook_kit import Hooked, behind
from tests.connectors.kit import send
from tests.connectors.practice_client import Desk, plan, world
from tests.connectors.server import Answer, Request

CARD, TRADE = "jd-gamecard", "jd-trade"
SHOPS = {CARD: "jd-card", TRADE: "jd-trade"}
TAILS = {CARD: ("order", "query"), TRADE: ("beginDistill", "findDistill")}
KEYS = ("AAAA-1111", "BBBB-2222")


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def b64(data: Any) -> str:
    return base64.b64encode(json.dumps(data).encode()).decode()


class Protocol:
    """One of the two, as a desk speaks it by hand."""

    def __init__(self, desk: Desk, kind: str) -> None:
        self.desk, self.kind, self.shop = desk, kind, desk.shops[SHOPS[kind]]

    def sign(self, form: dict[str, Any]) -> str:
        pairs = [
            (name, str(form[name])) for name in sorted(form) if name not in ("sign", "signType") and form[name] != ""
        ]
        if self.kind == CARD:
            return md5("&".join([*(f"{name}={value}" for name, value in pairs), self.shop["key"]]))
        return md5("".join(name + value for name, value in pairs) + self.shop["key"])

    def number(self, request: Request) -> str:
        """The order that a call of JD's is about, its signature checked."""
        form = request.form
        assert form["sign"] == self.sign(form)
        if self.kind == TRADE:
            return form["jdOrderNo"]
        assert form["customerId"] == self.shop["customer_id"]
        return str(json.loads(base64.b64decode(form["data"]).decode("gbk"))["orderId"])

    def product(self, keys: tuple[str, ...]) -> str:
        cards = [{"cardNumber": "-", "password": key, "expiryDate": "-"} for key in keys]
        padder = padding.PKCS7(128).padder()
        data = padder.update(json.dumps(cards).encode()) + padder.finalize()
        work = Cipher(algorithms.AES(self.shop["aes_key"].encode()), modes.ECB()).encryptor()
        return base64.b64encode(work.update(data) + work.finalize()).decode()

    def answer(self, number: str, state: int, keys: tuple[str, ...] = ()) -> tuple[int, Any]:
        """``state``: 1 done, 2 failed, 3 in progress."""
        if self.kind == CARD:
            data: dict[str, Any] = {"orderStatus": {1: 0, 2: 2, 3: 1}[state]}
            if keys:
                data["cardinfos"] = [{"cardno": "-", "cardpass": key} for key in keys]
            return 200, {"retCode": "100", "retMessage": "m", "data": b64(data)}
        body = {
            "code": "JDO_200", "jdOrderNo": int(number), "agentOrderNo": "A1", "produceStatus": state,
            "timestamp": "20260102030405", "signType": "MD5", "product": self.product(keys) if keys else "",
        }  # fmt: skip
        return 200, body | {"sign": self.sign(body)}

    async def hand_over(self, number: str, keys: tuple[str, ...], **change: str) -> str:
        """The code that JD answers cards with."""
        cards = [{"cardno": "-", "cardpass": key} for key in keys]
        form = {
            "customerId": self.shop["customer_id"], "timestamp": "20260102030405",
            "data": b64({"orderId": number, "orderStatus": "0", "cardinfos": cards}),
        } if self.kind == CARD else {
            "vendorId": self.shop["vendor_id"], "timestamp": "20260102030405", "jdOrderNo": number, "agentOrderNo": "A1",
            "produceStatus": "1", "quantity": str(len(keys)), "product": self.product(keys),
        }  # fmt: skip
        form |= change
        form.setdefault("sign", self.sign(form))
        url = self.shop["callback_url" if self.kind == CARD else "notify_url"]
        said = (await self.desk.http.post(url, data=form)).json()
        return str(said["retCode" if self.kind == CARD else "code"])


class Listener:
    """Stands where the desk would: what it answers to tellings and to questions, first to last, then for ever the last."""

    def __init__(self, protocol: Protocol, tellings: list[Any], questions: list[Any]) -> None:
        self.protocol, self.script = protocol, dict(zip(TAILS[protocol.kind], (tellings, questions), strict=True))
        self.heard: list[tuple[str, str]] = []

    def __call__(self, request: Request) -> Answer:
        tail = request.path.removeprefix(f"/hook/{SHOPS[self.protocol.kind]}/")
        number = self.protocol.number(request)
        self.heard.append((tail, number))
        answers = self.script[tail]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        said: Answer = answer(number) if callable(answer) else answer
        return said

    def count(self, index: int) -> int:
        return [tail for tail, _ in self.heard].count(TAILS[self.protocol.kind][index])


def state(desk: Desk, kind: str, n: int = 0) -> State:
    return list(desk.setting.world.shops[SHOPS[kind]].orders.values())[n].state


@pytest.mark.parametrize("kind", [CARD, TRADE])
async def test_it_asks_until_it_is_answered_and_then_how_far_it_is(tmp_path: Path, kind: str) -> None:
    async with world(tmp_path, [plan(1, kind, qty=2)], platforms=(kind,)) as desk:
        jd = Protocol(desk, kind)

        def running(number: str) -> Answer:
            return jd.answer(number, 3)

        again: Answer = (200, {"retCode": "999", "retMessage": "m"}) if kind == CARD else (200, {"code": "JDO_500"})
        listener = Listener(jd, [(503, {}), again, (200, []), running], [(503, {}), running])
        async with Hooked(listener, desk):
            await desk.begin()
            await desk.until(lambda: listener.count(1) >= 3)
            assert listener.count(0) == 4, "told until it was taken, and not once more"
            (number,) = desk.setting.world.shops[SHOPS[kind]].orders
            assert {asked for _, asked in listener.heard} == {number}
            assert desk.ledger("send") == []
            good = {CARD: "100", TRADE: "0"}[kind]
            assert await jd.hand_over(number, KEYS) == good
        (sent,), (shipped,) = desk.ledger("send"), desk.ledger("ship")
        assert (sent["keys"], sent["net_paid"], shipped["ext_id"]) == (list(KEYS), sent["due"], number)
        assert state(desk, kind) is State.SHIPPED


@pytest.mark.parametrize("kind", [CARD, TRADE])
@pytest.mark.parametrize("index", [0, 1])
async def test_cards_may_come_with_an_answer(tmp_path: Path, kind: str, index: int) -> None:
    async with world(tmp_path, [plan(1, kind, qty=2)], platforms=(kind,)) as desk:
        jd = Protocol(desk, kind)
        answers: list[Callable[[str], Answer]] = [
            lambda number: jd.answer(number, 3), lambda number: jd.answer(number, 1, KEYS),
        ]  # fmt: skip
        listener = Listener(jd, [answers[1 - index]] if index else [answers[1]], [answers[1]])
        async with Hooked(listener, desk):
            await desk.begin()
            await desk.until(lambda: desk.ledger("ship"))
        assert (listener.count(1), state(desk, kind)) == (index, State.SHIPPED)
        assert [record["keys"] for record in desk.ledger("send")] == [list(KEYS)]


@pytest.mark.parametrize("kind", [CARD, TRADE])
async def test_failed_gives_the_money_back_and_cards_after_it_are_refused(tmp_path: Path, kind: str) -> None:
    async with world(tmp_path, [plan(1, kind)], platforms=(kind,)) as desk:
        jd = Protocol(desk, kind)
        listener = Listener(jd, [lambda number: jd.answer(number, 3)], [lambda number: jd.answer(number, 2)])
        async with Hooked(listener, desk):
            await desk.begin()
            await desk.until(lambda: state(desk, kind) is State.REFUNDED)
        (number,) = desk.setting.world.shops[SHOPS[kind]].orders
        assert await jd.hand_over(number, KEYS[:1]) == {CARD: "102", TRADE: "13"}[kind]
        (sent,) = desk.ledger("send")
        assert sent["net_paid"] == 0, "what was handed to JD is out of the merchant's hands all the same"


@pytest.mark.parametrize(
    ("code", "back"), [("107", True), ("101", True), ("108", False), ("110", False), ("1000", False)]
)
async def test_a_code_that_is_not_to_be_tried_again_is_a_failure(tmp_path: Path, code: str, back: bool) -> None:
    async with world(tmp_path, [plan(1, CARD)], platforms=(CARD,)) as desk:
        jd = Protocol(desk, CARD)
        said: Answer = (200, {"retCode": code, "retMessage": "m"})
        listener = Listener(jd, [lambda number: jd.answer(number, 3)], [said])
        async with Hooked(listener, desk):
            await desk.begin()
            await desk.until(lambda: state(desk, CARD) is State.REFUNDED if back else listener.count(1) >= 3)
        assert (state(desk, CARD) is State.REFUNDED) == back


async def test_an_order_in_trouble_is_not_asked_about(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, TRADE)], platforms=(TRADE,)) as desk:
        jd = Protocol(desk, TRADE)

        def trouble(number: str) -> Answer:
            status, body = jd.answer(number, 3)
            changed = body | {"produceStatus": 4, "sign": ""}
            return status, changed | {"sign": jd.sign(changed)}

        listener = Listener(jd, [trouble], [trouble])
        async with Hooked(listener, desk):
            await desk.begin()
            gate: Any = desk.setting.front._gates["jdtrade"]
            await desk.until(lambda: gate.paused)
        assert (listener.count(0), listener.count(1), state(desk, TRADE)) == (1, 0, State.PAID)


@pytest.mark.parametrize("kind", [CARD, TRADE])
async def test_what_is_wrong_with_cards(tmp_path: Path, kind: str) -> None:
    async with world(tmp_path, [plan(1, kind, qty=2)], platforms=(kind,)) as desk:
        jd = Protocol(desk, kind)
        await desk.begin()
        (number,) = desk.setting.world.shops[SHOPS[kind]].orders
        codes = {CARD: ("106", "101", "104", "104", "100", "102"), TRADE: ("10", "3", "2", "12", "0", "13")}[kind]
        assert await jd.hand_over(number, KEYS, sign="0" * 32) == codes[0]
        assert await jd.hand_over("1", KEYS) == codes[1]
        assert await jd.hand_over(number, ()) == codes[2]
        assert desk.ledger("send") == []
        assert await jd.hand_over(number, KEYS[:1]) == codes[3]
        assert await jd.hand_over(number, KEYS) == codes[4]
        assert await jd.hand_over(number, KEYS) == codes[5]
        assert [len(record["keys"]) for record in desk.ledger("send")] == [1, 2, 2], "every key that came is on record"
        assert len(desk.ledger("ship")) == 1
        body = urlencode({"customerId": "1", "vendorId": "1"}).encode()
        url = desk.shops[SHOPS[kind]]["callback_url" if kind == CARD else "notify_url"]
        wrong = (await desk.http.post(url, content=body)).json()
        assert wrong.get("retCode", wrong.get("code")) == {CARD: "106", TRADE: "19"}[kind]
        assert (await desk.http.post(f"{url}x", content=body)).status_code == 404


@pytest.mark.parametrize("kind", [CARD, TRADE])
async def test_a_day_with_the_connector(tmp_path: Path, kind: str) -> None:
    buyers = [plan(1, kind), plan(2, kind, qty=3, acts=[(0.05, "pay")]), plan(3, kind, acts=[])]
    async with world(tmp_path, buyers, platforms=(kind,)) as desk:
        shop = build_shop(SHOPS[kind], desk.shops[SHOPS[kind]], now_us)
        assert isinstance(shop, Receiver)
        told: list[Any] = []
        take = behind(shop, SHOPS[kind])

        async def heard(request: Request) -> Answer:
            told.append(request)
            return await take(request)

        async with Hooked(heard, desk):
            await desk.begin()
            await desk.until(lambda: len(told) >= 6)
        first, second, unpaid = desk.setting.world.shops[SHOPS[kind]].orders
        keys = tuple(desk.keys("steam50")[:3])
        for number, its in ((first, keys[:1]), (second, keys)):
            update = await shop.read(number)
            assert isinstance(update, OrderUpdate), update
            assert (update.lines[0].qty, update.total) == (len(its), 4890 * len(its))
            assert (await shop.perform(send(number, keys=its))).result is Result.CONFIRMED
        with pytest.raises(Exception, match="has not told"):
            await shop.read(unpaid)
        again = await shop.perform(send(second, attempt=2, keys=keys))
        assert again.why == "JD has the cards of an earlier attempt"
        assert [record["ext_id"] for record in desk.ledger("ship")] == [first, second]
        await shop.close()
