"""Weidian's order as it is decoded: typed strictly, numbers as the strings that they are (facts: A2)."""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from core.model.text import clean


class ItemRefund(Struct):
    """What an item says of its own claim."""

    refund_status: str | None = None
    refund_no: str | None = None
    refund_fee: str | None = None


class Item(Struct):
    """One goods line."""

    quantity: str
    price: str
    total_price: str
    item_id: str
    sku_id: str | None = None
    item_name: str | None = None
    merchant_code: str | None = None
    sku_merchant_code: str | None = None
    sub_order_id: int | str | None = None
    refund_info: ItemRefund | None = None


class Buyer(Struct):
    """Who bought."""

    buyer_id: str | int | None = None


class Field(Struct):
    """What the goods ask the buyer for, and the answer."""

    name: str | None = None
    value: str | None = None


class Refunded(Struct):
    """The order's own word on what went back."""

    buyer_refund_fee: str | None = None


class Order(Struct):
    """An order as the detail call shows it; what we do not use is not decoded."""

    order_id: str
    status_ori: str
    refund_status_ori: str
    order_type: str
    argue_flag: int
    group_status: int | str
    total: str
    price: str
    express_fee: str
    quantity: str
    add_time: str
    items: list[Item]
    pay_time: str | None = None
    update_time: str | None = None
    note: str | None = None
    buyer_info: Buyer | None = None
    customInfos: list[Field] | None = None  # the platform's spelling
    refund_info: Refunded | None = None


class _Row(Struct):
    order_id: str = ""


ORDER: Final = msgspec.json.Decoder(Order)
_ROW: Final = msgspec.json.Decoder(_Row)


def number_of(raw: bytes | msgspec.Raw) -> str:
    """The order number of a list row or of a detail, "" when it cannot be read."""
    try:
        number = _ROW.decode(raw).order_id
    except UNREADABLE:
        return ""
    return number if number and number == clean(number, 64) else ""
