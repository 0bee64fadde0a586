"""Youzan's orders and refunds: what is understood, what is virtual, and what is kept out."""

import json
from typing import Any

import pytest

from connectors.shops.youzan.mapping import order_of, waits_for_us
from connectors.shops.youzan.refunds import refund_of
from core.model.clock import from_text
from core.model.order import OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined, Refund, RefundState
from tests.connectors.drift_kit import orders_survive, with_
from tests.connectors.kit import Json, load
from tests.connectors.test_mapping_drift import HOWS, changed, paths

TID = "E20260102030400074004153"
INFO, ITEM = "full_order_info.order_info", "full_order_info.orders.0"
SINCE = from_text("2026-01-02 00:00:00") // 1_000_000
VIRTUAL = {
    f"{INFO}.status": "WAIT_BUYER_CONFIRM_GOODS",
    f"{INFO}.order_tags": {"is_virtual": True},
    f"{ITEM}.item_type": 182,
}


def mapped(raw: bytes) -> OrderUpdate | Quarantined:
    return order_of(raw, "shop", SINCE)


def order(changes: Json | None = None) -> OrderUpdate | Quarantined:
    sample = load("youzan/trade")
    for dotted, value in (changes or {}).items():
        sample = with_(sample, dotted, value)
    return mapped(json.dumps(sample).encode())


def test_an_order_as_it_is() -> None:
    got = order()
    assert isinstance(got, OrderUpdate)
    assert (got.ext_id, got.state, got.total, got.currency) == (TID, PlatformState.PAID, 3980, "CNY")
    assert [(line.line, line.sku, line.qty, line.amount) for line in got.lines] == [
        ("2751270000000000001", "YZ-STEAM20", 2, 3980)
    ]
    paid = from_text("2026-01-02 03:01:10")
    assert [(p.txn_id, p.kind, p.amount, p.at) for p in got.payments] == [(f"yz:{TID}", PaymentKind.CHARGE, 3980, paid)]
    assert got.rev == from_text("2026-01-02 03:01:11") + 1
    assert (got.buyer, got.contact) == ("AhB5V2mX900000000000000000", "buyer@mail.example.com")
    assert waits_for_us(got)


@pytest.mark.parametrize(
    ("changes", "state", "forbid"),
    [
        ({f"{INFO}.status": "WAIT_BUYER_PAY", f"{INFO}.pay_time": ""}, PlatformState.UNPAID, ""),
        ({f"{INFO}.status": "TRADE_PAID"}, PlatformState.FORBIDDEN, "just paid"),
        ({f"{INFO}.status": "WAIT_CONFIRM"}, PlatformState.FORBIDDEN, "group forming, or not yet accepted"),
        ({f"{INFO}.status": "WAIT_BUYER_CONFIRM_GOODS"}, PlatformState.SHIPPED, ""),
        ({f"{INFO}.status": "TRADE_SUCCESS"}, PlatformState.FINISHED, ""),
        ({f"{INFO}.status": "TRADE_CLOSED"}, PlatformState.REFUNDED, ""),
        ({f"{INFO}.status": "TRADE_CLOSED", f"{INFO}.pay_time": ""}, PlatformState.CANCELLED, ""),
        ({f"{INFO}.refund_state": 1}, PlatformState.FORBIDDEN, "refund under way"),
        ({f"{INFO}.refund_state": 12}, PlatformState.FORBIDDEN, "refunded"),
        ({f"{INFO}.refund_state": 2}, PlatformState.PAID, ""),
        ({"refund_order": [{"refund_state": 1}]}, PlatformState.FORBIDDEN, "refund open"),
        ({"refund_order": [{"refund_state": 50}, {"refund_state": 40}]}, PlatformState.FORBIDDEN, "refund open"),
        ({"refund_order": [{"refund_state": 50}]}, PlatformState.PAID, ""),
        ({"refund_order": None}, PlatformState.PAID, ""),
        (VIRTUAL, PlatformState.PAID, ""),
        ({**VIRTUAL, "refund_order": [{"refund_state": 1}]}, PlatformState.FORBIDDEN, "refund open"),
        ({**VIRTUAL, f"{INFO}.pay_time": "2026-01-01 23:59:59"}, PlatformState.SHIPPED, ""),
        ({**VIRTUAL, f"{INFO}.status": "TRADE_SUCCESS"}, PlatformState.FINISHED, ""),
    ],
)
def test_what_may_be_shipped(changes: Json, state: PlatformState, forbid: str) -> None:
    got = order(changes)
    assert isinstance(got, OrderUpdate)
    assert (got.state, got.forbid) == (state, forbid)
    assert bool(got.payments) == (state not in (PlatformState.UNPAID, PlatformState.CANCELLED))


def test_virtual_goods_need_not_be_told() -> None:
    got = order(VIRTUAL)
    assert isinstance(got, OrderUpdate)
    assert not waits_for_us(got)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({f"{INFO}.status": "A_NEW_ONE"}, "order_info.status"),
        ({f"{INFO}.refund_state": 3}, "order_info.refund_state"),
        ({"refund_order": [{"refund_state": 70}]}, "refund_order.refund_state"),
        ({f"{INFO}.pay_time": ""}, "order_info.pay_time"),
        ({f"{INFO}.status": "WAIT_BUYER_PAY"}, "order_info.pay_time"),
        ({f"{INFO}.update_time": "2026年01月02日"}, "order_info.update_time"),
        ({"full_order_info.pay_info.payment": "3980"}, "pay_info.payment"),
        ({"full_order_info.pay_info.payment": "39.805"}, "pay_info.payment"),
        ({f"{ITEM}.num": 3}, "orders.num"),
        ({f"{ITEM}.discount_price": "2090.00"}, "orders.num"),
        ({f"{ITEM}.price": "0.21"}, "orders.discount_price"),
        ({f"{INFO}.tid": ""}, "order_info.tid"),
        ({"full_order_info.orders": []}, "orders"),
        ({**VIRTUAL, f"{ITEM}.item_type": 0}, "order_info.order_tags.is_virtual"),
        ({**VIRTUAL, f"{INFO}.order_tags": {}}, "order_info.order_tags.is_virtual"),
    ],
)
def test_drift_is_named(changes: Json, field: str) -> None:
    got = order(changes)
    assert isinstance(got, Quarantined)
    assert got.field == field


def test_freight_is_shared_out_and_gifts_cost_nothing() -> None:
    dear = order({f"{ITEM}.payment": "43.80", "full_order_info.pay_info.payment": "43.80"})
    assert isinstance(dear, OrderUpdate)
    assert dear.lines[0].amount == 4380
    sample = load("youzan/trade")
    item = sample["full_order_info"]["orders"][0]
    gift = item | {"oid": "2", "is_present": True, "payment": "0.00", "total_fee": "0.00", "item_type": 182}
    got = order({"full_order_info.orders": [item, gift]})
    assert isinstance(got, OrderUpdate)
    assert [line.amount for line in got.lines] == [3980, 0]


@pytest.mark.parametrize(
    ("remark", "field", "contact"),
    [
        ("", '{"邮箱":"a@mail.example.com"}', "a@mail.example.com"),
        ("a@mail.example.com", '{"邮箱":"a@mail.example.com"}', "a@mail.example.com"),
        ("a@mail.example.com", '["b@mail.example.com"]', ""),
        ("", "{}", ""),
    ],
)
def test_addresses_stand_in_remarks_or_fields(remark: str, field: str, contact: str) -> None:
    got = order({"full_order_info.remark_info.buyer_message": remark, f"{ITEM}.item_message": field})
    assert isinstance(got, OrderUpdate)
    assert got.contact == contact


@pytest.mark.parametrize("changes", [{}, VIRTUAL])
def test_drift_never_becomes_a_wrong_order(changes: Json) -> None:
    sample = load("youzan/trade")
    for dotted, value in changes.items():
        sample = with_(sample, dotted, value)
    codes = {f"{ITEM}.outer_sku_id", f"{ITEM}.outer_item_id", f"{ITEM}.sku_id", f"{ITEM}.item_id"}
    tried, quarantined = orders_survive(sample, mapped, codes=codes)
    assert tried > 300
    assert quarantined > tried // 4


def refund(**changes: Any) -> list[Refund | Payment | Quarantined]:
    return refund_of(json.dumps(load("youzan/refund") | changes).encode(), "shop")


def test_refunds() -> None:
    (got,) = refund()
    assert isinstance(got, Refund)
    assert (got.refund_id, got.ext_id, got.state, got.amount) == (
        "202601020305000000031002", TID, RefundState.OPEN, 3980,
    )  # fmt: skip
    done, money = refund(status="SUCCESS")
    assert isinstance(done, Refund)
    assert isinstance(money, Payment)
    assert (done.state, money.kind, money.amount) == (RefundState.DONE, PaymentKind.REFUND, 3980)
    assert money.txn_id == "yz-refund:202601020305000000031002"
    assert len(refund(status="SUCCESS", refund_fee="0.00")) == 1
    for status in ("SELLER_REFUSE_BUYER", "CLOSED"):
        (gone,) = refund(status=status)
        assert isinstance(gone, Refund)
        assert gone.state is RefundState.GONE


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "NEW"), ("refund_fee", "39.805"), ("refund_fee", "-1"), ("modified", "1767294245"), ("tid", ""),
     ("refund_id", "")],
)  # fmt: skip
def test_refund_drift_is_named(field: str, value: str) -> None:
    (got,) = refund(**{field: value})
    assert isinstance(got, Quarantined)
    assert got.field == f"refund.{field}"


def test_refunds_survive_drift() -> None:
    sample = load("youzan/refund")
    for path in paths(sample):
        for how in HOWS:
            broken = changed(sample, path, how)
            if broken is None:
                continue
            for got in refund_of(json.dumps(broken).encode(), "shop"):
                assert not isinstance(got, Payment), "an open refund moves no money"
                if isinstance(got, Refund):
                    assert got.state is RefundState.OPEN
                    assert got.amount == 3980 or path == ("refund_fee",)
