"""``bench demo``: the headless demo as a user runs it, beside the same calls made in a bare loop, round by round.

Both speeds are read from the practice world's ledger: from the first order placed to the send that makes four fifths
of all orders. What comes later are buyers who pay late.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import uvloop

from console.commands.benches.bare import BareLoop
from console.commands.compose import engine_of, settings_of
from console.commands.demo.world import World, write_files
from core.model.clock import SECOND
from core.private_files import private_folder
from core.settings_files import find

SEED = "7"
LATE_S = 20  # the demo's own default: within so many seconds a buyer is done
FRESH_S = LATE_S // 4  # as the demo sets it for buyers of this pace
PATIENCE_S = 300.0


def measure(folder: Path, orders: int, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Medians over interleaved rounds. Raises ClickException when a demo does not end well."""
    wanted = orders * 4 // 5
    found: dict[str, list[float]] = {}
    for number in range(1, rounds + 1):
        bare, demo = folder / f"bare{number}", folder / f"demo{number}"
        found.setdefault("bare_cpu_ms_per_order", []).append(_bare(bare, orders, wanted))
        shown = _demo(demo, orders)
        bare_per_s, per_s = _speed(bare, wanted), _speed(demo, wanted)
        say(f"round {number}/{rounds}: bare loop {bare_per_s:.0f} orders/s, demo {per_s:.0f}")
        found.setdefault("delivered_per_s", []).append(per_s)
        found.setdefault("bare_per_s", []).append(bare_per_s)
        found.setdefault("e2e_ratio", []).append(per_s / bare_per_s)
        for who in ("core", "world"):
            found.setdefault(f"{who}_cpu_ms_per_order", []).append(float(shown["cpu_ms_per_order"][who]))
    result: dict[str, Any] = {name: round(statistics.median(values), 3) for name, values in found.items()}
    result["core_cpu_ratio"] = round(result["core_cpu_ms_per_order"] / result["bare_cpu_ms_per_order"], 3)
    return {"rounds": rounds, "orders": orders, **result}


def _speed(folder: Path, wanted: int) -> float:
    """Orders a second by the ledger of the world in ``folder``."""
    begun, sends = 0, 0
    with (folder / "world" / "ledger.jsonl").open("rb") as ledger:
        for line in ledger:
            record = msgspec.json.decode(line)
            if record["kind"] == "order":
                begun = begun or int(record["t"])
            sends += record["kind"] == "send"
            if sends == wanted:
                return wanted * SECOND / (int(record["t"]) - begun)
    raise click.ClickException(f"only {sends} of {wanted} sends are in the ledger")


def _demo(folder: Path, orders: int) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "console.cli", "demo", "--headless", "--json", "--dir", os.fspath(folder)]
    command += ["--orders", str(orders), "--late", str(LATE_S), "--seed", SEED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"the demo did not end well:\n{done.stderr[-800:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _bare(folder: Path, orders: int, wanted: int) -> float:
    """Let the bare loop deliver; CPU milliseconds an order."""
    private_folder(folder)
    world = World(
        folder / "world", ["--orders", str(orders), "--late", str(LATE_S), "--seed", SEED], folder / "world.log"
    )
    try:
        settings = write_files(world.ready, folder, find("rules.toml"), "zh_CN", FRESH_S)
        engine = engine_of(settings_of(os.fspath(settings)))  # never started: it only holds the connectors
        keys = [Path(told["keys"]) for told in world.ready["products"].values()]

        async def _run() -> float:
            loop = BareLoop(engine.shops, engine.channels, keys, wanted, FRESH_S)
            try:
                world.post("begin")
                return await loop.run(PATIENCE_S)
            finally:
                for way in (*engine.shops.values(), *engine.channels.values()):
                    await way.close()

        return uvloop.run(_run())
    finally:
        world.stop()
