"""The feed's own cost: commits that change nothing anybody sees must not make it look again and again."""

import asyncio
from typing import Any

from core.service.feed import Feed
from core.store.tx import Touched


class Figures:
    """The desk's figures, which never change."""

    async def read(self) -> dict[str, Any]:
        return {"at": 0, "backlog": 1, "shops": [{"name": "a", "state": "ok", "error": None, "lag_s": 1.0}]}


class Counted(Feed):
    """Counts how often a stream looks at the figures."""

    looks = 0

    async def counters(self) -> dict[str, Any]:
        self.looks += 1
        return await super().counters()


async def test_a_commit_that_changes_nothing_is_looked_at_once() -> None:
    """A shop's cursor moves a few times a second. Nothing is told then, and the loop stays free for everybody else."""
    feed, lines, turns = Counted(Figures()), [], 0  # type: ignore[arg-type]

    async def read() -> None:
        async for line in feed.stream(20):
            lines.append(line)

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    reader = asyncio.create_task(read())
    await asyncio.sleep(0.2)  # the first line is older than the distance between two lines
    busy = asyncio.create_task(others())
    before = feed.looks
    for seq in range(1, 6):
        feed.on_touched(Touched(seq, (), frozenset()))
        await asyncio.sleep(0.06)
    assert feed.looks - before <= 10, "at most two looks a commit: one of shared figures, one of new ones"
    assert turns > 100
    assert len(lines) == 1
    reader.cancel()
    busy.cancel()


async def test_what_changes_while_nothing_is_told_is_told_at_once() -> None:
    feed, lines = Counted(Figures()), []  # type: ignore[arg-type]

    async def read() -> None:
        async for line in feed.stream(20):
            lines.append(line)

    reader = asyncio.create_task(read())
    await asyncio.sleep(0.1)
    feed.on_touched(Touched(1, (7,), frozenset()))
    await asyncio.sleep(0.2)
    assert len(lines) == 2
    assert b'"changed":[7]' in lines[1]
    reader.cancel()
