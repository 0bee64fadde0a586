"""The director's door: start the buyers, aim kills, ask how it went. JSON on loopback, behind a token."""

import asyncio
import hmac
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from connectors.practice.buyers import Buyers
from connectors.practice.faults import Faults
from connectors.practice.hooks import Hooks
from connectors.practice.kills import Kills
from connectors.practice.ledger import Ledger
from connectors.practice.wire import Answer, Connection, Request, as_json


class Control:
    """Answers under /_control/; every request carries the header X-Control with the token of the ready line."""

    def __init__(
        self, token: str, ledger: Ledger, buyers: Buyers, faults: Faults, kills: Kills, hooks: Hooks | None,
        failures: Callable[[], int], placed: Callable[[], int],
    ) -> None:  # fmt: skip
        self._token, self._ledger, self._buyers, self._faults = token, ledger, buyers, faults
        self._kills, self._hooks, self._failures, self._placed = kills, hooks, failures, placed
        self._tasks: set[asyncio.Task[None]] = set()
        self._routes: dict[tuple[str, str], Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            ("POST", "begin"): self._begin,
            ("GET", "state"): self._state,
            ("POST", "core"): self._core,
            ("POST", "kill"): self._arm,
            ("GET", "kill"): self._armed,
            ("POST", "hook"): self._hook,
            ("GET", "report"): self._report,
        }

    def handle(self, request: Request, connection: Connection) -> None:
        """Serves one request in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._answer(request, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request, connection: Connection) -> None:
        connection.reply(await self._decide(request))

    async def _decide(self, request: Request) -> Answer:
        if not hmac.compare_digest(request.headers.get("x-control", "").encode(), self._token.encode()):
            return as_json({"error": "X-Control does not match"}, 403)
        route = self._routes.get((request.method, request.path.removeprefix("/_control/")))
        if route is None:
            return as_json({"error": "no such control"}, 404)
        try:
            body = msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
            return as_json(await route(body))
        except (ValueError, KeyError, TypeError) as error:
            return as_json({"error": f"{type(error).__name__}: {error}"}, 400)

    async def _begin(self, _body: dict[str, Any]) -> dict[str, Any]:
        if not self._buyers.begun:
            self._faults.begin()
        self._buyers.begin()
        return {"begun": True}

    async def _state(self, _body: dict[str, Any]) -> dict[str, Any]:
        broken = self._buyers.failure()
        return {
            "orders_created": self._placed(),
            "buyers_done": self._buyers.done and broken is None,
            "ledger_events": self._ledger.count,
            "failures": self._failures() + (broken is not None),
            "faults_fired": self._faults.fired,
            "hooks": {"delivered": self._hooks.delivered, "lost": self._hooks.lost} if self._hooks else {},
        }

    async def _core(self, body: dict[str, Any]) -> dict[str, Any]:
        pid = int(body["pid"])
        if pid < 0 or pid == 1:
            raise ValueError("pid must be 0 or a process of yours")
        self._kills.pid = pid
        return {"pid": pid}

    async def _arm(self, body: dict[str, Any]) -> dict[str, Any]:
        self._kills.arm(str(body["point"]), int(body.get("after_events", 0)))
        return self._kills.shown()

    async def _armed(self, _body: dict[str, Any]) -> dict[str, Any]:
        return self._kills.shown()

    async def _hook(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._hooks is None:
            raise ValueError("no shop of this world posts webhooks")
        self._hooks.configure(str(body["url"]))
        return {"hook": True}

    async def _report(self, _body: dict[str, Any]) -> dict[str, Any]:
        await self._ledger.sync(self._ledger.count)
        # In a process of its own: the judge of a long ledger must neither stop the world nor swell it.
        judge = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "connectors.practice.verdict", str(self._ledger.path),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await judge.communicate()
        if judge.returncode:
            raise ValueError("the ledger could not be judged")
        report: dict[str, Any] = msgspec.json.decode(out)
        armed = self._faults.armed(self._hooks is not None and self._hooks.on)
        report["faults_fired"] = dict.fromkeys(armed, 0) | report["faults_fired"]
        return report
