"""Weidian's orders and the money within them: what is understood, and what is kept out."""

import json

import pytest

from connectors.shops.weidian.mapping import order_of
from connectors.shops.weidian.shape import number_of
from core.model.clock import from_text
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined, RefundState
from tests.connectors.drift_kit import orders_survive, with_
from tests.connectors.kit import Json, load

NUMBER = "824123248136749"
ASKED = from_text("2026-01-02 03:04:05") + 250_000
CLAIM = "items.0.refund_info"


def mapped(raw: bytes) -> OrderUpdate | Quarantined:
    return order_of(raw, "shop", ASKED)


def order(changes: Json | None = None, formed: frozenset[str] = frozenset()) -> OrderUpdate | Quarantined:
    sample = load("weidian/order")
    for dotted, value in (changes or {}).items():
        sample = with_(sample, dotted, value)
    return order_of(json.dumps(sample).encode(), "shop", ASKED, formed)


def test_an_order_as_it_is() -> None:
    got = order()
    assert isinstance(got, OrderUpdate)
    assert (got.ext_id, got.state, got.total, got.currency) == (NUMBER, PlatformState.PAID, 4180, "CNY")
    assert [(line.line, line.sku, line.qty, line.amount) for line in got.lines] == [
        ("641054394053165", "WD-STEAM20", 2, 4180)
    ]
    paid = from_text("2026-01-02 03:01:10")
    assert [(p.txn_id, p.kind, p.amount, p.at) for p in got.payments] == [
        (f"wd:{NUMBER}", PaymentKind.CHARGE, 4180, paid)
    ]
    assert got.rev == from_text("2026-01-02 03:01:11") + 1
    assert (got.buyer, got.contact, got.refunds) == ("1842809735", "buyer@mail.example.com", ())
    assert "张三" not in f"{got.buyer_name}{got.message}"


def test_an_answer_without_a_time_of_change_is_as_old_as_the_question() -> None:
    for value in (None, ""):
        got = order({"update_time": value})
        assert isinstance(got, OrderUpdate)
        assert got.rev == ASKED


@pytest.mark.parametrize(
    ("changes", "state", "forbid"),
    [
        ({"status_ori": "10", "pay_time": ""}, PlatformState.UNPAID, ""),
        ({"status_ori": "21"}, PlatformState.FORBIDDEN, "partly paid"),
        ({"status_ori": "30"}, PlatformState.SHIPPED, ""),
        ({"status_ori": "31"}, PlatformState.FORBIDDEN, "partly shipped elsewhere"),
        ({"status_ori": "40"}, PlatformState.FINISHED, ""),
        ({"status_ori": "50"}, PlatformState.FINISHED, ""),
        ({"status_ori": "60"}, PlatformState.REFUNDED, ""),
        ({"status_ori": "60", "pay_time": ""}, PlatformState.CANCELLED, ""),
        ({"refund_status_ori": "1"}, PlatformState.FORBIDDEN, "refund open"),
        ({"refund_status_ori": "2"}, PlatformState.FORBIDDEN, "refunded"),
        ({"refund_status_ori": "3"}, PlatformState.PAID, ""),
        ({f"{CLAIM}.refund_status": "4"}, PlatformState.FORBIDDEN, "refund open"),
        ({"argue_flag": 1}, PlatformState.FORBIDDEN, "dispute"),
        ({"order_type": "1"}, PlatformState.FORBIDDEN, "cash on delivery"),
        ({"order_type": "1", "pay_time": ""}, PlatformState.FORBIDDEN, "cash on delivery"),
        ({"order_type": "2"}, PlatformState.PAID, ""),
        ({"group_status": "-1"}, PlatformState.PAID, ""),
        ({"group_status": 0}, PlatformState.FORBIDDEN, "group purchase, status 0"),
    ],
)
def test_what_may_be_shipped(changes: Json, state: PlatformState, forbid: str) -> None:
    got = order(changes)
    assert isinstance(got, OrderUpdate)
    assert (got.state, got.forbid) == (state, forbid)
    unpaid = changes.get("status_ori") in ("10", "21") or changes.get("pay_time") == ""
    assert bool(got.payments) != unpaid


def test_groups_that_the_merchant_knows_to_be_complete() -> None:
    got = order({"group_status": 1}, frozenset({"1"}))
    assert isinstance(got, OrderUpdate)
    assert got.state is PlatformState.PAID


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status_ori": "70"}, "status_ori"),
        ({"status_ori": 20}, "status_ori"),
        ({"refund_status_ori": ""}, "refund_status_ori"),
        ({"order_type": "4"}, "order_type"),
        ({"argue_flag": 2}, "argue_flag"),
        ({"pay_time": ""}, "pay_time"),
        ({"status_ori": "10"}, "pay_time"),
        ({"pay_time": "1767294190"}, "pay_time"),
        ({"total": "4180"}, "total"),
        ({"total": "41.805"}, "total"),
        ({"price": "3980.00", "total": "3982.00"}, "price"),
        ({"quantity": "3"}, "quantity"),
        ({"items.0.quantity": "2.0"}, "items.quantity"),
        ({"items.0.quantity": "3", "quantity": "3"}, "items.total_price"),
        ({"items.0.price": "2090.00"}, "items.total_price"),
        ({"items": []}, "items"),
        ({"order_id": ""}, "order_id"),
        ({f"{CLAIM}.refund_status": "10"}, "items.refund_info.refund_fee"),
        ({f"{CLAIM}.refund_status": "10", f"{CLAIM}.refund_fee": "4180.00"}, "refund_info"),
    ],
)
def test_drift_is_named(changes: Json, field: str) -> None:
    got = order(changes)
    assert isinstance(got, Quarantined)
    assert got.field == field


def test_two_lines_share_what_was_paid() -> None:
    sample = load("weidian/order")
    first = sample["items"][0]
    second = first | {
        "sub_order_id": 2,
        "quantity": "1",
        "price": "10.00",
        "total_price": "10.00",
        "merchant_code": None,
    }
    got = order({"items": [first, second | {"item_id": "77"}], "quantity": "3", "price": "49.80", "total": "51.80"})
    assert isinstance(got, OrderUpdate)
    assert [(line.sku, line.qty, line.amount) for line in got.lines] == [("WD-STEAM20", 2, 4180), ("77", 1, 1000)]
    twice = order({"items": [first, first], "quantity": "4"})
    assert isinstance(twice, Quarantined), "two lines of one number"


def test_money_that_went_back() -> None:
    whole = order({"status_ori": "60", "refund_status_ori": "2", "refund_info.buyer_refund_fee": "41.80"})
    assert isinstance(whole, OrderUpdate)
    assert [(p.txn_id, p.kind, p.amount) for p in whole.payments[1:]] == [
        (f"wd-refund:{NUMBER}", PaymentKind.REFUND, 4180)
    ]
    assert [(r.refund_id, r.state) for r in whole.refunds] == [(f"{NUMBER}-r", RefundState.DONE)]
    item = {f"{CLAIM}.refund_status": "10", f"{CLAIM}.refund_no": "R9", f"{CLAIM}.refund_fee": "10.00"}
    part = order({**item, "refund_status_ori": "2", "refund_info.buyer_refund_fee": "10.00"})
    assert isinstance(part, OrderUpdate)
    assert [(p.txn_id, p.amount) for p in part.payments[1:]] == [("wd-refund:R9", 1000)], "once, not twice"
    for status, state in (("1", RefundState.OPEN), ("3", RefundState.GONE)):
        got = order({"refund_status_ori": status})
        assert isinstance(got, OrderUpdate)
        assert [r.state for r in got.refunds] == [state]
        assert len(got.payments) == 1
    claimed = order({f"{CLAIM}.refund_status": "4"})
    assert isinstance(claimed, OrderUpdate)
    assert [r.state for r in claimed.refunds] == [RefundState.OPEN], "the item knows before the order does"


@pytest.mark.parametrize(
    ("note", "fields", "contact"),
    [
        ("", [], ""),
        ("a@mail.example.com", None, "a@mail.example.com"),
        ("", [{"name": "邮箱", "value": "b@mail.example.com"}], "b@mail.example.com"),
        ("a@mail.example.com", [{"name": "邮箱", "value": "b@mail.example.com"}], ""),
    ],
)
def test_addresses_stand_in_notes_or_fields(note: str, fields: list[Json] | None, contact: str) -> None:
    got = order({"note": note, "customInfos": fields})
    assert isinstance(got, OrderUpdate)
    assert got.contact == contact


def test_drift_never_becomes_a_wrong_order() -> None:
    codes = {"items.0.merchant_code", "items.0.sku_merchant_code", "items.0.sku_id", "items.0.item_id"}
    tried, quarantined = orders_survive(load("weidian/order"), mapped, codes=codes)
    assert tried > 300
    assert quarantined > tried // 4


def test_numbers_that_are_none() -> None:
    for raw in (b"[]", b"{}", b'{"order_id":7}', b'{"order_id":"a\\u202eb"}', b"\xff"):
        assert number_of(raw) == ""
