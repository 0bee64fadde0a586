"""A whole core with a shop whose platform calls us, the port for such calls, and callers of every manner."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx

from core.engine import Engine
from core.model.clock import now_us
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Quarantined, Update
from core.pipeline.setup import Setup
from core.ports import ConnectorError, Gateway, Inbound, Received, Reply, Shop, Standing
from core.service.webhooks import Patience, Webhooks
from core.vault import imports
from core.vault.keyring import Keyring
from core.vault.plan import plan
from core.vault.seal import Vault
from tests.rig import Codes, order, pay

SEND = EffectSpec(Effect.SEND, EffectClass.A, "test")


class CallingShop:
    """A platform that places orders by calling ``/hook/NAME/place`` and asks at ``/hook/NAME/ask``; pulls bring nothing."""

    platform, send_via, poll_seconds = "calling", "shop", 3600.0
    specs: Mapping[Effect, EffectSpec] = {Effect.SEND: SEND}

    def __init__(self, name: str = "calling") -> None:
        self.name = name
        self.pulls = 0
        self.sent: list[str] = []
        self.stuck = asyncio.Event()
        self.inside = 0

    async def receive(self, request: Inbound) -> Received:
        asked = {key: values[-1] for key, values in parse_qs(request.query).items()}
        number = asked.get("order", "")
        if request.headers.get("x-sign") != "right":
            return Received(render=lambda _: Reply(status=403, body=b"bad sign"))
        if request.tail == "hang":
            self.inside += 1
            await self.stuck.wait()
        if request.tail == "raise":
            raise ValueError(request.body.decode())
        if request.tail == "busy":
            raise ConnectorError("timeout", "the platform does not answer")
        if request.tail == "place":
            due = int(request.body or b"0")
            at = now_us()
            facts: tuple[Update, ...] = (order(number, paid=due, rev=at, created_at=at, contact="", total=due or 1000),)
            return Received(batch=facts, look=number, render=_placed)
        if request.tail == "huge":
            return Received(batch=(pay(number, 2**70), pay(number, 1000, "t-good")), render=_placed)
        if request.tail == "news":
            return Received(pull=True, render=lambda _: Reply(body=request.body, content_type="application/json"))
        return Received(look=number, render=_placed)

    async def pull(self, cursor: str | None) -> Batch:
        self.pulls += 1
        return Batch(updates=(), cursor=None, more=False)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        raise ConnectorError("platform", "this platform shows nothing")

    async def perform(self, call: Call) -> Outcome:
        self.sent.append(call.ext_id)
        return Outcome(result=Result.CONFIRMED)

    async def ask(self, call: Call) -> Outcome:
        return Outcome(result=Result.UNKNOWN)

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        raise AssertionError("a shop that receives gets no hints")

    async def close(self) -> None:
        self.stuck.set()


class HintedShop(CallingShop):
    """A shop of the older kind."""

    receive = None  # type: ignore[assignment]

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        return body == b"knock"


def _placed(standing: Standing | None) -> Reply:
    if standing is None:
        return Reply(status=404, body=b"unknown")
    return Reply(body=f"{standing.stage.name} {standing.delivered}".encode(), content_type="text/x-standing")


class Doors:
    """``async with Doors(folder, shop, ...) as d``: an engine at work and its port open."""

    def __init__(
        self,
        folder: Path,
        *shops: Shop,
        stock: int = 10,
        patience: Patience | None = None,
        gateways: Mapping[str, Gateway] | None = None,
        fresh_s: float = 30,
        vault: Vault | None = None,
    ) -> None:
        self.database, self._shops, self._stock = folder / "keydesk.db", shops, stock
        self._patience, self._gateways, self._fresh_us = patience, gateways or {}, int(fresh_s * 1_000_000)
        self.vault = vault or Vault(Keyring(os.urandom(32)))

    async def __aenter__(self) -> "Doors":
        async with AsyncExitStack() as stack:
            setup, shops = Setup(Codes(), fresh_us=self._fresh_us), {s.name: s for s in self._shops}
            self.engine = Engine(self.database, setup, self.vault, shops, {}, gateways=self._gateways)
            stack.push_async_callback(self.engine.stop)
            await self.engine.start("test")
            await self.engine.writer.do(self._import, self._stock)
            self.port = Webhooks(self.engine.doors, 0, patience=self._patience)
            self.serving = asyncio.create_task(self.port.serve())
            stack.push_async_callback(_end, self.serving)
            await self.until(lambda: self.port.started)
            self.http = await stack.enter_async_context(
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port.port}/hook", timeout=20, trust_env=False)
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        assert self.engine.failure is None, "the core must outlive every caller"

    def _import(self, tx: Any, items: list[int]) -> list[int]:
        for count in filter(None, items):
            text = "\n".join(f"P1-{n:08d}-KEY" for n in range(count))
            made = plan(tx, self.vault, "p1", "test.txt", text.encode())
            made.seal(tx.new_ids(made.ids_needed()))
            imports.write(tx, made, "test")
        return [0] * len(items)

    async def post(self, path: str, body: bytes = b"", sign: str = "right", **query: str) -> httpx.Response:
        """A signed POST."""
        return await self.http.post(path, content=body, params=query, headers={"x-sign": sign})

    async def get(self, path: str, sign: str = "right", **query: str) -> httpx.Response:
        """A signed GET."""
        return await self.http.get(path, params=query, headers={"x-sign": sign})

    async def all(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Rows as last committed."""
        async with self.engine.readers.connect() as connection:
            return [tuple(row) for row in await connection.exec_driver_sql(sql, params)]

    async def one(self, sql: str, *params: Any) -> Any:
        """The first column of the first row as last committed."""
        async with self.engine.readers.connect() as connection:
            row = (await connection.exec_driver_sql(sql, params)).first()
        return row[0] if row else None

    async def until(self, done: Callable[[], Awaitable[Any] | bool], seconds: float = 20) -> None:
        """Poll until it holds; fails the test after the deadline."""
        deadline = time.monotonic() + seconds
        while True:
            held = done()
            if (held if isinstance(held, bool) else await held) is not False:
                return
            assert time.monotonic() < deadline, f"not within {seconds} s"
            await asyncio.sleep(0.02)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
