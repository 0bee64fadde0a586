"""A whole core with one independent shop whose buyers pay through a provider that runs beside it over real HTTP."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec

from connectors.gateway_kinds import build_gateway
from core.model.clock import now_us
from core.model.effects import Call, Effect, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined
from core.ports import ConnectorError
from core.vault.seal import Vault
from tests.connectors.server import Scripted
from tests.faults.doors import SEND, Doors
from tests.payments.providers import Notice, Provider
from tests.rig import order


class Book:
    """The independent shop: its orders are what a test writes into it."""

    platform, send_via, poll_seconds = "book", "shop", 0.02
    specs: Mapping[Effect, EffectSpec] = {Effect.SEND: SEND}

    def __init__(self, name: str = "indie") -> None:
        self.name = name
        self.orders: dict[str, OrderUpdate] = {}
        self.news: list[OrderUpdate] = []
        self.sent: list[str] = []
        self.reads: list[str] = []

    def place(self, ext_id: str, fen: int = 1000, **changes: Any) -> OrderUpdate:
        """An order, unpaid as the shop sees it."""
        at = now_us()
        self.orders[ext_id] = order(ext_id, rev=at, created_at=at, total=fen, contact="", **changes)
        self.news.append(self.orders[ext_id])
        return self.orders[ext_id]

    def change(self, ext_id: str, **changes: Any) -> None:
        """The shop shows the order otherwise from now on."""
        self.orders[ext_id] = msgspec.structs.replace(self.orders[ext_id], rev=now_us(), **changes)
        self.news.append(self.orders[ext_id])

    def cancel(self, ext_id: str) -> None:
        """The buyer took too long."""
        self.change(ext_id, state=PlatformState.CANCELLED)

    async def pull(self, cursor: str | None) -> Batch:
        news, self.news = self.news, []
        return Batch(updates=tuple(news), cursor="c", more=False)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        self.reads.append(ext_id)
        if ext_id not in self.orders:
            raise ConnectorError("platform", "no such order")
        return self.orders[ext_id]

    async def perform(self, call: Call) -> Outcome:
        self.sent.append(call.ext_id)
        return Outcome(result=Result.CONFIRMED)

    async def ask(self, call: Call) -> Outcome:
        return Outcome(result=Result.UNKNOWN)

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        return False

    async def close(self) -> None:
        return None


class Till:
    """``async with Till(folder, provider) as till``: ``till.book``, ``till.provider``, ``till.core``."""

    def __init__(
        self,
        folder: Path,
        provider: Provider,
        fresh_s: float = 30,
        book: Book | None = None,
        vault: Vault | None = None,
        **options: str,
    ) -> None:
        self.folder, self.provider, self.book, self._vault = folder, provider, book or Book(), vault
        self._fresh_s, self._stock, self._options = fresh_s, 0 if vault else 10, options

    async def __aenter__(self) -> "Till":
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(Scripted(self.provider.handle))
            self.provider.url = server.url
            self.gateway = build_gateway("cash", self.provider.options() | self._options, now_us)
            ways = {"indie": self.gateway}
            doors = Doors(
                self.folder, self.book, gateways=ways, fresh_s=self._fresh_s, vault=self._vault, stock=self._stock
            )
            self.core = await stack.enter_async_context(doors)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def tell(self, notice: Notice, name: str = "cash") -> httpx.Response:
        """The provider's (or a forger's) request to the core."""
        url = f"/{name}" + (f"?{notice.query}" if notice.query else "")
        return await self.core.http.request(notice.method, url, content=notice.body, headers=notice.headers)

    async def known(self, ext_id: str) -> None:
        """Wait until the core has the order."""

        async def has() -> bool:
            return await self.core.one("SELECT 1 FROM orders WHERE ext_id = ?", ext_id) is not None

        await self.core.until(has)

    async def stale(self) -> None:
        """Wait until what is known of every order is too old to act on."""

        async def old() -> bool:
            since = self.core.engine.clock() - int(self._fresh_s * 1_000_000)
            return await self.core.one("SELECT 1 FROM orders WHERE seen_at >= ?", since) is None

        await self.core.until(old)

    async def delivered(self, ext_id: str) -> None:
        """Wait until its key is out and recorded."""

        async def done() -> bool:
            return await self.core.one("SELECT 1 FROM orders WHERE ext_id = ? AND stage = 4", ext_id) is not None

        await self.core.until(done)

    async def payments(self) -> list[tuple[str, str, str, int, int]]:
        """(account, txn, order number, kind, amount) of every booked payment."""
        rows = await self.core.all("SELECT account, txn_id, ext_id, kind, amount FROM payment ORDER BY id")
        return [(str(a), str(t), str(e), int(k), int(m)) for a, t, e, k, m in rows]

    async def cases(self, ext_id: str) -> list[str]:
        """Kinds of its open cases."""
        rows = await self.core.all(
            "SELECT c.kind FROM case_ c JOIN orders o ON o.id = c.order_id WHERE o.ext_id = ? AND c.closed_at IS NULL "
            "ORDER BY c.kind",
            ext_id,
        )
        return [str(row[0]) for row in rows]

    async def until_case(self, ext_id: str, kind: str) -> None:
        """Wait until it has this case."""

        async def has() -> bool:
            return kind in await self.cases(ext_id)

        await self.core.until(has)

    async def no_key_moved(self) -> None:
        """Nothing was sent, and no key is bound to anything."""
        assert self.book.sent == []
        assert await self.core.one("SELECT count(*) FROM key WHERE order_id IS NOT NULL") == 0
