"""Runs the gate whenever something may be ready: passes over the head of the queue until nothing more can go."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

from core.desk.cases import CaseRow, open_cases
from core.model.lifecycle import CaseKind
from core.pipeline.gate import PICK, Gate, GateMismatch
from core.pipeline.pull import Puller
from core.store.tx import Tx
from core.store.writer import StoreFull, Writer

log = structlog.get_logger("gate")
PASS_MAX = 500  # orders a pass: large enough to share its commit, small enough not to hold up intake


class Gatekeeper:
    """The loop around the gate."""

    def __init__(
        self,
        gate: Gate,
        writer: Writer,
        pullers: Mapping[int, Puller],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._gate, self._writer, self._pullers, self._spawn = gate, writer, pullers, spawn
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Something may be ready."""
        self._news.set()

    async def run(self) -> None:
        """Work for ever; also once a second unasked, so that nothing depends on a signal."""
        limit = PASS_MAX
        while True:
            self._news.clear()
            try:
                try:
                    done = await self._writer.do(self._gate.apply, limit)
                except GateMismatch:
                    # One order's rows do not add up. Go one by one: the others pass, that one meets a person.
                    if limit == 1:
                        await self._writer.do(_park_head, 0)
                    limit = 1
                    continue
            except StoreFull:
                await asyncio.sleep(1.0)
                continue
            for shop, ext_id, _ in done.stale:
                if shop in self._pullers:
                    self._pullers[shop].refresh(ext_id, self._spawn)
            if done.more:
                limit = limit if limit == PASS_MAX else min(limit * 2, PASS_MAX)
                continue
            limit = PASS_MAX
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._news.wait()


def _park_head(tx: Tx, items: list[int]) -> list[bool]:
    """Give the order at the head, which the gate could not take, to a person."""
    row = tx.one(PICK, (0, 1))
    if row is not None:
        fact = {"gate": "the rows of this order's keys do not add up"}
        open_cases(tx, [CaseRow(int(row[0]), int(row[1]), CaseKind.SUSPECT_KEY, "gate", fact)], "gate")
        log.error("gate_mismatch", order=int(row[0]))
    return [True] * len(items)
