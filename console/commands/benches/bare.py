"""The floor of ``bench demo``: the calls of a delivery made by the same connectors in a bare loop, without a core."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.model.effects import Call, Effect, Outcome, Result, Slot
from core.model.order import OrderUpdate, PlatformState
from core.pipeline.message import render
from core.ports import Channel, Shop

WIDTH = 64  # deliveries under way at once


async def _orders(shop: Shop, wanted: int, seconds: float) -> list[OrderUpdate]:
    """Paid orders of one shop, as far as they come within the time."""
    found: dict[str, OrderUpdate] = {}
    cursor: str | None = None
    deadline = time.monotonic() + seconds
    while len(found) < wanted and time.monotonic() < deadline:
        batch = await shop.pull(cursor)
        cursor = batch.cursor
        for update in batch.updates:
            if isinstance(update, OrderUpdate) and update.state is PlatformState.PAID and update.payments:
                found[update.ext_id] = update
        if not batch.more:
            await asyncio.sleep(0.2)
    return list(found.values())[:wanted]


def _secrets(files: dict[str, Path]) -> Iterator[str]:
    return itertools.chain.from_iterable(file.read_text("utf-8").split() for file in files.values())


async def deliveries_per_second(
    shops: dict[str, Shop], channels: dict[str, Channel], keys: dict[str, Path], wanted: int
) -> dict[str, Any]:
    """Pull what there is, then send and ship ``wanted`` orders as fast as the calls go."""
    todo: list[tuple[Shop, OrderUpdate]] = []
    for shop in shops.values():
        todo += [(shop, order) for order in await _orders(shop, wanted // len(shops), 60)]
    secrets = _secrets(keys)
    gate = asyncio.Semaphore(WIDTH)
    good = 0

    async def _deliver(number: int, shop: Shop, order: OrderUpdate) -> None:
        nonlocal good
        slots = tuple(Slot(x.line, n, x.title, next(secrets)) for x in order.lines for n in range(1, x.qty + 1))
        subject, text = render("zh_CN", shop.name, order.ext_id, slots)
        reference = f"{shop.name}:{number}"
        send = Call(
            reference=reference, effect=Effect.SEND, attempt=1, ext_id=order.ext_id, recipient=order.contact,
            subject=subject, text=text, slots=slots,
        )  # fmt: skip
        way: Channel = shop if shop.send_via == "shop" else channels[shop.send_via]
        async with gate:
            outcome: Outcome = await way.perform(send)
            if outcome.result is Result.CONFIRMED and Effect.SHIP in shop.specs:
                ship = Call(reference=f"{reference}s", effect=Effect.SHIP, attempt=1, ext_id=order.ext_id, recipient="")
                outcome = await shop.perform(ship)
        good += outcome.result is Result.CONFIRMED

    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(
        *(
            _deliver(n, shop, order)
            for n, (shop, order) in enumerate(todo, 1)
            if order.contact or shop.send_via == "shop"
        )
    )
    seconds = time.perf_counter() - began
    return {"orders": good, "per_second": good / seconds, "cpu_ms": (time.process_time() - cpu) / max(good, 1) * 1000}
