"""Kashangwl's calls: signed JSON posts and their envelope (facts: A11; doc.cqmeihu.cn, sales/buy and outer-order)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from connectors.channels.base import Evidence
from connectors.fields import UNREADABLE
from connectors.http import Reply
from connectors.options import Options, url_of
from connectors.suppliers.kashangwl.sign import sign
from core.model.clock import Clock

TOP_UP, CARD, COUPON = 1, 2, 3  # a product's type; 4 is by hand
ON_SALE, MAINTAINED = 1, 2  # stock_state: 1 on sale, 2 under maintenance, 3 off
IN_SUPPLY: Final = 1
WAITS, CHARGES, DONE, FAILED, LOST = 100, 101, 200, 500, 501
UNITS: Final = {"ms": 1000, "s": 1_000_000}


class Head(Struct):
    """The envelope. ``code`` "ok" is good; other codes are documented nowhere that we know of."""

    code: str
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class Bought(Struct):
    """What a purchase answers. Cards are left out on purpose: this is for top-ups."""

    order_id: str | int
    state: int
    total_price: str | int | float = ""


class Card(Struct):
    """A card or coupon. A purchase and a query spell the names differently."""

    card_no: str = ""
    card_password: str = ""
    no: str = ""
    password: str = ""
    ticket: str = ""

    @property
    def key(self) -> str:
        """What the buyer is given: number and secret with a space between, or the one that there is."""
        number, secret = self.card_no or self.no, self.card_password or self.password or self.ticket
        return f"{number} {secret}".strip()


class Cards(Struct):
    """A purchase of cards, as it is answered (``order_id``) or shown (``id``)."""

    state: int
    order_id: str | int = ""
    id: str | int = ""
    product_id: int = 0
    quantity: int = 0
    total_price: str | int | float = ""
    cards: list[Card] = []
    tickets: list[Card] = []

    @property
    def keys(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(card.key for card in (*self.cards, *self.tickets))


class Shown(Struct):
    """An order as it is shown by our number."""

    id: str | int
    state: int
    recharge_account: str
    total_price: str | int | float = ""


class Product(Struct):
    """What is on offer. ``price`` in yuan, four decimals."""

    id: int
    type: int
    price: str
    stock_state: int
    supply_state: int

    @property
    def sold(self) -> bool:
        """Whether it can be bought now."""
        return self.stock_state == ON_SALE and self.supply_state == IN_SUPPLY


class Kashangwl:
    """Signs calls. Holds the customer key; its repr does not show it."""

    def __init__(self, url: str, customer: int, key: str, unit: str, clock: Clock) -> None:
        self._url, self._customer, self._key, self._divisor, self._clock = url, customer, key, UNITS[unit], clock
        sign({}, key)  # refuses an empty key at start

    def __repr__(self) -> str:
        return f"Kashangwl({self._customer})"

    def call(self, path: str, params: Mapping[str, str | int]) -> tuple[str, bytes]:
        """URL and body of one call."""
        whole: dict[str, str | int] = {
            **params,
            "customer_id": self._customer,
            "timestamp": self._clock() // self._divisor,
        }
        return self._url + path, msgspec.json.encode(whole | {"sign": sign(whole, self._key)})


def head_of(reply: Reply) -> Head | None:
    """The envelope, None when there is none."""
    try:
        return msgspec.json.decode(reply.body, type=Head) if reply.status == 200 else None
    except UNREADABLE:
        return None


def data_of(head: Head, kind: type[Any]) -> Any:
    """What is in it, None when it is not a ``kind``."""
    try:
        return msgspec.json.decode(head.data, type=kind)
    except UNREADABLE:
        return None


def product_in(head: Head | None, number: int) -> Product | None:
    """The product that was asked for, None when the answer shows no such thing."""
    found: Product | None = data_of(head, Product) if head is not None and head.code == "ok" else None
    return found if found is not None and found.id == number else None


def evidence_of(order: Bought | Shown, ours: str) -> Evidence:
    """What may be kept of an order."""
    number = order.order_id if isinstance(order, Bought) else order.id
    return {
        "order": str(number)[:40],
        "state": order.state,
        "cost": str(order.total_price)[:20],
        "outer_order_id": ours,
    }


def supplier_of(options: Options, clock: Clock) -> Kashangwl:
    """Address and credentials, as top-ups and cards have them alike. Raises ValueError."""
    if not options["customer_id"].isascii() or not options["customer_id"].isdigit():
        raise ValueError("customer_id is a number")
    unit = options.get("timestamp") or "ms"
    if unit not in UNITS:
        raise ValueError("timestamp is ms or s")
    url = url_of({"url": options.get("url") or "https://www.kashangwl.com"}).rstrip("/")
    return Kashangwl(url, int(options["customer_id"]), options["secret"], unit, clock)


def codes_of(options: Options, key: str) -> frozenset[str]:
    """Codes with commas or spaces between. Raises ValueError for "ok", which is no refusal."""
    found = frozenset(options.get(key, "").replace(",", " ").split())
    if "ok" in found:
        raise ValueError(f"{key}: ok is no refusal")
    return found
