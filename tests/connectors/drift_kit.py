"""One thing done to one field of a sample, field by field, and what may come of it."""

import json
from collections.abc import Callable, Collection
from typing import Any

from core.model.order import OrderUpdate, PlatformState, Quarantined
from tests.connectors.kit import Json
from tests.connectors.test_mapping_drift import HOWS, changed, essence, paths

Mapped = Callable[[bytes], OrderUpdate | Quarantined]
_SHIPPING = (PlatformState.PAID, PlatformState.SHIPPED, PlatformState.FINISHED)


def orders_survive(sample: Json, mapped: Mapped, codes: Collection[str] = ()) -> tuple[int, int]:
    """Cases tried, and how many were quarantined. Fails when an order comes out wrong.

    ``codes``: fields that say which goods these are. Another value there is other goods, which nobody can see, and one
    that is missing has a documented stand-in.
    """
    whole = mapped(json.dumps(sample).encode())
    assert isinstance(whole, OrderUpdate), whole
    tried = quarantined = 0
    for path in paths(sample):
        dotted = ".".join(map(str, path))
        for how in HOWS:
            broken = changed(sample, path, how)
            if broken is None:
                continue
            tried += 1
            got = mapped(json.dumps(broken).encode())
            if isinstance(got, Quarantined):
                quarantined += 1
                assert got.field, (dotted, how)
                assert got.why, (dotted, how)
                continue
            _same(whole, got, dotted, how, dotted in codes)
    return tried, quarantined


def _same(whole: OrderUpdate, got: OrderUpdate, dotted: str, how: str, any_code: bool) -> None:
    where = f"{dotted} {how}"
    assert got.total == whole.total, where
    assert sum(p.amount for p in got.payments) <= sum(p.amount for p in whole.payments), where
    if got.state not in _SHIPPING:
        return
    state, total, currency, goods, money = essence(whole)
    assert all(line.sku for line in got.lines), where
    if any_code:
        goods = tuple((line.sku, qty, amount) for line, (_, qty, amount) in zip(got.lines, goods, strict=True))
    assert essence(got) == (state, total, currency, goods, money), where


def with_(sample: Json, dotted: str, value: Any) -> Json:
    """A copy with one field set."""
    copy: Json = json.loads(json.dumps(sample))
    node: Any = copy
    *way, last = [int(key) if key.isdigit() else key for key in dotted.split(".")]
    for key in way:
        node = node[key]
    node[last] = value
    return copy
