"""Orders by file, for the days when a platform's interface is down: CSV to the same updates that a connector brings.

Columns: ``shop,ext_id,sku,qty,amount`` and, optionally, ``paid,contact,buyer,title,message,txn``. Amounts are decimal
yuan. One row is one goods line; rows with the same shop and number make one order. ``paid`` is what arrived for the
order; ``txn`` is the payment's own number: with it, the platform's later word on the same payment counts once.
"""

import csv
import io
import json
from typing import NamedTuple

from core.desk.reads import Reads
from core.model.money import parse_decimal
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState
from core.model.text import clean

NEEDED = ("shop", "ext_id", "sku", "qty", "amount")
OPTIONAL = ("paid", "contact", "buyer", "title", "message", "txn")
ROWS_MAX = 100_000
CURRENCY = "CNY"


class LineFault(NamedTuple):
    """A line of the file (1 = the header) that cannot be read, and why."""

    line: int
    why: str


class FileOrder(NamedTuple):
    """One order of the file, ready for the intake of its shop."""

    shop: int
    update: OrderUpdate


class OrdersFile(NamedTuple):
    """What a file holds."""

    orders: tuple[FileOrder, ...]
    errors: tuple[LineFault, ...]


class _Draft:
    def __init__(self, line: int) -> None:
        self.line = line
        self.lines: list[Line] = []
        self.paid = 0
        self.head: dict[str, str] = {}


def read(data: bytes, shops: dict[str, int], now: int) -> OrdersFile:
    """Read a CSV file (UTF-8 with or without BOM, else GB 18030). ``shops``: name -> number; ``now``: UTC us."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            return OrdersFile((), (LineFault(1, "the file is neither UTF-8 nor GB 18030 text"),))
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    drafts: dict[tuple[int, str], _Draft] = {}
    faults: list[LineFault] = []
    try:
        header = [name.strip().lower() for name in next(table, [])]
        fault = _header_fault(header)
        if fault:
            return OrdersFile((), (LineFault(1, fault),))
        for row in table:
            if not any(cell.strip() for cell in row):
                continue
            if table.line_num > ROWS_MAX:
                faults.append(LineFault(table.line_num, f"a file has at most {ROWS_MAX} lines"))
                break
            why = _row(row, header, shops, drafts, table.line_num)
            if why:
                faults.append(LineFault(table.line_num, why))
    except csv.Error as error:
        faults.append(LineFault(table.line_num, f"not CSV: {error}"))
    orders = tuple(FileOrder(shop, _update(draft, ext, shops, shop, now)) for (shop, ext), draft in drafts.items())
    return OrdersFile(orders, tuple(faults))


async def known(reads: Reads, file: OrdersFile) -> set[tuple[int, str]]:
    """Which orders of the file the desk has already, by (shop, number)."""
    found: set[tuple[int, str]] = set()
    for at in range(0, len(file.orders), 1000):
        pairs = json.dumps([(order.shop, order.update.ext_id) for order in file.orders[at : at + 1000]])
        rows = await reads.all(
            "SELECT o.shop, o.ext_id FROM json_each(?) j JOIN orders o "
            "ON o.shop = j.value ->> 0 AND o.ext_id = j.value ->> 1",
            (pairs,),
        )
        found.update((int(shop), str(ext)) for shop, ext in rows)
    return found


def _header_fault(header: list[str]) -> str:
    missing = [name for name in NEEDED if name not in header]
    strange = [name for name in header if name not in NEEDED + OPTIONAL]
    if missing:
        return f"the first line must name the columns; missing: {' '.join(missing)}"
    if strange or len(set(header)) != len(header):
        return f"unknown or doubled columns: {clean(' '.join(strange or header), 80)}"
    return ""


def _row(
    row: list[str], header: list[str], shops: dict[str, int], drafts: dict[tuple[int, str], _Draft], number: int
) -> str:
    """Take one row in; why it cannot be, or ""."""
    if len(row) != len(header):
        return f"has {len(row)} cells, the header {len(header)}"
    cells = {name: clean(cell.strip(), 500) for name, cell in zip(header, row, strict=True)}
    shop, ext = shops.get(cells["shop"]), cells["ext_id"]
    if shop is None:
        return f"there is no shop {cells['shop'][:40]!r}"
    if not ext or len(ext) > 100 or not cells["sku"]:
        return "ext_id and sku must not be empty"
    if not cells["qty"].isascii() or not cells["qty"].isdigit() or not 1 <= int(cells["qty"][:6]) <= 999:
        return "qty must be a whole number from 1 to 999"
    try:
        amount, paid = parse_decimal(cells["amount"]), parse_decimal(cells.get("paid") or "0")
    except ValueError:
        return "amount and paid must be plain decimals such as 12.30"
    if amount < 0 or paid < 0:
        return "amount and paid must not be negative"
    draft = drafts.setdefault((shop, ext), _Draft(number))
    title = cells.get("title") or cells["sku"]
    draft.lines.append(
        Line(line=str(len(draft.lines) + 1), sku=cells["sku"], title=title, qty=int(cells["qty"]), amount=amount)
    )
    draft.paid = max(draft.paid, paid)
    draft.head = {**cells, **{k: v for k, v in draft.head.items() if v}}
    return ""


def _update(draft: _Draft, ext: str, shops: dict[str, int], shop: int, now: int) -> OrderUpdate:
    name = next(n for n, number in shops.items() if number == shop)
    head = draft.head
    paid: tuple[Payment, ...] = ()
    if draft.paid:
        txn = head.get("txn") or f"file:{ext}"
        paid = (
            Payment(
                account=name,
                txn_id=txn,
                ext_id=ext,
                kind=PaymentKind.CHARGE,
                amount=draft.paid,
                currency=CURRENCY,
                at=now,
            ),
        )
    return OrderUpdate(
        ext_id=ext,
        rev=0,  # whatever the platform says later is newer
        state=PlatformState.PAID if draft.paid else PlatformState.UNPAID,
        created_at=now,
        total=sum(line.amount for line in draft.lines),
        currency=CURRENCY,
        lines=tuple(draft.lines),
        buyer=head.get("buyer", ""),
        buyer_name=head.get("buyer", ""),
        contact=head.get("contact", ""),
        message=head.get("message", ""),
        paid_at=now if draft.paid else None,
        payments=paid,
        raw=b"",
    )
