"""WeChat shop's orders and after-sales in our words, and that no field that has drifted makes a wrong order."""

import json
from typing import Any

import pytest

from connectors.shops.wechat_shop.mapping import decode_order, order_of, taken_apart
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined, RefundState
from tests.connectors.drift_kit import orders_survive, with_
from tests.connectors.kit import Json, load
from tests.connectors.test_mapping_drift import HOWS, changed, paths

SAMPLE, ASKED = load("wechat_shop/order"), load("wechat_shop/after_sale")
NUMBER = "3705115058471208928"
LINE = "order_detail.product_infos.0"
GOODS = tuple(f"{LINE}.{name}" for name in ("sku_code", "out_sku_id", "sku_id"))


def mapped(sample: Json, *after_sales: Json) -> OrderUpdate | Quarantined:
    return of_raw(json.dumps(sample).encode(), *(json.dumps(one).encode() for one in after_sales))


def of_raw(raw: bytes, *after_sales: bytes) -> OrderUpdate | Quarantined:
    order = decode_order(raw)
    return order if isinstance(order, Quarantined) else order_of(order, raw, after_sales, "wechat-main")


def good(*after_sales: Json, **changes: Any) -> OrderUpdate:
    sample = SAMPLE
    for path, value in changes.items():
        sample = with_(sample, path.replace("__", "."), value)
    if after_sales:
        sample = named(sample, *after_sales)
    got = mapped(sample, *after_sales)
    assert isinstance(got, OrderUpdate), got
    return got


def named(sample: Json, *after_sales: Json) -> Json:
    listed = [{"aftersale_order_id": one["after_sale_order_id"]} for one in after_sales]
    running = sum(one["status"] == "MERCHANT_PROCESSING" for one in after_sales)
    return sample | {"aftersale_detail": {"on_aftersale_order_cnt": running, "aftersale_order_list": listed}}


def test_a_paid_order() -> None:
    got = good()
    assert (got.ext_id, got.state, got.total, got.currency) == (NUMBER, PlatformState.PAID, 8000, "CNY")
    (line,) = got.lines
    assert (line.line, line.sku, line.qty, line.amount) == ("10000115-1128", "WX-STEAM50", 2, 8000)
    (payment,) = got.payments
    assert (payment.txn_id, payment.amount) == ("4200002026202601021234567890", 8000)
    assert payment.at == got.paid_at == 1767290050 * 10**6
    assert got.contact == "buyer1@mail.example.com +8613800138000"
    assert (got.buyer, got.deadline) == (SAMPLE["openid"], 1767462850 * 10**6)
    assert mapped(SAMPLE | {"order_id": int(NUMBER)}).ext_id == NUMBER, "numbers beyond 2^53 stay whole"


def test_contacts_that_are_none() -> None:
    masked = good(order_detail__delivery_info__address_info__virtual_order_tel_number="138****8000")
    assert masked.contact == "buyer1@mail.example.com"
    bare = good(
        order_detail__delivery_info__address_info=None, order_detail__ext_info__customer_notes="a@b.example c@d.example"
    )
    assert bare.contact == ""


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (10, PlatformState.UNPAID), (12, PlatformState.FORBIDDEN), (13, PlatformState.FORBIDDEN),
        (15, PlatformState.FORBIDDEN), (16, PlatformState.FORBIDDEN), (17, PlatformState.FORBIDDEN),
        (20, PlatformState.PAID), (21, PlatformState.FORBIDDEN), (30, PlatformState.SHIPPED),
        (100, PlatformState.FINISHED), (190, PlatformState.REFUNDED), (200, PlatformState.REFUNDED),
        (250, PlatformState.REFUNDED),
    ],
)  # fmt: skip
def test_states(status: int, state: PlatformState) -> None:
    sample = with_(SAMPLE, "status", status)
    if status == 10:
        sample = with_(sample, "order_detail.pay_info", {"prepay_id": "x"})
    got = mapped(sample)
    assert isinstance(got, OrderUpdate)
    assert (got.state, bool(got.forbid)) == (state, state is PlatformState.FORBIDDEN)
    assert len(got.payments) == (0 if status == 10 else 1)
    if status in (190, 250):
        unpaid = mapped(with_(sample, "order_detail.pay_info", None))
        assert isinstance(unpaid, OrderUpdate)
        assert unpaid.state is PlatformState.CANCELLED


def test_what_must_not_be_shipped() -> None:
    assert good(order_detail__delivery_info__deliver_method=0).forbid == "goods that need a parcel"
    for path in (f"{LINE}.on_aftersale_sku_cnt".replace(".", "__"), "aftersale_detail__on_aftersale_order_cnt"):
        assert good(**{path: 1}).forbid == "an after-sale is open"
    counted = named(SAMPLE, ASKED | {"status": "USER_CANCELD"})
    counted["aftersale_detail"]["on_aftersale_order_cnt"] = 1
    hidden = mapped(counted, ASKED | {"status": "USER_CANCELD"})
    assert isinstance(hidden, OrderUpdate)
    assert hidden.forbid == "an after-sale is open"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("MERCHANT_PROCESSING", RefundState.OPEN), ("USER_CANCELD", RefundState.GONE), ("MERCHANT_FAIL", RefundState.GONE),
        ("MERCHANT_REJECT_REFUND", RefundState.OPEN), ("PLATFORM_REFUNDING", RefundState.OPEN),
        ("RETURN_CLOSED", RefundState.GONE), ("USER_WAIT_CONFIRM", RefundState.OPEN),
    ],
)  # fmt: skip
def test_after_sales(status: str, state: RefundState) -> None:
    got = good(ASKED | {"status": status})
    (refund,) = got.refunds
    assert (refund.refund_id, refund.state, refund.amount) == ("2000000130", state, 8000)
    assert (refund.at, refund.reason, len(got.payments)) == (1767290101 * 10**6, "不想要了", 1)
    assert (got.state, got.rev > good().rev) == (PlatformState.PAID, True)


def test_money_back() -> None:
    for status in ("MERCHANT_REFUND_SUCCESS", "MERCHANT_RETURN_SUCCESS"):
        got = good(ASKED | {"status": status}, status=200)
        assert got.state is PlatformState.REFUNDED
        charge, back = got.payments
        assert (back.kind, back.amount, back.at) == (PaymentKind.REFUND, 8000, 1767290101 * 10**6)
        assert back.txn_id != charge.txn_id
    one = ASKED | {"status": "MERCHANT_REFUND_SUCCESS", "refund_info": {"amount": 3000}}
    two = good(one, one | {"after_sale_order_id": "2000000131"}, status=30)
    assert (two.state, [p.amount for p in two.payments]) == (PlatformState.SHIPPED, [8000, 3000, 3000])


@pytest.mark.parametrize(
    ("changes", "after_sale", "field"),
    [
        ({"status": 11}, None, "status"), ({"order_id": "x"}, None, "order_id"), ({"update_time": 5}, None, "update_time"),
        ({"order_detail.pay_info": None}, None, "order_detail.pay_info.pay_time"),
        ({"status": 10}, None, "order_detail.pay_info.pay_time"),
        ({"order_detail.pay_info.transaction_id": ""}, None, "order_detail.pay_info.transaction_id"),
        ({"order_detail.price_info.order_price": 8002}, None, "order_detail.price_info.order_price"),
        ({"order_detail.price_info.order_price": 80}, None, "order_detail.price_info.order_price"),
        ({"order_detail.price_info.product_price": 4350}, None, "order_detail.price_info.product_price"),
        ({"order_detail.price_info.freight": 100}, None, "order_detail.price_info.order_price"),
        ({"order_detail.delivery_info.deliver_method": 7}, None, "order_detail.delivery_info.deliver_method"),
        ({f"{LINE}.sku_cnt": 1}, None, "order_detail.product_infos.real_price"),
        ({f"{LINE}.sku_id": ""}, None, "order_detail.product_infos"),
        ({}, {"status": "NEW"}, "after_sales.status"), ({}, {"order_id": "5"}, "after_sales.order_id"),
        ({}, {"refund_info": {"amount": 0}}, "after_sales.refund_info.amount"),
        ({}, {"refund_info": {}}, "after_sales.refund_info.amount"),
        ({}, {"status": "MERCHANT_REFUND_SUCCESS", "refund_info": {"amount": 8001}}, "after_sales.refund_info.amount"),
    ],
)  # fmt: skip
def test_quarantined(changes: Json, after_sale: Json | None, field: str) -> None:
    sample = SAMPLE
    for path, value in changes.items():
        sample = with_(sample, path, value)
    got = mapped(sample) if after_sale is None else mapped(named(sample, ASKED), ASKED | after_sale)
    assert isinstance(got, Quarantined)
    assert got.field == field
    assert json.loads(got.raw)


def test_an_after_sale_that_is_named_and_not_there() -> None:
    got = mapped(named(SAMPLE, ASKED))
    assert isinstance(got, Quarantined)
    assert (got.ext_id, got.field) == (NUMBER, "aftersale_detail")
    torn = decode_order(b'{"order_id":"5","status":"x"}')
    assert isinstance(torn, Quarantined)
    assert (torn.ext_id, torn.field) == ("5", "status")
    assert isinstance(decode_order(b"\xff"), Quarantined)


def test_what_was_set_aside_comes_apart_again() -> None:
    for sample, after_sales in ((SAMPLE, []), (named(SAMPLE, ASKED), [ASKED])):
        whole = mapped(sample, *after_sales)
        assert isinstance(whole, OrderUpdate)
        raw, kept = taken_apart(whole.raw)
        assert (json.loads(raw), [json.loads(bytes(one)) for one in kept]) == (sample, after_sales)
    assert taken_apart(b"\xff") == (b"\xff", [])


def test_the_code_of_the_goods() -> None:
    sample = with_(SAMPLE, f"{LINE}.sku_code", "")
    assert mapped(sample).lines[0].sku == "WX-STEAM50-A"  # type: ignore[union-attr]
    assert mapped(with_(sample, f"{LINE}.out_sku_id", None)).lines[0].sku == "1128"  # type: ignore[union-attr]


def test_drift_never_becomes_a_wrong_order() -> None:
    tried, quarantined = orders_survive(SAMPLE, of_raw, GOODS)
    assert tried > 250
    assert quarantined > 100


@pytest.mark.parametrize("how", HOWS)
def test_an_after_sale_that_drifts_never_frees_an_order(how: str) -> None:
    for path in paths(ASKED):
        broken = changed(ASKED, path, how)
        if broken is None:
            continue
        got = mapped(named(SAMPLE, ASKED), broken)
        if isinstance(got, Quarantined):
            continue
        assert [r.state for r in got.refunds] == [RefundState.OPEN], (path, how)
        assert sum(p.amount for p in got.payments) == 8000
