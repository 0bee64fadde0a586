"""Which orders' keys the platform has asked for, and where it wants each order's keys: durable before it is told "yes".

A line of JSON an order, in a private file: the address is good for handing over keys.
"""

import os
from collections import OrderedDict
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE

_KEEP: Final = 100_000  # orders; the oldest are delivered or dead by then


class Ask(Struct, frozen=True):
    """``number``: the supply order's own. ``at``: UTC seconds."""

    ext_id: str
    number: str
    notify: str
    amount: int
    at: int

    def __repr__(self) -> str:
        return f"Ask({self.ext_id!r})"


class Asked:
    """All asks of one shop. Raises OSError or ValueError at start when the file cannot be used.

    ``looking``: another process owns the file, which is read and left as it is.
    """

    def __init__(self, path: Path, looking: bool = False) -> None:
        self._path, self._looking = path, looking
        self._orders: OrderedDict[str, Ask] = OrderedDict()
        self._numbers: dict[str, str] = {}
        self._load()

    def __repr__(self) -> str:
        return f"Asked({len(self._orders)} orders)"

    def of(self, ext_id: str) -> Ask | None:
        """What was asked for this order."""
        return self._orders.get(ext_id)

    def named(self, number: str) -> Ask | None:
        """The ask with the platform's supply number."""
        ext_id = self._numbers.get(number)
        return self._orders.get(ext_id) if ext_id else None

    def add(self, ask: Ask) -> Ask:
        """Keeps it, on disk when this returns. The first ask of an order counts; a repeat changes its address alone."""
        held = self._orders.get(ask.ext_id)
        if held is not None:
            if held.number != ask.number or held.notify == ask.notify:
                return held
            ask = msgspec.structs.replace(held, notify=ask.notify)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(ask) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._hold(ask)
        return ask

    def _hold(self, ask: Ask) -> None:
        self._orders[ask.ext_id] = ask
        self._orders.move_to_end(ask.ext_id)
        self._numbers[ask.number] = ask.ext_id
        while len(self._orders) > _KEEP:
            _, old = self._orders.popitem(last=False)
            self._numbers.pop(old.number, None)

    def _load(self) -> None:
        if not self._looking:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        elif not self._path.exists():
            return
        whole, count, broken = 0, 0, False
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # the process died while writing it, so nobody was told "yes"
                try:
                    self._hold(msgspec.json.decode(line, type=Ask))
                except UNREADABLE:
                    broken = True
                whole += len(line)
                count += 1
        if broken:
            raise ValueError("asked_file holds lines that are not ours")
        if self._looking:
            return
        if count > 2 * _KEEP:
            self._rewrite()
        elif whole < self._path.stat().st_size:
            os.truncate(self._path, whole)

    def _rewrite(self) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.writelines(msgspec.json.encode(ask) + b"\n" for ask in self._orders.values())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
