"""``keydesk bench intake``: from a platform's page over real HTTP to the key that is written off, against raw inserts.

Two shops are pulled at once by the shipped Pinduoduo connector; pages come from a process of their own and are a hundred
orders each. Decoding, mapping and all five durable stages are inside, the calls that send are not. Beside it: how many
durable webhook answers a second a hundred callers get, and what reading an order costs on each platform.
"""

import asyncio
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from connectors.registry import build_shop
from console.commands.benches.reading import reading_costs
from core.bench.floor import RawInsert
from core.bench.pipeline import Pipeline
from core.model.clock import SECOND, now_us
from core.model.order import Batch, Payment, PaymentKind
from core.pipeline.intake import IntakeItem
from core.pipeline.setup import Rules
from core.ports import Shop
from core.tuning import tune

Say = Callable[[str], None]
BATCH = 1000  # orders a turn: two shops' pulls of five hundred
WAITERS = 100
PLACES = (("email", BATCH), ("voucher", BATCH))


def measure(folder: Path, rules: Rules, rounds: int, say: Say) -> dict[str, Any]:
    """Medians of interleaved rounds, per second of this process' own CPU."""
    tune()
    with _pages() as port:
        found = uvloop.run(_measure(folder, rules, rounds, port))
    say("what reading costs on each platform ...")
    return {**found, "read_us_per_order": reading_costs(folder / "reading", say)}


async def _measure(folder: Path, rules: Rules, rounds: int, port: int) -> dict[str, Any]:
    raw, pipe = RawInsert(folder / "raw.db"), Pipeline(folder, rules)
    turns = 3
    await pipe.start((rounds * turns + 2) * BATCH)
    shops = [_shop(name, port) for name in ("mail", "voucher")]
    cursors: list[str | None] = [_cursor()] * 2
    await _turn(pipe, shops, cursors)
    raw.insert(raw.rows(BATCH))
    hooks = _Hooks(pipe)
    await hooks.answers(WAITERS)
    rates: dict[str, list[float]] = {"raw": [], "intake": [], "raw100": [], "hook": [], "read": []}
    for _ in range(rounds):
        pages = [raw.rows(BATCH) for _ in range(turns * 2)]
        before = time.process_time()
        for rows in pages:
            raw.insert(rows)
        raw.settle()
        rates["raw"].append(len(pages) * BATCH / (time.process_time() - before))
        before, reading = time.process_time(), 0.0
        for _ in range(turns):
            reading += await _turn(pipe, shops, cursors)
        pipe.settle()
        spent = time.process_time() - before
        rates["intake"].append(turns * BATCH / spent)
        rates["read"].append(reading / (turns * BATCH) * 1e6)
        small = [raw.rows(WAITERS) for _ in range(20)]
        before = time.process_time()
        for rows in small:
            raw.insert(rows)
        rates["raw100"].append(len(small) * WAITERS / (time.process_time() - before))
        before = time.process_time()
        await hooks.answers(20 * WAITERS)
        rates["hook"].append(20 * WAITERS / (time.process_time() - before))
    for shop in shops:
        await shop.close()
    raw.close()
    await pipe.writer.stop()
    middle = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    return {
        "rounds": rounds,
        "raw_rows_per_cpu_s": round(middle["raw"]),
        "intake_orders_per_cpu_s": round(middle["intake"]),
        "intake_ratio": _ratio(rates["intake"], rates["raw"]),
        "page_us_per_order": middle["read"],
        "raw_rows_by_100_per_cpu_s": round(middle["raw100"]),
        "webhook_answers_per_cpu_s": round(middle["hook"]),
        "webhook_ratio": _ratio(rates["hook"], rates["raw100"]),
    }


def _ratio(ours: list[float], floor: list[float]) -> float:
    return round(statistics.median(one / other for one, other in zip(ours, floor, strict=True)), 3)


async def _turn(pipe: Pipeline, shops: list[Shop], cursors: list[str | None]) -> float:
    """A pull of each shop, then the stages; returns the CPU seconds that reading took."""
    before = time.process_time()
    batches = await asyncio.gather(*(shop.pull(cursor) for shop, cursor in zip(shops, cursors, strict=True)))
    reading = time.process_time() - before
    items = []
    for index, batch in enumerate(batches):
        cursors[index] = batch.cursor
        items.append(IntakeItem(index + 1, _addressed(batch, index), now_us(), places=PLACES))
    count = sum(len(item.batch.updates) for item in items)
    done = await pipe.run(items, count)
    if done != count or count != BATCH:
        raise RuntimeError(f"{done} of {count} orders were delivered, of {BATCH} that a turn should bring")
    return reading


def _addressed(batch: Batch, index: int) -> Batch:
    """The first shop's keys go by mail; this platform's pages tell no address, so one is put in."""
    if index:
        return batch
    told = tuple(msgspec.structs.replace(update, contact="buyer@example.com") for update in batch.updates)
    return msgspec.structs.replace(batch, updates=told)


def _shop(name: str, port: int) -> Shop:
    options = {
        "platform": "pinduoduo",
        "url": f"http://127.0.0.1:{port}/api/router",
        "client_id": name,
        "secret": "bench",
        "access_token": "bench",
    }
    return build_shop(name, options, now_us)


def _cursor() -> str:
    """Orders from eighty days ago on, refund requests up to date: what is measured is orders."""
    now = now_us() // SECOND
    return msgspec.json.encode({"orders": {"high": now - 80 * 86_400}, "refunds": {"high": now}}).decode()


class _Hooks:
    """Callers who each bring one fact about money and wait until it is on disk."""

    def __init__(self, pipe: Pipeline) -> None:
        self._pipe = pipe
        self._numbers = itertools.count(1)

    async def answers(self, count: int) -> None:
        """``count`` answers, a hundred callers at a time, each calling again as soon as it is answered."""
        await asyncio.gather(*(self._caller(count // WAITERS) for _ in range(WAITERS)))

    async def _caller(self, times: int) -> None:
        for _ in range(times):
            number = f"w{next(self._numbers)}"
            money = Payment(
                account="gateway", txn_id=number, ext_id=number, kind=PaymentKind.CHARGE, amount=990, currency="CNY",
                at=now_us(),
            )  # fmt: skip
            batch = Batch(updates=(money,), cursor=None, more=False)
            await self._pipe.writer.submit(self._pipe.intake.apply, IntakeItem(1, batch, now_us(), keep_cursor=False))


@contextmanager
def _pages() -> Any:
    command = [sys.executable, "-P", "-m", "console.commands.benches.page_server"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
