"""Ark's orders and after-sales: what is understood, and what is kept out."""

import json
from typing import Any

import pytest

from connectors.shops.xiaohongshu.mapping import delivered_text, number_of, order_of
from connectors.shops.xiaohongshu.refunds import money_of, refund_of
from core.model.order import OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined, Refund, RefundState
from tests.connectors.drift_kit import orders_survive, with_
from tests.connectors.kit import Json, load
from tests.connectors.test_mapping_drift import HOWS, changed, paths

NUMBER = "P702345678901234567"


def mapped(raw: bytes) -> OrderUpdate | Quarantined:
    return order_of(raw, "shop")


def order(**changes: Any) -> OrderUpdate | Quarantined:
    sample = load("xiaohongshu/order")
    for dotted, value in changes.items():
        sample = with_(sample, dotted.replace("__", "."), value)
    return mapped(json.dumps(sample).encode())


def test_an_order_as_it_is() -> None:
    got = order()
    assert isinstance(got, OrderUpdate)
    assert (got.ext_id, got.state, got.total, got.currency) == (NUMBER, PlatformState.PAID, 3980, "CNY")
    assert [(line.line, line.sku, line.qty, line.amount) for line in got.lines] == [
        ("603c1f0e2a0b0a0001a2b3c4", "XH-STEAM20", 2, 3980)
    ]
    assert [(p.txn_id, p.kind, p.amount, p.at) for p in got.payments] == [
        (f"xhs:{NUMBER}", PaymentKind.CHARGE, 3980, 1_767_294_190_000_000)
    ]
    assert got.created_at == 1_767_294_180_000_000
    assert got.rev == 1_767_294_191_250_001
    assert got.deadline == 1_767_466_990_000_000
    assert (got.buyer, got.message) == ("5f1e0c3a000000000101c0de", "麻烦快一点")


@pytest.mark.parametrize(
    ("changes", "state", "forbid"),
    [
        ({"orderStatus": 1, "paidTime": 0}, PlatformState.UNPAID, ""),
        ({"orderStatus": 2}, PlatformState.FORBIDDEN, "risk review"),
        ({"orderStatus": 3}, PlatformState.FORBIDDEN, "customs"),
        ({"orderStatus": 5}, PlatformState.FORBIDDEN, "partly shipped elsewhere"),
        ({"orderStatus": 6}, PlatformState.SHIPPED, ""),
        ({"orderStatus": 7}, PlatformState.FINISHED, ""),
        ({"orderStatus": 8}, PlatformState.REFUNDED, ""),
        ({"orderStatus": 9}, PlatformState.REFUNDED, ""),
        ({"orderStatus": 9, "paidTime": 0}, PlatformState.CANCELLED, ""),
        ({"orderStatus": 10}, PlatformState.FORBIDDEN, "exchange asked for"),
        ({"orderAfterSalesStatus": 2}, PlatformState.FORBIDDEN, "refund open"),
        ({"orderAfterSalesStatus": 6}, PlatformState.FORBIDDEN, "platform arbitrates"),
        ({"skuList__0__skuAfterSaleStatus": 2}, PlatformState.FORBIDDEN, "refund open"),
        ({"cancelStatus": 1}, PlatformState.FORBIDDEN, "cancelling asked for"),
        ({"orderType": 2}, PlatformState.FORBIDDEN, "presale"),
        ({"orderType": 5}, PlatformState.FORBIDDEN, "replacement order"),
        ({"unpack": True}, PlatformState.FORBIDDEN, "split into parcels"),
        ({"skuList__0__deliveryMode": 0}, PlatformState.FORBIDDEN, "goods that need a parcel"),
    ],
)
def test_what_may_be_shipped(changes: Json, state: PlatformState, forbid: str) -> None:
    got = order(**changes)
    assert isinstance(got, OrderUpdate)
    assert (got.state, got.forbid) == (state, forbid)
    assert bool(got.payments) == (state not in (PlatformState.UNPAID, PlatformState.CANCELLED))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"orderStatus": 11}, "orderStatus"),
        ({"orderAfterSalesStatus": 8}, "orderAfterSalesStatus"),
        ({"orderType": 6}, "orderType"),
        ({"cancelStatus": 2}, "cancelStatus"),
        ({"paidTime": 0}, "paidTime"),
        ({"orderStatus": 1}, "paidTime"),
        ({"paidTime": 1_767_294_190}, "paidTime"),
        ({"updateTime": 1_767_294_191}, "updateTime"),
        ({"totalPayAmount": 398_000}, "totalPayAmount"),
        ({"totalPayAmount": 39.8}, "totalPayAmount"),
        ({"skuList__0__totalPaidAmount": 398_000}, "skuList.totalPaidAmount"),
        ({"skuList__0__skuQuantity": 3}, "skuList.totalPaidAmount"),
        ({"skuList__0__skuQuantity": 4}, "skuList.totalPaidAmount"),
        ({"skuList__0__skuDetailList__0__rawPricePerSku": 21}, "skuList.totalPaidAmount"),
        ({"orderId": "P1\u202e2"}, "orderId"),
        ({"skuList": []}, "skuList"),
    ],
)
def test_drift_is_named(changes: Json, field: str) -> None:
    got = order(**changes)
    assert isinstance(got, Quarantined)
    assert got.field == field


def test_a_part_may_count_the_line_or_one_piece_of_it() -> None:
    one_piece = order(skuList__0__skuDetailList__0__quantity=1)
    assert isinstance(one_piece, OrderUpdate)
    assert one_piece.lines[0].qty == 2
    three_in_a_pack = order(
        skuList__0__skuDetailList__0__quantity=6, skuList__0__skuDetailList__0__rawPricePerSku=713,
        skuList__0__totalRedDiscount=98,
    )  # fmt: skip
    assert isinstance(three_in_a_pack, OrderUpdate)
    assert three_in_a_pack.lines[0].qty == 2


def test_a_gift_costs_nothing() -> None:
    sample = load("xiaohongshu/order")
    gift = sample["skuList"][0] | {"skuId": "603cgift", "skuTag": 1, "totalPaidAmount": 0, "erpcode": None}
    got = mapped(json.dumps(sample | {"skuList": [*sample["skuList"], gift]}).encode())
    assert isinstance(got, OrderUpdate)
    assert [(line.sku, line.amount) for line in got.lines] == [("XH-STEAM20", 3980), ("603cgift", 0)]
    paid = mapped(json.dumps(sample | {"skuList": [sample["skuList"][0], gift | {"totalPaidAmount": 5}]}).encode())
    assert isinstance(paid, Quarantined)


def test_drift_never_becomes_a_wrong_order() -> None:
    goods = {"skuList.0.erpcode", "skuList.0.skuId"}
    tried, quarantined = orders_survive(load("xiaohongshu/order"), mapped, codes=goods)
    assert tried > 300
    assert quarantined > tried // 4


def test_what_was_delivered_is_not_kept() -> None:
    sample = load("xiaohongshu/order") | {"orderStatus": 6, "expressTrackingNo": 'KEY-1 ; "KEY-2"'}
    sample["simpleDeliveryOrderList"] = [{"expressTrackingNo": "KEY-1"}]
    for broken in (sample, sample | {"orderStatus": 77}, {"expressTrackingNo": "KEY-1"}):
        raw = json.dumps(broken).encode()
        got = mapped(raw)
        assert b"KEY" not in got.raw
        assert b"***" in got.raw
        assert delivered_text(raw) == broken["expressTrackingNo"]
    torn = mapped(b'{"orderId":"P1","expressTrackingNo":"KEY-1')
    assert isinstance(torn, Quarantined)
    assert b"KEY" not in torn.raw


def test_numbers_that_are_none() -> None:
    for raw in (b"[]", b"{}", b'{"orderId":7}', b'{"orderId":"a\\u202eb"}', b"\xff"):
        assert number_of(raw) == ""


def refund(**changes: Any) -> Refund | Quarantined:
    return refund_of(json.dumps(load("xiaohongshu/after_sale") | changes).encode())


def test_after_sales() -> None:
    got = refund()
    assert isinstance(got, Refund)
    assert (got.refund_id, got.ext_id, got.state, got.amount) == ("R7381745730001", NUMBER, RefundState.OPEN, 3980)
    assert got.deadline == 1_767_466_990_000_000
    for status, state in ((2, 0), (3, 0), (4, 1), (5, 2), (6, 2), (9, 2), (12, 0), (13, 0), (14, 0), (9001, 0)):
        got = refund(status=status)
        assert isinstance(got, Refund)
        assert got.state == state, status
    exchanged = refund(status=4, returnType=2)
    assert isinstance(exchanged, Refund)
    assert exchanged.state is RefundState.GONE, "goods for goods: no money"


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", 7), ("returnType", 3), ("updatedAt", 1_767_294_201), ("expectedRefundAmountYuan", 39.805),
     ("expectedRefundAmountYuan", -1), ("expectedRefundAmountYuan", "39.80"), ("expectedRefundAmountYuan", 1e20)],
)  # fmt: skip
def test_after_sales_drift_is_named(field: str, value: Any) -> None:
    got = refund(**{field: value})
    assert isinstance(got, Quarantined)
    assert got.field == f"refund.{field}"


def test_after_sales_survive_drift() -> None:
    sample = load("xiaohongshu/after_sale")
    for path in paths(sample):
        for how in HOWS:
            broken = changed(sample, path, how)
            if broken is None:
                continue
            got = refund_of(json.dumps(broken).encode())
            if isinstance(got, Refund):
                # An open one moves no money; what it gives back is checked against the detail when it is done.
                assert got.state is RefundState.OPEN
                assert got.amount == 3980 or path == ("expectedRefundAmountYuan",)


def test_money_that_went_back() -> None:
    done = refund(status=4)
    assert isinstance(done, Refund)

    def money(**changes: Any) -> Payment | Quarantined | None:
        raw = json.dumps(load("xiaohongshu/after_sale_info") | changes).encode()
        return money_of(raw, done, "shop")

    got = money()
    assert isinstance(got, Payment)
    assert (got.txn_id, got.kind, got.amount) == ("xhs-refund:R7381745730001", PaymentKind.REFUND, 3980)
    partly = money(refundAmountYuan=10)
    assert isinstance(partly, Payment)
    assert partly.amount == 1000
    still_paying = money(refundStatus=1)
    assert isinstance(still_paying, Payment), "money on its way back pays for nothing"
    assert money(refundAmountYuan=0) is None
    for changes in ({"refundAmountYuan": 3980}, {"refundAmountYuan": 0.398}, {"refundStatus": 77}, {"status": 1},
                    {"returnsId": "R1"}, {"orderId": "P1"}, {"updatedAt": 0}, {"refundAmountYuan": "39.8"}):  # fmt: skip
        assert isinstance(money(**changes), Quarantined), changes
