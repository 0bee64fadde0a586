"""Each field of each sample dropped, renamed, nulled, retyped, multiplied, given an unknown value.

What comes out is quarantined, or is an order with the very money, goods and state of the untouched sample. Nothing may
turn into a zero, a hundredfold, other goods, or a paid order that was not.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.fields import Drift, drift_of
from connectors.shops.pinduoduo import mapping as pdd
from connectors.shops.stripe_shop.book import Book, decode_intent
from connectors.shops.taobao import mapping as tb
from core.model.order import OrderUpdate, Payment, PlatformState, Quarantined, Refund, RefundState

DATA = Path(__file__).parent.parent / "data"
Json = dict[str, Any]
Mapped = OrderUpdate | Quarantined


def taobao(sample: Json) -> Mapped:
    raw = json.dumps(sample).encode()
    trade = tb.decode_trade(raw)
    return trade if isinstance(trade, Quarantined) else tb.order_of(trade, raw, "shop")


def pinduoduo(sample: Json) -> Mapped:
    return pdd.order_of(json.dumps(sample).encode(), "shop")


def stripe(sample: Json) -> Mapped:
    raw = json.dumps(sample).encode()
    try:
        intent = decode_intent(raw)
        intent.check(True)
    except msgspec.MsgspecError as exc:
        return drift_of(exc).quarantined("", raw)
    except Drift as drift:
        return drift.quarantined("", raw)
    book = Book("acct")
    return book.update(intent.order_no, book.add(intent, intent.created), raw, event=True)


SHOPS: dict[str, Callable[[Json], Mapped]] = {
    "taobao_trade": taobao,
    "pinduoduo_order": pinduoduo,
    "stripe_intent": stripe,
}
# Absent, these have a documented stand-in: the platform's own SKU id, the line's own payment, the intent's own id.
STAND_INS = {
    "orders.order.0.outer_sku_id",
    "orders.order.0.sku_id",
    "orders.order.0.divide_order_fee",
    "item_list.0.outer_id",
    "item_list.0.sku_id",
    "metadata.order_no",
}


def load(name: str) -> Json:
    sample: Json = json.loads((DATA / f"{name}.json").read_text())
    return sample


def paths(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from paths(value, (*at, key))


def changed(sample: Json, path: tuple[Any, ...], how: str) -> Json | None:
    """A copy with one thing done to one field, or None when that cannot be done to it."""
    copy: Json = json.loads(json.dumps(sample))
    node: Any = copy
    for key in path[:-1]:
        node = node[key]
    key, value = path[-1], node[path[-1]]
    number = isinstance(value, int) and not isinstance(value, bool)
    decimal = isinstance(value, str) and value.replace(".", "", 1).isdigit()
    if how == "drop":
        del node[key]
    elif how == "rename":
        if not isinstance(key, str):
            return None
        node[f"{key}_v2"] = node.pop(key)
    elif how == "null":
        node[key] = None
    elif how == "retype":
        node[key] = str(value) if number else float(value) if decimal else 1 if isinstance(value, str | bool) else "x"
    elif how == "listed":
        node[key] = [value]
    elif how == "empty":
        node[key] = type(value)()
    elif how == "x100" and number:
        node[key] = value * 100
    elif how == "x100" and decimal:
        node[key] = f"{float(value) * 100:.2f}" if "." in value else str(int(value) * 100)
    elif how == "/100" and decimal and "." in value:
        node[key] = f"{float(value) / 100:.4f}"
    elif how == "fen" and decimal and "." in value:
        node[key] = value.replace(".", "")
    elif how == "negative" and (number or decimal):
        node[key] = -value if number else f"-{value}"
    elif how == "unknown":
        node[key] = 97 if number else "A_NEW_VALUE" if isinstance(value, str) else None
    else:
        return None
    return copy


HOWS = ("drop", "rename", "null", "retype", "listed", "empty", "x100", "/100", "fen", "negative", "unknown")
CASES = [
    (name, ".".join(map(str, path)), path, how)
    for name in SHOPS
    for path in paths(load(name))
    for how in HOWS
    if changed(load(name), path, how) is not None
]


def essence(order: OrderUpdate) -> tuple[Any, ...]:
    money = tuple((p.kind, p.amount, p.currency, p.account) for p in order.payments)
    goods = tuple((line.sku, line.qty, line.amount) for line in order.lines)
    return order.state, order.total, order.currency, goods, money


@pytest.mark.parametrize(("name", "dotted", "path", "how"), CASES, ids=lambda v: str(v) if isinstance(v, str) else "")
def test_drift_never_becomes_a_wrong_order(name: str, dotted: str, path: tuple[Any, ...], how: str) -> None:
    sample = load(name)
    whole = SHOPS[name](sample)
    assert isinstance(whole, OrderUpdate)
    broken = changed(sample, path, how)
    assert broken is not None
    got = SHOPS[name](broken)
    if isinstance(got, Quarantined):
        assert got.field
        assert got.why
        assert json.loads(got.raw) == broken
        return
    state, total, currency, goods, money = essence(whole)
    other = essence(got)
    if got.state in (PlatformState.PAID, PlatformState.SHIPPED):
        if dotted in STAND_INS:
            goods = tuple((line.sku, qty, amount) for line, (_, qty, amount) in zip(got.lines, goods, strict=True))
            assert all(line.sku for line in got.lines)
        elif dotted.endswith(("outer_sku_id", "outer_id", "metadata.sku", "sku_id")):
            return  # the platform's own word on which goods these are: another SKU is not drift that can be seen
        assert other == (state, total, currency, goods, money)
    else:
        # Any other state ships nothing; it still may not invent money.
        assert got.total == total
        assert sum(p.amount for p in got.payments) <= sum(p.amount for p in whole.payments)


def test_enough_was_tried() -> None:
    assert len(CASES) > 500
    outcomes = [SHOPS[name](changed(load(name), path, how) or {}) for name, _, path, how in CASES]
    assert sum(isinstance(one, Quarantined) for one in outcomes) > len(CASES) // 3


@pytest.mark.parametrize(
    ("name", "field", "value", "at"),
    [
        ("taobao_trade", "status", "A_NEW_STATUS", "status"),
        ("taobao_trade", "payment", "3980", "payment"),
        ("taobao_trade", "payment", "39.805", "payment"),
        ("taobao_trade", "pay_time", None, "pay_time"),
        ("taobao_trade", "modified", "2026-01-02T03:01:11Z", "modified"),
        ("pinduoduo_order", "risk_control_status", 2, "risk_control_status"),
        ("pinduoduo_order", "order_status", 0, "order_status"),
        ("pinduoduo_order", "pay_amount", 3980, "pay_amount"),
        ("pinduoduo_order", "pay_amount", 0.398, "pay_amount"),
        ("stripe_intent", "status", "a_new_status", "status"),
        ("stripe_intent", "amount_received", 398_000, "amount_received"),
        ("stripe_intent", "amount", 398_000, "amount_received"),
        ("stripe_intent", "livemode", False, "livemode"),
    ],
)
def test_the_field_is_named(name: str, field: str, value: Any, at: str) -> None:
    got = SHOPS[name](load(name) | {field: value})
    assert isinstance(got, Quarantined)
    assert got.field == at


def test_units_are_named_as_such() -> None:
    got = taobao(load("taobao_trade") | {"payment": "3980.00"})
    assert isinstance(got, Quarantined)
    assert (got.field, got.why) == ("payment", "unit_suspect")
    everywhere = load("taobao_trade")
    everywhere["payment"] = everywhere["orders"]["order"][0]["payment"] = "3980.00"
    everywhere["orders"]["order"][0]["divide_order_fee"] = "3980.00"
    got = taobao(everywhere)
    assert isinstance(got, Quarantined), "both sums agree, but the list price does not"
    assert got.why == "unit_suspect"
    got = pinduoduo(load("pinduoduo_order") | {"pay_amount": "3980.00"})
    assert isinstance(got, Quarantined)
    assert got.why == "unit_suspect"


@pytest.mark.parametrize("how", HOWS)
def test_refund_rows_drift_into_quarantine_or_stay_what_they_are(how: str) -> None:
    for name, mapped in (("taobao_refund", tb.refund_of), ("pinduoduo_refund", pdd.refund_of)):
        sample = load(name)
        for path in paths(sample):
            broken = changed(sample, path, how)
            if broken is None:
                continue
            for got in mapped(json.dumps(broken).encode(), "shop"):
                if isinstance(got, Quarantined):
                    assert got.field
                    continue
                assert isinstance(got, Refund), "an open refund moves no money"
                assert got.amount == 3980
                assert got.state in (RefundState.OPEN, RefundState.GONE)
                if got.state is RefundState.GONE:
                    assert (path[-1], how) == ("after_sales_status", "empty")  # 0 is "no after-sale"


def test_a_finished_refund_is_money() -> None:
    for sample, mapped, txn in (
        (load("taobao_refund") | {"status": "SUCCESS"}, tb.refund_of, "tb-refund:7381745730001"),
        (load("pinduoduo_refund") | {"after_sales_status": 10}, pdd.refund_of, "pdd-refund:301851299"),
    ):
        refund, money = mapped(json.dumps(sample).encode(), "shop")
        assert isinstance(refund, Refund)
        assert isinstance(money, Payment)
        assert (refund.state, money.amount, money.txn_id) == (RefundState.DONE, 3980, txn)
