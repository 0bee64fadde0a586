"""Enough of the filter language of docs/socket.md for the test core: terms, not, or, comparisons, positions of errors."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

Row = dict[str, Any]
Test = Callable[[Row], bool]
FIELDS = ("id", "ext", "shop", "platform", "product", "title", "qty", "amount", "paid", "buyer", "stage", "money", "why",
          "tag", "priority", "age", "left", "case", "hold", "note", "claim", "currency")  # fmt: skip
_TERM = re.compile(r'(-?)(?:([a-z]+)(:|=|!=|>=|<=|>|<)("[^"]*"|\S+)|@(\S+)|("[^"]*"|\S+))')
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class FilterError(ValueError):
    """A mistake with its place in the text, counted from 1."""

    def __init__(self, message: str, position: int, hint: str = "") -> None:
        super().__init__(message)
        self.position, self.hint = position, hint


def compile_filter(text: str, now: int) -> Test:
    """A predicate over rows. Raises FilterError."""
    options: list[list[Test]] = [[]]
    for match in _TERM.finditer(text):
        if match[0] == "or":
            options.append([])
            continue
        test = _term(match, now)
        options[-1].append((lambda row, t=test: not t(row)) if match[1] else test)
    return lambda row: any(all(test(row) for test in tests) for tests in options)


def _term(match: re.Match[str], now: int) -> Test:
    field, sign, value, shop, word = match[2], match[3], match[4], match[5], match[6]
    if shop:
        return lambda row: shop.lower() in (row["shop"].lower(), row["platform"].lower())
    if field is None:
        low = word.strip('"').lower()
        return lambda row: low in f"{row['ext_id']} {row['buyer']} {row['title']} {row['product']} {row['tag']}".lower()
    if field not in FIELDS:
        near = get_close_matches(field, FIELDS, 1)
        raise FilterError(
            f"no field {field!r}", match.start() + 1 + len(match[1]), f"nearest is {near[0]}" if near else ""
        )
    value = value.strip('"')
    if field in ("case", "hold"):
        name = f"{field}s"
        return lambda row: bool(row[name]) if value == "any" else value in row[name]
    if field in ("amount", "paid", "qty", "priority", "id", "age", "left"):
        try:
            number = _number(field, value)
        except ValueError:
            raise FilterError(f"not a number: {value}", match.start(4) + 1) from None
        return lambda row: _compare(_figure(field, row, now), sign, number)
    column = {"ext": "ext_id"}.get(field, field)
    low = value.lower()
    found = lambda row: low in str(row[column] or "").lower()  # noqa: E731
    return (lambda row: not found(row)) if sign == "!=" else found


def _number(field: str, value: str) -> int:
    if field in ("age", "left"):
        return int(float(value[:-1]) * _UNITS.get(value[-1], 0) * 1_000_000)
    return round(float(value) * 100) if field in ("amount", "paid") else int(value)


def _figure(field: str, row: Row, now: int) -> int:
    if field == "age":
        return int(now - row["created_at"])
    if field == "left":
        return int((row["deadline"] or 1 << 62) - now)
    return int(row[field])


def _compare(have: int, sign: str, want: int) -> bool:
    return {":": have == want, "=": have == want, "!=": have != want, ">": have > want, ">=": have >= want,
            "<": have < want, "<=": have <= want}[sign]  # fmt: skip
