"""Where every request comes in: finds its door, lets faults and kills happen around the act, and answers."""

import asyncio
import sys
import traceback
from collections.abc import Callable
from typing import Protocol

from connectors.practice.faults import NOTHING, Fate, Faults
from connectors.practice.gate import Call
from connectors.practice.kills import Kills
from connectors.practice.ledger import Ledger
from connectors.practice.wire import Answer, Connection, Request, as_json


class Gate(Protocol):
    """One platform's door."""

    platform: str

    def read(self, request: Request) -> Call | Answer: ...
    def act(self, call: Call, fate: Fate) -> Answer: ...
    def refusal(self, kind: str) -> Answer: ...
    def expire_token(self) -> None: ...


class Front:
    """Routes by the first part of the path. An effect is answered only when the ledger has it on disk."""

    def __init__(self, ledger: Ledger, faults: Faults, kills: Kills, gates: dict[str, Gate]) -> None:
        self._ledger, self._faults, self._kills, self._gates = ledger, faults, kills, gates
        self._control: Callable[[Request, Connection], None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures = 0

    def control(self, handler: Callable[[Request, Connection], None]) -> None:
        """Who answers under /_control."""
        self._control = handler

    def handle(self, request: Request, connection: Connection) -> None:
        """Serves one request; pulls without a fault are answered at once, the rest in a task."""
        first = request.path.split("/", 2)[1]
        if first == "_control" and self._control is not None:
            self._control(request, connection)
            return
        gate = self._gates.get(first)
        if gate is None:
            connection.reply(as_json({"error": "no such door"}, 404))
            return
        try:
            call = gate.read(request)
            if isinstance(call, Answer):
                connection.reply(call)
                return
            fate = NOTHING
            if call.deck != "token":
                fate = self._faults.fate(gate.platform, call.deck, gate.platform if call.deck == "effect" else "")
            if call.deck != "effect" and not fate.kind:
                connection.reply(gate.act(call, fate))
                return
        except Exception:
            self._failed(connection)
            return
        self._spawn(self._serve(gate, call, fate, connection), connection)

    async def _serve(self, gate: Gate, call: Call, fate: Fate, connection: Connection) -> None:
        effect = call.deck == "effect"
        if fate.kind:
            lsn = self._faults.strike(fate, gate.platform, call.method)
            if fate.kind == "hang":
                connection.hang()
                return
            if fate.kind == "drop":
                connection.abort()
                return
            if fate.kind in ("rate", "error"):
                await self._ledger.sync(lsn)
                connection.reply(gate.refusal(fate.kind))
                return
            if fate.kind == "token":
                gate.expire_token()
        if effect and self._kills.in_flight():
            connection.abort()
            return
        answer = gate.act(call, fate)
        if answer.lsn:
            await self._ledger.sync(answer.lsn)
            if self._kills.after_acted():
                connection.abort()
                return
        if fate.kind == "slow":
            await asyncio.sleep(fate.seconds)
        if fate.kind == "reset_after":
            connection.abort()
        elif fate.kind == "half":
            connection.half(answer)
        else:
            connection.reply(answer)

    def _spawn(self, work: "asyncio._CoroutineLike[None]", connection: Connection) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and task.exception() is not None:
                self._failed(connection, task.exception())

        task.add_done_callback(done)

    def _failed(self, connection: Connection, error: BaseException | None = None) -> None:
        # A defect of the world itself: never silent, and never mistaken for a fault that was planned.
        self.failures += 1
        traceback.print_exception(error or sys.exc_info()[1], file=sys.stderr)
        connection.abort()
