"""The judge: reads a ledger file, knows nothing else, and says what went wrong. `python -m connectors.practice.verdict FILE`."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

Record = dict[str, Any]


class _Seen:
    """One order as its records tell it."""

    __slots__ = ("contact", "due", "gross", "keys", "product", "qty", "refunded", "state")

    def __init__(self, record: Record) -> None:
        self.qty, self.due = int(record["qty"]), int(record["due"])
        self.product, self.contact = str(record.get("product", "")), str(record.get("contact", ""))
        self.gross = self.refunded = 0
        self.state = "unpaid"
        self.keys: list[str] = []


class Judge:
    """Takes the records in their order; ``report`` may be asked at any time."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str], _Seen] = {}
        self._minted: dict[str, str] = {}
        self._first: dict[str, tuple[str, str]] = {}  # key -> the order that got it first
        self._twice: set[str] = set()
        self._stray: set[str] = set()  # keys never minted, or sent to no order
        self._unpaid = self._sends = self._repeats = self._wrong_recipient = self._wrong_product = 0
        self._faults: dict[str, int] = {}
        self._kills: dict[str, int] = {}

    def take(self, record: Record) -> None:
        """One record."""
        kind = record["kind"]
        if kind == "mint":
            product = str(record["product"])
            self._minted.update(dict.fromkeys(record["keys"], product))
        elif kind == "fault":
            self._faults[record["fault"]] = self._faults.get(record["fault"], 0) + 1
        elif kind == "kill":
            self._kills[record["point"]] = self._kills.get(record["point"], 0) + 1
        elif kind == "order":
            self._orders[record["shop"], record["ext_id"]] = _Seen(record)
        elif kind == "send":
            self._send(record)
        elif kind == "repeat":
            self._repeats += 1
        else:
            self._move(kind, record)

    def _move(self, kind: str, record: Record) -> None:
        order = self._orders.get((record.get("shop", ""), record.get("ext_id", "")))
        if order is None:
            return
        if kind == "pay":
            order.gross += int(record["amount"])
            if order.state == "unpaid":
                order.state = "paid"
        elif kind == "refund_done":
            order.refunded += int(record["amount"])
            order.state = "refunded"
        elif kind == "close":
            order.state = "closed"
        elif kind == "finish":
            order.state = "finished"
        elif kind == "ship" and order.state == "paid":
            order.state = "shipped"

    def _send(self, record: Record) -> None:
        self._sends += 1
        name = (str(record["shop"]), str(record["ext_id"]))
        order = self._orders.get(name)
        keys = [str(key) for key in record["keys"]]
        if len(set(keys)) < len(keys):
            # One mail that fills two slots of an order with the same key.
            self._twice.update(key for key in keys if keys.count(key) > 1)
        fresh = 0
        for key in dict.fromkeys(keys):
            if self._first.setdefault(key, name) != name:
                self._twice.add(key)
            if order is None or key not in self._minted:
                self._stray.add(key)
                continue
            if key in order.keys:
                continue
            fresh += 1
            order.keys.append(key)
            if self._minted[key] != order.product:
                self._wrong_product += 1
        if order is None:
            return
        if not fresh and keys:
            self._repeats += 1
        if fresh and order.gross - order.refunded < order.due:
            self._unpaid += 1
        if record.get("via") == "email" and record.get("recipient", "") != order.contact:
            self._wrong_recipient += 1

    def report(self) -> dict[str, Any]:
        """The verdict; the first four figures must be what a desk can be proud of: all sent, and three zeros."""
        beyond = sum(max(0, len(order.keys) - order.qty) for order in self._orders.values())
        return {
            "orders": len(self._orders),
            "sends": self._sends,
            "repeats": self._repeats,
            "keys_sent": len(self._first),
            "keys_sent_twice": len(self._twice),
            "oversold": beyond + len(self._stray),
            "sent_unpaid": self._unpaid,
            "wrong_recipient": self._wrong_recipient,
            "wrong_product": self._wrong_product,
            "faults_fired": dict(sorted(self._faults.items())),
            "kills": self._kills,
            "by_order": [
                [
                    shop,
                    ext_id,
                    order.state,
                    order.qty,
                    len(order.keys),
                    order.gross - order.refunded,
                    order.due,
                    order.refunded,
                ]
                for (shop, ext_id), order in self._orders.items()
            ],
        }


def read(path: Path) -> Iterator[Record]:
    """The ledger's records. A last line that was cut off by the end of the world is left out."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            yield decode(line)


def judge(records: Iterable[Record]) -> dict[str, Any]:
    """The verdict over ``records``: a pure function."""
    bench = Judge()
    for record in records:
        bench.take(record)
    return bench.report()


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(judge(read(Path(sys.argv[1])))) + b"\n")
