"""The Xiaohongshu shop: calls, refusals and tokens against a scripted ark, days of trade against the practice door."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import build_shop
from connectors.shops.xiaohongshu.sign import sign, sign_push
from core.model.clock import SECOND, now_us
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined, Refund, RefundState
from core.ports import ConnectorError, Inbound, Receiver, Shop
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.practice_client import Desk, plan, world
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port

NUMBER = "P702345678901234567"
SECRET = "xhssecret"
DELIVER, DETAIL, LIST = "order.orderDeliver", "order.getOrderDetail", "order.getOrderList"
AFTER_SALES, REFRESH = "afterSale.listAfterSaleInfos", "oauth.refreshToken"
EXPIRED, LIMIT = -77, -88


def error(code: int, message: str = "m") -> Json:
    return {"error_code": code, "error_msg": message, "data": None, "success": False}


def good(data: Any) -> Json:
    return {"error_code": 0, "error_msg": "", "data": data, "success": True}


class Ark:
    """Answers by method; one order, no after-sales."""

    def __init__(self) -> None:
        self.detail = load("xiaohongshu/order")
        self.rows = [self.detail]
        self.override: dict[str, Callable[[Json], Answer | Json]] = {}
        self.calls: list[Json] = []
        self.token, self.life = "tok", 3 * 86_400

    def methods(self) -> list[str]:
        return [call["method"] for call in self.calls]

    def __call__(self, request: Request) -> Answer:
        call = json.loads(request.body)
        self.calls.append(call)
        assert (request.method, request.headers["content-type"]) == ("POST", "application/json;charset=utf-8")
        assert (call["appId"], call["version"]) == ("app", "2.0")
        assert call["sign"] == sign(call["method"], "app", call["timestamp"], "2.0", SECRET)
        method = call["method"]
        answer = self.override[method](call) if method in self.override else self.answer(method, call)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, method: str, call: Json) -> Json:
        if method == REFRESH:
            assert call["refreshToken"] == "refresh-1"
            ends = (NOW + self.life) * 1000
            return good({"accessToken": self.token, "accessTokenExpiresAt": ends, "refreshToken": "refresh-1"})
        if call["accessToken"] != self.token:
            return error(EXPIRED)
        if method == LIST:
            assert 0 <= call["endTime"] - call["startTime"] <= 1800
            assert call["endTime"] < 10**10
            return good({"total": len(self.rows), "orderList": self.rows if call["pageNo"] == 1 else []})
        if method == AFTER_SALES:
            assert call["startTime"] > 10**12
            assert 0 <= call["endTime"] - call["startTime"] <= 1_800_000
            inner = {"totalCount": 0, "afterSaleBasicInfos": []}
            return good({"code": 0, "success": True, "msg": "", "data": inner})
        if method == DETAIL:
            return good(self.detail)
        if self.detail["orderStatus"] != 4:
            return error(-2000400, "状态")
        assert (call["expressCompanyCode"], call["unpack"]) == ("selfdelivery", False)
        self.detail = self.detail | {"orderStatus": 6, "expressTrackingNo": call["expressNo"]}
        return good({})


@pytest.fixture
def ark() -> Ark:
    return Ark()


@pytest.fixture
async def server(ark: Ark) -> AsyncIterator[Scripted]:
    async with Scripted(ark) as running:
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
        "platform": "xiaohongshu", "url": f"{server.url}/ark/open_api/v3/common_controller", "app_id": "app",
        "secret": SECRET, "access_token": "tok", "refresh_token": "refresh-1", "start_days": "0.01",
        "token_codes": str(EXPIRED), "rate_codes": f"{LIMIT}, -89", "push_url": "https://desk.example.com/hook/shop-a?k=v",
    }  # fmt: skip


async def pull_all(shop: Shop, cursor: str | None = None) -> tuple[list[Any], str | None]:
    found: list[Any] = []
    for _ in range(50):
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("pull does not end")


def test_what_it_says_of_itself(shop: Shop) -> None:
    assert isinstance(shop, Shop)
    assert isinstance(shop, Receiver)
    spec = shop.specs[Effect.SEND]
    assert (shop.send_via, spec.cls, spec.ships, spec.askable) == ("shop", EffectClass.B, True, False)
    said = repr(shop) + repr(vars(shop))
    assert not any(secret in said for secret in (SECRET, "'tok'", "refresh-1"))


@pytest.mark.parametrize(
    "wrong",
    [{"url": "http://ark.example.com"}, {"secret": " "}, {"token_codes": "x"}, {"push_url": "http://a"}, {"nope": "1"}],
)
def test_settings_that_are_refused(server: Scripted, clock: ManualClock, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="shop-a"):
        build_shop("shop-a", options(server) | wrong, clock)


async def test_rows_are_looked_up_once_for_each_change(shop: Shop, ark: Ark) -> None:
    found, cursor = await pull_all(shop)
    assert [(one.ext_id, one.state) for one in found] == [(NUMBER, PlatformState.PAID)]
    assert ark.methods().count(DETAIL) == 1
    found, cursor = await pull_all(shop, cursor)
    assert found == []
    assert ark.methods().count(DETAIL) == 1
    ark.rows = [ark.detail | {"updateTime": 1_767_294_199_000}]
    found, _ = await pull_all(shop, cursor)
    assert [one.ext_id for one in found] == [NUMBER]


async def test_unreadable_rows_are_kept(shop: Shop, ark: Ark) -> None:
    ark.rows = [{"orderId": 7}]
    found, _ = await pull_all(shop)
    assert [(one.field, one.ext_id) for one in found if isinstance(one, Quarantined)] == [("orderList.orderId", "")]


async def test_a_send_is_the_delivered_text(shop: Shop, ark: Ark) -> None:
    came = await shop.perform(send(NUMBER))
    assert came.result is Result.CONFIRMED
    assert ark.calls[-1]["expressNo"] == "KEY-1 ; KEY-2"
    assert "KEY" not in repr(came)
    assert (await shop.perform(ship(NUMBER))).result is Result.REJECTED
    assert (await shop.perform(send(NUMBER, keys=()))).result is Result.REJECTED
    assert (await shop.ask(send(NUMBER))).result is Result.UNKNOWN


@pytest.mark.parametrize("act", [Act.RESET, Act.CLOSE, Act.HALF])
async def test_a_lost_answer_is_unknown_and_the_repeat_finds_out(shop: Shop, ark: Ark, act: str) -> None:
    def acts_and_breaks(call: Json) -> Answer:
        ark.answer(DELIVER, call)
        return act

    ark.override[DELIVER] = acts_and_breaks
    assert (await shop.perform(send(NUMBER))).result is Result.UNKNOWN
    again = await shop.perform(send(NUMBER, attempt=2))
    assert (again.result, again.why) == (Result.CONFIRMED, "the order shows our text")
    assert ark.methods().count(DELIVER) == 1, "the repeat only looked"


async def test_a_repeat_of_what_never_arrived_sends(shop: Shop, ark: Ark) -> None:
    ark.override[DELIVER] = lambda _: Act.RESET
    assert (await shop.perform(send(NUMBER))).result is Result.UNKNOWN
    del ark.override[DELIVER]
    assert (await shop.perform(send(NUMBER, attempt=2))).result is Result.CONFIRMED
    assert ark.detail["expressTrackingNo"] == "KEY-1 ; KEY-2"


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"orderStatus": 6, "expressTrackingNo": "another"}, Result.UNKNOWN),
        ({"orderStatus": 7, "expressTrackingNo": ""}, Result.UNKNOWN),
        ({"orderStatus": 8, "expressTrackingNo": "KEY-1 ; KEY-2"}, Result.CONFIRMED),
        ({"orderStatus": 8}, Result.REJECTED),
        ({"orderStatus": 9, "expressTrackingNo": "another"}, Result.UNKNOWN),
        ({"orderAfterSalesStatus": 2}, Result.LATER),
        ({"orderStatus": 44}, Result.UNKNOWN),
        ({"orderId": "P1"}, Result.UNKNOWN),
    ],
)
async def test_what_a_repeat_makes_of_the_order(shop: Shop, ark: Ark, changes: Json, result: Result) -> None:
    ark.detail = ark.detail | changes
    came = await shop.perform(send(NUMBER, attempt=2))
    assert came.result is result
    assert DELIVER not in ark.methods()


async def test_a_repeat_waits_while_the_order_cannot_be_read(shop: Shop, ark: Ark) -> None:
    ark.override[DETAIL] = lambda _: error(-2000500)
    came = await shop.perform(send(NUMBER, attempt=2))
    assert came.result is Result.LATER
    assert DELIVER not in ark.methods()


@pytest.mark.parametrize(
    ("answer", "attempt", "result"),
    [
        (error(-2000400), 1, Result.REJECTED),
        (error(-2000101), 1, Result.REJECTED),
        (error(-2000500), 1, Result.UNKNOWN),
        (error(LIMIT), 1, Result.LATER),
        (error(-89), 1, Result.LATER),
        (error(-4242), 1, Result.LATER),
        (error(-4242), 6, Result.REJECTED),
        (good({}) | {"error_code": -4242}, 1, Result.UNKNOWN),
        (error(0), 1, Result.UNKNOWN),
        ((429, {}), 1, Result.LATER),
        ((502, {}), 1, Result.UNKNOWN),
        ((200, []), 1, Result.UNKNOWN),
        ((200, {"success": "yes", "error_code": 0}), 1, Result.UNKNOWN),
    ],
)
async def test_refusals(shop: Shop, ark: Ark, answer: Answer | Json, attempt: int, result: Result) -> None:
    ark.override[DELIVER] = lambda _: answer
    came = await shop.perform(send(NUMBER, attempt=attempt))
    assert came.result is result
    assert "KEY" not in repr(came)
    assert ark.methods().count(DELIVER) == 1


async def test_words_that_repeat_a_key_are_not_passed_on(shop: Shop, ark: Ark) -> None:
    ark.override[DELIVER] = lambda call: error(-2000400, f"expressNo {call['expressNo']} 不合法")
    came = await shop.perform(send(NUMBER))
    assert came.result is Result.REJECTED
    assert "KEY-1" not in repr(came)
    assert "-2000400" in came.why


async def test_nothing_listens(clock: ManualClock, server: Scripted) -> None:
    dead = build_shop("shop-a", options(server) | {"url": f"http://127.0.0.1:{closed_port()}/x"}, clock)
    assert (await dead.perform(send(NUMBER))).result is Result.NOT_SENT
    with pytest.raises(ConnectorError) as caught:
        await dead.pull(None)
    assert caught.value.kind == "network"
    await dead.close()


@pytest.mark.parametrize(
    ("method", "answer", "kind"),
    [
        (LIST, error(LIMIT), "rate"), (LIST, error(-2000500), "platform"), (LIST, error(-4242), "platform"),
        (LIST, good({"total": 3, "orderList": []}), "protocol"), (LIST, good({"total": 0}), "protocol"),
        (LIST, good(None), "protocol"), (LIST, (503, {}), "platform"), (DETAIL, error(-2000500), "platform"),
        (AFTER_SALES, good({"totalCount": 0, "afterSaleBasicInfos": []}), "protocol"),
        (AFTER_SALES, good({"code": -5, "success": False, "msg": "x"}), "platform"),
    ],
)  # fmt: skip
async def test_pulls_that_fail(shop: Shop, ark: Ark, method: str, answer: Answer | Json, kind: str) -> None:
    ark.override[method] = lambda _: answer
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == kind
    assert "tok" not in str(caught.value).split()
    del ark.override[method]
    found, _ = await pull_all(shop)
    assert [one.ext_id for one in found] == [NUMBER], "nothing was marked as seen by the pull that failed"


async def test_an_order_that_is_not_ours_is_quarantined(shop: Shop, ark: Ark) -> None:
    ark.override[DETAIL] = lambda _: error(-2000101)
    found, _ = await pull_all(shop)
    assert [(one.ext_id, type(one)) for one in found] == [(NUMBER, Quarantined)]


async def test_a_refusal_that_stays_unexplained_does_not_hold_up_the_rest(shop: Shop, ark: Ark) -> None:
    ark.override[DETAIL] = lambda _: error(-4242)
    for _ in range(4):
        with pytest.raises(ConnectorError):
            await shop.pull(None)
    found, _ = await pull_all(shop)
    assert [(one.ext_id, type(one)) for one in found] == [(NUMBER, Quarantined)]


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (error(-2000101), ["OrderUpdate", "Refund", "Quarantined"]),
        (good({"code": -2000101, "success": False}), ["OrderUpdate", "Refund", "Quarantined"]),
        (good({"code": 0, "success": True, "data": {"afterSaleInfo": {}}}), ["OrderUpdate", "Refund", "Quarantined"]),
    ],
)
async def test_money_back_that_is_not_shown_is_quarantined(
    shop: Shop, ark: Ark, answer: Json, kinds: list[str]
) -> None:
    row = load("xiaohongshu/after_sale") | {"status": 4}
    inner = {"totalCount": 1, "afterSaleBasicInfos": [row]}
    ark.override[AFTER_SALES] = lambda _: good({"code": 0, "success": True, "data": inner})
    ark.override["afterSale.getAfterSaleInfo"] = lambda _: answer
    found, _ = await pull_all(shop)
    assert [type(one).__name__ for one in found] == kinds
    assert {one.ext_id for one in found} == {NUMBER}


async def test_the_token_is_renewed_before_its_end(shop: Shop, ark: Ark, clock: ManualClock) -> None:
    await shop.read(NUMBER)
    await shop.read(NUMBER)
    assert ark.methods() == [REFRESH, DETAIL, DETAIL], "its end is asked for once"
    clock.now = NOW + ark.life - 20 * 60
    ark.token, ark.life = "tok-2", 10 * 86_400
    await shop.read(NUMBER)
    assert ark.methods()[3:] == [REFRESH, DETAIL]
    assert ark.calls[-1]["accessToken"] == "tok-2"


async def test_an_ended_token_is_renewed_and_the_call_repeated(shop: Shop, ark: Ark) -> None:
    await shop.read(NUMBER)
    ark.token = "tok-2"
    came = await shop.perform(send(NUMBER))
    assert came.result is Result.CONFIRMED
    assert ark.methods()[2:] == [DELIVER, REFRESH, DELIVER]


@pytest.mark.parametrize(
    ("answer", "why", "kind"),
    [(error(-2000400), "token_dead", "auth"), (error(-2000500), "rate", "rate"), ((503, {}), "rate", "rate")],
)
async def test_a_token_that_is_not_renewed(shop: Shop, ark: Ark, answer: Answer | Json, why: str, kind: str) -> None:
    await shop.read(NUMBER)
    ark.token = "tok-2"
    ark.override[REFRESH] = lambda _: answer
    came = await shop.perform(send(NUMBER))
    assert (came.result, came.why) == (Result.LATER, why)
    with pytest.raises(ConnectorError) as caught:
        await shop.read(NUMBER)
    assert caught.value.kind == kind


async def test_pushes_are_hints(shop: Shop) -> None:
    assert isinstance(shop, Receiver)

    def push(sign_: str = "", body: bytes = b"[]", stamp: int = NOW, method: str = "POST") -> Inbound:
        made = sign_push("/hook/shop-a?k=v", "app", str(stamp), SECRET)
        headers = {"timestamp": str(stamp), "app-key": "app", "sign": sign_ or made}
        return Inbound(method=method, tail="", query="k=v", headers=headers, body=body)

    good_push = await shop.receive(push())
    assert (good_push.pull, good_push.render(None).status) == (True, 200)
    assert json.loads(good_push.render(None).body) == {"success": True, "error_code": 0, "error_msg": ""}
    for bad in (push(sign_="0" * 32), push(stamp=NOW - 700), push(method="GET")):
        got = await shop.receive(bad)
        assert (got.pull, got.render(None).status) == (False, 403)
    probe = await shop.receive(push(sign_="x", body=b'{"test":true}'))
    assert (probe.pull, probe.render(None).status) == (False, 200)


# The practice door


def at_door(desk: Desk) -> Shop:
    """With a clock that is ahead, so that what has just happened does not lie in the running second."""
    return build_shop("xhs-main", desk.shops["xhs-main"], lambda: now_us() + 3 * SECOND)


async def a_second_passes(desk: Desk) -> None:
    """Windows end before the running second, so that what changes now leaves them."""
    then = now_us() // SECOND
    await desk.until(lambda: now_us() // SECOND > then + 1)


async def test_days_of_trade(tmp_path: Path) -> None:
    plans = [
        plan(1, "xiaohongshu", qty=2), plan(2, "xiaohongshu", flag=2), plan(3, "xiaohongshu", acts=[(0.0, "close")]),
        plan(5, "xiaohongshu", acts=[(0.0, "pay"), (0.0, "refund"), (0.05, "refund_agreed")]),
        plan(6, "xiaohongshu", acts=[(0.0, "pay"), (0.0, "refund")]),
    ]  # fmt: skip
    async with world(tmp_path, plans, platforms=("xiaohongshu",)) as desk:
        await desk.begin()
        shop = at_door(desk)
        found, _ = await pull_all(shop)
        orders = {one.ext_id: one for one in found if isinstance(one, OrderUpdate)}
        one, risky, closed, back, asked = [orders[number] for number in desk.setting.world.shops["xhs-main"].orders]
        assert (one.state, one.lines[0].qty, one.total) == (PlatformState.PAID, 2, 9780)
        assert (risky.state, risky.forbid) == (PlatformState.FORBIDDEN, "risk review")
        assert (closed.state, closed.payments) == (PlatformState.CANCELLED, ())
        assert (back.state, back.payments[0].kind) == (PlatformState.REFUNDED, PaymentKind.CHARGE)
        assert (asked.state, asked.forbid) == (PlatformState.FORBIDDEN, "refund open")
        refunds = {one.ext_id: one for one in found if isinstance(one, Refund)}
        assert refunds[back.ext_id].state is RefundState.DONE
        assert refunds[asked.ext_id].state is RefundState.OPEN
        money = [one for one in found if isinstance(one, Payment)]
        assert [(m.ext_id, m.kind, m.amount) for m in money] == [(back.ext_id, PaymentKind.REFUND, 4890)]
        keys = desk.keys("steam50")[:2]
        for number, result in ((one.ext_id, Result.CONFIRMED), (risky.ext_id, Result.LATER), ("P0", Result.UNKNOWN)):
            assert (await shop.perform(send(number, keys=tuple(keys)))).result is result
        again = await shop.perform(send(one.ext_id, attempt=2, keys=tuple(keys)))
        assert again.result is Result.CONFIRMED
        assert [record["keys"] for record in desk.ledger("send")] == [keys]
        shipped = await shop.read(one.ext_id)
        assert isinstance(shipped, OrderUpdate)
        assert shipped.state is PlatformState.SHIPPED
        assert keys[0].encode() not in shipped.raw
        await shop.close()


async def test_many_rows_that_move_while_they_are_read(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(n, "xiaohongshu") for n in range(1, 703)], platforms=("xiaohongshu",)) as desk:
        await desk.begin()
        shop, books = build_shop("xhs-main", desk.shops["xhs-main"], now_us), desk.setting.world
        orders = list(books.shops["xhs-main"].orders.values())
        await a_second_passes(desk)
        first = await shop.pull(None)
        assert first.more
        moved = orders[::5]
        for order in moved:
            books.annotate(order, "x")
        await a_second_passes(desk)
        rest, _ = await pull_all(shop, first.cursor)
        seen = [one for one in (*first.updates, *rest) if isinstance(one, OrderUpdate)]
        assert {one.ext_id for one in seen} == {order.ext_id for order in orders}
        latest = {one.ext_id: one.rev for one in sorted(seen, key=lambda one: one.rev)}
        assert all(latest[order.ext_id] // 1000 == order.modified // 1000 for order in moved)
        await shop.close()


async def test_a_token_ends_at_the_door(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "xiaohongshu")], platforms=("xiaohongshu",)) as desk:
        await desk.begin()
        shop = at_door(desk)
        await pull_all(shop)
        gate = desk.setting.front._gates["xhs"]
        gate.expire_token()
        (number,) = desk.setting.world.shops["xhs-main"].orders
        assert (await shop.perform(send(number, keys=(desk.keys("steam50")[0],)))).result is Result.CONFIRMED
        await shop.close()
