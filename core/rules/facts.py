"""What a rule condition may ask about: the fields of an order, their types and meanings, and sample orders."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple


class Field(NamedTuple):
    """One fact: its type and what it says."""

    type: type
    meaning: str


FIELDS: Final[Mapping[str, Field]] = {
    "amount": Field(int, "what the buyer owes for the order, in minor units (分, cents): 500 元 is 50000"),
    "currency": Field(str, "ISO 4217 code, such as CNY"),
    "shop": Field(str, "the shop's name in settings.toml"),
    "platform": Field(str, "taobao, pinduoduo, ..."),
    "product": Field(str, "the product's id in products.toml"),
    "title": Field(str, "the first line's title as the platform shows it"),
    "qty": Field(int, "quantity of the first line"),
    "buyer": Field(str, 'the platform\'s buyer id; "" where it gives none'),
    "buyer_orders": Field(int, "orders of this buyer so far, this one included; 0 without a buyer id"),
    "buyer_spent": Field(int, "what those orders come to, in minor units"),
    "first_order": Field(bool, "a known buyer's first order"),
    "message": Field(str, "the buyer's message"),
    "hot": Field(bool, "the product is marked hot in products.toml"),
    "hour": Field(int, "hour of the order in Beijing time, 0-23"),
    "weekday": Field(int, "1 Monday - 7 Sunday, Beijing time"),
    "paid_late": Field(bool, "the payment came more than ten minutes after the order"),
}

_PLAIN: Final[dict[str, Any]] = {
    "amount": 4990,
    "currency": "CNY",
    "shop": "shop",
    "platform": "taobao",
    "product": "steam-50",
    "title": "Steam 充值卡 50 元",
    "qty": 1,
    "buyer": "b1",
    "buyer_orders": 1,
    "buyer_spent": 4990,
    "first_order": True,
    "message": "",
    "hot": False,
    "hour": 9,
    "weekday": 1,
    "paid_late": False,
}

# Orders that every rule must get through without an error before it goes live; edges, not averages.
SAMPLES: Final[tuple[Mapping[str, Any], ...]] = (
    _PLAIN,
    _PLAIN | {"amount": 0, "buyer": "", "buyer_orders": 0, "buyer_spent": 0, "first_order": False, "title": ""},
    _PLAIN | {"amount": 9_999_999_999, "buyer_orders": 100_000, "buyer_spent": 10**15, "qty": 999, "hot": True},
    _PLAIN
    | {
        "message": "急！！快点发货，谢谢 😀",
        "hour": 23,
        "weekday": 7,
        "paid_late": True,
        "product": "",
        "platform": "",
    },
    _PLAIN | {"currency": "JPY", "amount": 1, "hour": 0, "message": "x" * 500, "title": "y" * 500},
)
