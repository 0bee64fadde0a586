"""``bench demo``: the headless demo as a user runs it, beside the same calls made in a bare loop, round by round."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import uvloop

from console.commands.benches.bare import deliveries_per_second
from console.commands.compose import engine_of, settings_of
from console.commands.demo.world import World, write_files
from core.settings_files import find

LATE = "3"  # seconds within which a buyer is done: the bench is about orders that can be delivered at once
FRESH_S = 30


def measure(folder: Path, orders: int, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Medians over interleaved rounds. Raises ClickException when a demo does not end well."""
    bare: list[dict[str, Any]] = []
    real: list[dict[str, Any]] = []
    for round_ in range(1, rounds + 1):
        say(f"round {round_}/{rounds}: bare loop")
        bare.append(_bare(folder / f"bare{round_}", orders))
        say(f"round {round_}/{rounds}: demo")
        real.append(_demo(orders))
    per_s = statistics.median(float(one["delivered_per_second"]) for one in real)
    bare_per_s = statistics.median(float(one["per_second"]) for one in bare)
    core_ms = statistics.median(float(one["cpu_ms_per_order"]["core"]) for one in real)
    bare_ms = statistics.median(float(one["cpu_ms"]) for one in bare)
    return {
        "rounds": rounds,
        "orders": orders,
        "delivered_per_s": round(per_s, 1),
        "bare_per_s": round(bare_per_s, 1),
        "e2e_ratio": round(
            statistics.median(
                float(a["delivered_per_second"]) / float(b["per_second"]) for a, b in zip(real, bare, strict=True)
            ),
            3,
        ),
        "core_cpu_ms_per_order": round(core_ms, 2),
        "bare_cpu_ms_per_order": round(bare_ms, 2),
        "core_cpu_ratio": round(core_ms / bare_ms, 2),
        "world_cpu_ms_per_order": round(statistics.median(float(one["cpu_ms_per_order"]["world"]) for one in real), 2),
    }


def _demo(orders: int) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "console.cli", "demo", "--headless", "--json"]
    done = subprocess.run(
        [*command, "--orders", str(orders), "--late", LATE], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"the demo did not end well:\n{done.stderr[-800:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _bare(folder: Path, orders: int) -> dict[str, Any]:
    folder.mkdir(parents=True)
    arguments = ["--orders", str(orders), "--late", LATE, "--seed", "7"]
    world = World(folder / "world", arguments, folder / "world.log")
    try:
        settings = write_files(world.ready, folder, find("rules.toml"), "zh_CN", FRESH_S)
        engine = engine_of(settings_of(os.fspath(settings)))
        world.post("begin")
        keys = {name: Path(told["keys"]) for name, told in world.ready["products"].items()}

        async def _run() -> dict[str, Any]:
            try:
                return await deliveries_per_second(engine.shops, engine.channels, keys, orders * 8 // 10)
            finally:
                for way in (*engine.shops.values(), *engine.channels.values()):
                    await way.close()

        return uvloop.run(_run())
    finally:
        world.stop()
