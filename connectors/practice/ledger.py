"""The append-only record of what really happened, synced in groups before an effect is answered."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

_ENCODE = msgspec.json.Encoder().encode


class Ledger:
    """One JSON object a line: ``n`` counts from 1, ``t`` is UTC microseconds and never goes back, ``kind`` says what.

    ``add`` gives the record its place at once; ``sync`` waits until the disk has it. Whatever gathered during one
    sync goes into the next, so the number of syncs follows the disk and not the number of orders.
    """

    def __init__(self, path: Path, now: Callable[[], int]) -> None:
        self.path, self._now = path, now
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._buffer: list[bytes] = []
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last_t = 0
        self._broken: OSError | None = None
        self.count = 0
        self.durable = 0
        self.on_add: Callable[[int], None] | None = None

    def add(self, kind: str, **fields: Any) -> int:
        """Appends one record and returns its number; not on disk before ``sync`` of that number returns."""
        self.count += 1
        self._last_t = max(self._last_t, self._now())
        self._buffer.append(_ENCODE({"n": self.count, "t": self._last_t, "kind": kind, **fields}))
        self._wake.set()
        if self.on_add is not None:
            self.on_add(self.count)
        return self.count

    def start(self) -> None:
        """Begins writing; from then on nothing stays in memory longer than one sync takes."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def sync(self, n: int) -> None:
        """Returns when record ``n`` and all before it are on disk. Raises OSError when the disk refuses."""
        if self._broken is not None:
            raise self._broken
        if n <= self.durable:
            return
        self.start()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((n, future))
        await future

    async def close(self) -> None:
        """Writes what is left and closes the file. Raises OSError when the disk has refused anything."""
        try:
            await self.sync(self.count)
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
            os.close(self._fd)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._buffer = self._buffer, []
            if not batch:
                continue
            upto = self.count
            try:
                await loop.run_in_executor(None, self._write, batch)
            except OSError as error:
                # A failed sync cannot be repeated safely: nobody may be told, now or later, that it is on disk.
                self._broken = error
                for _, future in self._waiting:
                    if not future.done():
                        future.set_exception(error)
                self._waiting = []
                return
            self.durable = upto
            still: list[tuple[int, asyncio.Future[None]]] = []
            for n, future in self._waiting:
                if n > upto:
                    still.append((n, future))
                elif not future.done():
                    future.set_result(None)
            self._waiting = still

    def _write(self, batch: list[bytes]) -> None:
        data = b"\n".join(batch) + b"\n"
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        os.fdatasync(self._fd)
