"""A real database file with the real schema and the writer's own transaction, for tests of the vault."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pysqlite3

from core.model.clock import now_us
from core.model.ids import IdMaker
from core.store.migrations.versions.v0001_initial import statements
from core.store.tx import ChainHead, Tx
from core.vault import imports
from core.vault.imports import Plan
from core.vault.keyring import Keyring
from core.vault.seal import KeyRow, Vault

MASTER = bytes(range(32))


def vault(master: bytes = MASTER) -> Vault:
    return Vault(Keyring(master))


class Stockroom:
    """Opens transactions as the writer does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys.db"
        self.raw: Any = pysqlite3.connect(self.path, isolation_level=None)
        self.raw.execute("PRAGMA journal_mode = WAL")
        self.raw.execute("PRAGMA synchronous = FULL")
        for statement in statements():
            self.raw.execute(statement)
        self.new_id = IdMaker()
        self.head = ChainHead(0, 0, bytes(32))
        self.last: Tx | None = None

    @contextmanager
    def tx(self) -> Iterator[Tx]:
        self.raw.execute("BEGIN IMMEDIATE")
        tx = self.last = Tx(self.raw, now_us(), 1, self.new_id, self.head)
        try:
            yield tx
            head = tx.finish()
        except BaseException:
            self.raw.execute("ROLLBACK")
            raise
        self.raw.execute("COMMIT")
        self.head = head

    def all(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.raw.execute(sql, params).fetchall()
        return rows

    def planned(self, keys: Vault, data: bytes, product: str = "steam", name: str = "a.txt") -> Plan:
        return imports.plan(self, keys, product, name, data)

    def imported(self, keys: Vault, data: bytes, product: str = "steam") -> Plan:
        made = self.planned(keys, data, product)
        made.seal(self.new_id.many(made.ids_needed()))
        with self.tx() as tx:
            assert imports.write(tx, made, "ann") == product
        return made

    def rows(self, product: str = "steam") -> list[KeyRow]:
        return [
            KeyRow(*row)
            for row in self.all(
                "SELECT k.id, k.product, k.batch, k.sealed, b.dek FROM key k JOIN batch b ON b.id = k.batch "
                "WHERE k.product = ? ORDER BY k.id",
                (product,),
            )
        ]

    def stock(self, product: str = "steam") -> dict[str, int]:
        found = self.all("SELECT free, sold, suspect, burnt, withdrawn FROM stock WHERE product = ?", (product,))
        return dict(zip(("free", "sold", "suspect", "burnt", "withdrawn"), found[0], strict=True)) if found else {}

    def counted(self, product: str = "steam") -> dict[str, int]:
        """What the counters should say, counted from the keys themselves."""
        names = ("free", "sold", "suspect", "burnt", "withdrawn")
        held = dict(self.all("SELECT state, count(*) FROM key WHERE product = ? GROUP BY state", (product,)))
        return {name: held.get(state, 0) for state, name in enumerate(names)}

    def sell(self, key_id: int) -> None:
        with self.tx() as tx:
            tx.run("UPDATE key SET state = 1, order_id = 7, line = '1', slot = 1 WHERE id = ?", (key_id,))
            tx.run("UPDATE stock SET free = free - 1, sold = sold + 1 WHERE product = 'steam'")

    def close(self) -> None:
        self.raw.close()
