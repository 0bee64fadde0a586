"""``keydesk bench batch``: one act on ten thousand orders, and what another console feels of it meanwhile.

The floor is the same number of bare durable changes: one order row and one result row each, in the job's own steps.
"""

import asyncio
import os
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from console.client import Client
from console.commands.benches.pty_meter import quantile
from console.commands.benches.stage import live_core
from core.bench.merchant import build
from core.desk.job_rows import CHUNK

ORDERS = 10_000  # as many as one act takes
CALM = 200  # windows that the other console reads while nothing runs
PAUSE_S = 0.01
WAIT_S = 300.0
Say = Callable[[str], None]


def measure(folder: Path, orders: int, rounds: int, say: Say) -> dict[str, Any]:
    """Rounds of floor and job in turn; medians count, what the other console felt is pooled."""
    say(f"made {orders:,} orders in {build(folder / 'keydesk.db', orders):.1f} s")
    with live_core(folder, 0) as (_, socket):
        return asyncio.run(_measure(folder, socket, rounds, say)) | {"orders": ORDERS, "rounds": rounds}


async def _measure(folder: Path, socket: Path, rounds: int, say: Say) -> dict[str, Any]:
    hand, other = Client(os.fspath(socket)), Client(os.fspath(socket))
    calm = [await _window(other) for _ in range(CALM)]
    floors, marks, previews, jobs, felt = [], [], [], [], []
    for number in range(rounds):
        floors.append(_bare(folder / f"bare{number}.db"))
        begun = time.perf_counter()
        found = await hand.matching("work", "")
        marks.append(time.perf_counter() - begun)
        chosen = [order for order, _, _ in found["orders"]]
        if len(chosen) != ORDERS:
            raise click.ClickException(f"the bench needs {ORDERS:,} orders in the queue; give --orders {5 * ORDERS}")
        begun = time.perf_counter()
        preview = await hand.preview("tag", {"tag": f"round{number}"}, chosen)
        previews.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        job = await hand.apply(preview["token"], "", preview["confirm_number"])
        felt += await _until_done(hand, other, job)
        jobs.append(time.perf_counter() - begun)
        say(
            f"round {number + 1}: job {jobs[-1]:.2f} s, bare {floors[-1]:.2f} s, the other waited {max(felt) * 1000:.0f} ms"
        )
    await hand.close()
    await other.close()
    took, bare = statistics.median(jobs), statistics.median(floors)
    return {
        "batch_orders_per_s": round(ORDERS / took),
        "bare_orders_per_s": round(ORDERS / bare),
        "batch_ratio": round(bare / took, 3),
        "others_p99_ms": round(quantile(felt, 0.99) * 1000, 1),
        "others_longest_ms": round(max(felt) * 1000, 1),
        "calm_p99_ms": round(quantile(calm, 0.99) * 1000, 1),
        "others_p99_ratio": round(quantile(felt, 0.99) / quantile(calm, 0.99), 2),
        "mark_ms": round(statistics.median(marks) * 1000),
        "preview_ms": round(statistics.median(previews) * 1000),
        "others_windows": len(felt),
    }


async def _window(client: Client) -> float:
    begun = time.perf_counter()
    await client.queue("work", limit=64)
    return time.perf_counter() - begun


async def _until_done(hand: Client, other: Client, job: int) -> list[float]:
    """Seconds of each window that another console read while the job ran. Raises ClickException when it does not end."""
    felt: list[float] = []
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        felt.append(await _window(other))
        found = await hand.job(job)
        if found["state"] == "done" and not found["failed"]:
            return felt
        if found["state"] != "running":
            break
        await asyncio.sleep(PAUSE_S)
    raise click.ClickException("the job of the bench did not end well")


def _bare(path: Path) -> float:
    """Seconds for as many bare changes, durable after each step of the job's size."""
    with sqlite3.connect(path, isolation_level=None) as base:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=FULL")
        base.execute("CREATE TABLE o(id INTEGER PRIMARY KEY, tag TEXT, version INTEGER, filler TEXT)")
        base.execute("CREATE TABLE item(job INTEGER, n INTEGER, ok INTEGER, PRIMARY KEY(job, n)) WITHOUT ROWID")
        rows = ((i, "", 1, "x" * 300) for i in range(ORDERS))
        base.execute("BEGIN")
        base.executemany("INSERT INTO o VALUES(?, ?, ?, ?)", rows)
        base.execute("COMMIT")
        begun = time.perf_counter()
        for at in range(0, ORDERS, CHUNK):
            some = range(at, at + CHUNK)
            base.execute("BEGIN IMMEDIATE")
            base.executemany("UPDATE o SET tag = 'x', version = version + 1 WHERE id = ?", [(i,) for i in some])
            base.executemany("INSERT INTO item VALUES(1, ?, 1)", [(i,) for i in some])
            base.execute("COMMIT")
        took = time.perf_counter() - begun
    base.close()
    return took
