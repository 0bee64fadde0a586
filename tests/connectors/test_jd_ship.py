"""The JD shop writes back: what answers mean, refusals settled by the order, and a day of trade at the practice door."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import build_shop
from core.model.clock import now_us
from core.model.effects import Result
from core.model.order import OrderUpdate, PaymentKind, PlatformState, RefundState
from core.ports import Shop
from tests.connectors.jd_kit import GOOD, NUMBER, SHIPMENT, Router, answered, error, options
from tests.connectors.kit import ManualClock, send, ship
from tests.connectors.practice_client import Desk, plan, world
from tests.connectors.server import Act, Scripted, closed_port


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
