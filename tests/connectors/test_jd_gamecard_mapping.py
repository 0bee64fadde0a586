"""Game-card orders in our words: numbers with and without quotes, what may not be shipped, and what is kept out."""

import json

import pytest

from connectors.jd_called import prices_of
from connectors.shops.jd_gamecard.mapping import order_of
from core.model.clock import HOUR, SECOND
from core.model.order import OrderUpdate, PlatformState, Quarantined
from tests.connectors.drift_kit import orders_survive, with_
from tests.connectors.kit import NOW, Json, load

NUMBER, PRICES, AT = "203632092", "JDC-STEAM20=22.90", NOW * SECOND


def mapped(raw: bytes) -> OrderUpdate | Quarantined:
    return order_of(raw, AT, "shop", prices_of(PRICES))


def order(changes: Json | None = None) -> OrderUpdate | Quarantined:
    sample = load("jd_gamecard/order")
    for dotted, value in (changes or {}).items():
        sample = with_(sample, dotted, value)
    return mapped(json.dumps(sample).encode())


def test_an_order_as_it_is() -> None:
    got = order()
    assert isinstance(got, OrderUpdate)
    assert (got.ext_id, got.state, got.total, got.currency) == (NUMBER, PlatformState.PAID, 4580, "CNY")
    assert [(line.line, line.sku, line.qty, line.amount) for line in got.lines] == [("1", "JDC-STEAM20", 2, 4580)]
    assert [(p.txn_id, p.amount, p.at) for p in got.payments] == [(f"jdcard:{NUMBER}", 4580, AT)]
    assert (got.buyer, got.deadline) == ("zhangsan", AT + 180 * 24 * HOUR)


@pytest.mark.parametrize(
    ("changes", "total"),
    [({"totalPrice": 45.8}, 4580), ({"totalPrice": 45}, 4500), ({"totalPrice": "45"}, 4500), ({"orderId": 5}, 4580),
     ({"buyNum": 2}, 4580), ({"type": 0}, 4580), ({"outId": None, "totalPrice": "9"}, 900)],
)  # fmt: skip
def test_numbers_with_and_without_quotes(changes: Json, total: int) -> None:
    got = order(changes)
    assert isinstance(got, OrderUpdate)
    assert got.total == total


@pytest.mark.parametrize(
    ("changes", "forbid"),
    [
        ({"type": "1"}, "a gift that goes with another order"),
        ({"gameAccount": "1391234"}, "a top-up of the buyer's account"),
        ({"tokenId": "x"}, "the sale of one game account"),
    ],
)
def test_what_may_not_be_shipped(changes: Json, forbid: str) -> None:
    got = order(changes)
    assert isinstance(got, OrderUpdate)
    assert (got.state, got.forbid) == (PlatformState.FORBIDDEN, forbid)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"totalPrice": "4580"}, "totalPrice"), ({"totalPrice": 0.46}, "totalPrice"), ({"totalPrice": -1}, "totalPrice"),
        ({"totalPrice": "45.805"}, "totalPrice"), ({"totalPrice": 1e3}, "totalPrice"), ({"totalPrice": None}, "totalPrice"),
        ({"totalPrice": ""}, "totalPrice"), ({"totalPrice": [1]}, "totalPrice"), ({"buyNum": "0"}, "buyNum"),
        ({"buyNum": "200"}, "totalPrice"), ({"buyNum": "1000"}, "buyNum"), ({"buyNum": 1.5}, "buyNum"),
        ({"orderId": ""}, "orderId"), ({"orderId": "x"}, "orderId"), ({"skuId": ""}, "skuId"), ({"type": "2"}, "type"),
    ],
)  # fmt: skip
def test_drift_is_named(changes: Json, field: str) -> None:
    got = order(changes)
    assert isinstance(got, Quarantined)
    assert got.field == field


def test_orders_survive_drift() -> None:
    tried, quarantined = orders_survive(load("jd_gamecard/order"), mapped, codes={"outId", "skuId"})
    assert tried > 80
    assert quarantined > tried // 4
