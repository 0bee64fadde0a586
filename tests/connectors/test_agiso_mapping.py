"""Agiso's details in our words, and that no field that has drifted makes a wrong order."""

import json
from typing import Any

import pytest

from connectors.shops.agiso.mapping import order_of
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined, RefundState
from tests.connectors.drift_kit import orders_survive, with_
from tests.connectors.kit import Json, load
from tests.connectors.test_mapping_drift import HOWS, changed, paths

SAMPLE, REFUND = load("agiso/order"), load("agiso/refund")
GOODS = ("item.outer_id_sku", "item.outer_id_spu", "item.item_id")
NUMBER = "1520087523676842500"
BACK = REFUND | {"refund_status": 5}


def mapped(order: Json, refund: Json | None = None) -> OrderUpdate | Quarantined:
    asked = None if refund is None else json.dumps(refund).encode()
    return order_of(json.dumps(order).encode(), asked, "agiso-main")


def good(refund: Json | None = None, **changes: Any) -> OrderUpdate:
    got = mapped(SAMPLE | changes, refund)
    assert isinstance(got, OrderUpdate), got
    return got


def test_a_paid_order() -> None:
    got = good()
    assert (got.ext_id, got.state, got.total, got.currency) == (NUMBER, PlatformState.PAID, 8000, "CNY")
    (line,) = got.lines
    assert (line.sku, line.qty, line.amount) == ("XY02", 2, 8000)
    (payment,) = got.payments
    assert (payment.amount, payment.at, payment.kind) == (8000, 1767290050 * 10**6, PaymentKind.CHARGE)
    assert (got.created_at, got.buyer, got.refunds) == (1767290000 * 10**6, SAMPLE["encryption_buyer_id"], ())


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"order_status": 1, "pay_time": 0, "payment": 0}, PlatformState.UNPAID),
        ({"order_status": 3, "ship_time": 1767290060000}, PlatformState.SHIPPED),
        ({"order_status": 4, "ship_time": 1767290060000, "end_time": 1767290070000}, PlatformState.FINISHED),
        ({"order_status": 6, "pay_time": 0, "end_time": 1767290070000}, PlatformState.CANCELLED),
        ({"isRecharge": True}, PlatformState.FORBIDDEN), ({"isRecharge": "true"}, PlatformState.FORBIDDEN),
        ({"isEticket": "true"}, PlatformState.FORBIDDEN), ({"isEticket": None}, PlatformState.PAID),
    ],
)  # fmt: skip
def test_states(changes: Json, state: PlatformState) -> None:
    got = good(**changes)
    assert got.state is state
    assert bool(got.forbid) is (state is PlatformState.FORBIDDEN)
    assert got.total == (8700 if changes.get("payment") == 0 else 8000)
    if state in (PlatformState.SHIPPED, PlatformState.FINISHED, PlatformState.CANCELLED):
        assert got.rev > good().rev, "later times, later snapshot"


@pytest.mark.parametrize(
    ("status", "state"),
    [(1, RefundState.OPEN), (2, RefundState.OPEN), (3, RefundState.OPEN), (4, RefundState.GONE), (6, RefundState.GONE),
     (8, RefundState.OPEN), (11, RefundState.GONE)],
)  # fmt: skip
def test_refund_requests(status: int, state: RefundState) -> None:
    got = good(REFUND | {"refund_status": status})
    (refund,) = got.refunds
    assert (refund.state, refund.amount, refund.at, refund.reason) == (state, 8000, 1767290101 * 10**6, "不想要了")
    assert len(got.payments) == 1
    assert got.rev > good().rev


def test_no_refund_has_two_numbers() -> None:
    for status in (0, 9):
        assert good({"biz_order_id": 1, "payment": 0, "refund_status": status}).refunds == ()


def test_money_back() -> None:
    for status in (5, 11):
        got = good(BACK | {"refund_status": status}, order_status=5, end_time=1767290101000)
        assert (got.state, got.refunds[0].state) == (PlatformState.REFUNDED, RefundState.DONE)
        charge, back = got.payments
        assert (back.kind, back.amount, back.at) == (PaymentKind.REFUND, 8000, 1767290101 * 10**6)
        assert back.txn_id != charge.txn_id
    closed = good(BACK, order_status=6, end_time=1767290101000)
    assert closed.state is PlatformState.REFUNDED
    part = good(BACK | {"refund_fee": 3000}, order_status=3, ship_time=1767290060000)
    assert (part.state, part.payments[1].amount) == (PlatformState.SHIPPED, 3000)


@pytest.mark.parametrize(
    ("changes", "refund", "field"),
    [
        ({"order_status": 0}, None, "order_status"), ({"order_status": 7}, None, "order_status"),
        ({"pay_time": 0}, None, "pay_time"), ({"order_status": 1}, None, "pay_time"),
        ({"order_status": 5}, None, "refund.refund_status"), ({"order_status": 6}, None, "order_status"),
        ({"payment": 0}, None, "payment"), ({"payment": 8702}, None, "payment"), ({"payment": 87}, None, "payment"),
        ({"payment": -1}, None, "payment"), ({"biz_order_id": 5}, None, "biz_order_id"),
        ({"pay_time": 1767290050}, None, "pay_time"), ({"isRecharge": "yes"}, None, "isRecharge"),
        ({}, {"refund_status": 7}, "refund.refund_status"), ({}, {"refund_fee": 0}, "refund.refund_fee"),
        ({}, {"refund_fee": 8001}, "refund.refund_fee"), ({}, {"refund_fee": 80}, "refund.refund_fee"),
        ({}, {"payment": 7000}, "refund.payment"), ({}, {"biz_order_id": 1520087523676842501}, "refund.biz_order_id"),
        ({}, {"refund_id": 0}, "refund.refund_id"), ({}, {"refund_modify_time": 1767290101}, "refund.refund_modify_time"),
        ({}, {"refund_status": "1"}, "refund.refund_status"),
    ],
)  # fmt: skip
def test_quarantined(changes: Json, refund: Json | None, field: str) -> None:
    got = mapped(SAMPLE | changes, None if refund is None else REFUND | refund)
    assert isinstance(got, Quarantined)
    assert got.field == field
    assert json.loads(got.raw), "what came is kept, readable"


def test_codes() -> None:
    assert mapped(with_(SAMPLE, "item.outer_id_sku", "")).lines[0].sku == "XY01"  # type: ignore[union-attr]
    bare = with_(with_(SAMPLE, "item.outer_id_sku", ""), "item.outer_id_spu", "")
    assert mapped(bare).lines[0].sku == "669513624774"  # type: ignore[union-attr]
    assert isinstance(mapped(with_(bare, "item.item_id", 0)), Quarantined)


def test_drift_never_becomes_a_wrong_order() -> None:
    tried, quarantined = orders_survive(SAMPLE, lambda raw: order_of(raw, None, "agiso-main"), GOODS)
    assert tried > 150
    assert quarantined > 80


@pytest.mark.parametrize("how", HOWS)
def test_a_refund_that_drifts_never_frees_an_order(how: str) -> None:
    whole = good(REFUND)
    for path in paths(REFUND):
        broken = changed(REFUND, path, how)
        if broken is None:
            continue
        got = mapped(SAMPLE, broken)
        if isinstance(got, Quarantined):
            continue
        if (path[-1], how) in (("refund_status", "empty"), ("refund_status", "unknown")):
            continue  # another status is another fact: 0 is "none", and so on
        assert [(r.state, r.amount) for r in got.refunds] == [(r.state, r.amount) for r in whole.refunds], (path, how)
        assert sum(p.amount for p in got.payments) == 8000
