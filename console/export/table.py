"""How an order is written in a file: exact, dated with a zone, and harmless in a spreadsheet. Pure functions."""

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.model.clock import SECOND
from core.model.money import digits_of, format_minor

FORMATS = ("csv", "json")
COLUMNS = (
    "id", "ext_id", "shop", "platform", "product", "title", "qty", "amount", "paid", "refunded", "currency", "buyer",
    "stage", "money", "why", "tag", "priority", "created_at", "deadline", "lateness", "claimed_by", "cases", "holds",
    "note",
)  # fmt: skip
_MONEY = ("amount", "paid", "refunded")
_TIMES = ("created_at", "deadline")
_NUMBERS = frozenset({"id", "qty", "priority", *_MONEY, *_TIMES})  # ours, never somebody's text
# What makes a spreadsheet take a cell for a formula; the wide ones count where full-width input is usual.
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
# Where lists are parted by semicolons or tabs, a spreadsheet parts our cells there too, and at line ends: what follows
# begins a cell.
_INNER = re.compile(r"([;\t\r\n][\s\"']*)([=+\-@＝＋－＠])")
_EXACT_DIGITS = 15  # a spreadsheet keeps no more of a number, and order numbers have 18


@dataclass(frozen=True, slots=True)
class Look:
    """How a file is to look. ``excel``: with a byte order mark, and long numbers kept as text."""

    utc: bool = False
    excel: bool = False


def time_text(us: int | None, utc: bool = False) -> str:
    """UTC microseconds as ISO 8601 to the second with its zone: the machine's own, or UTC. "" for None."""
    if us is None:
        return ""
    at = datetime.fromtimestamp(us // SECOND, tz=UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if utc else at.astimezone().isoformat(timespec="seconds")


def record(row: Mapping[str, Any], look: Look) -> dict[str, Any]:
    """A row of the core (docs/socket.md) by column. Money is decimal text; an id is text, for it has 63 bits."""
    digits = digits_of(row["currency"])
    claim = row["claim"]
    found = {name: row.get(name) for name in COLUMNS}
    found |= {name: format_minor(row[name], digits) for name in _MONEY}
    found |= {name: time_text(row[name], look.utc) for name in _TIMES}
    found |= {"id": str(row["id"]), "claimed_by": claim["by"] if claim else ""}
    return found


def cell(name: str, value: Any, excel: bool = False) -> str:
    """One cell of a CSV file. Text that a spreadsheet would run is led by an apostrophe."""
    text = " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    if name not in _NUMBERS:
        text = _INNER.sub(r"\1'\2", text)
        if text[:1] in _FORMULA or text.lstrip()[:1] in _FORMULA:
            return f"'{text}"
    if excel and len(text) > _EXACT_DIGITS and text.isascii() and text.isdigit():
        return f"'{text}"
    return text


class Table:
    """The text of a file, piece by piece: ``head``, then ``row`` for each order, then ``foot``."""

    def __init__(self, form: str, look: Look) -> None:
        self._form, self._look, self._rows = form, look, 0
        self._line = io.StringIO()
        self._csv = csv.writer(self._line, lineterminator="\r\n")

    def head(self, export: Mapping[str, Any]) -> str:
        """What comes first. A CSV file begins with its columns; a JSON file says who took what, and when."""
        if self._form == "csv":
            return ("\ufeff" if self._look.excel else "") + self._written(list(COLUMNS))
        about = {**export, "at": time_text(export["at"], self._look.utc)}
        return f'{{"export": {json.dumps(about, ensure_ascii=False)},\n"orders": ['

    def row(self, row: Mapping[str, Any]) -> str:
        """One order."""
        found = record(row, self._look)
        self._rows += 1
        if self._form == "csv":
            return self._written([cell(name, found[name], self._look.excel) for name in COLUMNS])
        return ("\n" if self._rows == 1 else ",\n") + json.dumps(found, ensure_ascii=False)

    def foot(self) -> str:
        """What comes last."""
        return "" if self._form == "csv" else "\n]}\n"

    def _written(self, cells: list[str]) -> str:
        self._line.seek(0)
        self._line.truncate()
        self._csv.writerow(cells)
        return self._line.getvalue()
