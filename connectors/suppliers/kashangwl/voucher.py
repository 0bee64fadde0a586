"""Vouchers: the keys of what is bought when it is sold. ``PRODUCT@PRICE@SERIAL`` is leave to buy one unit, once."""

import re
from typing import Final

from msgspec import Struct

from connectors.channels.message import Unsendable
from core.model.effects import Call
from core.model.money import parse_decimal

_VOUCHER: Final = re.compile(r"([1-9][0-9]{0,11})@([0-9]{1,6}(?:\.[0-9]{1,4})?)(?:@.{1,200})?\Z")


class Leave(Struct, frozen=True):
    """What a voucher allows: this product of the supplier's, a unit at this price in yuan at most."""

    product: int
    price: str


def read(text: str) -> Leave:
    """A voucher. Raises ValueError, whose text holds nothing of it."""
    match = _VOUCHER.match(text)
    if match is None:
        raise ValueError("voucher is PRODUCT@PRICE, or PRODUCT@PRICE@SERIAL")
    return Leave(int(match[1]), match[2])


def leave_of(call: Call, otherwise: Leave | None) -> Leave:
    """What all keys of the order allow; one without an @ allows what ``otherwise`` says. Raises Unsendable."""
    found: set[Leave] = set()
    for slot in call.slots:
        if "@" not in slot.secret and otherwise is not None:
            found.add(otherwise)
            continue
        try:
            found.add(read(slot.secret))
        except ValueError:
            raise Unsendable("a key of this order is no voucher, PRODUCT@PRICE@SERIAL") from None
    if len(found) != 1:
        raise Unsendable("the vouchers of one order must name one product and one price")
    return found.pop()


def covers(allowed: str, price: str) -> bool:
    """Whether a price in yuan is within what is allowed; a price that cannot be read, or nothing, is not."""
    try:
        return 0 < parse_decimal(price, 4) <= parse_decimal(allowed, 4)
    except ValueError:
        return False
