"""General-trade orders in our words: money, goods and times, what JD adds under AES, and where cards may go."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from connectors.fields import Drift
from connectors.jd_called import prices_of
from connectors.jd_wire import seal, unseal
from connectors.shops.jd_trade.mapping import notify_of, order_of
from core.model.clock import from_text
from core.model.order import OrderUpdate, PlatformState, Quarantined
from tests.connectors.drift_kit import orders_survive
from tests.connectors.kit import load

NUMBER, AES, PRICES = "10001", "12345678901234567890123456789012", "45001=22.90"


def opened(text: str) -> bytes | None:
    try:
        return unseal(text, AES).encode()
    except ValueError:
        return None


def order(**changes: str) -> OrderUpdate | Quarantined:
    return order_of({**load("jd_trade/order"), **changes}, "shop", prices_of(PRICES), opened)


def expand(**fields: Any) -> str:
    return seal(json.dumps(fields), AES, lines=True)


def test_an_order_as_it_is() -> None:
    got = order()
    assert isinstance(got, OrderUpdate)
    assert (got.ext_id, got.state, got.total, got.currency) == (NUMBER, PlatformState.PAID, 4580, "CNY")
    assert [(line.line, line.sku, line.qty, line.amount) for line in got.lines] == [("1", "45001", 2, 4580)]
    paid = from_text("2026-01-02 03:01:10")
    assert [(p.txn_id, p.amount, p.at) for p in got.payments] == [(f"jdtrade:{NUMBER}", 4580, paid)]
    assert (got.created_at, got.paid_at, got.rev) == (paid, paid, paid)


def test_what_may_not_be_shipped() -> None:
    got = order(produceAccount="13333333333")
    assert isinstance(got, OrderUpdate)
    assert (got.state, got.forbid) == (PlatformState.FORBIDDEN, "a top-up of the buyer's account")


def test_what_jd_adds_under_aes() -> None:
    for good in (expand(orderPaymentAmount=4400), expand(orderPaymentAmount="4400", system=1), expand(system=2)):
        assert isinstance(order(expand=good), OrderUpdate)
        assert isinstance(order(expand=quote(good, safe="")), OrderUpdate), "encoded once more on its way"
    for wrong, field in (
        (expand(orderPaymentAmount=44), "totalPrice"), (expand(orderPaymentAmount="x"), "expand.orderPaymentAmount"),
        (expand(orderPaymentAmount=[1]), "expand"), ("AAAA", "expand"), (seal("{}", AES[::-1]), "expand"),
    ):  # fmt: skip
        got = order(expand=wrong)
        assert isinstance(got, Quarantined)
        assert got.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"totalPrice": "458000"}, "totalPrice"), ({"totalPrice": "45.80"}, "totalPrice"), ({"totalPrice": ""}, "totalPrice"),
        ({"totalPrice": "46"}, "totalPrice"), ({"totalPrice": "-4580"}, "totalPrice"), ({"quantity": "0"}, "quantity"),
        ({"quantity": "1000"}, "quantity"), ({"quantity": "200"}, "totalPrice"), ({"payTime": "2026-01-02"}, "payTime"),
        ({"payTime": "1767294070"}, "payTime"), ({"jdOrderNo": "x"}, "jdOrderNo"), ({"jdOrderNo": ""}, "jdOrderNo"),
        ({"wareNo": ""}, "wareNo"),
    ],
)  # fmt: skip
def test_drift_is_named(changes: dict[str, str], field: str) -> None:
    got = order(**changes)
    assert isinstance(got, Quarantined)
    assert got.field == field


def test_orders_survive_drift() -> None:
    def mapped(raw: bytes) -> OrderUpdate | Quarantined:
        form = {name: str(value) for name, value in json.loads(raw).items() if value is not None}
        return order_of(form, "shop", prices_of(PRICES), opened)

    tried, quarantined = orders_survive(load("jd_trade/order"), mapped, codes={"wareNo"})
    assert tried > 60
    assert quarantined > tried // 4


@pytest.mark.parametrize(
    "url",
    ["http://vtpnotify.jd.com/vtp", "https://vtpnotify.jd.com.example.com/vtp", "https://a@vtpnotify.jd.com/vtp", "x", "",
     "https://vtpnotify.jd.com/vtp?x=1", "https://vtpnotify.jd.com/a b", "https://[vtp", "https://vtpnotify.jd.com/#x"],
)  # fmt: skip
def test_cards_go_to_jd_alone(url: str) -> None:
    hosts = frozenset({"vtpnotify.jd.com"})
    whole = "https://vtpnotify.jd.com/vtp/produce/result"
    for good in ("https://vtpnotify.jd.com/vtp", "https://vtpnotify.jd.com/vtp/", whole):
        assert notify_of({"notifyUrl": good}, hosts) == whole
    with pytest.raises(Drift, match="notifyUrl"):
        notify_of({"notifyUrl": url}, hosts)
