"""The demo's command line."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from console.commands.compose import query, settings_of, vault_of
from console.commands.demo.director import CoreKeeper, Director, cpu_seconds, peak_rss_kb
from console.commands.demo.world import World, WorldError, write_files
from console.commands.stocking import stock_up
from core.audit import audit
from core.settings_files import find

LIVE_RATE = 4.0  # orders a second of the live demo: busy, and still readable


@click.command()
@click.option("--headless", is_flag=True, help="No screen: run until every order is settled, then report.")
@click.option(
    "--orders", type=click.IntRange(0, 1_000_000), default=None, help="How many orders (headless: 500; live: no end)."
)
@click.option(
    "--rate", type=click.FloatRange(0, 10_000), default=None, help="Orders a second; 0 = as fast as buyers can."
)
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed plays the same buyers.")
@click.option(
    "--late",
    type=click.FloatRange(1, 600),
    default=20.0,
    show_default=True,
    help="Seconds within which a buyer is done.",
)
@click.option(
    "--faults",
    type=click.Choice(["none", "chaos"]),
    default="none",
    show_default=True,
    help="chaos: broken networks, and the core killed again and again.",
)
@click.option(
    "--replay",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A table of real purchases: customer date items dollars.",
)
@click.option(
    "--platforms",
    default=None,
    help="Comma-separated words, or all; default: Taobao, Pinduoduo and the independent shop.",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to work; kept afterwards. Default: a temporary folder.",
)
@click.option(
    "--language",
    type=click.Choice(["zh_CN", "en"]),
    default=None,
    help="Language of the desk and of messages to buyers.",
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on the last line.")
def demo_command(**given: Any) -> int:
    """The practice world with a core of its own on a fresh database; nothing real is touched.

    With a terminal it opens the desk on live orders; leaving the desk ends the demo. Without one it runs headless:
    every order is followed until it is settled and the world's own ledger gives the verdict. Exit code 1: an order
    was lost, a key went out twice or unpaid, or the audit found a violation.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    folder = given["folder"] or Path(tempfile.mkdtemp(prefix="keydesk-demo-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / "keydesk.db").exists():
        raise click.ClickException(
            f"{folder} holds a database already; give an empty folder, so that nothing of it is touched."
        )
    headless = given["headless"] or not terminal
    # Ended from outside, the demo still takes its world and its core along.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        return _headless(folder, given) if headless else _live(folder, given)
    except WorldError as error:
        raise click.ClickException(str(error)) from None
    finally:
        if given["folder"] is None:
            shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path, given: dict[str, Any], arguments: list[str]) -> tuple[World, Path, Path]:
    world = World(folder / "world", arguments, folder / "world.log")
    language = given["language"] or "zh_CN"
    settings = write_files(world.ready, folder, find("rules.toml"), language, _fresh(given))
    loaded = settings_of(os.fspath(settings))
    files = {name: Path(told["keys"]) for name, told in world.ready["products"].items()}
    shown = sys.stderr.isatty()

    def _progress(name: str, done: int, total: int) -> None:
        if shown:
            click.echo(f"\rkeys of {name}: {done}/{total} ", nl=done == total, err=True)

    total = asyncio.run(stock_up(loaded.database, vault_of(loaded), files, "demo", _progress))
    click.echo(f"stocked {total} keys of {len(files)} products", err=True)
    return world, settings, folder / "core.sock"


def _fresh(given: dict[str, Any]) -> int:
    """A quarter of the buyers' time; in a replay nobody asks for money back, so that news stays news all day."""
    return 86_400 if given["replay"] else max(1, min(30, int(given["late"] / 4)))


def _arguments(given: dict[str, Any], orders: int, rate: float) -> list[str]:
    made = ["--seed", str(given["seed"]), "--orders", str(orders), "--rate", str(rate), "--late", str(given["late"])]
    made += ["--faults", given["faults"]]
    made += ["--replay", os.fspath(given["replay"])] if given["replay"] else []
    made += ["--platforms", given["platforms"]] if given["platforms"] else []
    return made


def _headless(folder: Path, given: dict[str, Any]) -> int:
    orders = 500 if given["orders"] is None else given["orders"]
    arguments = _arguments(given, orders, given["rate"] or 0.0)
    world, settings, socket = _prepare(folder, given, arguments)
    chaos = given["faults"] == "chaos"
    keeper = CoreKeeper(settings, socket, folder / "core.log", chaos)
    director = Director(world, keeper, given["seed"], chaos, lambda text: click.echo(text, err=True))
    try:
        seconds = director.run()
        result = director.verdict(seconds)
        result["rss_mb"] = {
            "core": round(max(keeper.peak_rss_kb, 0) / 1024),
            "world": round(peak_rss_kb(world.process.pid) / 1024),
        }
        assert keeper.process is not None
        spent = {"core": cpu_seconds(keeper.process.pid), "world": cpu_seconds(world.process.pid)}
        result["cpu_ms_per_order"] = {
            name: round(cpu * 1000 / max(result["delivered"], 1), 2) for name, cpu in spent.items()
        }
        keeper.stop()
        report = audit(folder / "keydesk.db")
        if given["replay"]:
            row = query(folder / "keydesk.db", "SELECT count(*) FROM orders WHERE tag = 'VIP'")
            result["vip_ranked"] = int(row[0])
        result["audit_violations"] = sum(1 for finding in report.findings if finding.severity == "violation")
    finally:
        keeper.stop()
        world.stop()
    bad = _complaints(result, chaos)
    result["ok"] = not bad
    if given["as_json"]:
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        for key, value in result.items():
            click.echo(f"{key:>18}  {value}")
    for line in bad:
        click.echo(f"not good: {line}", err=True)
    return 1 if bad else 0


def _complaints(result: dict[str, Any], chaos: bool) -> list[str]:
    zeros = ("lost", "keys_sent_twice", "sent_unpaid", "oversold", "audit_violations", "core_crashes")
    bad = [f"{key} = {result[key]}" for key in zeros if result[key]]
    if chaos and result["orders"] >= 5000:
        bad += [f"fault {kind} never fired" for kind, n in result["faults_fired"].items() if not n]
        if result["core_kills"] < 12:
            bad.append(f"only {result['core_kills']} kills of the core")
    return bad


def _live(folder: Path, given: dict[str, Any]) -> int:
    orders = 0 if given["orders"] is None else given["orders"]
    rate = LIVE_RATE if given["rate"] is None and not orders else given["rate"] or 0.0
    click.echo("starting the practice world and a core of its own ...", err=True)
    world, settings, socket = _prepare(folder, given, _arguments(given, orders, rate))
    keeper = CoreKeeper(settings, socket, folder / "core.log", False)
    try:
        keeper.start()
        world.post("begin")
        options = ["--socket", os.fspath(socket), "--view", "recent"] + (
            ["--language", given["language"]] if given["language"] else []
        )
        # The console runs as a child so that a crash of the screen cannot leave world and core behind.
        return subprocess.run([sys.executable, "-P", "-m", "console.cli", *options], check=False).returncode
    finally:
        keeper.stop()
        world.stop()
