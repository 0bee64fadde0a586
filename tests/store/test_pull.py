"""The pull loop on its own: one shop's trouble stays with that shop, one order's trouble with that order."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.model.effects import Call, Effect, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Quarantined
from core.pipeline.pull import Puller
from tests.rig import DUMMY, Rig, order


class ScriptedShop:
    """Hands out prepared batches or raises prepared errors, then has nothing more."""

    platform = "taobao"
    send_via = "email"
    poll_seconds = 0.01
    specs: Mapping[Effect, EffectSpec] = {Effect.SHIP: DUMMY}

    def __init__(self, *script: Batch | Exception) -> None:
        self.name = "mailshop"
        self.script = list(script)
        self.cursors: list[str | None] = []

    async def pull(self, cursor: str | None) -> Batch:
        self.cursors.append(cursor)
        step = self.script.pop(0) if self.script else Batch(updates=(), cursor=cursor, more=False)
        if isinstance(step, Exception):
            raise step
        return step

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        raise AssertionError("not asked for")

    async def perform(self, call: Call) -> Outcome:
        return Outcome(result=Result.CONFIRMED)

    async def ask(self, call: Call) -> Outcome:
        return Outcome(result=Result.UNKNOWN)

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        return True

    async def close(self) -> None:
        return None


async def run_until(rig: Rig, shop: ScriptedShop, done: Any) -> Puller:
    """Run the loop until ``done`` holds."""
    puller = Puller(1, shop, rig.writer, rig.intake, rig.clock)
    task = asyncio.create_task(puller.run(None))
    async with asyncio.timeout(20):
        while not await done():
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return puller


async def test_a_connector_that_raises_is_tried_again(tmp_path: Path) -> None:
    """A bug in a connector is a failing shop with a reason, not a dead core."""
    async with Rig(tmp_path) as rig:
        good = Batch(updates=(order("A1"),), cursor="c1", more=False)
        shop = ScriptedShop(KeyError("boom"), good)

        async def seen() -> bool:
            return await rig.one("SELECT count(*) FROM orders") == 1

        puller = await run_until(rig, shop, seen)
        assert shop.cursors[:2] == [None, None]
        assert puller.health.state == "ok"


async def test_an_order_that_cannot_be_taken_in_is_quarantined_alone(tmp_path: Path) -> None:
    """An amount beyond what the database holds breaks its own order only; the batch and its cursor go in."""
    async with Rig(tmp_path) as rig:
        poison = order("BAD", total=2**70)
        batch = Batch(updates=(order("A1"), poison, order("A2"), order("A3")), cursor="c1", more=False)
        shop = ScriptedShop(batch)

        async def moved() -> bool:
            return await rig.one("SELECT value FROM cursor WHERE shop = 1") == "c1"

        await run_until(rig, shop, moved)
        assert await rig.all("SELECT ext_id FROM orders ORDER BY ext_id") == [("A1",), ("A2",), ("A3",)]
        assert await rig.all("SELECT ext_id, field FROM quarantine") == [("BAD", "$")]
