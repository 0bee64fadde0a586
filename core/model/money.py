"""Money is an integer count of minor units (分, cents) beside a currency; floats never touch it."""

import re

_DECIMAL = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,4}))?\Z")

# Currencies without a minor unit (ISO 4217), as payment providers list them.
ZERO_DECIMAL = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF")
)


def digits_of(currency: str) -> int:
    """How many decimal digits the currency's minor unit has: 2, or 0 for the listed few."""
    return 0 if currency.upper() in ZERO_DECIMAL else 2


def parse_decimal(text: str, digits: int = 2) -> int:
    """Minor units of a decimal string such as ``"12.30"``.

    Raises ValueError for anything but plain ASCII decimals, and for more precision than the currency has:
    a thousandth of a yuan is drift, not something to round.
    """
    whole, _, fraction = text.partition(".")
    if len(fraction) == digits and len(whole) <= 12 and text.isascii() and whole.isdigit() and fraction.isdigit():
        return int(whole + fraction)  # the usual form
    match = _DECIMAL.match(text) if text.isascii() else None
    if match is None:
        raise ValueError(f"not a plain decimal amount: {text[:40]!r}")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if fraction[digits:].strip("0"):
        raise ValueError(f"more precise than {digits} decimal digits: {text[:40]!r}")
    minor: int = int(whole) * 10**digits + int((fraction[:digits]).ljust(digits, "0") or "0")
    return -minor if sign else minor


def format_minor(minor: int, digits: int = 2, grouping: bool = False) -> str:
    """``1230`` -> ``"12.30"``; with grouping ``"1,234.50"``."""
    sign = "-" if minor < 0 else ""
    whole, fraction = divmod(abs(minor), 10**digits)
    head = f"{whole:,}" if grouping else str(whole)
    return f"{sign}{head}.{fraction:0{digits}d}" if digits else f"{sign}{head}"
