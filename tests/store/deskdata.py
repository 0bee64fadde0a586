"""Fills a database through the writer with orders, money, keys and intents, for the tests of the desk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from core.model.lifecycle import EventKind, IntentState, KeyState, Stage
from core.store.migrate import migrate
from core.store.tx import Tx
from core.store.writer import Writer

SHOPS = ((1, "taobao-main", "taobao"), (2, "pdd-main", "pinduoduo"))


class Seed(NamedTuple):
    """One order to be; ids are given by the caller so that tests can name them."""

    id: int
    shop: int = 1
    ext_id: str = ""
    stage: Stage = Stage.OPEN
    pstate: int = 1
    due: int = 1000
    paid: int = 1000
    refunded: int = 0
    refund_open: int = 0
    qty: int = 1
    product: str = "steam-50"
    title: str = "Steam 50"
    buyer: str = "张三"
    contact: str = "a@example.org"
    tag: str = ""
    nprio: int = 0
    writeback: int = 0
    deadline: int | None = None
    age: int = 0  # microseconds before the transaction's now
    keys: bool = False  # bind keys and record an intent to send
    intent: IntentState = IntentState.PENDING
    note: str = ""


_ORDER = """INSERT INTO orders(id, shop, ext_id, rev, seen_at, version, stage, pstate, nprio, due_at, blocks, due, paid,
 refunded, refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, writeback, created_at,
 paid_at, deadline, received_at, delivered_at, changed_at, note)
 VALUES(?, ?, ?, ?, ?, 1, ?, ?, ?, ?, 0, ?, ?, ?, ?, 'CNY', ?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def fill(tx: Tx, items: list[Sequence[Seed]]) -> list[int]:
    """Writer handler: insert the seeds of each item with all that belongs to them."""
    tx.many("INSERT OR IGNORE INTO shop(id, name, platform) VALUES(?, ?, ?)", SHOPS)
    for seeds in items:
        for seed in seeds:
            _one(tx, seed)
    return [len(seeds) for seeds in items]


def _one(tx: Tx, s: Seed) -> None:
    now, created = tx.now, tx.now - s.age
    deadline = None if s.deadline is None else created + s.deadline
    done = now if s.stage in (Stage.DELIVERED, Stage.CLOSED) else None
    ext = s.ext_id or f"T{s.id}"
    tx.run(
        _ORDER,
        (s.id, s.shop, ext, now, now, int(s.stage), s.pstate, s.nprio, deadline or created + 86_400_000_000, s.due,
         s.paid, s.refunded, s.refund_open, s.qty, s.product, s.title, s.buyer, s.buyer, s.contact, s.tag, s.writeback,
         created, now if s.paid else None, deadline, now, done, now, s.note),
    )  # fmt: skip
    tx.run(
        "INSERT INTO line(order_id, line, sku, product, title, qty, amount) VALUES(?, '1', 'sku-1', ?, ?, ?, ?)",
        (s.id, s.product, s.title, s.qty, s.due),
    )
    tx.run(
        "INSERT INTO tally(shop, stage, n) VALUES(?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1", (s.shop, int(s.stage))
    )
    if s.paid:
        tx.run(
            "INSERT INTO payment(id, account, txn_id, shop, ext_id, order_id, kind, amount, currency, at, seen_at) "
            "VALUES(?, 'acc', ?, ?, ?, ?, 0, ?, 'CNY', ?, ?)",
            (tx.new_id(), f"tx-{s.id}", s.shop, ext, s.id, s.paid, now, now),
        )
    tx.event(EventKind.RECEIVED, s.id, "core", {"ext_id": ext})
    tx.touch([s.id])
    if s.keys:
        _keys(tx, s)


def add_keys(tx: Tx, items: list[tuple[str, int]]) -> list[list[int]]:
    """Writer handler: put free keys of a product in stock; returns their ids."""
    out = []
    for product, count in items:
        ids = tx.new_ids(count)
        tx.many(
            "INSERT INTO key(id, product, batch, state, sealed, print) VALUES(?, ?, 1, 0, ?, ?)",
            [(i, product, b"sealed", str(i).encode()) for i in ids],
        )
        _stock(tx, product, free=count)
        out.append(ids)
    return out


def _stock(tx: Tx, product: str, free: int = 0, sold: int = 0) -> None:
    tx.run(
        "INSERT INTO stock(product, free, sold, suspect, burnt, withdrawn) VALUES(?, ?, ?, 0, 0, 0) "
        "ON CONFLICT(product) DO UPDATE SET free = free + excluded.free, sold = sold + excluded.sold",
        (product, free, sold),
    )


def _keys(tx: Tx, s: Seed) -> None:
    for slot in range(1, s.qty + 1):
        key = tx.new_id()
        tx.run(
            "INSERT INTO key(id, product, batch, state, sealed, print, order_id, line, slot, taken_at) "
            "VALUES(?, ?, 1, ?, ?, ?, ?, '1', ?, ?)",
            (key, s.product, int(KeyState.SOLD), b"sealed", str(key).encode(), s.id, slot, tx.now),
        )
    _stock(tx, s.product, sold=s.qty)
    intent, opened = tx.new_id(), s.intent not in (IntentState.PENDING, IntentState.BLOCKED, IntentState.DROPPED)
    tx.run(
        "INSERT INTO intent(id, order_id, shop, effect, via, cls, state, tries, gen, recipient, next_at, epoch, "
        "created_at, changed_at, opened_at) VALUES(?, ?, ?, 1, 'email', 'A', ?, ?, 0, ?, ?, 1, ?, ?, ?)",
        (intent, s.id, s.shop, int(s.intent), int(opened), s.contact, tx.now, tx.now, tx.now, tx.now),
    )
    if opened and s.intent != IntentState.SENDING:
        tx.run(
            "INSERT INTO attempt(intent_id, n, order_id, opened_at, epoch, closed_at, result, why, evidence) "
            "VALUES(?, 1, ?, ?, 1, ?, ?, '', '{}')",
            (intent, s.id, tx.now, tx.now, s.intent.name.lower()),
        )


async def writer_on(folder: Path, seeds: Sequence[Seed] = ()) -> Writer:
    """A started writer on a fresh database in ``folder``, filled with the seeds."""
    path = folder / "keydesk.db"
    migrate(path)
    writer = Writer(path)
    await writer.start("test")
    if seeds:
        await writer.do(fill, seeds)
    return writer


def query(path: Path, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """A direct look into the file, beside the code under test."""
    import sqlite3

    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql, params).fetchall()
    finally:
        connection.close()


def explain(path: Path, sql: str, params: Sequence[Any] = ()) -> str:
    """How the database would run a statement, a line a step."""
    return "\n".join(str(row[3]) for row in query(path, f"EXPLAIN QUERY PLAN {sql}", params))
