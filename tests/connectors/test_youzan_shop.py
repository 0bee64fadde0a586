"""The Youzan shop: calls, envelopes and tokens against a scripted gateway, days of trade against the practice door."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import build_shop
from connectors.shops.youzan.sign import sign_push
from core.model.clock import SECOND, from_text, now_us
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined, Refund, RefundState
from core.ports import ConnectorError, Inbound, Receiver, Shop
from tests.connectors.drift_kit import with_
from tests.connectors.kit import Json, ManualClock, load, send, ship
from tests.connectors.practice_client import Desk, plan, world
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port

TID = "E20260102030400074004153"
SECRET = "yzsecret"
STATUS, TAGS, KIND = (
    f"full_order_info.{path}" for path in ("order_info.status", "order_info.order_tags", "orders.0.item_type")
)
LIST, DETAIL, REFUNDS = "youzan.trades.sold.get", "youzan.trade.get", "youzan.trade.refund.search"
CONFIRM, TOKEN = "youzan.logistics.online.confirm", "token"


def gateway(code: int) -> Json:
    return {"gw_err_resp": {"trace_id": "t", "err_code": code, "err_msg": "m"}}


def business(code: int) -> Json:
    return {"code": code, "success": False, "message": "m", "data": None}


def good(data: Any) -> Json:
    return {"trace_id": "t", "code": 200, "success": True, "message": "successful", "data": data}


class Gateway:
    """Answers by API name; one order."""

    def __init__(self) -> None:
        self.detail = load("youzan/trade")
        self.rows = [self.detail]
        self.refunds: list[Json] = []
        self.override: dict[str, Callable[[Json], Answer | Json]] = {}
        self.calls: list[tuple[str, Json]] = []
        self.token, self.given = "tok", ["tok"]

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        body = json.loads(request.body)
        assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
        name = request.path.split("/")[2]
        self.calls.append((name, body))
        if name != TOKEN and name not in self.override and request.query.get("access_token") != [self.token]:
            return (200, gateway(4203))
        answer = self.override[name](body) if name in self.override else self.answer(name, body)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, name: str, body: Json) -> Json:
        if name == TOKEN:
            assert (body["client_id"], body["client_secret"], body["authorize_type"]) == ("app", SECRET, "silent")
            assert body["grant_id"] == "56232"
            return good({"access_token": self.given.pop(0), "expires": 1_768_000_000_000})
        if name == LIST:
            low, high = (from_text(body[key]) for key in ("start_update", "end_update"))
            assert 0 <= high - low <= 1800 * SECOND
            return good({"total_results": len(self.rows), "full_order_info_list": self.rows})
        if name == REFUNDS:
            assert isinstance(body["update_time_start"], int)
            return good({"total": len(self.refunds), "refunds": self.refunds})
        if name == DETAIL:
            return good(self.detail)
        if self.detail["full_order_info"]["order_info"]["status"] != "WAIT_SELLER_SEND_GOODS":
            return business(102570007)
        assert body == {"tid": TID, "is_no_express": 1}
        self.detail = with_(self.detail, STATUS, "WAIT_BUYER_CONFIRM_GOODS")
        return good({"is_success": True})


@pytest.fixture
def gate() -> Gateway:
    return Gateway()


@pytest.fixture
async def server(gate: Gateway) -> AsyncIterator[Scripted]:
    async with Scripted(gate) as running:
        yield running


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def shop(server: Scripted, clock: ManualClock) -> AsyncIterator[Shop]:
    built = build_shop("shop-a", options(server), clock)
    yield built
    await built.close()


def options(server: Scripted) -> dict[str, str]:
    return {
        "platform": "youzan", "url": server.url, "client_id": "app", "client_secret": SECRET, "kdt_id": "56232",
        "start_days": "0.01",
    }  # fmt: skip


async def pull_all(shop: Shop, cursor: str | None = None) -> tuple[list[Any], str | None]:
    found: list[Any] = []
    for _ in range(80):
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("pull does not end")


def test_what_it_says_of_itself(shop: Shop) -> None:
    assert isinstance(shop, Shop)
    assert isinstance(shop, Receiver)
    assert (shop.send_via, shop.poll_seconds, set(shop.specs)) == ("email", 45.0, {Effect.SHIP})
    assert shop.specs[Effect.SHIP].cls is EffectClass.A
    said = repr(shop) + repr({**vars(shop), "_secret": ""})
    assert SECRET not in said


@pytest.mark.parametrize(
    "wrong", [{"url": "http://yz.example.com"}, {"client_secret": " "}, {"kdt_id": ""}, {"nope": "1"}]
)
def test_settings_that_are_refused(server: Scripted, clock: ManualClock, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="shop-a"):
        build_shop("shop-a", options(server) | wrong, clock)


async def test_rows_are_whole_orders_and_come_once(shop: Shop, gate: Gateway) -> None:
    found, cursor = await pull_all(shop)
    assert [(one.ext_id, one.state, one.contact) for one in found] == [
        (TID, PlatformState.PAID, "buyer@mail.example.com")
    ]
    assert gate.names()[0] == TOKEN
    assert DETAIL not in gate.names()
    found, _ = await pull_all(shop, cursor)
    assert found == []


async def test_a_claim_makes_its_order_be_looked_at(shop: Shop, gate: Gateway) -> None:
    gate.refunds = [load("youzan/refund")]
    gate.detail = with_(gate.detail, "refund_order", [{"refund_state": 1}])
    found, _ = await pull_all(shop)
    kinds = [type(one).__name__ for one in found]
    assert kinds == ["OrderUpdate", "Refund", "OrderUpdate"]
    assert (found[-1].state, found[-1].forbid) == (PlatformState.FORBIDDEN, "refund open")


async def test_virtual_goods_sold_before_are_not_ours(server: Scripted, gate: Gateway, clock: ManualClock) -> None:
    for dotted, value in ((STATUS, "WAIT_BUYER_CONFIRM_GOODS"), (TAGS, {"is_virtual": True}), (KIND, 182)):
        gate.detail = with_(gate.detail, dotted, value)
    gate.rows, gate.given = [gate.detail], ["tok"] * 3
    paid = from_text("2026-01-02 03:01:10") // SECOND
    clock.now = paid + 100
    late = build_shop("shop-a", options(server) | {"start_days": "0"}, clock)
    found, cursor = await pull_all(late)
    assert [one.state for one in found] == [PlatformState.SHIPPED]
    clock.now += 3 * 86_400
    again = build_shop("shop-a", options(server) | {"start_days": "30"}, clock)
    found, _ = await pull_all(again, cursor)
    assert [one.state for one in found] == [PlatformState.SHIPPED], "when the desk began is kept in the cursor"
    early = build_shop("shop-a", options(server) | {"start_days": "3.5"}, clock)
    found, _ = await pull_all(early)
    assert [one.state for one in found] == [PlatformState.PAID]
    for one in (late, again, early):
        await one.close()


async def test_shipping_is_told_once(shop: Shop, gate: Gateway) -> None:
    assert (await shop.perform(ship(TID))).result is Result.CONFIRMED
    again = await shop.perform(ship(TID, attempt=2))
    assert (again.result, again.why) == (Result.CONFIRMED, "already shipped")
    assert gate.names().count(CONFIRM) == 1
    assert (await shop.ask(ship(TID))).result is Result.CONFIRMED
    assert (await shop.perform(send(TID))).result is Result.REJECTED
    assert (await shop.ask(send(TID))).result is Result.REJECTED


async def test_virtual_goods_are_not_told(shop: Shop, gate: Gateway) -> None:
    await pull_all(shop)
    for dotted, value in ((STATUS, "WAIT_BUYER_CONFIRM_GOODS"), (TAGS, {"is_virtual": True}), (KIND, 182)):
        gate.detail = with_(gate.detail, dotted, value)
    came = await shop.perform(ship(TID))
    assert (came.result, came.why) == (Result.CONFIRMED, "virtual goods, shipped by the platform")
    assert CONFIRM not in gate.names()


@pytest.mark.parametrize("act", [Act.RESET, Act.CLOSE, Act.HALF])
async def test_a_lost_answer_is_unknown(shop: Shop, gate: Gateway, act: str) -> None:
    gate.override[CONFIRM] = lambda _: act
    assert (await shop.perform(ship(TID))).result is Result.UNKNOWN
    assert (await shop.ask(ship(TID))).result is Result.UNKNOWN


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (gateway(4101), Result.LATER), (business(500100004), Result.LATER), (business(102510001), Result.LATER),
        (gateway(4204), Result.REJECTED), (gateway(5001), Result.REJECTED), (gateway(5002), Result.UNKNOWN),
        (business(102570020), Result.REJECTED), (business(-100), Result.UNKNOWN),
        (good({"is_success": False}), Result.REJECTED), (good({}), Result.UNKNOWN), (good(None), Result.UNKNOWN),
        ({"error_response": {"code": 50000, "msg": "m"}}, Result.REJECTED),
        ({"code": 200, "success": False}, Result.UNKNOWN), ({"code": "200", "success": True}, Result.UNKNOWN),
        ({"data": {}}, Result.UNKNOWN), ((429, {}), Result.LATER), ((502, {}), Result.UNKNOWN),
    ],
)  # fmt: skip
async def test_refusals(shop: Shop, gate: Gateway, answer: Answer | Json, result: Result) -> None:
    gate.override[CONFIRM] = lambda _: answer
    assert (await shop.perform(ship(TID))).result is result
    assert gate.names().count(CONFIRM) == 1


@pytest.mark.parametrize(
    ("dotted", "value", "result"),
    [
        (STATUS, "TRADE_CLOSED", Result.REJECTED), (STATUS, "WAIT_CONFIRM", Result.LATER),
        (STATUS, "TRADE_SUCCESS", Result.CONFIRMED), (STATUS, "NEW", Result.UNKNOWN),
    ],
)  # fmt: skip
async def test_orders_that_do_not_wait(shop: Shop, gate: Gateway, dotted: str, value: str, result: Result) -> None:
    gate.detail = with_(gate.detail, dotted, value)
    assert (await shop.perform(ship(TID))).result is result
    assert CONFIRM not in gate.names()


async def test_an_unread_order_waits_before_the_call_and_is_unknown_after_it(shop: Shop, gate: Gateway) -> None:
    gate.override[DETAIL] = lambda _: business(106000001)
    assert (await shop.perform(ship(TID))).result is Result.LATER
    answers = [good(gate.detail), gateway(5002)]
    gate.override[DETAIL] = lambda _: answers.pop(0)
    gate.override[CONFIRM] = lambda _: business(102570020)
    assert (await shop.perform(ship(TID))).result is Result.UNKNOWN


@pytest.mark.parametrize(
    ("name", "answer", "kind"),
    [
        (LIST, gateway(4101), "rate"), (LIST, gateway(5002), "platform"), (LIST, business(5000), "platform"),
        (LIST, good({"total_results": 3, "full_order_info_list": []}), "protocol"), (LIST, good({}), "protocol"),
        (LIST, (503, {}), "platform"), (REFUNDS, good(None), "protocol"), (REFUNDS, [], "protocol"),
    ],
)  # fmt: skip
async def test_pulls_that_fail(shop: Shop, gate: Gateway, name: str, answer: Answer | Json, kind: str) -> None:
    gate.override[name] = lambda _: (200, answer) if isinstance(answer, list) else answer
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == kind
    assert "tok" not in str(caught.value).split()
    del gate.override[name]
    found, _ = await pull_all(shop)
    assert [one.ext_id for one in found] == [TID]


async def test_nothing_listens(clock: ManualClock, server: Scripted) -> None:
    dead = build_shop("shop-a", options(server) | {"url": f"http://127.0.0.1:{closed_port()}"}, clock)
    with pytest.raises(ConnectorError) as caught:
        await dead.pull(None)
    assert caught.value.kind == "rate"
    assert (await dead.perform(ship(TID))).result is Result.LATER
    await dead.close()


async def test_another_order_in_the_answer_is_quarantined(shop: Shop, gate: Gateway) -> None:
    got = await shop.read("E1")
    assert isinstance(got, Quarantined)
    assert got.ext_id == "E1"


async def test_a_token_that_ended_is_asked_for_again(shop: Shop, gate: Gateway) -> None:
    await shop.read(TID)
    gate.token, gate.given = "tok-2", ["tok-2"]
    await shop.read(TID)
    asked = [body["refresh"] for name, body in gate.calls if name == TOKEN]
    assert asked == [False, False], "a living token is never ended"
    gate.token, gate.given = "tok-3", ["tok-2", "tok-3"]
    await shop.read(TID)
    asked = [body["refresh"] for name, body in gate.calls if name == TOKEN]
    assert asked == [False, False, False, True]


@pytest.mark.parametrize(
    ("answer", "kind"), [(business(1103), "auth"), (gateway(4101), "rate"), ((503, {}), "rate"), (good({}), "auth")]
)
async def test_a_token_that_is_not_given(shop: Shop, gate: Gateway, answer: Answer | Json, kind: str) -> None:
    gate.override[TOKEN] = lambda _: answer
    with pytest.raises(ConnectorError) as caught:
        await shop.read(TID)
    assert caught.value.kind == kind
    assert SECRET not in str(caught.value)


async def test_an_application_of_the_market_renews_by_its_refresh_token(
    server: Scripted, gate: Gateway, clock: ManualClock, tmp_path: Path
) -> None:
    more = {"access_token": "old", "refresh_token": "ref-1", "token_file": str(tmp_path / "tokens")}
    shop = build_shop("shop-a", options(server) | more, clock)
    gate.override[TOKEN] = lambda _: good({"access_token": "tok", "refresh_token": "ref-2", "expires": 1})
    await shop.read(TID)
    asked = [body for name, body in gate.calls if name == TOKEN]
    assert [(body["authorize_type"], body["refresh_token"]) for body in asked] == [("refresh_token", "ref-1")]
    assert b"ref-2" in (tmp_path / "tokens").read_bytes()
    await shop.close()


async def test_pushes_are_hints(shop: Shop) -> None:
    assert isinstance(shop, Receiver)
    body = b'{"client_id":"app","type":"trade_TradePaid"}'

    def push(signature: str, method: str = "POST") -> Inbound:
        return Inbound(method=method, tail="", query="", headers={"event-sign": signature}, body=body)

    right = sign_push("app", body, SECRET)
    got = await shop.receive(push(right))
    assert got.pull
    assert b"success" in got.render(None).body
    for bad in (push("0" * 32), push(""), push(right, "GET")):
        refused = await shop.receive(bad)
        assert not refused.pull
        assert b"success" not in refused.render(None).body


# The practice door


def at_door(desk: Desk) -> Shop:
    """With a clock that is ahead, so that what has just happened does not lie in the running second."""
    return build_shop("youzan-main", desk.shops["youzan-main"], lambda: now_us() + 3 * SECOND)


async def a_second_passes(desk: Desk) -> None:
    """Windows end before the running second, so that what changes now leaves them."""
    then = now_us() // SECOND
    await desk.until(lambda: now_us() // SECOND > then + 1)


async def test_days_of_trade(tmp_path: Path) -> None:
    mail = "buyer@mail.example.com"
    plans = [
        plan(1, "youzan", qty=2, email=mail, message=mail), plan(2, "youzan", email=mail, message=mail),
        plan(3, "youzan", acts=[(0.0, "close")]), plan(5, "youzan", flag=1),
        plan(7, "youzan", acts=[(0.0, "pay"), (0.0, "refund"), (0.05, "refund_agreed")]),
        plan(9, "youzan", acts=[(0.0, "pay"), (0.0, "refund")]),
    ]  # fmt: skip
    async with world(tmp_path, plans, platforms=("youzan",)) as desk:
        await desk.begin()
        shop = at_door(desk)
        found, _ = await pull_all(shop)
        orders = {one.ext_id: one for one in found if isinstance(one, OrderUpdate)}
        one, virtual, closed, forming, back, asked = (
            orders[number] for number in desk.setting.world.shops["youzan-main"].orders
        )
        assert (one.state, one.lines[0].qty, one.total, one.contact) == (PlatformState.PAID, 2, 9780, mail)
        assert (virtual.state, virtual.contact) == (PlatformState.PAID, mail)
        assert (closed.state, closed.payments) == (PlatformState.CANCELLED, ())
        assert forming.state is PlatformState.FORBIDDEN
        assert back.state is PlatformState.REFUNDED
        assert (asked.state, asked.forbid) == (PlatformState.FORBIDDEN, "refund open")
        refunds = {one.ext_id: one.state for one in found if isinstance(one, Refund)}
        assert refunds == {back.ext_id: RefundState.DONE, asked.ext_id: RefundState.OPEN}
        money = [one for one in found if isinstance(one, Payment)]
        assert [(m.ext_id, m.kind, m.amount) for m in money] == [(back.ext_id, PaymentKind.REFUND, 4890)]
        for number, result in (
            (one.ext_id, Result.CONFIRMED), (virtual.ext_id, Result.CONFIRMED), (forming.ext_id, Result.LATER),
            (back.ext_id, Result.REJECTED),
        ):  # fmt: skip
            assert (await shop.perform(ship(number))).result is result
        assert [record["ext_id"] for record in desk.ledger("ship")] == [one.ext_id]
        await shop.close()


async def test_many_rows_that_move_while_they_are_read(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(n, "youzan") for n in range(1, 703)], platforms=("youzan",)) as desk:
        await desk.begin()
        shop, books = build_shop("youzan-main", desk.shops["youzan-main"], now_us), desk.setting.world
        orders = list(books.shops["youzan-main"].orders.values())
        await a_second_passes(desk)
        first = await shop.pull(None)
        while first.more and not first.updates:
            first = await shop.pull(first.cursor)
        assert first.more
        for order in orders[::5]:
            books.annotate(order, "x")
        await a_second_passes(desk)
        rest, _ = await pull_all(shop, first.cursor)
        seen = {one.ext_id for one in (*first.updates, *rest) if isinstance(one, OrderUpdate)}
        assert seen == {order.ext_id for order in orders}
        await shop.close()


async def test_a_token_ends_at_the_door(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "youzan")], platforms=("youzan",)) as desk:
        await desk.begin()
        shop = at_door(desk)
        await pull_all(shop)
        desk.setting.front._gates["yz"].expire_token()
        (number,) = desk.setting.world.shops["youzan-main"].orders
        assert (await shop.perform(ship(number))).result is Result.CONFIRMED
        await shop.close()
