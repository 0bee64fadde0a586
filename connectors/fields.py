"""What the mappings share: drift named by field, e-mail in a buyer's text, and plausibility of amounts."""

import re
from functools import lru_cache
from typing import Final

import msgspec

from core.model.order import Line, Quarantined
from core.model.text import REPLACEMENT, clean

_AT = re.compile(r" - at `\$?\.?(.*)`\Z")
_MISSING = re.compile(r"missing required field `([^`]+)`")
_EDGE = r"A-Za-z0-9._%+\-@" + REPLACEMENT
_EMAIL = re.compile(
    rf"(?<![{_EDGE}])[A-Za-z0-9][A-Za-z0-9._%+\-]{{0,63}}@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{{0,61}}[A-Za-z0-9])?\.)+[A-Za-z]{{2,24}}"
    rf"(?!\.?[A-Za-z0-9_@\-{REPLACEMENT}])"
)
MAX_QTY: Final = 999
# What decoding outside bytes can raise: msgspec reports text that is not UTF-8 by Python's own error, not by one of its.
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError)


# What the merchant wrote, and so comes again with every order: titles and codes. Never what a buyer wrote.
label = lru_cache(4096)(clean)


class Drift(Exception):
    """A payload that does not mean what the mapping says: the dotted field, and why."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why = field, why

    def quarantined(self, ext_id: str, raw: bytes) -> Quarantined:
        """The order-shaped end of it."""
        return Quarantined(ext_id=ext_id, field=self.field[:120], why=self.why[:200], raw=raw)


def drift_of(error: Exception) -> Drift:
    """The field and the reason inside a msgspec decoding error."""
    text = str(error)
    at = _AT.search(text)
    path = at[1].replace("[...]", "[]") if at else ""
    missing = _MISSING.search(text)
    if missing:
        path = f"{path}.{missing[1]}" if path else missing[1]
    return Drift(path or "$", "missing" if missing else _AT.sub("", text))


def is_email(text: str) -> bool:
    """True for one plain ASCII address and nothing else."""
    return bool(len(text) <= 254 and ".." not in text and _EMAIL.fullmatch(text))


def email_in(text: str) -> str:
    """The one e-mail address in a buyer's free text, or "" when there is none, or more than one, or a broken one.

    A doubtful address is no address: a key sent to a stranger cannot be taken back.
    """
    found = [hit for hit in _EMAIL.findall(text) if is_email(hit)]
    if len(found) != text.count("@") + text.count("＠") or len({hit.lower() for hit in found}) != 1:
        return ""
    return str(found[0])


def check_sum(total: int, parts: int, count: int, field: str) -> None:
    """Raise Drift unless ``total`` equals ``parts`` within one minor unit a part.

    A factor of about 100 between them is named ``unit_suspect`` (yuan taken for fen, or the reverse).
    """
    if abs(total - parts) > count:
        raise Drift(field, "unit_suspect" if hundredfold(total, parts) else "price_mismatch")


def hundredfold(one: int, other: int) -> bool:
    """True when one is about a hundred times the other; about, because a discount may lie between them."""
    low, high = sorted((abs(one), abs(other)))
    return low > 0 and 60 * low <= high <= 150 * low


def check_price(amount: int, price: int, qty: int, field: str) -> None:
    """Raise Drift when a line's ``amount`` is above ``qty`` times its list price, or two decimal places below it.

    Discounts make an amount lower than the list price; nothing makes it higher.
    """
    full = price * qty
    if amount > full + qty:
        raise Drift(field, "unit_suspect" if hundredfold(amount, full) else "price_mismatch")
    if amount < full and hundredfold(amount, full):
        raise Drift(field, "unit_suspect")


def check_lines(lines: tuple[Line, ...], field: str) -> None:
    """Raise Drift for no lines, a line without a SKU, a quantity outside 1-999, or one line id twice."""
    if not lines:
        raise Drift(field, "no lines")
    if len({line.line for line in lines}) != len(lines):
        raise Drift(field, "line id appears twice")
    for line in lines:
        if not 1 <= line.qty <= MAX_QTY:
            raise Drift(f"{field}.qty", f"quantity outside 1-{MAX_QTY}")
        if not line.sku:
            raise Drift(f"{field}.sku", "no SKU code or id")
        if line.amount < 0:
            raise Drift(f"{field}.amount", "negative amount")
