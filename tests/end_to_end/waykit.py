"""A whole core with one shop that delivers by real channels, whose providers are local servers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from core.engine import Engine
from core.model.clock import now_us
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Quarantined
from core.pipeline.setup import Setup
from core.ports import Channel, ConnectorError
from core.vault import imports
from core.vault.keyring import Keyring
from core.vault.plan import plan
from core.vault.seal import Vault
from tests.rig import Codes, order
from tests.store.acting import act

MASTER = bytes(range(32))


class OrdersShop:
    """A platform that has the orders it is given and shows them when asked; it takes no keys itself."""

    name = platform = "plain"
    poll_seconds = 0.05
    specs: Mapping[Effect, EffectSpec] = {Effect.SHIP: EffectSpec(Effect.SHIP, EffectClass.A, "test")}

    def __init__(self, send_via: str) -> None:
        self.send_via = send_via
        self.orders: dict[str, OrderUpdate] = {}
        self.failing = False

    def place(self, ext_id: str, **more: Any) -> None:
        """A paid order of one key."""
        at = now_us()
        self.orders[ext_id] = order(ext_id, **({"paid": 1000, "rev": at, "created_at": at} | more))

    async def pull(self, cursor: str | None) -> Batch:
        if self.failing:
            raise ConnectorError("network", "buyer@example.com is not what an alert may say")
        return Batch(updates=tuple(self.orders.values()), cursor="c", more=False)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        return self.orders[ext_id]

    async def perform(self, call: Call) -> Outcome:
        return Outcome(result=Result.CONFIRMED)

    async def ask(self, call: Call) -> Outcome:
        return Outcome(result=Result.UNKNOWN)

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        return False

    async def close(self) -> None:
        """Nothing to let go."""


class Works:
    """``async with Works(folder, "sms, email", channels) as w``: the core at work."""

    def __init__(
        self, folder: Path, send_via: str, channels: Mapping[str, Channel], pickup_url: str = "", stock: int = 10
    ) -> None:
        self.path, self.stock = folder / "keydesk.db", stock
        self.vault = Vault(Keyring(MASTER))
        self.shop = OrdersShop(send_via)
        self.setup = Setup(Codes())
        shops = {self.shop.name: self.shop}
        self.engine = Engine(self.path, self.setup, self.vault, shops, channels, pickup_url=pickup_url)

    async def __aenter__(self) -> "Works":
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.engine.stop)
            await self.engine.start("test")
            self.writer = self.engine.writer
            if self.stock:
                await self.writer.do(self._import, self.stock)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        assert self.engine.failure is None

    def _import(self, tx: Any, items: list[int]) -> list[int]:
        for count in items:
            made = plan(tx, self.vault, "p1", "t.txt", "\n".join(f"P1-{n:08d}-KEY" for n in range(count)).encode())
            made.seal(tx.new_ids(made.ids_needed()))
            imports.write(tx, made, "test")
        return [0] * len(items)

    async def act(self, ext_id: str, name: str, **args: Any) -> str:
        """A supervisor's act; the code why not, or ""."""
        return await act(self, ext_id, name, **args)  # type: ignore[arg-type]

    async def all(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Rows as last committed."""
        async with self.engine.readers.connect() as connection:
            return [tuple(row) for row in await connection.exec_driver_sql(sql, params)]

    async def order(self, ext_id: str) -> tuple[int, list[str], list[tuple[str, int, str]]]:
        """(stage, kinds of open cases, (lane, state, recipient) of its sends in order)."""
        rows = await self.all("SELECT id, stage FROM orders WHERE ext_id = ?", ext_id)
        if not rows:
            return -1, [], []
        number, stage = rows[0]
        cases = await self.all("SELECT kind FROM case_ WHERE order_id = ? AND closed_at IS NULL", number)
        sends = await self.all(
            "SELECT via, state, recipient FROM intent WHERE order_id = ? AND effect = 1 ORDER BY gen", number
        )
        return int(stage), [str(c[0]) for c in cases], [(str(v), int(s), str(r)) for v, s, r in sends]

    async def until(self, done: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
        """Poll until it holds."""
        deadline = time.monotonic() + seconds
        while not (found := await done()):
            assert time.monotonic() < deadline, "it did not come about in time"
            await asyncio.sleep(0.02)
        return found

    async def delivered(self, ext_id: str) -> list[tuple[str, int, str]]:
        """The sends of an order once it is delivered."""

        async def done() -> bool:
            return (await self.order(ext_id))[0] == 4

        await self.until(done)
        return (await self.order(ext_id))[2]

    async def case(self, ext_id: str) -> str:
        """The kind of its open case, once there is one."""

        async def opened() -> str:
            return next(iter((await self.order(ext_id))[1]), "")

        return str(await self.until(opened))
