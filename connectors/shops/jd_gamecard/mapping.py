"""A game-card order in our words: the total in yuan, paid before JD tells of it, and no time of its own (facts: JD 4.2)."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import MAX_QTY, UNREADABLE, Drift, drift_of
from connectors.jd_called import Facts, digits, update_of
from core.model.clock import HOUR
from core.model.money import parse_decimal
from core.model.order import OrderUpdate, Quarantined
from core.model.text import clean

LIMIT: Final = 180 * 24 * HOUR  # JD then fails the order and gives the money back
_PLAIN: Final = (None, "", "0", 0)


class _Order(Struct):
    """What a card order says; what we do not use is not decoded. The names are JD's."""

    orderId: str | int
    skuId: str | int
    buyNum: str | int
    totalPrice: msgspec.Raw  # a string or a number, which must not pass through a float
    pin: str | None = None
    outId: str | None = None
    gameAccount: str | None = None
    tokenId: str | None = None
    type: str | int | None = None


_ORDER = msgspec.json.Decoder(_Order)


def order_of(data: bytes, at: int, shop: str, prices: Mapping[str, int]) -> OrderUpdate | Quarantined:
    """The order as told at ``at`` (UTC us); Quarantined when anything does not add up."""
    try:
        order = _ORDER.decode(data)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined("", data)
    try:
        return _order(order, data, at, shop, prices)
    except Drift as drift:
        return drift.quarantined(clean(str(order.orderId), 64), data)


def _order(order: _Order, data: bytes, at: int, shop: str, prices: Mapping[str, int]) -> OrderUpdate:
    number = digits(order.orderId, "orderId")
    qty = int(digits(order.buyNum, "buyNum", 9))
    if not 1 <= qty <= MAX_QTY:
        raise Drift("buyNum", f"quantity outside 1-{MAX_QTY}")
    forbid = ""
    if order.type not in _PLAIN:
        if str(order.type) != "1":
            raise Drift("type", f"unknown value {clean(str(order.type), 40)}")
        forbid = "a gift that goes with another order"
    if order.gameAccount:
        forbid = "a top-up of the buyer's account"
    if order.tokenId:
        forbid = "the sale of one game account"
    own = digits(order.skuId, "skuId")
    return update_of(
        Facts(
            number=number,
            sku=clean(order.outId or own, 100),
            title=clean(order.outId or own, 100),
            qty=qty,
            total=_yuan(order.totalPrice),
            paid_at=at,
            txn=f"jdcard:{number}",
            shop=shop,
            buyer=clean(order.pin or "", 100),
            forbid=forbid,
            deadline=at + LIMIT,
            fields=("skuId", "totalPrice"),
        ),
        prices,
        data,
    )


def _yuan(raw: msgspec.Raw) -> int:
    text = bytes(raw).decode("ascii", "replace")
    if len(text) > 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    try:
        amount = parse_decimal(text)
    except ValueError as exc:
        raise Drift("totalPrice", str(exc)) from None
    if amount < 0:
        raise Drift("totalPrice", "negative amount")
    return amount
