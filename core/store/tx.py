"""One write transaction as its handlers see it: set-based statements, events, kept counters, what was touched."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from core.model.actors import MACHINE
from core.model.clock import MINUTE
from core.model.ids import IdMaker
from core.model.lifecycle import EventKind, Stage, may_move

_encode = msgspec.json.Encoder(order="sorted").encode
_pack = msgspec.msgpack.Encoder().encode  # every field with its type and length, so that no two logs pack alike


class ChainHead(NamedTuple):
    """Where the event chain stands: number of the last block, seq of the last event, hash."""

    block: int
    seq: int
    hash: bytes


class Touched(NamedTuple):
    """What a commit changed, for the feed and for whoever waits for work."""

    seq: int
    orders: tuple[int, ...]
    wake: frozenset[str]  # "gate", "effects", "cases", "stock"


class IllegalMove(RuntimeError):
    """A handler asked for a stage change that the life-cycle table does not have."""


def as_json(ids: Iterable[int]) -> str:
    """A JSON array for ``json_each``."""
    return "[" + ",".join(map(str, ids)) + "]"


def block_hash(previous: bytes, events: Sequence[tuple[int, int, int, int, str, str]]) -> bytes:
    """SHA-256 over the previous hash and every field of the block's events (seq, at, order, kind, actor, body)."""
    return hashlib.sha256(previous + _pack(events)).digest()


PRODUCT, CHANNEL = 1, 2  # kinds of names that have counters of their own
RECEIVED, DELIVERED, FAILED = 0, 1, 2  # what is counted
QUARTER = "quarter(at, kind, name, received, delivered, failed)"
DEED = "deed(at, operator, order_id, acts, first, last)"
_CHUNKS = (200, 40, 8, 1)  # rows a statement: a row of a long VALUES list costs little more than its b-tree work


@cache
def _with_rows(before: str, width: int, rows: int, after: str) -> str:
    one = "(" + ",".join("?" * width) + ")"
    return (
        f"{before} (VALUES {','.join([one] * rows)}) {after}" if after else f"{before} VALUES {','.join([one] * rows)}"
    )


@cache
def _with_ids(sql: str, count: int) -> str:
    return sql.replace(":ids", ",".join("?" * count))


def _lists(sql: str, params: Sequence[Any], ids: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    at, left = 0, len(ids)
    for size in _CHUNKS:
        while left >= size:
            yield _with_ids(sql, size), [*params, *ids[at : at + size]]
            at, left = at + size, left - size


def _pieces(before: str, rows: Sequence[Sequence[Any]], after: str) -> Iterator[tuple[str, list[Any]]]:
    at, left = 0, len(rows)
    for size in _CHUNKS:
        while left >= size:
            yield (
                _with_rows(before, len(rows[at]), size, after),
                list(chain.from_iterable(rows[at : at + size] if left > size or at else rows)),
            )
            at, left = at + size, left - size


class Tx:
    """Handed to handlers inside the writer's thread. ``now`` is one time for the whole transaction (UTC us)."""

    __slots__ = (
        "_counts",
        "_deeds",
        "_events",
        "_head",
        "_minutes",
        "_named",
        "_raw",
        "_tally",
        "_touched",
        "_wake",
        "epoch",
        "new_id",
        "now",
    )

    def __init__(self, raw: Any, now: int, epoch: int, new_id: IdMaker, head: ChainHead) -> None:
        self._raw, self.now, self.epoch, self.new_id, self._head = raw, now, epoch, new_id, head
        self._events: list[tuple[int, int, int, int, str, str]] = []
        self._tally: Counter[tuple[int, int]] = Counter()
        self._counts: Counter[str] = Counter()
        self._minutes: Counter[tuple[int, int]] = Counter()
        self._named: Counter[tuple[int, str, int]] = Counter()
        self._deeds: Counter[tuple[str, int]] = Counter()
        self._touched: list[int] = []
        self._wake: set[str] = set()

    # ---- statements

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        rows: list[tuple[Any, ...]] = self._raw.execute(sql, params).fetchall()
        return rows

    def one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        row: tuple[Any, ...] | None = self._raw.execute(sql, params).fetchone()
        return row

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run a statement; returns the number of rows it changed."""
        return int(self._raw.execute(sql, params).rowcount)

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement once a row; returns the number of rows changed."""
        return int(self._raw.executemany(sql, rows).rowcount) if rows else 0

    def insert(self, head: str, rows: Sequence[Sequence[Any]], on_conflict: str = "") -> int:
        """Insert rows of equal width into ``head``: a table with its columns. The fast way for sets.

        Returns how many were inserted: fewer than the rows only with an ``on_conflict`` clause.
        """
        done = 0
        for sql, values in _pieces(f"INSERT INTO {head}", rows, ""):
            done += int(self._raw.execute(f"{sql} {on_conflict}" if on_conflict else sql, values).rowcount)
        return done

    def upsert(self, head: str, rows: Sequence[Sequence[Any]], tail: str) -> list[tuple[Any, ...]]:
        """Insert rows with an ``ON CONFLICT ... RETURNING ...`` tail; returns what it returns."""
        found: list[tuple[Any, ...]] = []
        for sql, values in _pieces(f"INSERT INTO {head}", rows, ""):
            found += self._raw.execute(f"{sql} {tail}", values).fetchall()
        return found

    def update(self, before: str, rows: Sequence[Sequence[Any]], after: str) -> int:
        """``before (VALUES rows) after``, for an UPDATE ... FROM; returns the number of rows changed.

        A trigger or index is then prepared once a set and not once a row.
        """
        return sum(int(self._raw.execute(sql, values).rowcount) for sql, values in _pieces(before, rows, after))

    def all_in(self, sql: str, params: Sequence[Any], ids: Sequence[Any]) -> list[tuple[Any, ...]]:
        """All rows of a query whose last parameter is a set, written ``IN (:ids)``; in no order."""
        rows: list[tuple[Any, ...]] = []
        for piece, values in _lists(sql, params, ids):
            rows += self._raw.execute(piece, values).fetchall()
        return rows

    def run_in(self, sql: str, params: Sequence[Any], ids: Sequence[int]) -> int:
        """Run a statement whose last parameter is a set, written ``IN (:ids)``; returns the number of rows changed."""
        return sum(int(self._raw.execute(piece, values).rowcount) for piece, values in _lists(sql, params, ids))

    def new_ids(self, count: int) -> list[int]:
        """Fresh ascending ids."""
        return self.new_id.many(count)

    # ---- what every change brings along

    def event(self, kind: EventKind, order_id: int, actor: str, body: dict[str, Any] | str = "") -> None:
        """Append to the event log. A str body must be JSON already (hot paths render it themselves)."""
        text = body if isinstance(body, str) else _encode(body).decode()
        seq = self._head.seq + len(self._events) + 1
        self._events.append((seq, self.now, order_id, int(kind), actor, text))
        if actor not in MACHINE and order_id:
            self._deeds[(actor, order_id)] += 1

    def events(self, kind: EventKind, actor: str, rows: Iterable[tuple[int, str]]) -> None:
        """Append one event for each (order_id, JSON body)."""
        seq, now, number = self._head.seq + len(self._events), self.now, int(kind)
        added = [(seq + i, now, o, number, actor, b) for i, (o, b) in enumerate(rows, 1)]
        self._events += added
        if actor not in MACHINE:
            self._deeds.update((actor, row[2]) for row in added if row[2])

    def moved(self, shop: int, source: Stage | None, target: Stage, count: int = 1) -> None:
        """Keep the stage counters of a move made by the caller's statement. Raises IllegalMove."""
        if source == target:
            return
        if not may_move(source, target):
            raise IllegalMove(f"no move from {source.name if source is not None else '-'} to {target.name}")
        if source is not None:
            self._tally[(shop, int(source))] -= count
        self._tally[(shop, int(target))] += count

    def counted(self, shop: int, what: int, count: int = 1) -> None:
        """Add to the minute's counters: 0 received, 1 delivered, 2 failed."""
        self._minutes[(shop, what)] += count

    def counted_by(self, kind: int, what: int, names: Iterable[str]) -> None:
        """Add to the quarter of an hour's counters of products or channels (``kind``), one for each of ``names``."""
        for name, n in Counter(names).items():  # counted in C; the names of a thousand orders are few
            self._named[(kind, name, what)] += n

    def renamed(self, kind: int, old: str, new: str) -> None:
        """What was received under one name goes under another."""
        self._named[(kind, old, 0)] -= 1
        self._named[(kind, new, 0)] += 1

    def case_counted(self, kind: str, count: int) -> None:
        """Keep the number of open cases of a kind."""
        self._counts[kind] += count

    def touch(self, orders: Iterable[int]) -> None:
        """Name orders whose rows on a screen may have changed."""
        self._touched.extend(orders)

    def wake(self, who: str) -> None:
        """Ask that a stage looks for work after the commit."""
        self._wake.add(who)

    # ---- the end of the transaction

    def finish(self) -> ChainHead:
        """Write events, chain block and counters; the writer commits next. Returns the new head."""
        events = self._events
        head = self._head
        if events:
            self.insert("event(seq, at, order_id, kind, actor, body)", events)
            head = ChainHead(head.block + 1, events[-1][0], block_hash(head.hash, events))
            self._raw.execute(
                "INSERT INTO block(n, first, last, at, hash) VALUES(?, ?, ?, ?, ?)",
                (head.block, events[0][0], head.seq, self.now, head.hash),
            )
        if self._tally:
            self._raw.executemany(
                "INSERT INTO tally(shop, stage, n) VALUES(?, ?, ?) "
                "ON CONFLICT(shop, stage) DO UPDATE SET n = n + excluded.n",
                [(shop, stage, n) for (shop, stage), n in self._tally.items() if n],
            )
        if self._counts:
            self._raw.executemany(
                "INSERT INTO case_tally(kind, n) VALUES(?, ?) ON CONFLICT(kind) DO UPDATE SET n = n + excluded.n",
                [(kind, n) for kind, n in self._counts.items() if n],
            )
        if self._minutes:
            self._write_minutes()
        if self._named:
            self._write_named()
        if self._deeds:
            hour, now = self.now // (60 * MINUTE), self.now
            self.insert(
                DEED,
                [(hour, operator, order, n, now, now) for (operator, order), n in self._deeds.items()],
                "ON CONFLICT(at, operator, order_id) DO UPDATE SET acts = acts + excluded.acts, last = excluded.last",
            )
        self._head = head
        return head

    def _write_minutes(self) -> None:
        at = self.now // MINUTE
        by_shop: dict[int, list[int]] = {}
        for (shop, what), n in self._minutes.items():
            by_shop.setdefault(shop, [0, 0, 0])[what] += n
        self._raw.executemany(
            "INSERT INTO minute(at, shop, received, delivered, failed) VALUES(?, ?, ?, ?, ?) "
            "ON CONFLICT(at, shop) DO UPDATE SET received = received + excluded.received, "
            "delivered = delivered + excluded.delivered, failed = failed + excluded.failed",
            [(at, shop, *n) for shop, n in by_shop.items()],
        )

    def _write_named(self) -> None:
        at = self.now // (15 * MINUTE)
        by_name: dict[tuple[int, str], list[int]] = {}
        for (kind, name, what), n in self._named.items():
            by_name.setdefault((kind, name), [0, 0, 0])[what] += n
        self.insert(
            QUARTER,
            [(at, *name, *n) for name, n in by_name.items()],
            "ON CONFLICT(at, kind, name) DO UPDATE SET received = received + excluded.received, "
            "delivered = delivered + excluded.delivered, failed = failed + excluded.failed",
        )

    @property
    def touched(self) -> Touched:
        """What this transaction changed."""
        return Touched(self._head.seq, tuple(dict.fromkeys(self._touched)), frozenset(self._wake))
