"""Importing keys: look first, seal outside the transaction, write in one transaction; undo while nothing was used.

The way: ``plan`` (preview counts) -> ``reserve`` ids in the writer -> ``Plan.seal`` (in a worker thread) -> ``write``
in the writer. Duplicates are judged again by the unique index inside the transaction, so two imports of one file at
the same time cannot both store a key. A crash leaves all of an import or nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from core.model.lifecycle import EventKind, KeyState
from core.vault.plan import CHUNK, ImportRefused, Plan, Progress, Reader, plan

__all__ = [
    "CHUNK",
    "ImportRefused",
    "Plan",
    "Progress",
    "Reader",
    "UndoWork",
    "WriteWork",
    "Writing",
    "finish",
    "import_chunk",
    "plan",
    "reserve",
    "undo",
    "undo_batches",
    "write",
    "write_imports",
]

R = TypeVar("R")


class Writing(Reader, Protocol):
    """The part of the writer's transaction that imports use."""

    now: int

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """One statement; rows changed."""
        ...

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """One statement a row; rows changed."""
        ...

    def new_ids(self, count: int) -> list[int]:
        """Fresh ids."""
        ...

    def event(self, kind: EventKind, order_id: int, actor: str, body: dict[str, Any]) -> None:
        """Append to the event log."""
        ...

    def wake(self, who: str) -> None:
        """Ask a stage to look for work after the commit."""
        ...


def import_chunk(tx: Writing, made: Plan, start: int, end: int) -> int:
    """Write rows start..end of a sealed plan; returns how many keys became stock. All chunks share one transaction."""
    inserts = made.inserts[start:end]
    done = tx.many(
        "INSERT INTO key(id, product, batch, state, sealed, print) VALUES(?, ?, ?, ?, ?, ?) "
        "ON CONFLICT(product, print) DO NOTHING",
        inserts,
    )
    base = len(made.inserts)
    revived = tx.many(
        f"UPDATE key SET batch = ?, state = {int(KeyState.FREE)}, sealed = ? "
        f"WHERE id = ? AND state = {int(KeyState.WITHDRAWN)}",
        made.revivals[max(start - base, 0) : max(end - base, 0)],
    )
    made.imported += done + revived
    made.revived += revived
    return done + revived


def finish(tx: Writing, made: Plan, actor: str) -> None:
    """The batch row, the product row, the stock counters, the event; wakes the gate. Same transaction as the chunks."""
    tx.run(
        "INSERT INTO batch(id, product, source, by, at, size, dek) VALUES(?, ?, ?, ?, ?, ?, ?)",
        (made.batch, made.product, made.name, actor, tx.now, made.imported, made.dek),
    )
    tx.run(
        "INSERT INTO product(id, title, kind) VALUES(?, ?, 'key') ON CONFLICT(id) DO NOTHING",
        (made.product, made.title),
    )
    tx.run(
        "INSERT INTO stock(product, free, sold, suspect, burnt, withdrawn) VALUES(?, ?, 0, 0, 0, 0) "
        "ON CONFLICT(product) DO UPDATE SET free = free + excluded.free, withdrawn = withdrawn - ?",
        (made.product, made.imported, made.revived),
    )
    body = {"batch": made.batch, "product": made.product, "source": made.name, "size": made.imported}
    tx.event(EventKind.KEYS_IMPORTED, 0, actor, body)
    for who in ("stock", "cases", "gate"):
        tx.wake(who)


def write(tx: Writing, made: Plan, actor: str, progress: Progress | None = None) -> str:
    """All chunks and the finish, in the caller's one transaction. Returns the product, whose no_stock cases may close.

    Written again after a rolled-back transaction it starts afresh. Raises ImportRefused if all keys came in meanwhile.
    """
    if not made.batch:
        raise ImportRefused("the plan was not sealed")
    made.imported = made.revived = 0
    for start in range(0, made.total, CHUNK):
        import_chunk(tx, made, start, start + CHUNK)
        if progress is not None:
            progress(min(start + CHUNK, made.total), made.total)
    if not made.imported:
        raise ImportRefused("all of these keys were imported meanwhile", duplicate_in_stock=made.total)
    finish(tx, made, actor)
    return made.product


def undo(tx: Writing, batch: int, actor: str) -> int:
    """Withdraw a batch while none of its keys was used; returns how many keys left the stock.

    Raises ImportRefused with counts when the batch is unknown, was undone before, or has a key that is not free.
    """
    found = tx.all("SELECT product, undone_at FROM batch WHERE id = ?", (batch,))
    if not found:
        raise ImportRefused(f"there is no batch {batch}")
    product, undone_at = found[0]
    if undone_at is not None:
        raise ImportRefused(f"batch {batch} was undone before")
    states = dict(
        tx.all("SELECT state, count(*) FROM key WHERE product = ? AND batch = ? GROUP BY state", (product, batch))
    )
    free, used = states.pop(int(KeyState.FREE), 0), sum(states.values())
    if used:
        raise ImportRefused(
            f"{used} keys of batch {batch} were sold already, {free} are free; an import that was used is not undone",
            used=used,
            free=free,
        )
    withdrawn = tx.run(
        f"UPDATE key SET state = {int(KeyState.WITHDRAWN)} "
        f"WHERE product = ? AND batch = ? AND state = {int(KeyState.FREE)}",
        (product, batch),
    )
    tx.run("UPDATE batch SET undone_at = ? WHERE id = ?", (tx.now, batch))
    tx.run(
        "UPDATE stock SET free = free - ?, withdrawn = withdrawn + ? WHERE product = ?", (withdrawn, withdrawn, product)
    )
    tx.event(EventKind.IMPORT_UNDONE, 0, actor, {"batch": batch, "product": product, "withdrawn": withdrawn})
    tx.wake("stock")
    return withdrawn


# ---- in the form that the writer takes


class WriteWork(NamedTuple):
    """One sealed plan to write. ``progress`` is called in the writer's thread."""

    plan: Plan
    actor: str
    progress: Progress | None = None


class UndoWork(NamedTuple):
    """One batch to withdraw."""

    batch: int
    actor: str


def reserve(tx: Writing, counts: list[int]) -> Sequence[list[int]]:
    """Ids for ``Plan.seal``; ids that are never used do no harm."""
    return [tx.new_ids(count) for count in counts]


def write_imports(tx: Writing, work: list[WriteWork]) -> Sequence[str | Exception]:
    """``write`` for each; a refused one changes nothing and leaves the others alone."""
    return [_refusable(write, tx, item.plan, item.actor, item.progress) for item in work]


def undo_batches(tx: Writing, work: list[UndoWork]) -> Sequence[int | Exception]:
    """``undo`` for each; a refused one changes nothing and leaves the others alone."""
    return [_refusable(undo, tx, item.batch, item.actor) for item in work]


def _refusable(function: Callable[..., R], *args: Any) -> R | Exception:
    # A refusal is found before anything of that item is written, so the rest of the group may commit.
    try:
        return function(*args)
    except ImportRefused as refused:
        return refused
