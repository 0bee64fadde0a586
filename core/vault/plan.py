"""The plan of one import: what the file holds against what the stock holds, and the sealing of what is new."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from core.model.lifecycle import KeyState
from core.vault import keyfile
from core.vault.keyfile import KeyFile
from core.vault.seal import BatchSeal, Vault, mask

LOOK_UP = 500  # prints a query
SAMPLE = 3  # keys whose masks a preview shows, so that a wrong file is noticed
CHUNK = 5_000  # rows a statement, and the step in which progress is told

Progress = Callable[[int, int], None]  # (done, total)


class Reader(Protocol):
    """Anything that answers a query: a read connection, or a transaction."""

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows."""
        ...


class ImportRefused(Exception):
    """Nothing was imported or undone. ``counts`` says what stood in the way."""

    def __init__(self, message: str, **counts: int) -> None:
        super().__init__(message)
        self.counts = counts


class Plan:
    """One import under way. It holds plain keys until ``seal`` has run, so it is never shown, logged or stored."""

    def __init__(self, vault: Vault, product: str, name: str, title: str, file: KeyFile) -> None:
        self.product, self.name, self.title, self.file = product, name, title or product, file
        self._vault = vault
        self._fresh: dict[bytes, str] = {}  # print -> key, in the file's order
        self.duplicate_in_file = 0
        for mark, key in zip(vault.prints(product, file.keys), file.keys, strict=True):
            if mark in self._fresh:
                self.duplicate_in_file += 1
            else:
                self._fresh[mark] = key
        self._returning: dict[bytes, int] = {}  # print -> id of a withdrawn key's row
        self.duplicate_in_stock = self.already_sold = 0
        self.batch = 0
        self.dek = b""
        self.inserts: list[tuple[int, str, int, int, bytes, bytes]] = []
        self.revivals: list[tuple[int, bytes, int]] = []
        self.imported = self.revived = 0

    def __repr__(self) -> str:
        return f"Plan({self.product!r}, {self.name!r}, new={self.new})"

    @property
    def new(self) -> int:
        """How many keys the import will add, withdrawn ones that come back included."""
        return len(self._fresh) if not self.batch else len(self.inserts) + len(self.revivals)

    @property
    def total(self) -> int:
        """Rows to write."""
        return len(self.inserts) + len(self.revivals)

    def questions(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The look-ups whose rows ``answer`` takes; for readers that are awaited."""
        marks = list(self._fresh)
        for at in range(0, len(marks), LOOK_UP):
            part = marks[at : at + LOOK_UP]
            holes = ",".join("?" * len(part))
            yield f"SELECT print, id, state FROM key WHERE product = ? AND print IN ({holes})", (self.product, *part)

    def answer(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take what a look-up found: stock and sold keys leave the plan, withdrawn ones come back to life."""
        for mark, key_id, state in rows:
            mark = bytes(mark)
            if state == KeyState.WITHDRAWN:
                self._returning[mark] = int(key_id)
            elif self._fresh.pop(mark, None) is not None:
                if state == KeyState.FREE:
                    self.duplicate_in_stock += 1
                else:
                    self.already_sold += 1

    def preview(self) -> dict[str, Any]:
        """What the operator sees before saying yes."""
        file = self.file
        return {
            "lines": file.total,
            "new": self.new,
            "duplicate_in_file": self.duplicate_in_file,
            "duplicate_in_stock": self.duplicate_in_stock,
            "already_sold": self.already_sold,
            "blank": file.blank,
            "encoding": file.encoding,
            "padded": len(file.padded),
            "padded_lines": list(file.padded[:20]),
            "bad": file.bad,
            "errors": [{"line": e.line, "why": e.why} for e in file.errors],
            "sample": [
                {"line": line, "mask": mask(key)}
                for line, key in zip(file.lines[:SAMPLE], file.keys[:SAMPLE], strict=True)
            ],
        }

    def ids_needed(self) -> int:
        """How many ids ``seal`` takes: one for the batch, one for each key."""
        return 1 + len(self._fresh)

    def seal(self, ids: Sequence[int], progress: Progress | None = None) -> None:
        """Seal every key under a new batch key; the plain text is let go. Pure CPU: run it in a worker thread.

        Raises ImportRefused when the file has bad lines (nothing is imported in part) or nothing new.
        """
        if self.file.bad:
            first = self.file.errors[0]
            raise ImportRefused(
                f"{self.file.bad} lines cannot be imported; the first is line {first.line}: {first.why}. "
                "Nothing was imported: put the file right and import it again",
                bad=self.file.bad,
            )
        if not self._fresh:
            raise ImportRefused(
                "nothing new in this file", duplicate_in_stock=self.duplicate_in_stock, already_sold=self.already_sold
            )
        self.batch = ids[0]
        sealer: BatchSeal = self._vault.new_batch(self.batch, self.product)
        total = len(self._fresh)
        for done, (mark, key) in enumerate(self._fresh.items(), 1):
            back = self._returning.get(mark)
            if back is None:
                key_id = ids[done]
                self.inserts.append(
                    (key_id, self.product, self.batch, int(KeyState.FREE), sealer.seal(key_id, key), mark)
                )
            else:
                # The old row keeps its id, and a seal is bound to the id.
                self.revivals.append((self.batch, sealer.seal(back, key), back))
            if progress is not None and (done % CHUNK == 0 or done == total):
                progress(done, total)
        self.dek = sealer.dek
        self._fresh, self._returning = {}, {}
        self.file = KeyFile(self.file.encoding, (), (), self.file.total, self.file.blank, (), 0, self.file.padded)


def plan(
    reader: Reader,
    vault: Vault,
    product: str,
    name: str,
    data: bytes,
    title: str = "",
    max_keys: int = keyfile.MAX_KEYS,
) -> Plan:
    """Read the file and compare it with the stock. ``name`` is the file's name as the operator gave it, cleaned."""
    made = Plan(vault, product, name, title, keyfile.read(data, max_keys))
    for sql, params in made.questions():
        made.answer(reader.all(sql, params))
    return made
