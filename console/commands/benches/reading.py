"""What reading one order costs on each platform: pages, details, signatures, decoding and mapping, over real HTTP."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from connectors.practice.markets import all_markets
from console.commands.compose import engine_of, settings_of
from console.commands.demo.world import World, write_files
from core.model.order import OrderUpdate
from core.ports import ConnectorError, Inbound, Receiver, Reply, Shop
from core.private_files import private_folder
from core.service.webhooks import Webhooks
from core.settings_files import find

ORDERS, DEADLINE_S = 300, 60.0
NOTHING_S = 3.0  # a list that shows nothing for so long shows nothing at all: such a platform brings its orders


def reading_costs(folder: Path, say: Callable[[str], None]) -> dict[str, float]:
    """CPU microseconds an order by platform; a platform that did not show all its orders in time is left out."""
    found: dict[str, float] = {}
    for market in all_markets():
        cost = _of(folder / market.word, market.word, door=False)
        if cost is None:
            cost = _of(folder / f"{market.word}-door", market.word, door=True)
        if cost is not None:
            found[market.platform] = cost
        say(f"{market.platform:<16}{f'{cost:,.0f} us' if cost is not None else 'did not show all its orders'}")
    return found


def _of(folder: Path, word: str, door: bool) -> float | None:
    private_folder(folder)
    arguments = ["--orders", str(ORDERS), "--late", "1", "--seed", "7", "--platforms", word]
    world = World(folder / "world", arguments, folder / "world.log")
    try:
        settings = write_files(world.ready, folder, find("rules.toml"), "zh_CN", 30)
        engine = engine_of(settings_of(os.fspath(settings)))  # never started: it only holds the connectors
        return uvloop.run(_read(world, next(iter(engine.shops.values())), door))
    finally:
        world.stop()


class _Door:
    """Takes what a platform brings, without a store behind it."""

    def __init__(self, receiver: Receiver, seen: set[str]) -> None:
        self._receiver, self._seen = receiver, seen

    async def take(self, request: Inbound) -> Reply:
        """The platform is told yes for whatever was understood."""
        try:
            received = await self._receiver.receive(request)
        except ConnectorError:
            return Reply(status=503)
        self._seen.update(update.ext_id for update in received.batch if isinstance(update, OrderUpdate))
        return received.render(None)


async def _read(world: World, shop: Shop, door: bool) -> float | None:
    seen: set[str] = set()
    hooks = None
    before = time.process_time()
    if door and isinstance(shop, Receiver) and world.ready.get("hook_port"):
        hooks = asyncio.ensure_future(Webhooks({shop.name: _Door(shop, seen)}, int(world.ready["hook_port"])).serve())
    world.post("begin")
    await asyncio.sleep(2.5)  # every buyer is done: what is read is then read once
    cursor: str | None = None
    begun = time.monotonic()
    try:
        while len(seen) < ORDERS and time.monotonic() - begun < (DEADLINE_S if seen or door else NOTHING_S):
            batch: Any = await shop.pull(cursor)
            cursor = batch.cursor
            seen.update(update.ext_id for update in batch.updates if isinstance(update, OrderUpdate))
            if not batch.more and len(seen) < ORDERS:
                await asyncio.sleep(0.3)
        return round((time.process_time() - before) / ORDERS * 1e6, 1) if len(seen) >= ORDERS else None
    finally:
        if hooks is not None:
            hooks.cancel()
            await asyncio.gather(hooks, return_exceptions=True)
        await shop.close()
