"""JD's orders and requests for money back: what is understood, what may not be shipped, and what is kept out."""

import json
from typing import Any

import msgspec
import pytest

from connectors.shops.jd.mapping import order_of
from connectors.shops.jd.refunds import still_open, with_refunds
from core.model.clock import from_text
from core.model.order import OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined, RefundState
from tests.connectors.drift_kit import orders_survive, with_
from tests.connectors.kit import Json, load
from tests.connectors.test_mapping_drift import HOWS, changed, paths

NUMBER, NEVER = "304500112233", "0001-01-01 00:00:00"
ITEM = "itemInfoList.0"


def mapped(raw: bytes) -> OrderUpdate | Quarantined:
    return order_of(raw, "shop")


def order(changes: Json | None = None) -> OrderUpdate | Quarantined:
    sample = load("jd/order")
    for dotted, value in (changes or {}).items():
        sample = with_(sample, dotted, value)
    return mapped(json.dumps(sample).encode())


def test_an_order_as_it_is() -> None:
    got = order()
    assert isinstance(got, OrderUpdate)
    assert (got.ext_id, got.state, got.total, got.currency) == (NUMBER, PlatformState.PAID, 3980, "CNY")
    assert [(line.line, line.sku, line.qty, line.amount) for line in got.lines] == [
        ("100012345678", "JD-STEAM20", 2, 3980)
    ]
    paid = from_text("2026-01-02 03:01:10")
    assert got.payments == (
        Payment(
            account="shop", txn_id=f"jd:{NUMBER}", ext_id=NUMBER, kind=PaymentKind.CHARGE, amount=3980, currency="CNY",
            at=paid,
        ),
    )  # fmt: skip
    assert (got.rev, got.created_at) == (from_text("2026-01-02 03:01:11") + 1, from_text("2026-01-02 03:00:05"))
    assert (got.buyer, got.contact, got.paid_at) == ("ou_7d8e9f", "buyer@mail.example.com", paid)


@pytest.mark.parametrize(
    ("changes", "state", "forbid"),
    [
        ({"orderState": "NOT_PAY", "paymentConfirmTime": NEVER}, PlatformState.UNPAID, ""),
        ({"orderState": "LOCKED"}, PlatformState.FORBIDDEN, "LOCKED"),
        ({"orderState": "PAUSE"}, PlatformState.FORBIDDEN, "PAUSE"),
        ({"orderState": "POP_ORDER_PAUSE"}, PlatformState.FORBIDDEN, "POP_ORDER_PAUSE"),
        ({"orderState": "WAIT_SELLER_DELIVERY"}, PlatformState.FORBIDDEN, "overseas order"),
        (
            {"orderState": "WAIT_SEND_CODE"},
            PlatformState.FORBIDDEN,
            "local-life order, whose codes go another way",
        ),
        ({"orderType": "75"}, PlatformState.FORBIDDEN, "local-life order"),
        ({"orderType": 21}, PlatformState.FORBIDDEN, "shipped by JD"),
        ({"orderType": "34"}, PlatformState.FORBIDDEN, "game-card order"),
        ({"paymentConfirmTime": NEVER}, PlatformState.FORBIDDEN, "no payment is confirmed"),
        ({"orderState": "WAIT_GOODS_RECEIVE_CONFIRM"}, PlatformState.SHIPPED, ""),
        ({"orderState": "DELIVERY_RETURN"}, PlatformState.SHIPPED, ""),
        ({"orderState": "FINISHED_L"}, PlatformState.FINISHED, ""),
        ({"orderState": "TRADE_CANCELED"}, PlatformState.REFUNDED, ""),
        ({"orderState": "TRADE_CANCELED", "paymentConfirmTime": NEVER}, PlatformState.CANCELLED, ""),
        ({"orderType": 22, "orderId": int(NUMBER), f"{ITEM}.itemTotal": 2}, PlatformState.PAID, ""),
    ],
)
def test_what_may_be_shipped(changes: Json, state: PlatformState, forbid: str) -> None:
    got = order(changes)
    assert isinstance(got, OrderUpdate)
    assert (got.state, got.forbid) == (state, forbid)
    assert bool(got.payments) == (changes.get("paymentConfirmTime") != NEVER)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"orderState": "A_NEW_ONE"}, "orderState"),
        ({"orderType": "99"}, "orderType"),
        ({"orderState": "NOT_PAY"}, "paymentConfirmTime"),
        ({"modified": "2026年01月02日"}, "modified"),
        ({"orderStartTime": NEVER}, "orderStartTime"),
        ({"orderSellerPrice": "3980"}, "orderSellerPrice"),
        ({"orderSellerPrice": "39.805"}, "orderSellerPrice"),
        ({"orderSellerPrice": "-39.80"}, "orderSellerPrice"),
        ({"orderSellerPrice": 39.8}, "orderSellerPrice"),
        ({"orderTotalPrice": "4580.00", "sellerDiscount": "4540.20"}, "itemInfoList.jdPrice"),
        ({"orderPayment": "3580.00"}, "orderPayment"),
        ({f"{ITEM}.itemTotal": "3"}, "itemInfoList.jdPrice"),
        ({f"{ITEM}.itemTotal": "two"}, "itemInfoList.itemTotal"),
        ({f"{ITEM}.skuId": ""}, "itemInfoList.skuId"),
        ({"orderId": ""}, "orderId"),
        ({"itemInfoList": [], "orderTotalPrice": "0", "orderSellerPrice": "0", "sellerDiscount": "0",
          "orderPayment": "0"}, "itemInfoList"),
    ],
)  # fmt: skip
def test_drift_is_named(changes: Json, field: str) -> None:
    got = order(changes)
    assert isinstance(got, Quarantined)
    assert got.field == field


def test_the_discount_is_shared_out_to_the_fen() -> None:
    item = load("jd/order")["itemInfoList"][0]
    three = [item | {"skuId": str(n), "itemTotal": "1", "jdPrice": "10.00"} for n in (1, 2, 3)]
    prices = {"orderTotalPrice": "30.00", "sellerDiscount": "10.00", "orderSellerPrice": "20.00", "orderPayment": "20"}
    got = order({"itemInfoList": three, **prices})
    assert isinstance(got, OrderUpdate)
    assert [line.amount for line in got.lines] == [666, 667, 667]
    twice = order({"itemInfoList": [*three[:2], three[0]], **prices})
    assert isinstance(twice, Quarantined)
    assert twice.why == "line id appears twice"


def test_orders_survive_drift() -> None:
    codes = {f"{ITEM}.outerSkuId", f"{ITEM}.skuId"}
    tried, quarantined = orders_survive(load("jd/order"), mapped, codes=codes)
    assert tried > 200
    assert quarantined > tried // 4


def asked(*rows: Json, changes: Json | None = None) -> OrderUpdate | Quarantined:
    base = order(changes)
    assert isinstance(base, OrderUpdate)
    return with_refunds(base, [msgspec.Raw(json.dumps(load("jd/refund") | row).encode()) for row in rows], "shop")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (0, RefundState.OPEN), (1, RefundState.OPEN), ("5", RefundState.OPEN), (6, RefundState.OPEN),
        (7, RefundState.OPEN), (8, RefundState.OPEN), (9, RefundState.OPEN), (10, RefundState.OPEN),
        (2, RefundState.GONE), (4, RefundState.GONE), (11, RefundState.GONE), (3, RefundState.DONE),
    ],
)  # fmt: skip
def test_requests(status: int | str, state: RefundState) -> None:
    got = asked({"status": status, "checkTime": "2026-01-02 03:09:00"})
    assert isinstance(got, OrderUpdate)
    (refund,) = got.refunds
    assert (refund.refund_id, refund.ext_id, refund.state, refund.amount) == ("7300112233", NUMBER, state, 3580)
    assert refund.at == from_text("2026-01-02 03:09:00")
    assert still_open(got) == (state is RefundState.OPEN)
    back = [p for p in got.payments if p.kind is PaymentKind.REFUND]
    assert [(p.txn_id, p.amount) for p in back] == (
        [("jd-refund:7300112233", 3580)] if state is RefundState.DONE else []
    )
    forbidden = state is RefundState.DONE
    assert (got.state is PlatformState.FORBIDDEN, got.forbid) == (forbidden, "refunded" if forbidden else "")


def test_one_request_listed_twice_is_one() -> None:
    got = asked({"status": 3}, {"status": 3})
    assert isinstance(got, OrderUpdate)
    assert (len(got.refunds), len(got.payments)) == (1, 2)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"status": 16}, "status"), ({"status": None}, "status"), ({"applyRefundSum": 358000}, "applyRefundSum"),
        ({"applyRefundSum": "35.80"}, "applyRefundSum"), ({"applyRefundSum": 36}, "applyRefundSum"),
        ({"applyRefundSum": 0}, "applyRefundSum"), ({"applyRefundSum": 35.8}, "applyRefundSum"),
        ({"orderId": 1}, "orderId"), ({"id": None}, "id"), ({"applyTime": "now"}, "applyTime"),
        ({"checkTime": "later"}, "checkTime"),
    ],
)  # fmt: skip
def test_drift_of_requests_is_named(row: Json, field: str) -> None:
    got = asked(row)
    assert isinstance(got, Quarantined)
    assert (got.ext_id, got.field) == (NUMBER, f"refund.{field}")


def test_requests_survive_drift() -> None:
    sample: Any = load("jd/refund")
    for path in paths(sample):
        for how in HOWS:
            broken = changed(sample, path, how)
            if broken is None or (path == ("applyRefundSum",) and how == "unknown"):
                continue  # another amount within the order's is a part of it
            base = order()
            assert isinstance(base, OrderUpdate)
            got = with_refunds(base, [msgspec.Raw(json.dumps(broken).encode())], "shop")
            if isinstance(got, OrderUpdate):
                assert len(got.payments) == 1, (path, how)
                assert [(r.state, r.amount) for r in got.refunds] == [(RefundState.OPEN, 3580)], (path, how)
