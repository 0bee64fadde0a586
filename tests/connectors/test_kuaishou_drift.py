"""Each field of Kuaishou's samples dropped, renamed, nulled, retyped, multiplied, given an unknown value."""

import json
from typing import Any

import pytest

from connectors.shops.kuaishou.mapping import order_of, refund_of
from core.model.order import OrderUpdate, PlatformState, Quarantined, Refund, RefundState
from tests.connectors.kit import load
from tests.connectors.test_mapping_drift import HOWS, changed, essence, paths

ORDER, REFUND = load("kuaishou/order"), load("kuaishou/refund")
# Without the merchant's own code the next one stands in; which goods a code means cannot be checked here.
GOODS = ("skuNick", "goodsCode", "skuId")


def cases(sample: dict[str, Any], how: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    made = [(path, changed(sample, path, how)) for path in paths(sample)]
    return [(path, broken) for path, broken in made if broken is not None]


@pytest.mark.parametrize("how", HOWS)
def test_drift_never_becomes_a_wrong_order(how: str) -> None:
    whole = order_of(json.dumps(ORDER).encode(), "shop")
    assert isinstance(whole, OrderUpdate)
    for path, broken in cases(ORDER, how):
        got = order_of(json.dumps(broken).encode(), "shop")
        if isinstance(got, Quarantined):
            assert got.field, path
            assert json.loads(got.raw) == broken
            continue
        if got.state in (PlatformState.PAID, PlatformState.SHIPPED):
            state, total, currency, goods, money = essence(got)
            if path[-1] in GOODS:
                assert [line[1:] for line in goods] == [line[1:] for line in essence(whole)[3]]
                goods = essence(whole)[3]
            assert (state, total, currency, goods, money) == essence(whole), (path, how)
            assert got.contact in (whole.contact, ""), (path, how)
        else:
            assert got.total == whole.total
            assert sum(p.amount for p in got.payments) <= sum(p.amount for p in whole.payments)


@pytest.mark.parametrize("how", HOWS)
def test_refund_rows_drift_into_quarantine_or_stay_what_they_are(how: str) -> None:
    for path, broken in cases(REFUND, how):
        for got in refund_of(json.dumps(broken).encode(), "shop"):
            if isinstance(got, Quarantined):
                assert got.field
                continue
            assert isinstance(got, Refund), "an open refund moves no money"
            assert got.state is RefundState.OPEN, (path, how)
            if path[-1] != "refundFee":  # nothing in the row says how much was paid
                assert got.amount == 3980, (path, how)


def test_most_of_what_matters_is_noticed() -> None:
    broken = [one for how in HOWS for _, one in cases(ORDER, how)]
    quarantined = [one for one in broken if isinstance(order_of(json.dumps(one).encode(), "s"), Quarantined)]
    assert len(broken) > 300
    assert len(quarantined) > 80
