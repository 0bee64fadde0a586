"""The JD shop reads: pages, windows, requests followed to their end, envelopes and tokens, against a scripted router."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial

import pytest

from connectors.registry import build_shop
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined, RefundState
from core.ports import ConnectorError, Remapper, Shop
from tests.connectors.jd_kit import (
    GET,
    GOOD,
    NUMBER,
    REQUESTS,
    SEARCH,
    SECRET,
    SHIPMENT,
    Router,
    answered,
    error,
    options,
    pull_all,
)
from tests.connectors.kit import Json, ManualClock, load, ship
from tests.connectors.server import Act, Answer, Scripted


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


async def test_a_request_that_was_set_aside_is_read_with_its_order(shop: Shop, router: Router) -> None:
    assert isinstance(shop, Remapper)
    router.requests = [load("jd/refund")]
    kept = Quarantined(ext_id=NUMBER, field="refund.status", why="w", raw=json.dumps(load("jd/refund")).encode())
    (update,) = await shop.remap(kept, 5)
    assert isinstance(update, OrderUpdate)
    assert [refund.state for refund in update.refunds] == [RefundState.OPEN]


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


def _said(answer: Answer | Json, params: Json) -> Answer | Json:
    return answer
