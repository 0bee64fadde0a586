"""Xianyu's orders: what they mean, and that no field that has drifted makes a wrong one."""

import json
from typing import Any

import pytest

from connectors.shops.xianguanjia.mapping import number_of, order_of
from core.model.clock import SECOND
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined, RefundState
from tests.connectors.drift_kit import orders_survive, with_
from tests.connectors.kit import Json, load

SAMPLE = load("xianguanjia/order")
GOODS = ("goods.sku_outer_id", "goods.outer_id", "goods.sku_id", "goods.item_id", "goods.product_id")


def mapped(sample: Json, asked: bool = True) -> OrderUpdate | Quarantined:
    return order_of(json.dumps(sample).encode(), "xianyu-main", asked)


def order(asked: bool = True, **changes: Any) -> OrderUpdate:
    got = mapped(SAMPLE | changes, asked)
    assert isinstance(got, OrderUpdate), got
    return got


def test_a_paid_order() -> None:
    got = order()
    assert (got.ext_id, got.state, got.total, got.currency) == ("3364342266781566229", PlatformState.PAID, 8000, "CNY")
    (line,) = got.lines
    assert (line.sku, line.qty, line.amount, line.title) == ("XY-STEAM50-CN", 2, 8000, "点卡 50")
    (payment,) = got.payments
    assert (payment.txn_id, payment.amount, payment.kind) == (SAMPLE["pay_no"], 8000, PaymentKind.CHARGE)
    assert payment.at == got.paid_at == 1767290050 * SECOND
    assert (got.created_at, got.buyer, got.contact) == (1767290000 * SECOND, SAMPLE["buyer_eid"], "")


def test_nothing_is_allocated_before_the_platform_asks() -> None:
    waits = order(asked=False)
    assert (waits.state, waits.forbid) == (PlatformState.FORBIDDEN, "the platform has not asked for its keys yet")
    assert waits.rev < order().rev, "of two snapshots of one second, the one that knows of the request wins"
    assert order(asked=False, order_status=21).state is PlatformState.SHIPPED


@pytest.mark.parametrize(
    ("changes", "state", "forbid"),
    [
        ({"order_status": 11, "pay_time": 0, "pay_amount": 0}, PlatformState.UNPAID, ""),
        ({"order_status": 21}, PlatformState.SHIPPED, ""),
        ({"order_status": 22}, PlatformState.FINISHED, ""),
        ({"order_status": 24, "pay_time": 0, "pay_amount": 0}, PlatformState.CANCELLED, ""),
        ({"order_type": 14}, PlatformState.FORBIDDEN, "presale: its keys do not go through Xianguanjia"),
        ({"order_type": 1}, PlatformState.FORBIDDEN, "ordinary order: its keys do not go through Xianguanjia"),
        ({"idle_biz_type": 20, "pin_group_status": 1}, PlatformState.FORBIDDEN, "group not complete"),
        ({"idle_biz_type": 20, "pin_group_status": 3}, PlatformState.FORBIDDEN, "group failed"),
        ({"idle_biz_type": 20, "pin_group_status": 2}, PlatformState.PAID, ""),
    ],
)
def test_states(changes: Json, state: PlatformState, forbid: str) -> None:
    got = order(**changes)
    assert (got.state, got.forbid) == (state, forbid)
    assert len(got.payments) == (1 if (SAMPLE | changes)["pay_time"] else 0)


@pytest.mark.parametrize(
    ("status", "state"), [(1, RefundState.OPEN), (2, RefundState.OPEN), (3, RefundState.OPEN), (4, RefundState.GONE),
                          (6, RefundState.GONE), (8, RefundState.OPEN)],
)  # fmt: skip
def test_refund_requests(status: int, state: RefundState) -> None:
    (refund,) = order(refund_status=status, refund_amount=8000).refunds
    assert (refund.state, refund.amount, refund.at) == (state, 8000, 1767290060 * SECOND)
    assert order(refund_status=status).refunds[0].amount == 8000, "no amount yet: all of it may be meant"


def test_money_back() -> None:
    got = order(order_status=23, refund_status=5, refund_amount=8000, refund_time=1767290059)
    assert got.state is PlatformState.REFUNDED
    charge, back = got.payments
    assert (back.kind, back.amount, back.at) == (PaymentKind.REFUND, 8000, 1767290059 * SECOND)
    assert back.txn_id != charge.txn_id
    part = order(refund_status=5, refund_amount=3000, refund_time=1767290059)
    assert (part.state, part.payments[1].amount) == (PlatformState.PAID, 3000)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order_status": 13}, "order_status"), ({"order_type": 99}, "order_type"), ({"pay_time": 0}, "pay_time"),
        ({"order_status": 11}, "pay_time"), ({"order_status": 23}, "refund_status"), ({"order_status": 24}, "order_status"),
        ({"refund_status": 7}, "refund_status"), ({"refund_status": 5, "refund_time": 1767290059}, "refund_amount"),
        ({"refund_status": 1, "refund_amount": 8001}, "refund_amount"), ({"refund_amount": 5}, "refund_status"),
        ({"pay_amount": 8701}, "pay_amount"), ({"pay_amount": 87}, "pay_amount"), ({"total_amount": 87}, "total_amount"),
        ({"pay_no": ""}, "pay_no"), ({"pay_time": 1767290050000}, "pay_time"), ({"idle_biz_type": 20}, "pin_group_status"),
        ({"order_no": " "}, "order_no"), ({"pin_group_status": 4}, "pin_group_status"),
        ({"refund_status": 5, "refund_amount": 80, "refund_time": 1767290059}, "refund_amount"),
    ],
)  # fmt: skip
def test_quarantined(changes: Json, field: str) -> None:
    got = mapped(SAMPLE | changes)
    assert isinstance(got, Quarantined)
    assert got.field == field
    assert json.loads(got.raw) == SAMPLE | changes


def test_the_merchants_code_and_its_stand_ins() -> None:
    sample = SAMPLE
    for path, code in zip(GOODS, ("XY-STEAM50", "5146011339969", "708245707949", "421611860506885", None), strict=True):
        sample = with_(sample, path, "" if path.endswith("outer_id") else 0)
        got = mapped(sample)
        if code is None:
            assert isinstance(got, Quarantined)
            assert got.field == "goods.sku"
        else:
            assert isinstance(got, OrderUpdate)
            assert got.lines[0].sku == code


def test_drift_never_becomes_a_wrong_order() -> None:
    tried, quarantined = orders_survive(SAMPLE, mapped_raw, GOODS)
    assert tried > 300
    assert quarantined > 100


def mapped_raw(raw: bytes) -> OrderUpdate | Quarantined:
    return order_of(raw, "xianyu-main", True)


def test_numbers() -> None:
    assert number_of(b'{"order_no":"12"}') == "12"
    assert [number_of(raw) for raw in (b"{}", b"[]", b'{"order_no":5}', b'{"order_no":"1\\u202e"}', b"\xff")] == [
        ""
    ] * 5
