"""Cards bought from Kashangwl for stock: once, asked about by our number, never again in doubt."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.stocker_kinds import build_stocker
from core.model.clock import now_us
from core.model.effects import Result
from core.ports import Bought, Stocker, Wanted
from tests.connectors.hook_kit import Hooked
from tests.connectors.kit import Json, ManualClock
from tests.connectors.practice_client import world
from tests.connectors.server import Act, Answer, Request, Scripted
from tests.connectors.test_practice_topup import deaf, options

KEY = "customer-sesame"
CODE = "41560"
WANTED = Wanted(reference="KD77", code=CODE, qty=2, price="49.50")
SOLD = [{"card_no": "NO-1", "card_password": "SECRET-1"}, {"card_no": "NO-2", "card_password": "SECRET-2"}]
SHOWN = [{"no": "NO-1", "password": "SECRET-1"}, {"no": "NO-2", "password": "SECRET-2"}]
KEYS = ("NO-1 SECRET-1", "NO-2 SECRET-2")


class Supplier:
    """Answers by path; what it answers can be changed by field."""

    def __init__(self) -> None:
        self.product: Json = {"id": 41560, "type": 2, "price": "48.5000", "stock_state": 1, "supply_state": 1}
        self.buy: Answer | None = None
        self.data: Json = {"order_id": "5573", "state": 200, "total_price": "97.0000", "cards": SOLD}
        self.shown: Json | None = None
        self.calls: list[tuple[str, Json]] = []

    def __call__(self, request: Request) -> Answer:
        body = json.loads(request.body)
        self.calls.append((request.path, body))
        if request.path == "/api/product":
            return 200, {"code": "ok", "message": "", "data": self.product}
        if request.path == "/api/buy":
            return self.buy if self.buy is not None else (200, {"code": "ok", "message": "", "data": self.data})
        if self.shown is None:
            return 200, {"code": "gone", "message": "订单不存在", "data": None}
        return 200, {"code": "ok", "message": "", "data": self.shown}

    def bought(self) -> int:
        return sum(path == "/api/buy" for path, _ in self.calls)


@pytest.fixture
def supplier() -> Supplier:
    return Supplier()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def cards(supplier: Supplier, clock: ManualClock) -> AsyncIterator[Stocker]:
    async with Scripted(supplier) as server:
        made = build_stocker(
            "cards",
            {"kind": "kashangwl", "url": server.url, "customer_id": "1192442", "secret": KEY, "refused_codes": "poor"},
            clock,
        )
        yield made
        await made.close()


def quiet(came: Bought) -> Bought:
    """No key and no secret in what is kept or shown."""
    said = f"{came!r} {came.outcome!r}"
    assert not any(word in said for word in (KEY, "SECRET", "NO-1"))
    return came


async def test_cards_are_bought_under_our_number_at_our_price(cards: Stocker, supplier: Supplier) -> None:
    came = quiet(await cards.buy(WANTED))
    assert (came.outcome.result, came.keys) == (Result.CONFIRMED, KEYS)
    body = supplier.calls[-1][1]
    assert (body["outer_order_id"], body["quantity"], body["safe_cost"]) == ("KD77", 2, "49.50")
    assert "recharge_account" not in body


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"type": 1}, Result.REJECTED),
        ({"price": "49.5001"}, Result.REJECTED),
        ({"price": "0"}, Result.REJECTED),
        ({"stock_state": 2}, Result.LATER),
        ({"supply_state": 0}, Result.LATER),
        ({"id": 9}, Result.LATER),
    ],
)
async def test_what_is_not_to_be_bought_is_not(
    cards: Stocker, supplier: Supplier, change: dict[str, Any], result: Result
) -> None:
    supplier.product |= change
    assert quiet(await cards.buy(WANTED)).outcome.result is result
    assert supplier.bought() == 0


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Act.HANG, Result.UNKNOWN),
        (Act.CLOSE, Result.UNKNOWN),
        (Act.HALF, Result.UNKNOWN),
        ((500, {}), Result.UNKNOWN),
        ((200, {"code": "busy", "message": "NO-1", "data": None}), Result.UNKNOWN),
        ((200, {"code": "poor", "message": "余额不足", "data": None}), Result.REJECTED),
        ((200, {"code": "ok", "message": "", "data": {"state": "200"}}), Result.UNKNOWN),
        ((200, {"code": "ok", "message": "", "data": {"state": 500}}), Result.REJECTED),
        ((200, {"code": "ok", "message": "", "data": {"state": 501}}), Result.UNKNOWN),
        ((200, {"code": "ok", "message": "", "data": {"state": 101}}), Result.UNKNOWN),
        ((200, {"code": "ok", "message": "", "data": {"state": 200, "cards": []}}), Result.UNKNOWN),
        ((200, {"code": "ok", "message": "", "data": {"state": 200, "cards": [{"card_no": ""}]}}), Result.UNKNOWN),
    ],
)
async def test_what_an_answer_is_worth(cards: Stocker, supplier: Supplier, answer: Answer, result: Result) -> None:
    supplier.buy = answer
    if answer == Act.HANG:
        cards._http._read = 0.3  # type: ignore[attr-defined]
    came = await cards.buy(WANTED)
    assert came.outcome.result is result
    assert came.keys == ()
    assert supplier.bought() == 1


async def test_a_doubt_is_settled_by_our_number(cards: Stocker, supplier: Supplier, clock: ManualClock) -> None:
    first = await cards.bought(WANTED)
    assert (first.outcome.result, first.outcome.retry_after) == (Result.UNKNOWN, 15.0)
    supplier.shown = {"id": "5573", "product_id": 41560, "state": 101, "cards": None or []}
    assert (await cards.bought(WANTED)).outcome.retry_after == 15.0
    supplier.shown |= {"state": 200, "cards": SHOWN}
    came = quiet(await cards.bought(WANTED))
    assert (came.outcome.result, came.keys) == (Result.CONFIRMED, KEYS)
    supplier.shown |= {"product_id": 9}
    assert (await cards.bought(WANTED)).outcome.retry_after is None  # another product: a person looks
    assert supplier.bought() == 0


async def test_what_is_never_shown_is_a_persons(cards: Stocker, clock: ManualClock) -> None:
    assert (await cards.bought(WANTED)).outcome.retry_after == 15.0
    clock.now += 3599
    assert (await cards.bought(WANTED)).outcome.retry_after == 15.0
    clock.now += 2
    last = (await cards.bought(WANTED)).outcome
    assert (last.result, last.retry_after) == (Result.UNKNOWN, None)


async def test_nobody_listening_proves_that_nothing_was_bought(cards: Stocker, supplier: Supplier) -> None:
    async with Scripted(Supplier()) as gone:
        options = {"kind": "kashangwl", "url": gone.url, "customer_id": "1", "secret": KEY}
        lost = build_stocker("cards", options, ManualClock())
    assert (await lost.buy(WANTED)).outcome.result is Result.LATER  # the product is looked at first
    await lost.close()


async def test_the_practice_worlds_supplier_sells_them(tmp_path: Path) -> None:
    async with world(tmp_path, [], platforms=("topup",)) as desk:
        async with Hooked(deaf, desk):
            await desk.begin()
        way = {name: value for name, value in options(desk).items() if name in ("kind", "url", "customer_id", "secret")}
        made = build_stocker("cards", way, now_us)
        came = await made.buy(WANTED)
        assert (came.outcome.result, len(came.keys)) == (Result.CONFIRMED, 2)
        assert (await made.bought(WANTED)).keys == came.keys
        again = await made.buy(WANTED)  # refused there, and no proof that nothing was sold
        assert (again.outcome.result, again.keys) == (Result.UNKNOWN, ())
        assert [set(line["keys"]) for line in desk.ledger("mint") if line["product"] == CODE] == [set(came.keys)]
        await made.close()
