"""The one writer: a thread that puts whatever gathered during the last sync into one durable transaction.

Callers hand it a *handler* and an item. Items of one handler that wait together are handed over as one list, so that
handlers work on sets. If a group fails it is rolled back and its items are tried one by one: a poisoned item fails
alone, and nothing that was acknowledged is ever undone.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from core.model.clock import Clock, now_us
from core.model.ids import IdMaker
from core.store.engines import writer_engine
from core.store.tx import ChainHead, Touched, Tx

T = TypeVar("T")
R = TypeVar("R")
Handler = Callable[[Tx, list[T]], Sequence[R | Exception]]

NUMBERED = ("orders", "payment", "key", "batch", "intent", "hold", "case_", "quarantine", "job")  # by ids of ours
GROUP_MAX = 4000  # items a transaction; above that batches stop getting cheaper and waiting starts to show


class StoreError(RuntimeError):
    """A write did not happen. The message says what to do."""


class StoreFull(StoreError):
    """No space left; nothing was written. Writes work again as soon as there is space."""


class NotLeader(StoreError):
    """Another core has taken this database; this one must stop."""


class StoreBroken(StoreError):
    """The disk failed under a commit, whose fate is therefore unknown: the process must stop and start again."""


class _Job:
    """One item, or with ``size`` a list of items that one future waits for."""

    __slots__ = ("future", "handler", "item", "size")

    def __init__(
        self, handler: Handler[Any, Any], item: Any, future: "asyncio.Future[Any]", size: int | None = None
    ) -> None:
        self.handler, self.item, self.future, self.size = handler, item, future, size


class Writer:
    """Owns the only writing connection of the process. Start it inside a running event loop."""

    def __init__(self, path: Path, clock: Clock = now_us, node: int = 0) -> None:
        self.path, self.clock = path, clock
        self.new_id = IdMaker(clock, node)
        self.epoch = 0
        self.on_touched: list[Callable[[Touched], None]] = []
        self.on_fatal: Callable[[StoreError], None] | None = None
        self.commits = 0
        self.full_at: int | None = None  # when a write was last refused for want of space, UTC us
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fatal: StoreError | None = None
        self._head = ChainHead(0, 0, bytes(32))

    async def start(self, holder: str) -> int:
        """Open the database, take the next leader epoch and return it."""
        self._loop = asyncio.get_running_loop()
        engine = writer_engine(self.path)
        self._connection = engine.connect()
        self._engine = engine
        self._raw: Any = self._connection.connection.driver_connection
        self._head = self._read_head()
        self.epoch = self._take_lead(holder)
        self.new_id.after(self._read_last_id())
        self._thread = threading.Thread(target=self._run, name="keydesk-writer", daemon=True)
        self._thread.start()
        return self.epoch

    async def stop(self) -> None:
        """Write what is queued, then let go of the database."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
            self._thread = None
            self._connection.close()
            self._engine.dispose()

    def submit(self, handler: Handler[T, R], item: T) -> "asyncio.Future[R]":
        """Queue one item; the future resolves after the commit that holds it.

        It carries what the handler returned for the item, or raises what it returned as an exception, or StoreError.
        Cancelling the future does not undo the write.
        """
        if self._fatal is not None:
            raise self._fatal
        assert self._loop is not None
        future: asyncio.Future[R] = self._loop.create_future()
        self._queue.put(_Job(handler, item, future))
        return future

    def submit_many(self, handler: Handler[T, R], items: Sequence[T]) -> "asyncio.Future[list[R | Exception]]":
        """Queue a set whose answers are wanted together; one that was refused is answered by its exception."""
        if self._fatal is not None:
            raise self._fatal
        assert self._loop is not None
        future: asyncio.Future[list[R | Exception]] = self._loop.create_future()
        self._queue.put(_Job(handler, items, future, len(items)))
        return future

    async def do(self, handler: Handler[T, R], item: T) -> R:
        """``submit`` and wait. A cancelled waiter leaves the write to happen."""
        return await asyncio.shield(self.submit(handler, item))

    # ---- the writer's thread

    def _run(self) -> None:
        stopping = False
        while not stopping:
            jobs: list[_Job] = []
            first = self._queue.get()
            if first is None:
                break
            jobs.append(first)
            while len(jobs) < GROUP_MAX:
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    stopping = True
                    break
                jobs.append(job)
            self._settle(jobs)

    def _settle(self, jobs: list[_Job]) -> None:
        try:
            results, touched = self._transact(jobs)
        except Exception as error:
            if len(jobs) == 1 or isinstance(self._judge(error), StoreBroken | NotLeader | StoreFull):
                self._deliver(jobs, [self._judge(error)] * len(jobs), None)
                return
            for job in jobs:
                self._settle([job])
            return
        self._deliver(jobs, results, touched)

    def _transact(self, jobs: list[_Job]) -> tuple[list[Any], Touched]:
        if self._fatal is not None:
            raise self._fatal
        groups: dict[Any, list[int]] = {}
        for index, job in enumerate(jobs):
            groups.setdefault(job.handler, []).append(index)
        results: list[Any] = [None] * len(jobs)
        raw = self._raw
        raw.execute("BEGIN IMMEDIATE")
        try:
            tx = Tx(raw, self.clock(), self.epoch, self.new_id, self._head)
            if tx.one("SELECT epoch FROM leader WHERE id = 1") != (self.epoch,):
                raise NotLeader(
                    "Another core took this database over. This one stops; nothing was written by it since."
                )
            for handler, indexes in groups.items():
                items: list[Any] = []
                for i in indexes:
                    if jobs[i].size is None:
                        items.append(jobs[i].item)
                    else:
                        items.extend(jobs[i].item)
                answers = handler(tx, items) if items else ()
                if len(answers) != len(items):
                    raise RuntimeError(f"{handler} answered {len(answers)} of {len(items)} items")
                at = 0
                for i in indexes:
                    size = jobs[i].size
                    results[i] = answers[at] if size is None else list(answers[at : at + size])
                    at += 1 if size is None else size
            head = tx.finish()
        except BaseException:
            with contextlib.suppress(Exception):
                raw.execute("ROLLBACK")
            raise
        try:
            raw.execute("COMMIT")
        except Exception:
            with contextlib.suppress(Exception):
                raw.execute("ROLLBACK")
            raise
        self._head = head
        self.commits += 1
        return results, tx.touched

    def _judge(self, error: Exception) -> Exception:
        code = getattr(error, "sqlite_errorname", "") or ""
        text = str(error)
        if isinstance(error, StoreBroken | NotLeader):
            self._fatal = error
        elif code.startswith("SQLITE_FULL") or "disk is full" in text:
            self.full_at = self.clock()
            return StoreFull(
                "The disk is full: nothing was written and nothing is being sent. Free some space; work goes on."
            )
        elif code.startswith("SQLITE_IOERR") or "disk I/O error" in text:
            self._fatal = StoreBroken(
                "The disk reported an error under a write. Check the disk, then start the core again."
            )
        elif code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            self._fatal = StoreBroken("The database file is damaged. Stop, keep the file, restore the newest backup.")
        return self._fatal or error

    def _deliver(self, jobs: list[_Job], results: Sequence[Any], touched: Touched | None) -> None:
        def _resolve() -> None:
            for job, result in zip(jobs, results, strict=True):
                if job.future.done():
                    continue
                if isinstance(result, Exception):
                    job.future.set_exception(result)
                else:
                    job.future.set_result(result)
            if touched is not None:
                for listener in self.on_touched:
                    listener(touched)
            if self._fatal is not None and self.on_fatal is not None:
                callback, self.on_fatal = self.on_fatal, None
                callback(self._fatal)

        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve)

    # ---- before the thread runs

    def _read_head(self) -> ChainHead:
        row = self._raw.execute("SELECT n, last, hash FROM block ORDER BY n DESC LIMIT 1").fetchone()
        return ChainHead(int(row[0]), int(row[1]), bytes(row[2])) if row else ChainHead(0, 0, bytes(32))

    def _read_last_id(self) -> int:
        return max(int(self._raw.execute(f"SELECT coalesce(max(id), 0) FROM {t}").fetchone()[0]) for t in NUMBERED)

    def _take_lead(self, holder: str) -> int:
        self._raw.execute("BEGIN IMMEDIATE")
        self._raw.execute(
            "INSERT INTO leader(id, holder, epoch, at) VALUES(1, ?, 1, ?) "
            "ON CONFLICT(id) DO UPDATE SET holder = excluded.holder, epoch = epoch + 1, at = excluded.at",
            (holder, self.clock()),
        )
        epoch = int(self._raw.execute("SELECT epoch FROM leader WHERE id = 1").fetchone()[0])
        self._raw.execute("COMMIT")
        return epoch
