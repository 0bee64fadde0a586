"""Orders that other shops place with us: what is owed to whom, durable before anybody is told "yes".

Such an order exists nowhere else to be looked up, so this file stands for the platform: it is what ``pull`` and ``read``
show. One line of JSON a change, in a private file; the last line of an order counts. Keys are never in it.
"""

import os
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import MAX_QTY, UNREADABLE
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState
from core.ports import ConnectorError

_KEEP: Final = 100_000  # orders in memory; a repeat of an older one is still known to the core


class Sale(Struct, frozen=True):
    """One order. ``amount`` in minor units, times UTC us, ``change`` numbers the lines of the file."""

    ext_id: str
    number: int  # ours, counted from 1
    sku: str
    title: str
    qty: int
    amount: int
    currency: str
    at: int
    way: str = ""  # by which of its protocols the other shop came
    notify: str = ""  # where its keys are handed over
    contact: str = ""
    done: int = 0  # when the other shop said that it has the keys
    change: int = 0

    def __repr__(self) -> str:
        return f"Sale({self.ext_id!r}, number={self.number})"


class Book:
    """All orders of one other shop. ``credit`` in minor units: what it has paid in and may owe, over all time.

    Raises OSError or ValueError at start when the file cannot be used.
    """

    def __init__(self, path: Path, credit: int) -> None:
        self._path, self._credit = path, credit
        self._sales: dict[str, Sale] = {}
        self._numbers: dict[int, str] = {}
        self._changes: list[int] = []
        self._changed: list[str] = []
        self._spent = self._last = self._count = 0
        self._whole = -1  # bytes of whole lines, until the first write makes sure that nothing else is there
        self._load()

    def __repr__(self) -> str:
        return f"Book({self._count} orders)"

    @property
    def balance(self) -> int:
        """What the other shop may still spend, minor units."""
        return self._credit - self._spent

    def of(self, ext_id: str) -> Sale | None:
        """The order of that name."""
        return self._sales.get(ext_id)

    def numbered(self, number: int) -> Sale | None:
        """The order with our number."""
        return self._sales.get(self._numbers.get(number, ""))

    def place(self, sale: Sale) -> Sale:
        """Takes a new order down; its number is given here. On disk when this returns. Raises OSError."""
        return self._write(msgspec.structs.replace(sale, number=self._count + 1))

    def change(self, sale: Sale) -> Sale:
        """Takes down how an order stands now. On disk when this returns. Raises OSError."""
        return self._write(sale)

    def after(self, change: int, most: int) -> tuple[list[Sale], int]:
        """Up to ``most`` orders that changed after that change, and the change up to which these reach."""
        begin = bisect_right(self._changes, change) if change <= self._last else 0  # else: another file than then
        names = dict.fromkeys(self._changed[begin : begin + most])
        reached = self._changes[min(begin + most, len(self._changes)) - 1] if begin < len(self._changes) else self._last
        return [self._sales[name] for name in names if name in self._sales], reached

    def _write(self, sale: Sale) -> Sale:
        sale = msgspec.structs.replace(sale, change=self._last + 1)
        line = msgspec.json.encode(sale) + b"\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if self._whole >= 0:
                os.truncate(handle, self._whole)  # a line that was cut off by the end of the process
            before = os.fstat(handle).st_size
            try:
                if os.write(handle, line) != len(line):
                    raise OSError("short write")
                os.fsync(handle)
            except OSError:
                os.truncate(handle, before)
                raise
        finally:
            os.close(handle)
        self._whole = -1
        self._hold(sale)
        return sale

    def _hold(self, sale: Sale) -> None:
        if sale.number > self._count:
            self._count = sale.number
            self._spent += sale.amount
        self._last = sale.change
        self._sales.pop(sale.ext_id, None)
        self._sales[sale.ext_id] = sale
        self._numbers[sale.number] = sale.ext_id
        self._changes.append(sale.change)
        self._changed.append(sale.ext_id)
        if len(self._sales) > _KEEP:
            old = self._sales.pop(next(iter(self._sales)))
            self._numbers.pop(old.number, None)
        if len(self._changes) > 4 * _KEEP:
            del self._changes[: 2 * _KEEP], self._changed[: 2 * _KEEP]

    def _load(self) -> None:
        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        whole = 0
        decoder = msgspec.json.Decoder(Sale)
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # the process died while writing it, so nobody was told "yes"
                try:
                    sale = decoder.decode(line)
                except UNREADABLE:
                    raise ValueError("the file of orders holds lines that are not ours") from None
                if sale.change <= self._last:
                    raise ValueError("the file of orders has lines out of their order")
                self._hold(sale)
                whole += len(line)
        self._whole = whole


def update_of(sale: Sale, account: str) -> OrderUpdate:
    """The order as the core takes it. Its money was taken from the other shop's credit, which ``account`` keeps."""
    paid = Payment(
        account=account,
        txn_id=f"credit-{sale.ext_id}",
        ext_id=sale.ext_id,
        kind=PaymentKind.CHARGE,
        amount=sale.amount,
        currency=sale.currency,
        at=sale.at,
    )
    return OrderUpdate(
        ext_id=sale.ext_id,
        rev=max(sale.at, sale.done),
        state=PlatformState.SHIPPED if sale.done else PlatformState.PAID,
        created_at=sale.at,
        total=sale.amount,
        currency=sale.currency,
        lines=(Line(line="1", sku=sale.sku, title=sale.title, qty=sale.qty, amount=sale.amount),),
        contact=sale.contact,
        paid_at=sale.at,
        payments=(paid,),
        raw=msgspec.json.encode(msgspec.structs.replace(sale, notify="")),
    )


def kept(write: Callable[[Sale], Sale], sale: Sale) -> Sale:
    """The order as it is in the file now. Raises ConnectorError when it cannot be written: nothing was promised."""
    try:
        return write(sale)
    except OSError as exc:
        raise ConnectorError("platform", f"the file of orders cannot be written: {type(exc).__name__}") from None


def may_buy(qty: int) -> bool:
    """Whether an order may be of that many."""
    return 1 <= qty <= MAX_QTY
