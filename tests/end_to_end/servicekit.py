"""A real service on a real socket over a database filled through the writer, and a client that talks to it."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from core.model.effects import Effect, EffectClass, EffectSpec
from core.pipeline.setup import Catalogue, Setup, ShopInfo
from core.service.options import Options
from core.service.server import SocketServer
from core.service.service import Service
from core.store.engines import reader_engine
from core.store.writer import Writer
from core.vault.keyring import Keyring
from core.vault.seal import Vault
from tests.store.deskdata import Seed, writer_on


class OneProduct:
    """A catalogue that knows one SKU."""

    ids = ("steam-50",)

    def product_of(self, shop: str, sku: str) -> str:
        """Its product."""
        return "steam-50" if sku == "sku-1" else ""

    def title_of(self, product: str) -> str:
        return product

    def is_hot(self, product: str) -> bool:
        """Never."""
        return False


def setup() -> Setup:
    """Two shops: one sends by e-mail and is told afterwards, one sends through the platform."""
    mail = EffectSpec(Effect.SEND, EffectClass.A, "test")
    ship = EffectSpec(Effect.SHIP, EffectClass.A, "test")
    through = EffectSpec(Effect.SEND, EffectClass.B, "test", ships=True)
    return Setup(
        OneProduct(),
        {
            1: ShopInfo(1, "taobao-main", "taobao", "email", mail, ship),
            2: ShopInfo(2, "pdd-main", "pinduoduo", "pdd-main", through, None),
        },
    )


class Client:
    """Calls by method and path; errors come back as (status, error)."""

    def __init__(self, path: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://keydesk", timeout=20, trust_env=False)

    async def get(self, path: str, **query: Any) -> Any:
        """A GET that must succeed."""
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None) -> Any:
        """A POST that must succeed."""
        answer = await self.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def fails(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, dict[str, Any]]:
        """A call that must be refused in the one shape."""
        answer = await self.http.request(method, path, json=body, params=query)
        assert answer.status_code >= 400, answer.text
        error = answer.json()["error"]
        assert {"code", "message", "hint"} <= set(error)
        return answer.status_code, error

    async def act(self, action: str, orders: Sequence[int], reason: str = "", **args: Any) -> dict[str, Any]:
        """Preview, apply, wait; the finished job."""
        seen = await self.post("/v1/preview", {"action": action, "args": args, "orders": list(orders)})
        body = {"token": seen["token"], "reason": reason, "number": seen["confirm_number"]}
        return await self.finished((await self.post("/v1/apply", body))["job"])

    async def finished(self, job: int) -> dict[str, Any]:
        """The job once it has ended."""

        async def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = await self.get(f"/v1/jobs/{job}")
            return found if found["state"] != "running" else None

        return await until(ended)


async def until(probe: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """Ask until the answer is true-ish."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = await probe()
        if found:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about in time")


class Desk:
    """What a test has in hand."""

    def __init__(self, writer: Writer, service: Service, server: SocketServer, client: Client, path: Path) -> None:
        self.writer, self.service, self.server, self.client, self.path = writer, service, server, client, path


@contextlib.asynccontextmanager
async def desk(
    folder: Path,
    seeds: Sequence[Seed] = (),
    options: Options | None = None,
    writer: Writer | None = None,
    owner: int | None = 0,
    catalogue: Catalogue | None = None,
    shop_states: Callable[[], list[dict[str, Any]]] | None = None,
    **more: Any,
) -> AsyncIterator[Desk]:
    """A served desk; the test's own user is its owner."""
    import os

    own = writer is None
    writer = writer or await writer_on(folder, seeds)
    engine = reader_engine(writer.path)
    options = options or Options("test", owner=os.getuid() if owner is not None else None, **more)
    stands = setup() if catalogue is None else Setup(catalogue, setup().shops)
    vault = Vault(Keyring(bytes(range(32))))
    service = Service(writer, engine, stands, options, vault=vault, shop_states=shop_states)
    path = folder / "run" / "core.sock"
    server = SocketServer(service, path)
    task = asyncio.create_task(server.serve(signals=False))
    client = Client(path)
    try:
        await until(lambda: _started(server, task))
        yield Desk(writer, service, server, client, path)
    finally:
        await client.http.aclose()
        server.ask_stop()
        await task
        await engine.dispose()
        if own:
            await writer.stop()


async def _started(server: SocketServer, task: "asyncio.Task[None]") -> bool:
    if task.done():
        task.result()
    return server.started


async def lines(client: Client, method: str, path: str, body: Any = None, **query: Any) -> list[dict[str, Any]]:
    """All lines of an NDJSON answer."""
    out = []
    async with client.http.stream(method, path, json=body, params=query) as answer:
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            out.append(json.loads(line))
    return out
