"""Vendure orders in our words, and every field of the sample bent."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.shops.vendure.mapping import order_of
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined, RefundState
from tests.connectors.kit import Json
from tests.connectors.test_mapping_drift import HOWS, changed, essence, paths

DATA = Path(__file__).parent.parent / "data"
CODE = "8FWK1268J2YJ6S92"


def sample() -> Json:
    order: Json = json.loads((DATA / "vendure" / "order.json").read_text())
    return order


def mapped(order: Json, precision: int = 2) -> OrderUpdate | Quarantined:
    return order_of(json.dumps(order).encode(), "shop-a", precision)


def good(order: Json, precision: int = 2) -> OrderUpdate:
    update = mapped(order, precision)
    assert isinstance(update, OrderUpdate), update
    return update


def bad(order: Json, precision: int = 2) -> Quarantined:
    update = mapped(order, precision)
    assert isinstance(update, Quarantined), update
    return update


def payment(state: str = "Settled", refund: str = "", total: int = 4428) -> Json:
    refunds = [{"id": "9", "state": refund, "total": total, "reason": None, "createdAt": "2026-01-01T19:01:11.000Z"}]
    return {
        "id": "4", "state": state, "amount": 4428, "createdAt": "2026-01-01T19:01:10.000Z", "refunds": refunds if refund else [],
    }  # fmt: skip


def line(**more: Any) -> list[Json]:
    return [sample()["lines"][0] | more]


def test_an_order_becomes_goods_and_money() -> None:
    order = good(sample())
    assert (order.ext_id, order.state, order.total, order.currency) == (CODE, PlatformState.PAID, 4428, "USD")
    assert [(one.line, one.sku, one.qty, one.amount) for one in order.lines] == [("5", "STEAM-50", 2, 4178)]
    assert (order.contact, order.buyer, order.buyer_name) == ("buyer@example.com", "1", "San Zhang")
    assert [(p.kind, p.account, p.txn_id, p.amount) for p in order.payments] == [
        (PaymentKind.CHARGE, "shop-a", "vendure:4", 4428)
    ]
    assert [(r.refund_id, r.state, r.amount) for r in order.refunds] == [("9", RefundState.OPEN, 500)]
    assert order.paid_at == 1_767_294_070 * 1_000_000
    assert order.rev == 1_767_294_071 * 1_000_000 + 4
    assert json.loads(order.raw) == sample()


def test_amounts_have_the_servers_precision_whatever_the_currency() -> None:
    # 2,000 yen are 200000 by Vendure's default of two digits, and 2000 on a server that was set to none.
    yen = {
        "currencyCode": "JPY", "totalWithTax": 200000, "shippingWithTax": 0, "surcharges": [],
        "lines": line(unitPriceWithTax=100000, linePriceWithTax=200000, proratedLinePriceWithTax=200000),
        "payments": [payment() | {"amount": 200000}],
    }  # fmt: skip
    assert (good(sample() | yen).total, good(sample() | yen).payments[0].amount) == (2000, 2000)
    assert good(sample() | yen, precision=0).total == 200000
    assert good(sample(), precision=0).total == 442800
    assert bad(sample(), precision=4).why == "more precise than the currency"
    assert bad(sample() | yen | {"totalWithTax": 200001}).field == "totalWithTax"


@pytest.mark.parametrize(
    ("change", "state", "forbid"),
    [
        ({"state": "PaymentAuthorized", "payments": [payment("Authorized")]}, PlatformState.UNPAID, ""),
        ({"state": "ArrangingPayment", "payments": None, "fulfillments": None}, PlatformState.UNPAID, ""),
        ({"state": "Shipped"}, PlatformState.SHIPPED, ""),
        ({"state": "Delivered"}, PlatformState.FINISHED, ""),
        ({"state": "PartiallyShipped"}, PlatformState.FORBIDDEN, "PartiallyShipped"),
        ({"state": "PartiallyDelivered"}, PlatformState.FORBIDDEN, "PartiallyDelivered"),
        ({"state": "Modifying"}, PlatformState.FORBIDDEN, "Modifying"),
        ({"state": "ArrangingAdditionalPayment"}, PlatformState.FORBIDDEN, "ArrangingAdditionalPayment"),
        ({"type": "Aggregate"}, PlatformState.PAID, ""),
        ({"type": "Seller"}, PlatformState.FORBIDDEN, "part of an aggregate order"),
        ({"lines": line(orderPlacedQuantity=3)}, PlatformState.FORBIDDEN, "changed after it was placed"),
        (
            {"fulfillments": [{"id": "1", "state": "Pending", "method": "courier", "trackingCode": None}]},
            PlatformState.FORBIDDEN, "fulfilment begun elsewhere",
        ),
        ({"fulfillments": [{"id": "1", "state": "Cancelled", "method": "courier", "trackingCode": ""}]}, PlatformState.PAID, ""),
        ({"fulfillments": [{"id": "1", "state": "Pending", "method": "Keydesk", "trackingCode": "x"}]}, PlatformState.PAID, ""),
    ],
)  # fmt: skip
def test_states(change: Json, state: PlatformState, forbid: str) -> None:
    order = good(sample() | change)
    assert (order.state, order.forbid) == (state, forbid)


@pytest.mark.parametrize(
    ("state", "refund", "money"),
    [("OPEN", "Pending", [4428]), ("DONE", "Settled", [4428, 4428]), ("GONE", "Failed", [4428])],
)
def test_refunds(state: str, refund: str, money: list[int]) -> None:
    order = good(sample() | {"payments": [payment(refund=refund)]})
    assert ([r.state.name for r in order.refunds], [p.amount for p in order.payments]) == ([state], money)


def test_a_cancelled_order_tells_what_it_was() -> None:
    empty = {
        "state": "Cancelled",
        "totalWithTax": 0,
        "lines": line(quantity=0, linePriceWithTax=0, proratedLinePriceWithTax=0),
    }
    order = good(sample() | empty)
    assert (order.state, order.total, order.lines[0].qty) == (PlatformState.CANCELLED, 4378, 2)
    assert good(sample() | empty | {"payments": [payment(refund="Settled")]}).state is PlatformState.REFUNDED


def test_who_bought_may_be_missing() -> None:
    order = good(sample() | {"customer": None})
    assert (order.buyer, order.buyer_name, order.contact) == ("", "", "")
    assert good(sample() | {"customer": sample()["customer"] | {"emailAddress": "nobody"}}).contact == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": ""}, "code"),
        ({"code": "A\u202eB"}, "code"),
        ({"state": "WaitingForMoon"}, "state"),
        ({"type": "Gift"}, "type"),
        ({"currencyCode": "usd"}, "currencyCode"),
        ({"totalWithTax": 44.28}, "totalWithTax"),
        ({"totalWithTax": 442800}, "totalWithTax"),
        ({"lines": []}, "lines"),
        ({"lines": line(quantity=3)}, "lines.linePriceWithTax"),
        ({"lines": line(proratedLinePriceWithTax=4478)}, "lines.proratedLinePriceWithTax"),
        ({"payments": []}, "payments"),
        ({"payments": [payment() | {"amount": 442800}]}, "payments.amount"),
        ({"payments": [payment("Odd")]}, "payments.state"),
        ({"payments": [payment(refund="Odd")]}, "payments.refunds.state"),
        ({"payments": [payment(refund="Settled", total=4429)]}, "payments.refunds.total"),
        ({"history": {"totalItems": 0, "items": []}}, "history.items"),
        ({"createdAt": "2026-01-01"}, "createdAt"),
    ],
)
def test_the_field_is_named(change: Json, field: str) -> None:
    assert bad(sample() | change).field == field


CASES = [(p, how) for p in paths(sample()) for how in HOWS if changed(sample(), p, how) is not None]
# Which goods these are, and in what currency, is the shop's own word alone.
OWN_WORD = ("sku", "productVariant.id", "currencyCode")


@pytest.mark.parametrize(("path", "how"), CASES, ids=lambda v: v if isinstance(v, str) else ".".join(map(str, v)))
def test_drift_never_becomes_a_wrong_order(path: tuple[Any, ...], how: str) -> None:
    whole, broken = good(sample()), changed(sample(), path, how)
    assert broken is not None
    got = mapped(broken)
    if isinstance(got, Quarantined):
        assert got.field
        assert got.why
        assert json.loads(got.raw) == broken
        return
    if got.state is not PlatformState.PAID or path[-1] == "amount":
        # Unpaid, or paid short: nothing is sent either way.
        assert sum(p.amount for p in got.payments) < whole.total or got.state is not PlatformState.PAID
        return
    if ".".join(map(str, path)).endswith(OWN_WORD):
        assert all(one.sku for one in got.lines)
        assert [(one.qty, one.amount) for one in got.lines] == [(one.qty, one.amount) for one in whole.lines]
        return
    assert essence(got) == essence(whole)


def test_drift_was_tried_and_seen() -> None:
    assert len(CASES) > 200
    assert sum(isinstance(mapped(changed(sample(), p, how) or {}), Quarantined) for p, how in CASES) > len(CASES) // 3
