"""A general-trade order in our words: flat text fields, the total in fen, times Beijing digits (facts: JD 4.3)."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Struct

from connectors.fields import MAX_QTY, UNREADABLE, Drift, hundredfold
from connectors.jd_called import Facts, digits, update_of
from core.model.clock import from_text
from core.model.order import OrderUpdate, Quarantined
from core.model.text import clean

LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
RESULT: Final = "/produce/result"
Unsealed = Callable[[str], bytes | None]
Form = Mapping[str, str]


class _Expand(Struct):
    orderPaymentAmount: str | int | None = None


def order_of(form: Form, shop: str, prices: Mapping[str, int], unsealed: Unsealed) -> OrderUpdate | Quarantined:
    """The order that a ``beginDistill`` tells of; Quarantined when anything does not add up."""
    raw = msgspec.json.encode({name: form[name] for name in sorted(form) if name not in ("sign", "signType")})
    try:
        return _order(form, raw, shop, prices, unsealed)
    except Drift as drift:
        return drift.quarantined(clean(form.get("jdOrderNo", ""), 64), raw)


def _order(form: Form, raw: bytes, shop: str, prices: Mapping[str, int], unsealed: Unsealed) -> OrderUpdate:
    number = digits(_field(form, "jdOrderNo"), "jdOrderNo")
    qty = int(digits(_field(form, "quantity"), "quantity", 9))
    if not 1 <= qty <= MAX_QTY:
        raise Drift("quantity", f"quantity outside 1-{MAX_QTY}")
    total = int(digits(_field(form, "totalPrice"), "totalPrice", 12))
    code = clean(_field(form, "wareNo"), 100)
    _check_goods(form, total, unsealed)
    return update_of(
        Facts(
            number=number,
            sku=code,
            title=code,
            qty=qty,
            total=total,
            paid_at=_time(_field(form, "payTime")),
            txn=f"jdtrade:{number}",
            shop=shop,
            forbid="a top-up of the buyer's account" if form.get("produceAccount") else "",
            fields=("wareNo", "totalPrice"),
        ),
        prices,
        raw,
    )


def notify_of(form: Form, hosts: frozenset[str]) -> str:
    """Where the cards of an order go, as its form says. Raises Drift for an address that is not JD's or not safe."""
    url = _field(form, "notifyUrl")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise Drift("notifyUrl", "not an address") from None
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL)
    plain = url.isascii() and url.isprintable() and " " not in url and "@" not in parts.netloc
    if not (safe and plain and host in hosts and len(url) <= 500) or parts.query or parts.fragment:
        raise Drift("notifyUrl", "not an https address at a host of JD's")
    url = url.rstrip("/")
    return url if url.endswith(RESULT) else url + RESULT


def _check_goods(form: Form, total: int, unsealed: Unsealed) -> None:
    """What the seller is to get, where JD tells it, is not a hundred times or a hundredth of the total."""
    sealed = form.get("expand", "")
    if not sealed:
        return
    # It is url-encoded once before the form is; an unescaped plus sign arrives as a blank.
    data = unsealed(unquote(sealed).replace(" ", "+"))
    if data is None:
        # With another key JD could not open our cards either.
        raise Drift("expand", "does not open with aes_key")
    try:
        goods = msgspec.json.decode(data, type=_Expand).orderPaymentAmount
    except UNREADABLE:
        raise Drift("expand", "not understood") from None
    if goods is not None and hundredfold(int(digits(goods, "expand.orderPaymentAmount", 12)), total):
        raise Drift("totalPrice", "unit_suspect")


def _field(form: Form, name: str) -> str:
    value = form.get(name, "")
    if not value:
        raise Drift(name, "missing")
    return value


def _time(text: str) -> int:
    try:
        if len(digits(text, "payTime", 14)) != 14:  # the parser alone would take fewer
            raise ValueError
        return from_text(text, fmt="%Y%m%d%H%M%S")
    except ValueError:
        raise Drift("payTime", "not a time of the form yyyyMMddHHmmss") from None
