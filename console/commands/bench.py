"""``keydesk bench``: figures as ratios to a floor that was measured in the same run."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import uvloop

from console.commands.bare import deliveries_per_second
from console.commands.compose import engine_of, settings_of
from console.commands.demo.world import World, write_files
from core.bench import pipeline, queue
from core.rules.rulefile import load_rules
from core.settings_files import find

# What each figure is held to (hold) and aims at; lower is better for those that end the list with "<".
GOALS: dict[str, tuple[float, float, str]] = {
    "pipeline_ratio": (0.20, 0.25, ">"),
    "window_1m_vs_100k_ratio": (1.2, 1.05, "<"),
    "e2e_ratio": (0.4, 0.6, ">"),
    "delivered_per_second": (200, 600, ">"),
    "median_ratio": (2.0, 1.0, "<"),
    "p99_ratio": (2.0, 1.0, "<"),
}


def _pipeline(folder: Path, rounds: int, options: dict[str, Any]) -> dict[str, Any]:
    judge = load_rules(find("rules.toml")).judge_many
    return uvloop.run(pipeline.measure(folder, judge, rounds=max(rounds, 1)))


def _queue(folder: Path, rounds: int, options: dict[str, Any]) -> dict[str, Any]:
    return uvloop.run(queue.measure(folder, rounds=max(rounds, 1)))


def _demo(folder: Path, rounds: int, options: dict[str, Any]) -> dict[str, Any]:
    orders = options["orders"] or 3000
    command = [
        sys.executable,
        "-P",
        "-m",
        "console.cli",
        "demo",
        "--headless",
        "--orders",
        str(orders),
        "--late",
        "3",
        "--json",
    ]
    bare, real = [], []
    for round_ in range(max(min(rounds, 3), 1)):
        bare.append(_bare(folder / f"bare{round_}", orders))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise click.ClickException(f"the demo failed: {done.stderr[-800:]}")
        real.append(json.loads(done.stdout.strip().splitlines()[-1]))
    bare_rate = sorted(one["per_second"] for one in bare)[len(bare) // 2]
    best = sorted(real, key=lambda one: float(one["delivered_per_second"]))[len(real) // 2]
    return {
        "orders": best["orders"],
        "delivered_per_second": best["delivered_per_second"],
        "core_cpu_ms_per_order": best["cpu_ms_per_order"]["core"],
        "world_cpu_ms_per_order": best["cpu_ms_per_order"]["world"],
        "bare_loop_per_second": round(bare_rate, 1),
        "bare_loop_cpu_ms_per_order": round(bare[0]["cpu_ms"], 2),
        "e2e_ratio": round(best["delivered_per_second"] / bare_rate, 3),
    }


def _bare(folder: Path, orders: int) -> dict[str, Any]:
    folder.mkdir(parents=True)
    world = World(folder / "world", ["--orders", str(orders), "--late", "3", "--seed", "7"], folder / "world.log")
    try:
        engine = engine_of(settings_of(os.fspath(write_files(world.ready, folder, find("rules.toml"), "zh_CN", 3.0))))
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


def _desk(folder: Path, rounds: int, options: dict[str, Any]) -> dict[str, Any]:
    from console.commands.deskbench import measure

    return measure(folder, rounds, options["orders"] or 100_000, options["changes"])


BENCHES: dict[str, Callable[[Path, int, dict[str, Any]], dict[str, Any]]] = {
    "pipeline": _pipeline,
    "queue": _queue,
    "demo": _demo,
    "desk": _desk,
}


@click.command()
@click.argument("name", required=False, type=click.Choice(list(BENCHES)))
@click.option(
    "--rounds", type=click.IntRange(1, 50), default=5, show_default=True, help="Interleaved rounds; medians are shown."
)
@click.option(
    "--orders",
    type=click.IntRange(100, 1_000_000),
    default=None,
    help="demo: orders to deliver; desk: orders in the queue.",
)
@click.option(
    "--changes", type=click.IntRange(0, 5000), default=300, show_default=True, help="desk: changed orders a second."
)
@click.option(
    "--dir", "folder", type=click.Path(file_okay=False, path_type=Path), help="Where to work: a real disk, not memory."
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on the last line.")
def bench_command(name: str | None, folder: Path | None, rounds: int, as_json: bool, **options: Any) -> int:
    """Measure against a floor in the same run: pipeline, queue, demo or desk. Exit code 1 below the goal.

    The machine's own speed cancels out in the ratios; absolute figures are shown for orientation only.
    """
    if name is None:
        for one in BENCHES:
            click.echo(one)
        return 0
    base = folder or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keydesk"
    base.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=base))
    try:
        result = BENCHES[name](work, rounds, options)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    below = [
        key
        for key, (hold, _, sign) in GOALS.items()
        if key in result and (result[key] < hold if sign == ">" else result[key] > hold)
    ]
    result["below_goal"] = below
    if as_json:
        click.echo(json.dumps(result))
        return 1 if below else 0
    for key, value in result.items():
        goal = GOALS.get(key)
        click.echo(f"{key:>28}  {value}" + (f"   (hold {goal[2]}= {goal[0]}, aim {goal[1]})" if goal else ""))
    return 1 if below else 0
