"""The Weidian shop: calls, refusals and tokens against a scripted gateway, days of trade against the practice door."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import build_shop
from core.model.clock import SECOND, from_text, now_us
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined, RefundState
from core.ports import ConnectorError, Inbound, Receiver, Shop
from tests.connectors.kit import Json, ManualClock, load, send, ship
from tests.connectors.practice_client import Desk, plan, world
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port

NUMBER = "824123248136749"
SECRET = "wdsecret"
LIST, DETAIL, DELIVER = "vdian.order.list.get", "vdian.order.get", "vdian.order.deliver"
TOKEN, OAUTH = "/token", "/oauth2/refresh_token"
WORD = "a-word-nobody-guesses"


def error(code: int) -> Json:
    return {"status": {"status_code": code, "status_reason": "m"}}


def good(result: Any) -> Json:
    return {"status": {"status_code": 0, "status_reason": "success"}, "result": result}


class Gateway:
    """Answers by method; rows of a list, one order."""

    def __init__(self) -> None:
        self.detail = load("weidian/order")
        self.rows: list[Json] = [self.detail]
        self.override: dict[str, Callable[[Json], Answer | Json]] = {}
        self.calls: list[tuple[str, Json]] = []
        self.token, self.given = "tok", ["tok", "tok", "tok"]

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        if request.method == "GET":
            query = {name: values[0] for name, values in request.query.items()}
            self.calls.append((request.path, query))
            answer = self.override[request.path](query) if request.path in self.override else self.tokens(query)
            return (200, answer) if isinstance(answer, dict) else answer
        assert request.path == "/api"
        form = request.form
        public, param = json.loads(form["public"]), json.loads(form["param"])
        self.calls.append((public["method"], param))
        name = public["method"]
        if name not in self.override and public["access_token"] != self.token:
            return (200, error(10013))
        answer = self.override[name](param) if name in self.override else self.answer(public, param)
        return (200, answer) if isinstance(answer, dict) else answer

    def tokens(self, query: Json) -> Json:
        assert query == {"grant_type": "client_credential", "appkey": "app", "secret": SECRET}
        return good({"access_token": self.given.pop(0), "expire_in": 7200})

    def answer(self, public: Json, param: Json) -> Json:
        if public["method"] == LIST:
            assert public["version"] == "1.5"
            low, high = (from_text(param[key]) for key in ("update_start", "update_end"))
            assert 0 <= high - low <= 1800 * SECOND
            assert (param["page_size"], param["group_type"]) == (50, "1")
            at = (param["page_num"] - 1) * 50
            return good({"order_num": 0, "total_num": len(self.rows), "orders": self.rows[at : at + 50]})
        if public["method"] == DETAIL:
            return good(self.detail | {"order_id": param["order_id"]})
        assert param == {"order_id": NUMBER, "express_type": "999", "express_no": "", "express_custom": ""}
        if self.detail["status_ori"] != "20":
            return error(10200)
        self.detail = self.detail | {"status_ori": "30"}
        return good("success")


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
        "platform": "weidian", "url": server.url, "oauth_url": server.url, "app_key": "app", "secret": SECRET,
        "start_days": "0.01", "rate_codes": "10099", "push_key": WORD,
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
    spec = shop.specs[Effect.SHIP]
    assert (shop.send_via, set(shop.specs), spec.cls, spec.askable) == ("email", {Effect.SHIP}, EffectClass.B, True)
    said = repr(shop) + repr({**vars(shop), "_push_key": ""})
    assert SECRET not in said


@pytest.mark.parametrize(
    "wrong",
    [{"url": "http://wd.example.com"}, {"oauth_url": "http://wd.example.com"}, {"secret": " "}, {"rate_codes": "x"},
     {"push_key": "short"}, {"group_formed": "yes"}, {"nope": "1"}],
)  # fmt: skip
def test_settings_that_are_refused(server: Scripted, clock: ManualClock, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="shop-a"):
        build_shop("shop-a", options(server) | wrong, clock)


async def test_rows_are_looked_up_once_for_each_change(shop: Shop, gate: Gateway) -> None:
    found, cursor = await pull_all(shop)
    assert [(one.ext_id, one.state, one.contact) for one in found] == [
        (NUMBER, PlatformState.PAID, "buyer@mail.example.com")
    ]
    assert gate.names()[0] == TOKEN
    found, cursor = await pull_all(shop, cursor)
    assert (found, gate.names().count(DETAIL)) == ([], 1)
    gate.rows = [gate.detail | {"update_time": "2026-01-02 03:02:00"}]
    found, _ = await pull_all(shop, cursor)
    assert [one.ext_id for one in found] == [NUMBER]


@pytest.mark.parametrize("count", [50, 51, 100, 101, 163])
async def test_pages_of_fifty(shop: Shop, gate: Gateway, count: int) -> None:
    gate.rows = [{"order_id": f"8{n:014d}"} for n in range(count)]
    found, _ = await pull_all(shop)
    assert {one.ext_id for one in found} == {row["order_id"] for row in gate.rows}


async def test_unreadable_rows_are_kept(shop: Shop, gate: Gateway) -> None:
    gate.rows = [{"order_id": 7}]
    found, _ = await pull_all(shop)
    assert [(one.field, one.ext_id) for one in found if isinstance(one, Quarantined)] == [("orders.order_id", "")]


async def test_shipping_is_told(shop: Shop, gate: Gateway) -> None:
    assert (await shop.perform(ship(NUMBER))).result is Result.CONFIRMED
    again = await shop.perform(ship(NUMBER, attempt=2))
    assert (again.result, again.why) == (Result.CONFIRMED, "already shipped")
    assert gate.names().count(DELIVER) == 1
    assert (await shop.perform(send(NUMBER))).result is Result.REJECTED
    assert (await shop.ask(send(NUMBER))).result is Result.REJECTED


@pytest.mark.parametrize("act", [Act.RESET, Act.CLOSE, Act.HALF])
async def test_a_lost_answer_is_unknown_and_can_be_asked(shop: Shop, gate: Gateway, act: str) -> None:
    gate.override[DELIVER] = lambda _: act
    assert (await shop.perform(ship(NUMBER))).result is Result.UNKNOWN
    assert (await shop.ask(ship(NUMBER))).result is Result.NOT_SENT, "it still waits"
    gate.detail = gate.detail | {"status_ori": "30"}
    assert (await shop.ask(ship(NUMBER))).result is Result.CONFIRMED


@pytest.mark.parametrize(
    ("answer", "attempt", "result"),
    [
        (error(10099), 1, Result.LATER), (error(10200), 1, Result.LATER), (error(10200), 6, Result.REJECTED),
        ((429, {}), 1, Result.LATER), ((502, {}), 1, Result.UNKNOWN), ((200, []), 1, Result.UNKNOWN),
        ({"result": "success"}, 1, Result.UNKNOWN), ({"status": {"status_code": "0"}}, 1, Result.UNKNOWN),
    ],
)  # fmt: skip
async def test_refusals(shop: Shop, gate: Gateway, answer: Answer | Json, attempt: int, result: Result) -> None:
    gate.override[DELIVER] = lambda _: answer
    assert (await shop.perform(ship(NUMBER, attempt=attempt))).result is result
    assert gate.names().count(DELIVER) == 1


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"status_ori": "50"}, Result.CONFIRMED), ({"status_ori": "60"}, Result.REJECTED),
        ({"argue_flag": 1}, Result.LATER), ({"status_ori": "70"}, Result.UNKNOWN),
    ],
)  # fmt: skip
async def test_what_a_repeat_and_a_question_make_of_the_order(
    shop: Shop, gate: Gateway, changes: Json, result: Result
) -> None:
    gate.detail = gate.detail | changes
    assert (await shop.perform(ship(NUMBER, attempt=2))).result is result
    assert (await shop.ask(ship(NUMBER))).result is result
    assert DELIVER not in gate.names()


async def test_an_unread_order_waits_before_the_call_and_is_unknown_after_it(shop: Shop, gate: Gateway) -> None:
    gate.override[DETAIL] = lambda _: (503, {})
    assert (await shop.perform(ship(NUMBER, attempt=2))).result is Result.LATER
    assert (await shop.ask(ship(NUMBER))).result is Result.UNKNOWN
    gate.override[DELIVER] = lambda _: error(10200)
    assert (await shop.perform(ship(NUMBER))).result is Result.UNKNOWN


@pytest.mark.parametrize(
    ("name", "answer", "kind"),
    [
        (LIST, error(10099), "rate"), (LIST, error(10023), "auth"), (LIST, error(10001), "platform"),
        (LIST, good({"total_num": 3, "orders": []}), "protocol"), (LIST, good({}), "protocol"),
        (LIST, good(None), "protocol"), (LIST, (503, {}), "platform"), (DETAIL, error(10001), "platform"),
    ],
)  # fmt: skip
async def test_pulls_that_fail(shop: Shop, gate: Gateway, name: str, answer: Answer | Json, kind: str) -> None:
    gate.override[name] = lambda _: answer
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == kind
    del gate.override[name]
    found, _ = await pull_all(shop)
    assert [one.ext_id for one in found] == [NUMBER], "nothing was marked as seen by the pull that failed"


async def test_one_order_does_not_hold_up_the_others_for_ever(shop: Shop, gate: Gateway) -> None:
    gate.rows = [{"order_id": f"8{n:014d}"} for n in range(3)]
    bad = gate.rows[1]["order_id"]
    gate.override[DETAIL] = lambda param: (
        error(10001) if param["order_id"] == bad else good(gate.detail | {"order_id": param["order_id"]})
    )
    for _ in range(4):
        with pytest.raises(ConnectorError):
            await shop.pull(None)
    found, _ = await pull_all(shop)
    kinds = {one.ext_id: type(one) for one in found}
    assert kinds == {row["order_id"]: Quarantined if row["order_id"] == bad else OrderUpdate for row in gate.rows}


async def test_nothing_listens(clock: ManualClock, server: Scripted) -> None:
    dead = build_shop("shop-a", options(server) | {"url": f"http://127.0.0.1:{closed_port()}"}, clock)
    with pytest.raises(ConnectorError) as caught:
        await dead.pull(None)
    assert (caught.value.kind, SECRET in str(caught.value)) == ("rate", False)
    assert (await dead.perform(ship(NUMBER))).result is Result.LATER
    await dead.close()


@pytest.mark.parametrize("code", [10013, 10016, 10026])
async def test_a_token_that_ended_is_asked_for_again(shop: Shop, gate: Gateway, code: int) -> None:
    await shop.read(NUMBER)
    answers = [error(code)]
    gate.override[DELIVER] = lambda param: answers.pop() if answers else good("success")
    assert (await shop.perform(ship(NUMBER))).result is Result.CONFIRMED
    assert gate.names() == [TOKEN, DETAIL, DELIVER, TOKEN, DELIVER]


@pytest.mark.parametrize(
    ("answer", "why", "kind"),
    [(error(10001), "token_dead", "auth"), (error(10099), "rate", "rate"), ((503, {}), "rate", "rate"),
     (good({"access_token": ""}), "token_dead", "auth"), (good({}), "token_dead", "auth")],
)  # fmt: skip
async def test_a_token_that_is_not_given(shop: Shop, gate: Gateway, answer: Answer | Json, why: str, kind: str) -> None:
    gate.override[TOKEN] = lambda _: answer
    came = await shop.perform(ship(NUMBER))
    assert (came.result, came.why) == (Result.LATER, why)
    with pytest.raises(ConnectorError) as caught:
        await shop.read(NUMBER)
    assert (caught.value.kind, SECRET in str(caught.value)) == (kind, False)


async def test_an_application_of_a_service_renews_by_its_refresh_token(
    server: Scripted, gate: Gateway, clock: ManualClock
) -> None:
    shop = build_shop("shop-a", options(server) | {"access_token": "old", "refresh_token": "ref-1"}, clock)
    gate.override[OAUTH] = lambda _: good({"access_token": "tok", "expire_in": 1})
    await shop.read(NUMBER)
    asked = [query for name, query in gate.calls if name == OAUTH]
    assert asked == [{"appkey": "app", "refresh_token": "ref-1", "grant_type": "refresh_token"}]
    await shop.close()


async def test_pushes_are_hints(shop: Shop, server: Scripted, clock: ManualClock) -> None:
    assert isinstance(shop, Receiver)

    def push(tail: str, method: str = "POST") -> Inbound:
        return Inbound(method=method, tail=tail, query="", headers={}, body=b"content=%7B%7D")

    got = await shop.receive(push(WORD))
    assert (got.pull, got.batch) == (True, ())
    assert json.loads(got.render(None).body) == {"status": "success"}
    for bad in (push(""), push("another"), push(WORD, "GET")):
        refused = await shop.receive(bad)
        assert (refused.pull, refused.render(None).status) == (False, 403)
    closed = build_shop("shop-a", options(server) | {"push_key": ""}, clock)
    assert isinstance(closed, Receiver)
    assert not (await closed.receive(push(""))).pull
    await closed.close()


# The practice door


def at_door(desk: Desk) -> Shop:
    """With a clock that is ahead, so that what has just happened does not lie in the running second."""
    return build_shop("weidian-main", desk.shops["weidian-main"], lambda: now_us() + 3 * SECOND)


async def a_second_passes(desk: Desk) -> None:
    """Windows end before the running second, so that what changes now leaves them."""
    then = now_us() // SECOND
    await desk.until(lambda: now_us() // SECOND > then + 1)


async def test_days_of_trade(tmp_path: Path) -> None:
    mail = "buyer@mail.example.com"
    plans = [
        plan(1, "weidian", qty=2, email=mail, message=mail), plan(2, "weidian", email=mail, message=mail),
        plan(3, "weidian", acts=[(0.0, "close")]), plan(5, "weidian", flag=3),
        plan(7, "weidian", acts=[(0.0, "pay"), (0.0, "refund"), (0.05, "refund_agreed")]),
        plan(9, "weidian", acts=[(0.0, "pay"), (0.0, "refund")]),
    ]  # fmt: skip
    async with world(tmp_path, plans, platforms=("weidian",)) as desk:
        await desk.begin()
        shop = at_door(desk)
        found, _ = await pull_all(shop)
        orders = {one.ext_id: one for one in found if isinstance(one, OrderUpdate)}
        assert len(orders) == len(found)
        one, direct, closed, argued, back, asked = (
            orders[number] for number in desk.setting.world.shops["weidian-main"].orders
        )
        assert (one.state, one.lines[0].qty, one.total, one.contact) == (PlatformState.PAID, 2, 9780, mail)
        assert (direct.state, direct.contact) == (PlatformState.PAID, mail)
        assert (closed.state, closed.payments) == (PlatformState.CANCELLED, ())
        assert (argued.state, argued.forbid) == (PlatformState.FORBIDDEN, "dispute")
        assert (back.state, [r.state for r in back.refunds]) == (PlatformState.REFUNDED, [RefundState.DONE])
        assert [(p.kind, p.amount) for p in back.payments] == [(PaymentKind.CHARGE, 4890), (PaymentKind.REFUND, 4890)]
        assert (asked.state, [r.state for r in asked.refunds]) == (PlatformState.FORBIDDEN, [RefundState.OPEN])
        for number in (one.ext_id, direct.ext_id):
            assert (await shop.perform(ship(number))).result is Result.CONFIRMED
        for number, state in ((one.ext_id, PlatformState.SHIPPED), (direct.ext_id, PlatformState.FINISHED)):
            now = await shop.read(number)
            assert isinstance(now, OrderUpdate)
            assert now.state is state
        assert (await shop.perform(ship(back.ext_id))).result is Result.REJECTED
        assert [record["ext_id"] for record in desk.ledger("ship")] == [one.ext_id, direct.ext_id]
        await shop.close()


async def test_many_rows_that_move_while_they_are_read(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(n, "weidian") for n in range(1, 703)], platforms=("weidian",)) as desk:
        await desk.begin()
        shop, books = build_shop("weidian-main", desk.shops["weidian-main"], now_us), desk.setting.world
        orders = list(books.shops["weidian-main"].orders.values())
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
    async with world(tmp_path, [plan(1, "weidian")], platforms=("weidian",)) as desk:
        await desk.begin()
        shop = at_door(desk)
        await pull_all(shop)
        desk.setting.front._gates["wd"].expire_token()
        (number,) = desk.setting.world.shops["weidian-main"].orders
        assert (await shop.perform(ship(number))).result is Result.CONFIRMED
        await shop.close()
