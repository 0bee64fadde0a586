"""The Pinduoduo shop against a scripted router on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from connectors.registry import build_shop
from connectors.shops.pinduoduo.sign import sign
from core.model.clock import from_text
from core.model.effects import Call, Effect, EffectClass, Result
from core.model.order import OrderUpdate, Payment, PlatformState, Quarantined, Refund, RefundState
from core.ports import ConnectorError, Shop
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port

SECRET = "pddsecret"
SN = "260102-339507978993455"
SEND = "pdd.voucher.voucher.info.send"
LIST = "pdd.order.number.list.increment.get"
REFUNDS = "pdd.refund.list.increment.get"
INFO = "pdd.order.information.get"
REFRESH = "pdd.pop.auth.token.refresh"


def error(code: int, message: str = "m") -> Json:
    return {"error_response": {"error_code": code, "error_msg": message, "sub_code": None, "sub_msg": "s"}}


class Router:
    """Answers by type; token checks, windows and pages as the platform has them."""

    def __init__(self) -> None:
        self.orders: list[Json] = []
        self.refunds: list[Json] = []
        self.detail: Json = load("pinduoduo_order")
        self.override: dict[str, Callable[[dict[str, str]], Answer | Json]] = {}
        self.forms: list[dict[str, str]] = []
        self.token = "tok"
        self.expired = 10019
        self.bare = False  # list rows carry the order number alone

    def types(self) -> list[str]:
        return [form["type"] for form in self.forms]

    def __call__(self, request: Request) -> Answer:
        form = request.form
        self.forms.append(form)
        assert request.method == "POST"
        assert request.query == {}
        assert form["sign"] == sign(form, SECRET)
        assert form["timestamp"].isdigit()
        kind = form["type"]
        answer = self.override[kind](form) if kind in self.override else self.answer(kind, form)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, kind: str, form: dict[str, str]) -> Json:
        if kind != REFRESH and form["access_token"] != self.token:
            return error(self.expired)
        if kind == LIST:
            total, rows = self._listed(self.orders, "updated_at", form)
            if self.bare:
                rows = [{"order_sn": row["order_sn"]} for row in rows]
            body = {"order_sn_list": rows, "request_id": "r"}
            more = {"has_next": False} if form["use_has_next"] == "true" else {"total_count": total}
            return {"order_sn_increment_get_response": body | more}
        if kind == REFUNDS:
            total, rows = self._listed(self.refunds, "updated_time", form)
            return {"refund_increment_get_response": {"refund_list": rows, "total_count": total}}
        if kind == INFO:
            return {"order_info_get_response": {"order_info": self.detail}}
        return {"voucher_voucher_info_send_response": {"is_success": True}}

    @staticmethod
    def _listed(rows: list[Json], key: str, form: dict[str, str]) -> tuple[int, list[Json]]:
        start, end = int(form["start_updated_at"]), int(form["end_updated_at"])
        assert 0 <= end - start <= 1800
        inside = [row for row in rows if start <= from_text(row[key]) // 1_000_000 <= end]
        inside.sort(key=lambda row: str(row[key]), reverse=True)
        page, size = int(form["page"]), int(form["page_size"])
        assert size <= 100
        return len(inside), inside[(page - 1) * size : page * size]


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
        "platform": "pinduoduo",
        "url": f"{server.url}/api/router",
        "client_id": "testclient",
        "secret": SECRET,
        "access_token": "tok",
        "refresh_token": "refresh-1",
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
    assert (shop.platform, shop.send_via) == ("pinduoduo", "shop")
    spec = shop.specs[Effect.SEND]
    assert (spec.cls, spec.ships, spec.askable) == (EffectClass.B, True, False)
    assert "not confirmed" in spec.source
    said = repr(shop) + repr(vars(shop))
    assert not any(secret in said for secret in (SECRET, "tok'", "refresh-1"))


async def test_an_order_with_its_money_and_no_buyer(shop: Shop, router: Router) -> None:
    router.orders = [load("pinduoduo_order")]
    (order,), _ = await pull_all(shop)
    assert isinstance(order, OrderUpdate)
    assert (order.ext_id, order.state, order.total, order.currency) == (SN, PlatformState.PAID, 3980, "CNY")
    assert (order.buyer, order.contact) == ("", "")
    assert [(line.sku, line.qty, line.amount) for line in order.lines] == [("STEAM-50", 2, 3980)]
    assert [(p.account, p.txn_id, p.amount) for p in order.payments] == [("shop-a", f"pdd:{SN}", 3980)]
    assert order.deadline == 1_767_380_470 * 1_000_000
    assert INFO not in router.types()


async def test_a_list_of_bare_numbers_is_looked_up_each_time(shop: Shop, router: Router, clock: ManualClock) -> None:
    router.orders, router.bare = [load("pinduoduo_order")], True
    (order,), cursor = await pull_all(shop)
    assert order.ext_id == SN
    clock.now += 1
    found, cursor = await pull_all(shop, cursor)
    assert found == []
    router.detail |= {"refund_status": 2}  # changed, although the list row reads as before
    router.orders[0] |= {"updated_at": "2026-01-02 03:04:06"}
    clock.now += 1
    (order,), _ = await pull_all(shop, cursor)
    assert order.state is PlatformState.FORBIDDEN


async def test_amounts_may_be_numbers_and_are_read_digit_by_digit(shop: Shop, router: Router) -> None:
    router.detail |= {"pay_amount": 39.8, "goods_amount": 42, "discount_amount": 2.2, "postage": 0}
    router.detail["item_list"][0] |= {"goods_price": 21.0}
    order = await shop.read(SN)
    assert isinstance(order, OrderUpdate)
    assert order.total == 3980


async def test_amounts_are_laid_on_lines_without_losing_a_fen(shop: Shop, router: Router) -> None:
    item = router.detail["item_list"][0]
    router.detail["item_list"] = [
        item | {"goods_price": "3.33", "goods_count": 1},
        item | {"goods_price": "3.33", "goods_count": 2},
        item | {"goods_price": "0.02", "goods_count": 1},
    ]
    router.detail |= {"pay_amount": "10.00", "discount_amount": "0.01"}
    order = await shop.read(SN)
    assert isinstance(order, OrderUpdate)
    assert sum(line.amount for line in order.lines) == order.total == 1000
    assert all(line.amount > 0 for line in order.lines)


@pytest.mark.parametrize(
    ("change", "state", "forbid"),
    [
        ({"group_status": 0}, PlatformState.FORBIDDEN, "group not formed"),
        ({"group_status": 2}, PlatformState.FORBIDDEN, "group failed"),
        ({"risk_control_status": 1}, PlatformState.FORBIDDEN, "risk review"),
        ({"refund_status": 2}, PlatformState.FORBIDDEN, "refund open"),
        ({"refund_status": 3}, PlatformState.FORBIDDEN, "refund open"),
        ({"confirm_status": 0}, PlatformState.FORBIDDEN, "not confirmed"),
        ({"refund_status": 4}, PlatformState.REFUNDED, ""),
        ({"confirm_status": 2}, PlatformState.CANCELLED, ""),
        ({"confirm_status": 0, "pay_time": ""}, PlatformState.UNPAID, ""),
        ({"confirm_status": 0, "pay_time": None}, PlatformState.UNPAID, ""),
        ({"order_status": 2}, PlatformState.SHIPPED, ""),
        ({"order_status": 3}, PlatformState.FINISHED, ""),
        ({"order_status": 2, "refund_status": 2}, PlatformState.SHIPPED, ""),
    ],
)
async def test_states(shop: Shop, router: Router, change: Json, state: PlatformState, forbid: str) -> None:
    router.detail |= change
    order = await shop.read(SN)
    assert isinstance(order, OrderUpdate)
    assert (order.state, order.forbid) == (state, forbid)


async def test_a_confirmed_order_without_pay_time_is_drift(shop: Shop, router: Router) -> None:
    router.detail |= {"pay_time": ""}
    got = await shop.read(SN)
    assert isinstance(got, Quarantined)
    assert got.field == "pay_time"


async def test_pages_are_read_from_the_last_to_the_first(shop: Shop, router: Router) -> None:
    sample = load("pinduoduo_order")
    router.orders = [sample | {"order_sn": f"S{n}", "updated_at": f"2026-01-02 03:03:{n % 60:02}"} for n in range(230)]
    found, _ = await pull_all(shop)
    assert {order.ext_id for order in found} == {f"S{n}" for n in range(230)}
    asked = [form["page"] for form in router.forms if form["type"] == LIST]
    assert asked[-3:] == ["3", "2", "1"]


async def test_refunds(shop: Shop, router: Router, clock: ManualClock) -> None:
    clock.now += 3600
    router.refunds = [load("pinduoduo_refund")]
    (refund,), cursor = await pull_all(shop)
    assert isinstance(refund, Refund)
    assert (refund.state, refund.amount, refund.ext_id) == (RefundState.OPEN, 3980, SN)
    router.refunds = [load("pinduoduo_refund") | {"after_sales_status": 10, "updated_time": "2026-01-02 04:04:04"}]
    (refund, money), _ = await pull_all(shop, cursor)
    assert refund.state is RefundState.DONE
    assert isinstance(money, Payment)
    assert money.amount == 3980


async def test_keys_go_as_vouchers_under_our_number(shop: Shop, router: Router) -> None:
    outcome = await shop.perform(send(SN))
    assert outcome.result is Result.CONFIRMED
    (form,) = router.forms
    assert (form["type"], form["order_sn"], form["out_biz_no"]) == (SEND, SN, "shop-a:71")
    vouchers = json.loads(form["voucher_list"])
    assert [voucher["voucher_no"] for voucher in vouchers] == ["KEY-1", "KEY-2"]
    names = [voucher["voucher_id"] for voucher in vouchers]
    assert len(set(names)) == 2
    assert not any("KEY" in name for name in names)
    await shop.perform(send(SN, attempt=2))
    assert router.forms[1]["voucher_list"] == form["voucher_list"]  # a repeat is the same to the letter


@pytest.mark.parametrize(
    ("answer", "result", "why"),
    [
        (Act.RESET, Result.UNKNOWN, "broken"),
        (Act.CLOSE, Result.UNKNOWN, "broken"),
        (Act.HALF, Result.UNKNOWN, "broken"),
        ((503, {}), Result.UNKNOWN, "service"),
        ({"voucher_voucher_info_send_response": {}}, Result.UNKNOWN, "garbled"),
        (error(50000), Result.UNKNOWN, "service"),
        (error(99999), Result.UNKNOWN, "service"),
        (error(50001), Result.REJECTED, "refused"),
        ({"voucher_voucher_info_send_response": {"is_success": False}}, Result.REJECTED, "refused"),
        (error(52101), Result.LATER, "rate"),
        (error(70033), Result.LATER, "rate"),
        (error(10014), Result.LATER, "token_dead"),
        (error(20004), Result.REJECTED, "router"),
    ],
)
async def test_what_a_sending_came_to(shop: Shop, router: Router, answer: Any, result: Result, why: str) -> None:
    router.override[SEND] = lambda form: answer
    outcome = await shop.perform(send(SN))
    assert outcome.result is result
    assert outcome.why.startswith(why)
    assert router.types().count(SEND) == 1
    assert "KEY" not in repr(outcome)


@pytest.mark.parametrize(
    ("change", "result"), [({"order_status": 2}, Result.UNKNOWN), ({"order_status": 1}, Result.REJECTED)]
)
async def test_a_repeat_that_is_refused_asks_what_the_first_one_did(
    shop: Shop, router: Router, change: Json, result: Result
) -> None:
    router.override[SEND] = lambda form: error(50001, "订单状态不正确")
    router.detail |= change
    assert (await shop.perform(send(SN, attempt=2))).result is result


async def test_a_closed_port_is_not_sent(server: Scripted, clock: ManualClock) -> None:
    shop = build_shop("shop-a", options(server) | {"url": f"http://127.0.0.1:{closed_port()}/api/router"}, clock)
    assert (await shop.perform(send(SN))).result is Result.NOT_SENT
    await shop.close()


async def test_other_effects_and_empty_sends_are_refused_here(shop: Shop, router: Router) -> None:
    assert (await shop.perform(ship(SN))).result is Result.REJECTED
    empty = Call(reference="shop-a:1", effect=Effect.SEND, attempt=1, ext_id=SN, recipient="")
    assert (await shop.perform(empty)).result is Result.REJECTED
    assert router.forms == []
    assert (await shop.ask(send(SN))).result is Result.UNKNOWN


@pytest.mark.parametrize("code", [10019, 10035])
async def test_an_expired_token_is_renewed_once_for_all(shop: Shop, router: Router, code: int) -> None:
    def renewed(form: dict[str, str]) -> Json:
        assert form["refresh_token"] == "refresh-1"
        assert "access_token" not in form
        router.token = "tok-2"
        return {"pop_auth_token_refresh_response": {"access_token": "tok-2", "refresh_token": "refresh-2"}}

    router.token, router.expired = "gone", code
    router.override[REFRESH] = renewed
    outcome, *orders = await asyncio.gather(shop.perform(send(SN)), *(shop.read(SN) for _ in range(5)))
    assert outcome.result is Result.CONFIRMED
    assert all(isinstance(order, OrderUpdate) for order in orders)
    assert router.types().count(REFRESH) == 1


async def test_a_renewal_that_breaks_leaves_the_sending_for_later(shop: Shop, router: Router) -> None:
    router.token = "gone"
    router.override[REFRESH] = lambda form: Act.CLOSE
    outcome = await shop.perform(send(SN))
    assert (outcome.result, outcome.why) == (Result.LATER, "rate")
    assert router.types().count(SEND) == 1


async def test_a_refused_renewal_is_a_dead_token(shop: Shop, router: Router) -> None:
    router.token = "gone"
    router.override[REFRESH] = lambda form: error(10019)
    outcome = await shop.perform(send(SN))
    assert (outcome.result, outcome.why) == (Result.LATER, "token_dead")
    with pytest.raises(ConnectorError) as caught:
        await shop.read(SN)
    assert caught.value.kind == "auth"
    assert "refresh-1" not in str(caught.value)


async def test_rows_that_were_counted_and_do_not_come_are_no_empty_list(shop: Shop, router: Router) -> None:
    empty = {"order_sn_increment_get_response": {"order_sn_list": [], "total_count": 4}}
    router.override[LIST] = lambda form: empty
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == "protocol"


async def test_the_last_four_minutes_are_read_again(shop: Shop, router: Router, clock: ManualClock) -> None:
    _, cursor = await pull_all(shop)
    clock.now += 10
    _, cursor = await pull_all(shop, cursor)
    late = load("pinduoduo_order") | {"updated_at": "2026-01-02 03:01:45"}  # 150 s old when it first shows
    router.orders = [late]
    clock.now += 25
    found, _ = await pull_all(shop, cursor)
    assert [order.ext_id for order in found] == [SN]
    starts = [int(form["start_updated_at"]) for form in router.forms if form["type"] == LIST]
    assert starts[-1] == NOW + 10 - 240
