"""Top-ups from Kashangwl: bought once, asked about by our number, never bought again in doubt."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.channel_kinds import build_channel
from connectors.suppliers.kashangwl.channel import KashangwlChannel
from connectors.suppliers.kashangwl.turns import Turns
from connectors.suppliers.kashangwl.voucher import covers
from core.model.contact import ContactKind
from core.model.effects import Call, Effect, EffectClass, Outcome, Result
from core.ports import Carrier, Channel
from tests.connectors.kit import Json, ManualClock, send, ship
from tests.connectors.server import Act, Answer, Request, Scripted

KEY, PHONE = "customer-sesame", "13800138000"
VOUCHERS = ("41553@10@000001", "41553@10@000002")
PRODUCT = {"id": 41553, "type": 1, "price": "9.8000", "stock_state": 1, "supply_state": 1, "name": "10元"}


class Supplier:
    """Answers by path, the signature checked; remembers purchases by our number."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self._clock = clock or ManualClock()
        self.product: Json = dict(PRODUCT)
        self.state = 200
        self.bought: dict[str, Json] = {}
        self.override: dict[str, Callable[[Json], Answer]] = {}
        self.calls: list[tuple[str, Json]] = []

    def paths(self) -> list[str]:
        return [path.removeprefix("/api/") for path, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        body = json.loads(request.body)
        text = "".join(f"{name}{body[name]}" for name in sorted(body) if name != "sign")
        assert body["sign"] == hashlib.md5((KEY + text).encode()).hexdigest()
        assert (body["customer_id"], body["timestamp"]) == (1192442, self._clock.now * 1000)
        self.calls.append((request.path, body))
        if request.path in self.override:
            return self.override[request.path](body)
        if request.path == "/api/product":
            return 200, {"code": "ok", "message": "", "data": self.product}
        if request.path == "/api/buy":
            self.bought[body["outer_order_id"]] = body
            data = {
                "order_id": "557305089422",
                "product_price": "9.8000",
                "total_price": "19.6000",
                "state": self.state,
            }
            return 200, {"code": "ok", "message": "", "data": data}
        assert request.path == "/api/outer-order"
        found = self.bought.get(body["outer_order_id"])
        if found is None:
            return 200, {"code": "gone", "message": "订单不存在", "data": None}
        data = {"id": "557305089422", "state": self.state, "recharge_account": found["recharge_account"], "cards": None}
        return 200, {"code": "ok", "message": "", "data": data}


def channel_at(url: str, clock: ManualClock | None = None, **more: str) -> KashangwlChannel:
    options = {"kind": "kashangwl", "url": url, "customer_id": "1192442", "secret": KEY, **more}
    made = build_channel("topups", options, clock or ManualClock())
    assert isinstance(made, KashangwlChannel)
    return made


def call(keys: tuple[str, ...] = VOUCHERS, attempt: int = 1, recipient: str = PHONE) -> Call:
    return send("A-1", attempt=attempt, recipient=recipient, keys=keys)


def kept(outcome: Outcome) -> Outcome:
    assert not any(word in f"{outcome!r}" for word in (KEY, *VOUCHERS))
    return outcome


async def test_one_order_is_one_purchase() -> None:
    supplier = Supplier()
    async with Scripted(supplier) as server:
        channel = channel_at(server.url)
        assert isinstance(channel, Channel)
        assert isinstance(channel, Carrier)
        assert (channel.reaches, channel.needs_pickup) == (frozenset({ContactKind.PHONE}), False)
        spec = channel.specs[Effect.SEND]
        assert (spec.cls, spec.askable, list(channel.specs)) == (EffectClass.B, True, [Effect.SEND])
        done = kept(await channel.perform(call(recipient="+86" + PHONE)))
        assert (done.result, done.remote_ref) == (Result.CONFIRMED, "557305089422")
        assert supplier.paths() == ["product", "buy"]
        bought = supplier.calls[1][1]
        assert (bought["product_id"], bought["quantity"], bought["safe_cost"]) == (41553, 2, "10")
        assert bought["recharge_account"] == PHONE
        assert done.evidence["outer_order_id"] == bought["outer_order_id"]
        assert len(bought["outer_order_id"]) == 32
        await channel.perform(send("A-2", recipient=PHONE, keys=VOUCHERS[:1]))
        assert supplier.paths() == ["product", "buy", "buy"], "a product is looked at now and then"
        assert supplier.calls[2][1]["outer_order_id"] != bought["outer_order_id"]
        assert (await channel.perform(ship("A-1"))).result is Result.REJECTED
        assert KEY not in f"{channel!r}"
        await channel.close()


@pytest.mark.parametrize(
    ("state", "result", "again"), [(200, "confirmed", False), (100, "unknown", True), (101, "unknown", True),
                                   (500, "rejected", False), (501, "unknown", False), (7, "unknown", False)],
)  # fmt: skip
async def test_what_the_states_mean(state: int, result: str, again: bool) -> None:
    supplier = Supplier()
    supplier.state = state
    async with Scripted(supplier) as server:
        channel = channel_at(server.url)
        outcomes = kept(await channel.perform(call())), kept(await channel.ask(call(())))
        assert [(o.result.value, o.retry_after is not None) for o in outcomes] == [(result, again)] * 2
        await channel.close()


@pytest.mark.parametrize(
    "answer",
    [Act.RESET, Act.CLOSE, Act.HALF, (500, {}), (200, "<html>"), (200, {"code": "ok", "data": None}),
     (200, {"code": "no_money", "message": "余额不足"}), (200, {"message": "x"}), (429, {})],
)  # fmt: skip
async def test_doubt_about_a_purchase_stays_doubt(answer: Answer) -> None:
    supplier = Supplier()
    supplier.override["/api/buy"] = lambda _: answer
    async with Scripted(supplier) as server:
        channel = channel_at(server.url)
        assert kept(await channel.perform(call())).result is Result.UNKNOWN
        assert supplier.paths().count("buy") == 1
        await channel.close()


async def test_a_refusal_that_the_settings_know_is_one() -> None:
    supplier = Supplier()
    supplier.override["/api/buy"] = lambda _: (200, {"code": "no_money", "message": f"余额不足 {VOUCHERS[0]}"})
    async with Scripted(supplier) as server:
        channel = channel_at(server.url, refused_codes="dear, no_money")
        refused = kept(await channel.perform(call()))
        assert (refused.result, refused.evidence["code"]) == (Result.REJECTED, "no_money")
        await channel.close()


async def test_nothing_left_when_nobody_listens() -> None:
    async with Scripted(Supplier()) as server:
        channel = channel_at(server.url)
        await channel.perform(call())
    assert kept(await channel.perform(call())).result is Result.NOT_SENT
    await channel.close()


@pytest.mark.parametrize(
    ("change", "result", "why"),
    [
        ({"type": 2}, "rejected", "not a top-up"), ({"price": "10.0001"}, "rejected", "more than"),
        ({"price": "0"}, "rejected", "more than"), ({"price": "cheap"}, "rejected", "more than"),
        ({"stock_state": 2}, "later", "just now"), ({"supply_state": 2}, "later", "just now"),
        ({"id": 5}, "later", "unread"), ({"price": 9.8}, "later", "unread"), ({"type": None}, "later", "unread"),
    ],
)  # fmt: skip
async def test_what_is_not_fit_is_not_bought(change: Json, result: str, why: str) -> None:
    supplier = Supplier()
    supplier.product |= change
    async with Scripted(supplier) as server:
        channel = channel_at(server.url)
        outcome = kept(await channel.perform(call()))
        assert outcome.result.value == result
        assert why in outcome.why
        assert "buy" not in supplier.paths()
        if why == "unread":
            assert (await channel.perform(call(attempt=6))).result is Result.REJECTED
        await channel.close()


@pytest.mark.parametrize("answer", [(200, {"code": "busy"}), (500, "x"), Act.RESET])
async def test_a_product_that_cannot_be_read_is_not_bought(answer: Answer) -> None:
    supplier = Supplier()
    supplier.override["/api/product"] = lambda _: answer
    async with Scripted(supplier) as server:
        channel = channel_at(server.url)
        assert kept(await channel.perform(call())).result is Result.LATER
        assert set(supplier.paths()) == {"product"}
        await channel.close()


@pytest.mark.parametrize(
    "keys",
    [("KEY-1",), ("41553@10@1", "41554@10@2"), ("41553@10@1", "41553@9@2"), ("41553@10@1", "KEY"), ("@10@1",), (),
     ("41553@@1",), ("41553@1e3@1",), ("0@10@1",)],
)  # fmt: skip
async def test_keys_that_are_no_vouchers(keys: tuple[str, ...]) -> None:
    supplier = Supplier()
    async with Scripted(supplier) as server:
        channel = channel_at(server.url)
        assert kept(await channel.perform(call(keys))).result is Result.REJECTED
        assert supplier.calls == []
        await channel.close()


async def test_plain_keys_may_stand_for_one_voucher() -> None:
    supplier = Supplier()
    async with Scripted(supplier) as server:
        channel = channel_at(server.url, voucher="41553@9.80")
        assert (await channel.perform(call(("PLAIN-1", "PLAIN-2")))).result is Result.CONFIRMED
        assert supplier.calls[1][1]["safe_cost"] == "9.80"
        assert (await channel.perform(call(("PLAIN-1", "41553@10@2")))).result is Result.REJECTED
        assert (await channel.perform(call(("odd@key",)))).result is Result.REJECTED
        await channel.close()


@pytest.mark.parametrize("recipient", ["", "+85291234567", "buyer@example.com", "1380013800", "138001380000"])
async def test_accounts_that_are_no_mainland_numbers(recipient: str) -> None:
    supplier = Supplier()
    async with Scripted(supplier) as server:
        channel = channel_at(server.url)
        assert kept(await channel.perform(call(recipient=recipient))).result is Result.REJECTED
        assert supplier.calls == []
        await channel.close()


async def test_an_order_that_is_not_there_must_stay_away_for_a_while() -> None:
    clock = ManualClock()
    supplier = Supplier(clock)
    async with Scripted(supplier) as server:
        channel = channel_at(server.url, clock, absent_codes="gone", settle_seconds="60")
        first = kept(await channel.ask(call(())))
        assert (first.result, first.retry_after) == (Result.UNKNOWN, 15.0)
        clock.now += 59
        assert (await channel.ask(call(()))).result is Result.UNKNOWN
        clock.now += 1
        assert kept(await channel.ask(call(()))).result is Result.LATER
        assert (await channel.ask(call(()))).result is Result.UNKNOWN, "and every doubt begins anew"
        await channel.close()


async def test_words_that_nobody_knows_go_to_a_person_after_a_while() -> None:
    clock = ManualClock()
    supplier = Supplier(clock)
    async with Scripted(supplier) as server:
        channel = channel_at(server.url, clock, settle_seconds="60")
        assert (await channel.ask(call(()))).retry_after == 15.0
        clock.now += 300
        last = kept(await channel.ask(call(())))
        assert (last.result, last.retry_after, last.evidence["code"]) == (Result.UNKNOWN, None, "gone")
        await channel.close()


async def test_one_that_is_under_way_for_too_long_goes_to_a_person() -> None:
    clock = ManualClock()
    supplier = Supplier(clock)
    supplier.state = 101
    async with Scripted(supplier) as server:
        channel = channel_at(server.url, clock, patience_minutes="30", ask_seconds="20")
        assert (await channel.perform(call())).retry_after == 20.0
        assert (await channel.ask(call(()))).retry_after == 20.0
        clock.now += 1799
        assert (await channel.ask(call(()))).retry_after == 20.0
        clock.now += 1
        last = kept(await channel.ask(call(())))
        assert (last.result, last.retry_after, last.evidence["state"]) == (Result.UNKNOWN, None, 101)
        await channel.close()


@pytest.mark.parametrize("answer", [Act.RESET, (500, {}), (200, "x"), (429, {})])
async def test_a_question_without_an_answer_is_asked_again(answer: Answer) -> None:
    supplier = Supplier()
    async with Scripted(supplier) as server:
        channel = channel_at(server.url)
        await channel.perform(call())
        supplier.override["/api/outer-order"] = lambda _: answer
        outcome = kept(await channel.ask(call(())))
        assert (outcome.result, outcome.retry_after) == (Result.UNKNOWN, 15.0)
        del supplier.override["/api/outer-order"]
        assert (await channel.ask(call(()))).result is Result.CONFIRMED
        await channel.close()


@pytest.mark.parametrize("data", [{"recharge_account": "13900139000"}, {"state": "200"}, {"state": None}, {"id": None}])
async def test_an_order_that_is_not_ours_or_not_understood(data: Json) -> None:
    supplier = Supplier()
    async with Scripted(supplier) as server:
        channel = channel_at(server.url)
        await channel.perform(call())
        whole: dict[str, Any] = {"id": "1", "state": 200, "recharge_account": PHONE} | data
        supplier.override["/api/outer-order"] = lambda _: (200, {"code": "ok", "message": "", "data": whole})
        outcome = kept(await channel.ask(call(())))
        assert (outcome.result, outcome.retry_after) == (Result.UNKNOWN, None)
        await channel.close()


async def test_cards_that_come_along_are_kept_nowhere() -> None:
    supplier = Supplier()
    cards = [{"card_no": "vip009", "card_password": "DDd2kpCxZosyy7d"}]
    data = {"order_id": 557305089422, "state": 200, "total_price": "9.8", "cards": cards}
    supplier.override["/api/buy"] = lambda _: (200, {"code": "ok", "message": "", "data": data})
    async with Scripted(supplier) as server:
        channel = channel_at(server.url)
        done = await channel.perform(call())
        assert (done.result, done.remote_ref) == (Result.CONFIRMED, "557305089422")
        assert "DDd2" not in f"{done!r}"
        await channel.close()


async def test_purchases_wait_for_their_turn() -> None:
    supplier = Supplier()
    async with Scripted(supplier) as server:
        channel = channel_at(server.url, burst="1")
        await channel.perform(call())
        channel._turns = turns = Turns(1, 40.0)
        turns.next()
        late = await channel.perform(send("A-3", recipient=PHONE, keys=VOUCHERS))
        assert (late.result, late.retry_after is not None and late.retry_after > 15) == (Result.LATER, True)
        assert supplier.paths().count("buy") == 1
        await channel.close()


def test_turns() -> None:
    now = [100.0]
    turns = Turns(2, 6.0, lambda: now[0])
    assert [turns.next() for _ in range(5)] == [0.0, 0.0, 6.0, 6.0, 12.0]
    assert turns.next(10.0) == 12.0
    now[0] += 3
    assert turns.next(10.0) == 9.0, "what was too far off was not taken"


@pytest.mark.parametrize(
    ("allowed", "price", "fits"),
    [("10", "9.8000", True), ("9.8", "9.8000", True), ("9.8", "9.8001", False), ("10", "0.0000", False), ("10", "", False),
     ("10", "-1", False), ("10", "1e1", False), ("10", "9.80001", False)],
)  # fmt: skip
def test_prices(allowed: str, price: str, fits: bool) -> None:
    assert covers(allowed, price) is fits


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"customer_id": "x"}, "customer_id"), ({"secret": " "}, "secret"), ({"timestamp": "us"}, "timestamp"),
        ({"voucher": "41553"}, "voucher"), ({"refused_codes": "ok"}, "refused_codes"), ({"burst": "0"}, "burst"),
        ({"url": "http://www.kashangwl.com"}, "https"), ({"customer_key": "x"}, "customer_key"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(change: dict[str, str], words: str) -> None:
    options = {"kind": "kashangwl", "customer_id": "1", "secret": KEY, **change}
    with pytest.raises(ValueError, match=words) as caught:
        build_channel("topups", options, ManualClock())
    assert "sesame" not in str(caught.value)


def test_a_kind_that_is_misspelt_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'kashangwl'"):
        build_channel("topups", {"kind": "kashangwi"}, ManualClock())
