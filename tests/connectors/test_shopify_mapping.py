"""Shopify orders in our words, and every field of the sample bent."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.shops.shopify.mapping import order_of
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined
from tests.connectors.kit import Json
from tests.connectors.test_mapping_drift import HOWS, changed, essence, paths

DATA = Path(__file__).parent.parent / "data"
NUMBER = "820982911946154508"


def sample() -> Json:
    order: Json = json.loads((DATA / "shopify" / "order.json").read_text())
    return order


def bag(amount: str, currency: str = "USD") -> Json:
    return {"shopMoney": {"amount": amount, "currencyCode": currency}}


def transaction(number: int, kind: str, amount: str, status: str = "SUCCESS") -> Json:
    gid = f"gid://shopify/OrderTransaction/{number}"
    return {"id": gid, "kind": kind, "status": status, "processedAt": "2026-01-01T19:01:10Z", "amountSet": bag(amount)}


def mapped(order: Json, takes_tests: bool = False) -> OrderUpdate | Quarantined:
    return order_of(json.dumps(order).encode(), "shop-a", takes_tests)


def good(order: Json, takes_tests: bool = False) -> OrderUpdate:
    update = mapped(order, takes_tests)
    assert isinstance(update, OrderUpdate), update
    return update


def bad(order: Json) -> Quarantined:
    update = mapped(order)
    assert isinstance(update, Quarantined), update
    return update


def test_an_order_becomes_goods_and_money() -> None:
    order = good(sample())
    assert (order.ext_id, order.state, order.total, order.currency) == (NUMBER, PlatformState.PAID, 5289, "USD")
    assert [(line.line, line.sku, line.qty, line.amount) for line in order.lines] == [
        ("315", "STEAM-50", 2, 3979),
        ("316", "95", 1, 1000),
    ]
    assert (order.contact, order.buyer, order.buyer_name, order.message) == (
        "buyer@example.com", "26", "San Zhang", "thanks 谢谢",
    )  # fmt: skip
    assert [(p.kind, p.account, p.txn_id, p.amount) for p in order.payments] == [
        (PaymentKind.CHARGE, "shop-a", "shopify:72", 5289)  # the authorisation moved nothing
    ]
    assert order.paid_at == 1_767_294_070 * 1_000_000
    assert order.rev // 1_000_000 == 1_767_294_071
    assert json.loads(order.raw) == sample()


REFUND = {
    "displayFinancialStatus": "PARTIALLY_REFUNDED",
    "transactions": [transaction(72, "SALE", "52.89"), transaction(73, "REFUND", "20.0"), transaction(74, "REFUND", "9.0", "FAILURE")],
    "totalRefundedSet": bag("20.0"),
    "currentTotalPriceSet": bag("32.89"),
}  # fmt: skip
UNPAID = {"transactions": [transaction(71, "AUTHORIZATION", "52.89")], "totalReceivedSet": bag("0.0")}


@pytest.mark.parametrize(
    ("change", "state", "forbid", "amounts"),
    [
        (UNPAID | {"displayFinancialStatus": "AUTHORIZED"}, PlatformState.UNPAID, "", []),
        (UNPAID | {"displayFinancialStatus": "PENDING"}, PlatformState.UNPAID, "", []),
        (UNPAID | {"displayFinancialStatus": "EXPIRED"}, PlatformState.UNPAID, "", []),
        (UNPAID | {"displayFinancialStatus": "VOIDED"}, PlatformState.CANCELLED, "", []),
        (
            {"displayFinancialStatus": "PARTIALLY_PAID", "transactions": [transaction(1, "SALE", "5.0")], "totalReceivedSet": bag("5.0")},
            PlatformState.UNPAID, "", [500],
        ),
        (REFUND, PlatformState.FORBIDDEN, "edited or refunded in part", [5289, 2000]),
        (REFUND | {"displayFulfillmentStatus": "FULFILLED"}, PlatformState.SHIPPED, "", [5289, 2000]),
        (REFUND | {"displayFinancialStatus": "REFUNDED"}, PlatformState.REFUNDED, "", [5289, 2000]),
        ({"cancelledAt": "2026-01-01T19:01:11Z"}, PlatformState.CANCELLED, "", [5289]),
        ({"displayFulfillmentStatus": "FULFILLED"}, PlatformState.SHIPPED, "", [5289]),
        ({"displayFulfillmentStatus": "PARTIALLY_FULFILLED"}, PlatformState.FORBIDDEN, "partially fulfilled", [5289]),
        ({"displayFulfillmentStatus": "ON_HOLD"}, PlatformState.FORBIDDEN, "on hold", [5289]),
        ({"displayFulfillmentStatus": "IN_PROGRESS"}, PlatformState.FORBIDDEN, "in progress", [5289]),
        ({"risk": {"recommendation": "CANCEL"}}, PlatformState.FORBIDDEN, "risk: cancel", [5289]),
        ({"risk": {"recommendation": "INVESTIGATE"}}, PlatformState.FORBIDDEN, "risk: investigate", [5289]),
        ({"risk": {"recommendation": "NONE"}}, PlatformState.PAID, "", [5289]),
        ({"currentTotalPriceSet": bag("50.0")}, PlatformState.FORBIDDEN, "edited or refunded in part", [5289]),
        ({"test": True}, PlatformState.FORBIDDEN, "test order", [5289]),
    ],
)  # fmt: skip
def test_states(change: Json, state: PlatformState, forbid: str, amounts: list[int]) -> None:
    order = good(sample() | change)
    assert (order.state, order.forbid, [p.amount for p in order.payments]) == (state, forbid, amounts)


def test_test_orders_are_taken_when_that_is_wanted() -> None:
    assert good(sample() | {"test": True}, takes_tests=True).state is PlatformState.PAID


def test_who_bought_may_be_hidden() -> None:
    order = good(sample() | {"customer": None, "email": None, "note": None})
    assert (order.buyer, order.buyer_name, order.contact, order.message) == ("", "", "", "")
    assert good(sample() | {"email": "not an address"}).contact == ""


def test_lines_that_were_taken_out_are_not_guessed_at() -> None:
    order = sample()
    order["lineItems"]["nodes"][0]["currentQuantity"] = 1
    assert good(order).forbid == "edited or refunded in part"
    order["lineItems"]["pageInfo"]["hasNextPage"] = True
    assert bad(order).field == "lineItems"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "gid://shopify/DraftOrder/1"}, "id"),
        ({"displayFinancialStatus": "NEW"}, "displayFinancialStatus"),
        ({"displayFulfillmentStatus": "NEW"}, "displayFulfillmentStatus"),
        ({"risk": {"recommendation": "NEW"}}, "risk.recommendation"),
        ({"currencyCode": "EUR"}, "totalPriceSet.shopMoney.currencyCode"),
        ({"totalPriceSet": bag("5289.0"), "currentTotalPriceSet": bag("5289.0")}, "totalPriceSet"),
        ({"totalPriceSet": bag("52.891")}, "totalPriceSet.shopMoney.amount"),
        ({"totalReceivedSet": bag("5289.0")}, "totalReceivedSet"),
        ({"transactions": []}, "totalReceivedSet"),
        ({"transactions": [transaction(1, "GIFT", "52.89")]}, "transactions.kind"),
        ({"transactions": [transaction(1, "SALE", "52.89", "ODD")]}, "transactions.status"),
        ({"totalRefundedSet": bag("20.0")}, "totalRefundedSet"),
        ({"updatedAt": "2026-01-01T19:01:11+01:00"}, "updatedAt"),
    ],
)
def test_the_field_is_named(change: Json, field: str) -> None:
    assert bad(sample() | change).field == field


CASES = [(p, how) for p in paths(sample()) for how in HOWS if changed(sample(), p, how) is not None]
# Which goods these are is the shop's own word alone.
OWN_WORD = ("sku", "variant", "variant.id")


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
    if got.state is not PlatformState.PAID:
        assert sum(p.amount for p in got.payments) <= whole.total
        return
    if ".".join(map(str, path)).endswith(OWN_WORD):
        assert all(line.sku for line in got.lines)
        assert [(line.qty, line.amount) for line in got.lines] == [(line.qty, line.amount) for line in whole.lines]
        return
    assert essence(got) == essence(whole)


def test_drift_was_tried_and_seen() -> None:
    assert len(CASES) > 400
    assert sum(isinstance(mapped(changed(sample(), p, how) or {}), Quarantined) for p, how in CASES) > len(CASES) // 3
