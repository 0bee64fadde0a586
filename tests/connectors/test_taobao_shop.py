"""The Taobao shop against a scripted TOP router on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from connectors.registry import build_shop
from connectors.shops.taobao.sign import sign
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, Payment, PlatformState, Quarantined, Refund, RefundState
from core.ports import ConnectorError, Shop
from tests.connectors.kit import Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port

SECRET = "helloworld"
TID = "2231958349001"
DUMMY = "taobao.logistics.dummy.send"
SHIPPED = {"logistics_dummy_send_response": {"shipping": {"is_success": True}, "request_id": "r"}}


def error(code: int, sub_code: str = "", sub_msg: str = "") -> Json:
    return {"error_response": {"code": code, "msg": "m", "sub_code": sub_code, "sub_msg": sub_msg, "request_id": "r"}}


class Router:
    """Answers by method name; what is not set answers with an empty list or the sample trade."""

    def __init__(self) -> None:
        self.trades: list[Json] = []
        self.refunds: list[Json] = []
        self.detail: Json = load("taobao_trade")
        self.override: dict[str, Callable[[dict[str, str]], Answer | Json]] = {}
        self.forms: list[dict[str, str]] = []
        self.session = "6100test"

    def methods(self) -> list[str]:
        return [form["method"] for form in self.forms]

    def __call__(self, request: Request) -> Answer:
        form = request.form
        self.forms.append(form)
        assert request.method == "POST"
        assert request.query == {}
        assert form["sign"] == sign(form, SECRET, form["sign_method"])
        method = form["method"]
        answer = self.override[method](form) if method in self.override else self.answer(method, form)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, method: str, form: dict[str, str]) -> Json:
        if form.get("session") != self.session and method != "taobao.top.auth.token.refresh":
            return error(27, "session-expired")
        if method == "taobao.trades.sold.increment.get":
            return {"trades_sold_increment_get_response": self._listed("trades", "trade", self.trades, form)}
        if method == "taobao.refunds.receive.get":
            return {"refunds_receive_get_response": self._listed("refunds", "refund", self.refunds, form)}
        if method == "taobao.trade.fullinfo.get":
            return {"trade_fullinfo_get_response": {"trade": self.detail, "request_id": "r"}}
        return SHIPPED

    @staticmethod
    def _listed(outer: str, inner: str, rows: list[Json], form: dict[str, str]) -> Json:
        inside = [row for row in rows if form["start_modified"] <= row["modified"] <= form["end_modified"]]
        inside.sort(key=lambda row: str(row["modified"]), reverse=True)
        page, size = int(form["page_no"]), int(form["page_size"])
        piece = inside[(page - 1) * size : page * size]
        body: Json = {outer: {inner: piece}} if piece else {}
        if form["use_has_next"] == "true":
            return body | {"has_next": page * size < len(inside)}
        return body | {"total_results": len(inside)}


@pytest.fixture
def router() -> Router:
    return Router()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(router: Router) -> AsyncIterator[Scripted]:
    async with Scripted(router) as running:
        yield running


def options(server: Scripted) -> dict[str, str]:
    return {
        "platform": "taobao",
        "url": f"{server.url}/router/rest",
        "app_key": "12345678",
        "secret": SECRET,
        "session": "6100test",
        "start_days": "0.01",
    }


@pytest.fixture
async def shop(server: Scripted, clock: ManualClock) -> AsyncIterator[Shop]:
    built = build_shop("shop-a", options(server), clock)
    yield built
    await built.close()


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
    assert (shop.platform, shop.send_via) == ("taobao", "email")
    assert set(shop.specs) == {Effect.SHIP}
    assert shop.specs[Effect.SHIP].cls is EffectClass.A
    assert shop.specs[Effect.SHIP].source
    assert SECRET not in repr(shop) + repr(vars(shop))
    assert "6100test" not in repr(shop) + repr(vars(shop))


async def test_a_trade_becomes_an_order_with_its_money(shop: Shop, router: Router) -> None:
    router.trades = [load("taobao_trade")]
    (order,), _ = await pull_all(shop)
    assert isinstance(order, OrderUpdate)
    assert (order.ext_id, order.state, order.total, order.currency) == (TID, PlatformState.PAID, 3980, "CNY")
    assert order.contact == "buyer@example.com"
    assert order.buyer == "AAHk5d-EAAeGwJedwSHpg8bT"
    (line,) = order.lines
    assert (line.line, line.sku, line.qty, line.amount) == ("2231958349002", "STEAM-50", 2, 3980)
    (payment,) = order.payments
    assert (payment.account, payment.txn_id, payment.amount) == ("shop-a", f"tb:{TID}", 3980)
    assert order.deadline == 1_767_380_470 * 1_000_000  # 2026-01-03 03:01:10 +08:00
    assert json.loads(order.raw) == load("taobao_trade")


async def test_rows_without_the_remark_are_looked_up_only_when_they_need_it(shop: Shop, router: Router) -> None:
    row = load("taobao_trade")
    del row["buyer_message"]
    unpaid = row | {"tid": 7, "status": "WAIT_BUYER_PAY", "pay_time": None}
    silent = row | {"tid": 8, "has_buyer_message": False}
    router.trades = [row, unpaid, silent]
    found, _ = await pull_all(shop)
    assert {order.ext_id: order.contact for order in found} == {TID: "buyer@example.com", "7": "", "8": ""}
    assert router.methods().count("taobao.trade.fullinfo.get") == 1


async def test_pages_are_read_from_the_last_to_the_first(shop: Shop, router: Router, clock: ManualClock) -> None:
    sample = load("taobao_trade")
    router.trades = [sample | {"tid": n, "modified": f"2026-01-02 03:0{n % 3}:{n % 60:02}"} for n in range(1, 251)]
    found, _ = await pull_all(shop)
    assert {order.ext_id for order in found} == {str(n) for n in range(1, 251)}
    asked = [
        (form["page_no"], form["use_has_next"])
        for form in router.forms
        if form["method"] == "taobao.trades.sold.increment.get"
    ]
    assert asked[-3:] == [("3", "true"), ("2", "true"), ("1", "true")]
    revs = [order.rev for order in found]
    assert revs == sorted(revs)


async def test_windows_reach_back_to_the_start_and_are_never_wider_than_half_an_hour(server: Scripted) -> None:
    clock, router = ManualClock(), Router()
    server._handler = router
    shop = build_shop("shop-a", options(server) | {"start_days": "0.2"}, clock)
    await pull_all(shop)
    await shop.close()
    windows = [
        (form["start_modified"], form["end_modified"])
        for form in router.forms
        if form["method"] == "taobao.trades.sold.increment.get"
    ]
    assert windows[0][0] == "2026-01-01 22:16:02"  # 0.2 days and the overlap before 03:04:05
    assert windows[-1][1] == "2026-01-02 03:04:05"
    assert len(windows) == 10


async def test_overlaps_are_silent_once_committed_and_loud_after_a_rollback(
    shop: Shop, router: Router, clock: ManualClock
) -> None:
    router.trades = [load("taobao_trade") | {"modified": "2026-01-02 03:04:04"}]
    found, first = await pull_all(shop)
    assert len(found) == 1
    clock.now += 1
    found, second = await pull_all(shop, first)
    assert found == []
    assert second != first
    router.trades[0] |= {"status": "WAIT_BUYER_CONFIRM_GOODS"}  # within the same second
    found, third = await pull_all(shop, second)
    assert [order.state for order in found] == [PlatformState.SHIPPED]
    again, _ = await pull_all(shop, second)  # the core could not commit: the same cursor, the same facts
    assert again == found
    fresh = await shop.pull(third)
    assert fresh.updates == ()


async def test_a_failed_pull_swallows_nothing(shop: Shop, router: Router) -> None:
    router.trades = [load("taobao_trade")]
    router.override["taobao.refunds.receive.get"] = lambda form: error(10)
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == "platform"
    router.override.clear()
    found, _ = await pull_all(shop)
    assert len(found) == 1


async def test_refunds_block_and_then_move_money(shop: Shop, router: Router, clock: ManualClock) -> None:
    clock.now += 3600
    router.refunds = [load("taobao_refund")]
    (refund,), cursor = await pull_all(shop)
    assert isinstance(refund, Refund)
    assert (refund.state, refund.amount, refund.ext_id) == (RefundState.OPEN, 3980, TID)
    router.refunds = [load("taobao_refund") | {"status": "SUCCESS", "modified": "2026-01-02 04:04:04"}]
    (refund, money), _ = await pull_all(shop, cursor)
    assert refund.state is RefundState.DONE
    assert isinstance(money, Payment)
    assert money.amount == 3980


@pytest.mark.parametrize(
    ("item", "state", "refunds", "forbid"),
    [
        ({"refund_status": "WAIT_SELLER_AGREE", "refund_id": "9"}, PlatformState.PAID, [RefundState.OPEN], ""),
        ({"refund_status": "WAIT_SELLER_AGREE"}, PlatformState.FORBIDDEN, [], "refund open"),
        ({"refund_status": "SUCCESS", "refund_id": "9"}, PlatformState.FORBIDDEN, [], "refunded in part"),
        ({"refund_status": "CLOSED", "refund_id": "9"}, PlatformState.PAID, [RefundState.GONE], ""),
    ],
)
async def test_the_gate_sees_refunds_in_the_trade_itself(
    shop: Shop, router: Router, item: Json, state: PlatformState, refunds: list[RefundState], forbid: str
) -> None:
    router.detail["orders"]["order"][0] |= item
    order = await shop.read(TID)
    assert isinstance(order, OrderUpdate)
    assert (order.state, [r.state for r in order.refunds], order.forbid) == (state, refunds, forbid)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("WAIT_BUYER_PAY", PlatformState.UNPAID),
        ("PAID_FORBID_CONSIGN", PlatformState.FORBIDDEN),
        ("SELLER_CONSIGNED_PART", PlatformState.FORBIDDEN),
        ("TRADE_BUYER_SIGNED", PlatformState.SHIPPED),
        ("TRADE_FINISHED", PlatformState.FINISHED),
        ("TRADE_CLOSED", PlatformState.REFUNDED),
        ("TRADE_CLOSED_BY_TAOBAO", PlatformState.CANCELLED),
    ],
)
async def test_statuses(shop: Shop, router: Router, status: str, state: PlatformState) -> None:
    router.detail |= {"status": status}
    order = await shop.read(TID)
    assert isinstance(order, OrderUpdate)
    assert order.state is state
    assert bool(order.forbid) is (state is PlatformState.FORBIDDEN)
    assert bool(order.payments) is (state not in (PlatformState.UNPAID, PlatformState.CANCELLED))


async def test_an_answer_for_another_trade_is_no_answer(shop: Shop, router: Router) -> None:
    router.detail |= {"tid": 5}
    got = await shop.read(TID)
    assert isinstance(got, Quarantined)
    assert (got.ext_id, got.field) == (TID, "trade.tid")


async def test_details_that_were_read_are_not_read_again_after_a_failure(shop: Shop, router: Router) -> None:
    sample = load("taobao_trade")
    del sample["buyer_message"]
    router.trades = [sample | {"tid": n} for n in range(1, 41)]
    asked: list[str] = []

    def detail(form: dict[str, str]) -> Answer | Json:
        asked.append(form["tid"])
        if len(asked) == 15:
            return error(15, "isp.remote-service-error")
        return {"trade_fullinfo_get_response": {"trade": load("taobao_trade") | {"tid": int(form["tid"])}}}

    router.override["taobao.trade.fullinfo.get"] = detail
    with pytest.raises(ConnectorError):
        await shop.pull(None)
    assert len(asked) < 40  # after the failure nothing more was begun
    found, _ = await pull_all(shop)
    assert {order.ext_id for order in found} == {str(n) for n in range(1, 41)}
    assert all(order.contact == "buyer@example.com" for order in found)
    assert len(asked) == 41  # forty, and the one that failed


async def test_a_trade_that_the_platform_will_not_show_does_not_stop_the_others(shop: Shop, router: Router) -> None:
    sample = load("taobao_trade")
    del sample["buyer_message"]
    router.trades = [sample, sample | {"tid": 5}]

    def detail(form: dict[str, str]) -> Answer | Json:
        if form["tid"] == "5":
            return error(15, "isv.trade-not-exist")
        return {"trade_fullinfo_get_response": {"trade": load("taobao_trade")}}

    router.override["taobao.trade.fullinfo.get"] = detail
    found, _ = await pull_all(shop)
    assert {(one.ext_id, type(one)) for one in found} == {(TID, OrderUpdate), ("5", Quarantined)}


async def test_rows_that_were_counted_and_do_not_come_are_no_empty_list(shop: Shop, router: Router) -> None:
    listed = {"trades_sold_increment_get_response": {"trades_v2": {"trade": []}, "total_results": 3}}
    router.override["taobao.trades.sold.increment.get"] = lambda form: listed
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == "protocol"


async def test_one_broken_row_does_not_stop_the_others(shop: Shop, router: Router) -> None:
    router.trades = [load("taobao_trade") | {"tid": 5, "payment": 39.8}, load("taobao_trade")]
    found, _ = await pull_all(shop)
    broken = [one for one in found if isinstance(one, Quarantined)]
    assert [(one.ext_id, one.field) for one in broken] == [("5", "payment")]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "wait"),
    [
        (error(7, "accesscontrol.limited-by-api-access-count", "This ban will last for 3 more seconds"), "rate", 3.0),
        (error(27, "session-expired"), "auth", None),
        (error(26), "auth", None),
        (error(15, "isp.remote-service-error"), "platform", None),
        (error(25), "platform", None),
        ((500, {}), "platform", None),
        ((200, {"something_else": {}}), "protocol", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n<xml", "protocol", None),
        (Act.HALF, "network", None),
    ],
)
async def test_errors_of_a_pull(shop: Shop, router: Router, answer: Answer, kind: str, wait: float | None) -> None:
    router.override["taobao.trades.sold.increment.get"] = lambda form: answer
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert (caught.value.kind, caught.value.retry_after) == (kind, wait)
    assert SECRET not in str(caught.value)
    assert "6100test" not in str(caught.value)


async def test_a_cursor_of_another_kind_is_refused(shop: Shop) -> None:
    with pytest.raises(ConnectorError) as caught:
        await shop.pull('{"x":1}')
    assert caught.value.kind == "protocol"


async def test_shipping_is_confirmed_by_its_answer(shop: Shop, router: Router) -> None:
    outcome = await shop.perform(ship(TID))
    assert outcome.result is Result.CONFIRMED
    (form,) = router.forms
    assert (form["method"], form["tid"]) == (DUMMY, TID)
    assert "KEY" not in json.dumps(form)


@pytest.mark.parametrize(
    ("answer", "result", "why"),
    [
        (Act.RESET, Result.UNKNOWN, "broken"),
        (Act.HALF, Result.UNKNOWN, "broken"),
        ((502, {}), Result.UNKNOWN, "isp: code 502 HTTP 502"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{]", Result.UNKNOWN, "garbled: code 0"),
        ({"logistics_dummy_send_response": {"shipping": {}}}, Result.UNKNOWN, "garbled: code 0"),
        (error(15, "isp.remote-connection-timeout"), Result.UNKNOWN, "isp: code 15"),
        (error(10), Result.UNKNOWN, "isp: code 10"),
        (error(7, "accesscontrol.limited-by-api-access-count"), Result.LATER, "rate"),
        (error(27, "session-expired"), Result.LATER, "token_dead"),
        (error(40, "isv.missing-parameter:tid"), Result.REJECTED, "router: code 40"),
    ],
)
async def test_what_a_shipping_came_to(shop: Shop, router: Router, answer: Any, result: Result, why: str) -> None:
    router.override[DUMMY] = lambda form: answer
    outcome = await shop.perform(ship(TID))
    assert outcome.result is result
    assert outcome.why.startswith(why)
    assert (outcome.retry_after is not None) is (result is Result.LATER)
    assert router.methods().count(DUMMY) == 1  # an effect is never repeated in here


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("WAIT_BUYER_CONFIRM_GOODS", Result.CONFIRMED),
        ("TRADE_FINISHED", Result.CONFIRMED),
        ("WAIT_SELLER_SEND_GOODS", Result.REJECTED),
        ("TRADE_CLOSED", Result.REJECTED),
    ],
)
async def test_a_refused_shipping_is_settled_by_the_trade(
    shop: Shop, router: Router, status: str, result: Result
) -> None:
    router.override[DUMMY] = lambda form: error(15, "isv.logistics-dummy-service-error:B04", "已经发货或者已关闭")
    router.detail |= {"status": status}
    outcome = await shop.perform(ship(TID, attempt=2))
    assert outcome.result is result
    assert outcome.evidence["sub_code"] == "isv.logistics-dummy-service-error:B04"


async def test_a_refused_shipping_whose_trade_cannot_be_read_is_unknown(shop: Shop, router: Router) -> None:
    router.override[DUMMY] = lambda form: error(15, "isv.logistics-dummy-service-error:B04")
    router.override["taobao.trade.fullinfo.get"] = lambda form: error(10)
    assert (await shop.perform(ship(TID))).result is Result.UNKNOWN


async def test_a_closed_port_is_not_sent(server: Scripted, clock: ManualClock) -> None:
    shop = build_shop("shop-a", options(server) | {"url": f"http://127.0.0.1:{closed_port()}/router/rest"}, clock)
    outcome = await shop.perform(ship(TID))
    await shop.close()
    assert outcome.result is Result.NOT_SENT
    assert outcome.evidence["error"] == "ConnectError"


async def test_keys_do_not_go_through_taobao(shop: Shop, router: Router) -> None:
    assert (await shop.perform(send(TID))).result is Result.REJECTED
    assert router.forms == []


async def test_a_session_is_renewed_once_for_all(server: Scripted, router: Router, clock: ManualClock) -> None:
    shop = build_shop("shop-a", options(server) | {"refresh_token": "6200old"}, clock)

    def renewed(form: dict[str, str]) -> Json:
        assert form["refresh_token"] == "6200old"
        assert "session" not in form
        router.session = "6100new"
        token = json.dumps({"access_token": "6100new", "refresh_token": "6200new", "expires_in": 1})
        return {"top_auth_token_refresh_response": {"token_result": token, "request_id": "r"}}

    router.session = "gone"
    router.override["taobao.top.auth.token.refresh"] = renewed
    orders = await asyncio.gather(*(shop.read(TID) for _ in range(5)))
    assert all(isinstance(order, OrderUpdate) for order in orders)
    assert router.methods().count("taobao.top.auth.token.refresh") == 1
    assert (await shop.perform(ship(TID))).result is Result.CONFIRMED
    await shop.close()


async def test_a_dead_refresh_token_is_later_and_an_auth_error(
    server: Scripted, router: Router, clock: ManualClock
) -> None:
    shop = build_shop("shop-a", options(server) | {"refresh_token": "6200old"}, clock)
    router.session = "gone"
    router.override["taobao.top.auth.token.refresh"] = lambda form: error(15, "isv.refresh-token-invalid")
    outcome = await shop.perform(ship(TID))
    assert (outcome.result, outcome.why) == (Result.LATER, "token_dead")
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == "auth"
    await shop.close()


async def test_no_webhook_is_taken(shop: Shop) -> None:
    assert await shop.hint({}, b"") is False
