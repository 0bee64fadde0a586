"""What JD's two protocols have in common in which JD calls the merchant: orders that cannot be read again, and prices.

JD tells of an order once it is paid, asks how far it is, and has no call that shows the order. What it said is therefore
kept here, durable before it is told "yes", and stands until it says something else. JD refunds the buyer when it is told
"failed", so that whatever is not known for certain is "in progress".
"""

import base64
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_price
from connectors.tokens import only_looking
from core.model.clock import HOUR
from core.model.effects import Outcome, Result, Slot
from core.model.lifecycle import Stage
from core.model.money import parse_decimal
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState
from core.model.text import clean
from core.ports import Standing

CURRENCY: Final = "CNY"
_SOON: Final = HOUR
_KEEP: Final = 30_000  # orders; the oldest are delivered or dead by then


class Told(Struct, frozen=True, omit_defaults=True):
    """An order as JD told it. ``body``: its own words, base64. ``at``: UTC us of the first time.

    ``sent``: UTC us of the first attempt to hand over its cards that may have reached JD, 0 while there is none.
    """

    number: str
    body: str
    at: int
    sent: int = 0

    def __repr__(self) -> str:
        return f"Told({self.number!r})"

    def raw(self) -> bytes:
        """The words."""
        return base64.b64decode(self.body)


class Book:
    """All orders that JD told one shop of, a line of JSON each. Raises OSError or ValueError when the file cannot be used.

    ``looking``: another process may be writing the file at this moment, so that it is read and left as it is.
    """

    def __init__(self, path: Path, looking: bool = False, keep: int = _KEEP) -> None:
        self._path, self._looking, self._keep = path, looking, keep
        self._lines = 0
        self._orders: OrderedDict[str, Told] = OrderedDict()
        self._load()

    def __repr__(self) -> str:
        return f"Book({len(self._orders)} orders)"

    def of(self, number: str) -> Told | None:
        """What JD said last of this order."""
        return self._orders.get(number)

    def add(self, number: str, raw: bytes, at: int) -> Told:
        """Keeps it, on disk when this returns. The time of the first telling stays."""
        held = self._orders.get(number)
        body = base64.b64encode(raw).decode()
        told = msgspec.structs.replace(held, body=body) if held else Told(number, body, at)
        if told != held:
            self._write(told)
        return told

    def sending(self, number: str, at: int) -> int:
        """An attempt begins at ``at``: on disk when this returns. What ``sent`` was before; 0 for an unknown order."""
        held = self._orders.get(number)
        if held is not None and not held.sent:
            self._write(msgspec.structs.replace(held, sent=at))
        return held.sent if held else 0

    def not_sent(self, number: str) -> None:
        """The first attempt is proven not to have reached JD, or to have been turned away."""
        held = self._orders.get(number)
        if held is not None and held.sent:
            self._write(msgspec.structs.replace(held, sent=0))

    def _write(self, told: Told) -> None:
        if self._looking:
            raise PermissionError("this book is only looked at")
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(told) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._hold(told)
        self._lines += 1
        if self._lines > 4 * self._keep:
            self._rewrite()

    def _hold(self, told: Told) -> None:
        self._orders[told.number] = told
        self._orders.move_to_end(told.number)
        while len(self._orders) > self._keep:
            self._orders.popitem(last=False)

    def _load(self) -> None:
        if self._looking and not self._path.exists():
            return
        if not self._looking:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        whole, broken = 0, False
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # the process died while writing it, so nobody was told "yes"
                try:
                    self._hold(msgspec.json.decode(line, type=Told))
                except UNREADABLE:
                    broken = True
                whole += len(line)
                self._lines += 1
        if broken:
            raise ValueError("asked_file holds lines that are not ours")
        if self._looking:
            return
        if self._lines > 2 * self._keep:
            self._rewrite()
        elif whole < self._path.stat().st_size:
            os.truncate(self._path, whole)

    def _rewrite(self) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.writelines(msgspec.json.encode(told) + b"\n" for told in self._orders.values())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self._lines = len(self._orders)


def book_at(text: str) -> Book:
    """The book in the file that the settings name. Raises ValueError."""
    try:
        return Book(Path(text), only_looking())
    except OSError as exc:
        raise ValueError(f"asked_file cannot be used: {type(exc).__name__}") from None


def prices_of(text: str) -> dict[str, int]:
    """``SKU=YUAN`` for each of the goods, with semicolons between them, as fen by SKU. Raises ValueError."""
    found = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        sku, mark, price = entry.rpartition("=")
        if not sku.strip() or not mark:
            raise ValueError("prices must be SKU=YUAN, with semicolons between them")
        try:
            found[sku.strip()] = parse_decimal(price.strip())
        except ValueError:
            raise ValueError("prices must be SKU=YUAN, with semicolons between them") from None
    return found


class Facts(Struct, frozen=True, kw_only=True):
    """What an order says in either protocol. ``total`` in fen; ``paid_at`` UTC us; ``txn`` names its money."""

    number: str
    sku: str
    title: str
    qty: int
    total: int
    paid_at: int
    txn: str
    shop: str
    buyer: str = ""
    forbid: str = ""
    deadline: int | None = None
    fields: tuple[str, str]  # what the protocol calls goods and total


def update_of(facts: Facts, prices: Mapping[str, int], raw: bytes) -> OrderUpdate:
    """The order in our words. Raises Drift for a total that the listed price rules out, or for a quantity."""
    lines = (Line(line="1", sku=facts.sku, title=facts.title, qty=facts.qty, amount=facts.total),)
    check_lines(lines, facts.fields[0])
    price = prices.get(facts.sku)
    if price is not None:
        check_price(facts.total, price, facts.qty, facts.fields[1])
    payments: tuple[Payment, ...] = ()
    if facts.total > 0:
        payments = (
            Payment(
                account=facts.shop,
                txn_id=facts.txn,
                ext_id=facts.number,
                kind=PaymentKind.CHARGE,
                amount=facts.total,
                currency=CURRENCY,
                at=facts.paid_at,
            ),
        )
    return OrderUpdate(
        ext_id=facts.number,
        rev=facts.paid_at,
        state=PlatformState.FORBIDDEN if facts.forbid else PlatformState.PAID,
        created_at=facts.paid_at,
        total=facts.total,
        currency=CURRENCY,
        lines=lines,
        buyer=facts.buyer,
        paid_at=facts.paid_at,
        deadline=facts.deadline,
        forbid=facts.forbid,
        payments=payments,
        raw=raw,
    )


def digits(value: str | int, field: str, most: int = 20) -> str:
    """A number that JD writes with or without quotes. Raises Drift."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= most):
        raise Drift(field, "not a number")
    return text


def same_order(one: OrderUpdate, other: OrderUpdate) -> bool:
    """Whether two tellings are of one order: number, goods and money."""
    return (one.ext_id, one.lines, one.total) == (other.ext_id, other.lines, other.total)


def failed(standing: Standing | None) -> bool:
    """Whether JD may be told "failed": the order ended before any key went out, and no one has to look at it."""
    return standing is not None and standing.stage is Stage.CANCELLED and not standing.waits


def hand_over_again(since: int, now: int, code: str) -> Outcome:
    """JD refuses cards because the order is past waiting for them. ``since``: when cards may have reached JD, 0 never.

    Soon after an attempt whose answer was lost, that attempt is the reason. Long after it JD may have given the money back
    meanwhile; and without one somebody else has settled the order.
    """
    evidence: dict[str, str | int | float | bool | None] = {"code": code}
    if not since:
        return Outcome(result=Result.REJECTED, why=f"code {code}: the order is settled already", evidence=evidence)
    if now - since > _SOON:
        return Outcome(result=Result.UNKNOWN, why=f"code {code}, long after an earlier attempt", evidence=evidence)
    return Outcome(result=Result.CONFIRMED, why="JD has the cards of an earlier attempt", evidence=evidence)


def split(slot: Slot, separator: str) -> tuple[str, str]:
    """Number and password of a card; a key without a number has "-" for one."""
    if separator and separator in slot.secret:
        number, _, password = slot.secret.partition(separator)
        return clean(number.strip(), 500), password.strip()
    return "-", slot.secret
