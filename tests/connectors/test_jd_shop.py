"""The JD shop: calls, envelopes and tokens against a scripted router, days of trade against the practice door."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import build_shop
from connectors.shops.jd.sign import sign
from core.model.clock import SECOND, from_text, now_us
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined, RefundState
from core.ports import ConnectorError, Shop
from tests.connectors.kit import Json, ManualClock, load, send, ship
from tests.connectors.practice_client import Desk, plan, world
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port

NUMBER, SECRET = "304500112233", "jdsecret"
SEARCH, GET = "jingdong.pop.order.search", "jingdong.pop.order.get"
SHIPMENT, REQUESTS = "jingdong.pop.order.shipment", "jingdong.pop.afs.soa.refundapply.queryPageList"
GOOD: Json = {"success": True, "numberCode": "0", "chineseErrCode": "", "englishErrCode": ""}


def error(code: str) -> Json:
    return {"error_response": {"code": code, "zh_desc": "m", "en_desc": "m"}}


def answered(method: str, **body: Any) -> Json:
    return {f"{method.replace('.', '_')}_responce": {"code": "0", **body}}


class Router:
    """Answers by method; one order and its requests."""

    def __init__(self) -> None:
        self.order = load("jd/order")
        self.rows = [self.order]
        self.requests: list[Json] = []
        self.override: dict[str, Callable[[Json], Answer | Json]] = {}
        self.calls: list[tuple[str, Json]] = []
        self.token, self.refreshed = "tok", 0

    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]

    def __call__(self, request: Request) -> Answer:
        if request.path == "/oauth2/refresh_token":
            self.refreshed += 1
            asked = {name: values[0] for name, values in request.query.items()}
            assert asked == {
                "app_key": "app", "app_secret": SECRET, "grant_type": "refresh_token", "refresh_token": "ref",
            }  # fmt: skip
            return 200, {"access_token": self.token, "refresh_token": "ref", "expires_in": 86_400, "code": 0}
        form = request.form
        assert (request.method, request.path, form["sign"]) == ("POST", "/routerjson", sign(form, SECRET))
        assert (form["v"], form["app_key"]) == ("2.0", "app")
        method, params = form["method"], json.loads(form["360buy_param_json"])
        self.calls.append((method, params))
        if form["access_token"] != self.token:
            return 200, error("19")
        answer = self.override[method](params) if method in self.override else self.answer(method, params)
        return (200, answer) if isinstance(answer, dict) else answer

    def answer(self, method: str, params: Json) -> Json:
        if method == SEARCH:
            low, high = (from_text(params[key]) for key in ("start_date", "end_date"))
            assert 0 <= high - low <= 1800 * SECOND
            assert (params["page_size"], params["sortType"], params["dateType"]) == ("100", "1", "0")
            rows = [row for row in self.rows if params["start_date"] <= row["modified"] <= params["end_date"]]
            rows.sort(key=lambda row: str(row["modified"]), reverse=True)
            at = (int(params["page"]) - 1) * 100
            found = {"apiResult": GOOD, "orderInfoList": rows[at : at + 100], "orderTotal": len(rows)}
            return answered(SEARCH, searchorderinfo_result=found)
        if method == REQUESTS:
            rows = self.requests
            if "orderId" in params:
                rows = [row for row in rows if str(row["orderId"]) == params["orderId"]]
            else:
                rows = [row for row in rows if params["applyTimeStart"] <= row["applyTime"] <= params["applyTimeEnd"]]
            at = (params["pageIndex"] - 1) * 50
            found = {"success": True, "totalCount": len(rows), "result": rows[at : at + 50]}
            return answered(REQUESTS, queryResult=found)
        if method == GET:
            shown = self.order if params["order_id"] == NUMBER else None
            result = GOOD if shown else GOOD | {"success": False, "numberCode": "10100002"}
            return answered(GET, orderDetailInfo={"apiResult": result, "orderInfo": shown})
        assert params == {"orderId": NUMBER, "logiCoprId": "1274"}
        if self.order["orderState"] != "WAIT_SELLER_STOCK_OUT":
            return answered(SHIPMENT, sopjosshipment_result=GOOD | {"success": False, "chineseErrCode": "已出库"})
        self.order = self.order | {"orderState": "WAIT_GOODS_RECEIVE_CONFIRM"}
        return answered(SHIPMENT, sopjosshipment_result=GOOD | {"success": "true"})


@pytest.fixture
def router() -> Router:
    return Router()


@pytest.fixture
async def server(router: Router) -> AsyncIterator[Scripted]:
    async with Scripted(router) as running:
        yield running


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def shop(server: Scripted, clock: ManualClock) -> AsyncIterator[Shop]:
    built = build_shop("shop-a", options(server), clock)
    yield built
    await built.close()


def options(server: Scripted, **more: str) -> dict[str, str]:
    return {
        "platform": "jd", "url": f"{server.url}/routerjson", "oauth_url": f"{server.url}/oauth2", "app_key": "app",
        "secret": SECRET, "access_token": "tok", "refresh_token": "ref", "start_days": "0.01", **more,
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
    assert (shop.platform, shop.send_via, set(shop.specs)) == ("jd", "email", {Effect.SHIP})
    assert (shop.specs[Effect.SHIP].cls, shop.specs[Effect.SHIP].askable) == (EffectClass.B, False)
    assert SECRET not in repr(shop) + repr(vars(shop))


@pytest.mark.parametrize(
    "wrong",
    [{"url": "http://api.jd.com/routerjson"}, {"oauth_url": "http://open-oauth.jd.com"}, {"secret": " "},
     {"carrier": "own"}, {"access_token": ""}, {"nope": "1"}],
)  # fmt: skip
def test_settings_that_are_refused(server: Scripted, clock: ManualClock, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        build_shop("shop-a", options(server) | wrong, clock)


async def test_orders_come_once_and_again_after_a_rollback(shop: Shop, router: Router, clock: ManualClock) -> None:
    (got,), first = await pull_all(shop)
    assert isinstance(got, OrderUpdate)
    assert (got.ext_id, got.state) == (NUMBER, PlatformState.PAID)
    clock.now += 1
    again, second = await pull_all(shop, first)
    assert again == []
    router.rows = [router.order | {"orderState": "LOCKED", "modified": "2026-01-02 03:04:05"}]
    (locked,), _ = await pull_all(shop, second)
    assert locked.state is PlatformState.FORBIDDEN
    repeat, _ = await pull_all(shop, second)
    assert repeat == [locked]


async def test_pages_from_the_last_to_the_first(shop: Shop, router: Router) -> None:
    router.rows = [
        router.order | {"orderId": str(n), "modified": f"2026-01-02 03:0{n % 3}:{n % 60:02}"} for n in range(1, 251)
    ]
    found, _ = await pull_all(shop)
    assert {order.ext_id for order in found} == {str(n) for n in range(1, 251)}
    assert [params["page"] for method, params in router.calls if method == SEARCH][-3:] == ["3", "2", "1"]


async def test_requests_are_followed_to_their_end(shop: Shop, router: Router, clock: ManualClock) -> None:
    clock.now += 120
    router.requests = [load("jd/refund")]
    found, cursor = await pull_all(shop)
    by_request = [update for update in found if update.refunds]
    assert [(u.ext_id, u.refunds[0].state) for u in by_request] == [(NUMBER, RefundState.OPEN)]
    # Hours later the seller refuses, and the order itself is not touched: its window is long gone.
    clock.now += 7200
    router.requests[0] |= {"status": 2, "checkTime": "2026-01-02 05:00:00"}
    (ended,), cursor = await pull_all(shop, cursor)
    assert [refund.state for refund in ended.refunds] == [RefundState.GONE]
    clock.now += 60
    router.calls.clear()
    assert (await pull_all(shop, cursor))[0] == []
    assert GET not in router.methods()


async def test_money_back_is_seen_before_the_order_is_cancelled(shop: Shop, router: Router) -> None:
    router.requests = [load("jd/refund") | {"status": 3, "checkTime": "2026-01-02 03:06:00"}]
    got = await shop.read(NUMBER)
    assert isinstance(got, OrderUpdate)
    assert (got.state, got.forbid) == (PlatformState.FORBIDDEN, "refunded")
    assert sum(p.amount * (1 if p.kind is PaymentKind.CHARGE else -1) for p in got.payments) == 400
    router.requests[0] |= {"orderId": 5}
    router.override[REQUESTS] = lambda params: answered(
        REQUESTS, queryResult={"success": True, "totalCount": 1, "result": router.requests}
    )
    got = await shop.read(NUMBER)
    assert isinstance(got, Quarantined), "JD gave another order's requests"


async def test_a_request_that_cannot_be_read_stops_nothing(shop: Shop, router: Router, clock: ManualClock) -> None:
    clock.now += 120
    router.requests = [load("jd/refund") | {"orderId": None}, load("jd/refund") | {"orderId": 9, "id": 8}]
    found, _ = await pull_all(shop)
    fields = {update.ext_id: update.field for update in found if isinstance(update, Quarantined)}
    assert fields == {"": "refund.orderId", "9": "$"}


@pytest.mark.parametrize("method", [SEARCH, REQUESTS])
async def test_a_failed_pull_swallows_nothing(shop: Shop, router: Router, method: str) -> None:
    answers: list[Answer | Json] = [error("65"), answered(method), (500, {}), Act.RESET]
    for answer in answers:
        router.override[method] = partial(_said, answer)
        with pytest.raises(ConnectorError):
            await pull_all(shop)
    router.override.clear()
    assert len((await pull_all(shop))[0]) == 1


async def test_no_rows_that_were_counted_is_an_error(shop: Shop, router: Router) -> None:
    found = {"apiResult": GOOD, "orderInfoList": [], "orderTotal": 3}
    router.override[SEARCH] = lambda params: answered(SEARCH, searchorderinfo_result=found)
    with pytest.raises(ConnectorError, match="none came"):
        await pull_all(shop)
    router.override[SEARCH] = lambda params: answered(
        SEARCH, searchorderinfo_result={"apiResult": GOOD | {"success": False, "chineseErrCode": "no"}}
    )
    with pytest.raises(ConnectorError, match="no"):
        await pull_all(shop)


@pytest.mark.parametrize(("code", "kind"), [("2", "rate"), ("12", "platform"), ("65", "platform"), ("21", "platform")])
async def test_kinds_of_errors(shop: Shop, router: Router, code: str, kind: str) -> None:
    router.override[GET] = lambda params: error(code)
    with pytest.raises(ConnectorError) as caught:
        await shop.read(NUMBER)
    assert caught.value.kind == kind
    with pytest.raises(ConnectorError):
        await shop.read("1")


async def test_the_right_spelling_is_taken_too(shop: Shop, router: Router) -> None:
    body = {"code": 0, "orderDetailInfo": {"orderInfo": router.order}}
    router.override[GET] = lambda params: {"jingdong_pop_order_get_response": body}
    assert isinstance(await shop.read(NUMBER), OrderUpdate)


async def test_a_token_that_ended_is_renewed_once(shop: Shop, router: Router) -> None:
    router.token = "tok-2"
    found = await asyncio.gather(*(shop.read(NUMBER) for _ in range(5)))
    assert all(isinstance(update, OrderUpdate) for update in found)
    assert router.refreshed == 1


async def test_a_dead_token_is_said_to_be_dead(server: Scripted, router: Router, clock: ManualClock) -> None:
    lone = build_shop("shop-a", options(server, refresh_token=""), clock)
    router.token = "tok-2"
    with pytest.raises(ConnectorError) as caught:
        await lone.read(NUMBER)
    assert caught.value.kind == "auth"
    outcome = await lone.perform(ship(NUMBER))
    assert (outcome.result, outcome.why) == (Result.LATER, "token_dead")
    assert SHIPMENT in router.methods()
    await lone.close()


async def test_shipping(shop: Shop, router: Router) -> None:
    assert (await shop.ask(ship(NUMBER))).result is Result.UNKNOWN
    assert (await shop.perform(ship(NUMBER))).result is Result.CONFIRMED
    router.calls.clear()
    assert (await shop.perform(ship(NUMBER, attempt=2))).result is Result.CONFIRMED
    assert SHIPMENT not in router.methods(), "a repeat looks first"
    assert (await shop.ask(ship(NUMBER))).result is Result.CONFIRMED
    first = await shop.perform(ship(NUMBER))
    assert (first.result, first.why) == (Result.CONFIRMED, "already shipped")
    assert (await shop.perform(send(NUMBER))).result is Result.REJECTED


@pytest.mark.parametrize(
    ("state", "result"), [("LOCKED", Result.LATER), ("TRADE_CANCELED", Result.REJECTED), ("NEW", Result.UNKNOWN)]
)
async def test_a_refusal_is_settled_by_the_order(shop: Shop, router: Router, state: str, result: Result) -> None:
    router.order = router.order | {"orderState": state}
    assert (await shop.perform(ship(NUMBER))).result is result
    assert (await shop.perform(ship(NUMBER, attempt=2))).result is result


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (error("2"), Result.LATER), (error("12"), Result.REJECTED), (error("65"), Result.UNKNOWN),
        (error("777"), Result.UNKNOWN), ((502, {}), Result.UNKNOWN), ((429, {}), Result.LATER),
        ((200, []), Result.UNKNOWN), (answered(SHIPMENT), Result.UNKNOWN), (Act.RESET, Result.UNKNOWN),
        (Act.CLOSE, Result.UNKNOWN), (Act.HALF, Result.UNKNOWN),
        (answered(SHIPMENT, sopjosshipment_result=GOOD | {"success": False}), Result.REJECTED),
    ],
)  # fmt: skip
async def test_what_answers_mean(shop: Shop, router: Router, answer: Any, result: Result) -> None:
    router.override[SHIPMENT] = lambda params: answer
    assert (await shop.perform(ship(NUMBER))).result is result
    assert router.methods().count(SHIPMENT) == 1


async def test_nothing_reached_a_closed_port(clock: ManualClock, server: Scripted) -> None:
    lone = build_shop("shop-a", options(server, url=f"http://127.0.0.1:{closed_port()}/routerjson"), clock)
    assert (await lone.perform(ship(NUMBER))).result is Result.NOT_SENT
    assert (await lone.perform(ship(NUMBER, attempt=2))).result is Result.LATER
    await lone.close()


async def test_a_day_with_the_practice_door(tmp_path: Path) -> None:
    back = [(0.0, "pay"), (0.0, "refund"), (0.05, "refund_agreed")]
    kept = [(0.0, "pay"), (0.0, "refund"), (0.05, "refund_withdrawn")]
    buyers = [
        plan(1, "jd", message="a@mail.example.com"), plan(2, "jd", acts=back), plan(3, "jd", acts=[(0.0, "close")]),
        plan(4, "jd", qty=3, message="b@mail.example.com"), plan(5, "jd", flag=2), plan(6, "jd", acts=kept),
        plan(7, "jd", acts=[(0.0, "pay"), (0.05, "failed")], flag=3),
    ]  # fmt: skip
    async with world(tmp_path, buyers, platforms=("jd",)) as desk:
        shop = build_shop("jd-main", desk.shops["jd-main"], now_us)
        await desk.begin()
        desk.setting.front._gates["jd"].expire_token()
        found = await _until_seen(desk, shop)
        states = [found[number].state for number in desk.setting.world.shops["jd-main"].orders]
        paid, back_, held = PlatformState.PAID, PlatformState.REFUNDED, PlatformState.FORBIDDEN
        assert states == [paid, back_, PlatformState.CANCELLED, paid, held, paid, back_]
        first, second, _, _, fifth, sixth, seventh = found.values()
        assert (first.contact, fifth.forbid) == ("a@mail.example.com", "PAUSE")
        for update in (second, seventh):
            assert sum(p.amount * (1 if p.kind is PaymentKind.CHARGE else -1) for p in update.payments) == 0
        assert [refund.state for refund in sixth.refunds] == [RefundState.GONE]
        assert (await shop.perform(ship(first.ext_id))).result is Result.CONFIRMED
        assert (await shop.perform(ship(first.ext_id, attempt=2))).why == "already shipped"
        assert (await shop.perform(ship(fifth.ext_id))).result is Result.LATER
        assert (await shop.perform(ship(second.ext_id))).result is Result.REJECTED
        assert [record["ext_id"] for record in desk.ledger("ship")] == [first.ext_id]
        await shop.close()


def _said(answer: Answer | Json, params: Json) -> Answer | Json:
    return answer


async def _until_seen(desk: Desk, shop: Shop) -> dict[str, OrderUpdate]:
    """Every order as the pulls and the reads show it, in the order of the world."""
    numbers = list(desk.setting.world.shops["jd-main"].orders)
    pulled: set[str] = set()
    cursor = None

    async def look() -> None:
        nonlocal cursor
        batch = await shop.pull(cursor)
        cursor = batch.cursor
        pulled.update(update.ext_id for update in batch.updates)

    deadline = asyncio.get_running_loop().time() + 15
    while not pulled >= set(numbers):
        assert asyncio.get_running_loop().time() < deadline, "not all orders were pulled"
        await look()
    shown = {number: await shop.read(number) for number in numbers}
    assert all(isinstance(update, OrderUpdate) for update in shown.values()), shown
    return {number: update for number, update in shown.items() if isinstance(update, OrderUpdate)}
