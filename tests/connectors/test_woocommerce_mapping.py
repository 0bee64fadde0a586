"""WooCommerce orders in our words, and every field of the sample bent."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.shops.woocommerce.mapping import order_of
from core.model.order import OrderUpdate, PaymentKind, PlatformState, Quarantined
from tests.connectors.kit import Json
from tests.connectors.test_mapping_drift import HOWS, changed, essence, paths

DATA = Path(__file__).parent.parent / "data"


def sample() -> Json:
    order: Json = json.loads((DATA / "woocommerce" / "order.json").read_text())
    return order


def mapped(order: Json) -> OrderUpdate | Quarantined:
    return order_of(json.dumps(order).encode(), "shop-a")


def good(order: Json) -> OrderUpdate:
    update = mapped(order)
    assert isinstance(update, OrderUpdate), update
    return update


def bad(order: Json) -> Quarantined:
    update = mapped(order)
    assert isinstance(update, Quarantined), update
    return update


def test_an_order_becomes_goods_and_money() -> None:
    order = good(sample())
    assert (order.ext_id, order.state, order.total, order.currency) == ("727", PlatformState.PAID, 4879, "USD")
    assert [(line.line, line.sku, line.qty, line.amount) for line in order.lines] == [
        ("315", "STEAM-50", 2, 4179),
        ("316", "95", 3, 1000),
    ]
    assert (order.contact, order.buyer, order.buyer_name, order.message) == (
        "buyer@example.com", "26", "San Zhang", "thanks 谢谢",
    )  # fmt: skip
    assert [(p.kind, p.account, p.txn_id, p.amount) for p in order.payments] == [
        (PaymentKind.CHARGE, "shop-a", "woo:727", 4879),
        (PaymentKind.REFUND, "shop-a", "woo-refund:801", 1990),
    ]
    assert order.paid_at == 1_767_294_070 * 1_000_000
    assert order.rev // 1_000_000 == 1_767_294_071
    assert json.loads(order.raw) == sample()


def test_a_currency_without_cents() -> None:
    order = sample() | {"currency": "JPY", "total": "4000", "shipping_total": "0", "shipping_tax": "0", "refunds": []}
    order["fee_lines"] = []
    order["line_items"] = [
        order["line_items"][0] | {"subtotal": "4000", "total": "4000", "total_tax": "0", "price": 2000}
    ]
    assert (good(order).total, good(order).payments[0].amount) == (4000, 4000)
    order["total"] = "4000.50"
    assert bad(order).field == "total"


@pytest.mark.parametrize(
    ("change", "state", "forbid", "money"),
    [
        ({"status": "pending", "date_paid_gmt": None}, PlatformState.UNPAID, "", False),
        ({"status": "on-hold", "date_paid_gmt": None}, PlatformState.UNPAID, "", False),
        ({"status": "failed", "date_paid_gmt": None}, PlatformState.UNPAID, "", False),
        ({"status": "on-hold"}, PlatformState.FORBIDDEN, "on-hold after payment", True),
        ({"status": "pending"}, PlatformState.FORBIDDEN, "pending after payment", True),
        ({"payment_method": "cod"}, PlatformState.FORBIDDEN, "cash on delivery", False),
        ({"payment_method": "cod", "status": "completed"}, PlatformState.SHIPPED, "", True),
        ({"status": "completed"}, PlatformState.SHIPPED, "", True),
        ({"status": "cancelled", "date_paid_gmt": None}, PlatformState.CANCELLED, "", False),
        ({"status": "cancelled"}, PlatformState.CANCELLED, "", True),
        ({"status": "trash", "date_paid_gmt": None}, PlatformState.CANCELLED, "", False),
        ({"status": "refunded"}, PlatformState.REFUNDED, "", True),
    ],
)
def test_statuses(change: Json, state: PlatformState, forbid: str, money: bool) -> None:
    order = good(sample() | change)
    assert (order.state, order.forbid, bool(order.payments)) == (state, forbid, money)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "wc-custom"}, "status"),
        ({"currency": "usd"}, "currency"),
        ({"total": "4879"}, "total"),
        ({"total": 48.79}, "total"),
        ({"date_paid_gmt": None}, "date_paid_gmt"),
        ({"date_modified_gmt": "2026-01-01 19:01:11"}, "date_modified_gmt"),
        ({"refunds": [{"id": 1, "total": "19.90"}]}, "refunds.total"),
        ({"refunds": [{"id": 1, "total": "-48.80"}]}, "refunds.total"),
        ({"line_items": []}, "line_items"),
        ({"fee_lines": []}, "total"),
    ],
)
def test_the_field_is_named(change: Json, field: str) -> None:
    assert (bad(sample() | change).ext_id, bad(sample() | change).field) == ("727", field)


CASES = [(p, how) for p in paths(sample()) for how in HOWS if changed(sample(), p, how) is not None]


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
    dotted = ".".join(map(str, path))
    # Which goods these are, in what currency they were sold and what went back is the shop's own word alone.
    own_word = ("sku", "product_id", "variation_id", "currency", "refunds", "refunds.0", "refunds.0.total")
    if dotted.endswith(own_word) or got.state not in (PlatformState.PAID, PlatformState.SHIPPED):
        assert [(line.qty, line.amount) for line in got.lines] == [(line.qty, line.amount) for line in whole.lines]
        assert (got.total, got.ext_id) == (whole.total, "727") if dotted != "id" else True
        assert all(line.sku for line in got.lines)
        assert sum(p.amount for p in got.payments if p.kind is PaymentKind.CHARGE) <= whole.total
        return
    assert essence(got) == essence(whole)


def test_drift_was_tried_and_seen() -> None:
    assert len(CASES) > 300
    assert sum(isinstance(mapped(changed(sample(), p, how) or {}), Quarantined) for p, how in CASES) > len(CASES) // 3
