"""``keydesk bench``: each figure beside a floor that was measured in the same, interleaved run."""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from console.commands.benches.goals import missed, table

NAMES = {
    "pipeline": "All five durable stages through the writer, against raw durable inserts.",
    "intake": "A platform's page over HTTP to the order's end, and durable webhook answers, against raw inserts.",
    "queue": "A window of the queue at 1,000,000 orders, against 100,000.",
    "demo": "Paid order to delivered key through real HTTP and SMTP, against a bare loop making the same calls.",
    "desk": "Key press to changed row in a real terminal, live, against an empty Textual app.",
    "batch": "One act on 10,000 orders, against bare durable changes, and what another console feels of it.",
    "soak": "A console under a scripted operator for half an hour: memory, open files, answers.",
}
MEMORY = ("tmpfs", "ramfs")


@click.command()
@click.argument("name", required=False, type=click.Choice(list(NAMES)))
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on the last line.")
@click.option("--rounds", type=click.IntRange(1, 100), default=None, help="Interleaved rounds; the median counts.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where temporary databases go (removed afterwards); a real disk. Default: the user's cache.",
)
@click.option(
    "--orders", type=click.IntRange(1000, 1_000_000), default=None, help="demo, desk, batch, soak: how many orders."
)
@click.option(
    "--rate", type=click.IntRange(0, 5000), default=1000, show_default=True, help="desk, soak: changes a second."
)
@click.option("--ssh", is_flag=True, help="desk: through a loopback SSH line (needs openssh-server).")
@click.option("--minutes", type=click.FloatRange(0.1, 1440), default=30, show_default=True, help="soak: how long.")
def bench_command(**given: Any) -> int:
    """Run one benchmark; without a name, list them. Exit code 1: below a goal that must hold."""
    name: str | None = given["name"]
    if name is None:
        for one, what in NAMES.items():
            click.echo(f"{one:<10}{what}")
        return 0
    parent = given["folder"] or _cache()
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = _filesystem(parent)
    if kind in MEMORY:
        raise click.ClickException(f"{parent} lies in memory ({kind}); durable writes cost nothing there. Give --dir.")
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=parent))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        found = _RUN[name](folder, given)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = {"bench": name, "cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 2), **found}
    below = found["missed"] = missed(name, found)
    click.echo(json.dumps(found, ensure_ascii=False) if given["as_json"] else table(name, found))
    return 1 if below else 0


def _pipeline(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    from core.bench.pipeline import measure
    from core.rules.rulefile import load_rules
    from core.settings_files import find

    return asyncio.run(measure(folder, load_rules(find("rules.toml")), given["rounds"] or 5))


def _intake(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    from console.commands.benches.intake import measure
    from core.rules.rulefile import load_rules
    from core.settings_files import find

    return measure(folder, load_rules(find("rules.toml")), given["rounds"] or 5, _say)


def _queue(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    from core.bench.queue import measure

    return asyncio.run(measure(folder, given["rounds"] or 5))


def _demo(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    from console.commands.benches.demo import measure

    return measure(folder, given["orders"] or 3000, given["rounds"] or 3, _say)


def _desk(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    from console.commands.benches.desk import measure

    return measure(folder, given["orders"] or 1_000_000, given["rate"], given["rounds"] or 5, _say, given["ssh"])


def _batch(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    from console.commands.benches.batch import measure

    return measure(folder, given["orders"] or 100_000, given["rounds"] or 5, _say)


def _soak(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    from console.commands.benches.soak import measure

    return measure(folder, given["orders"] or 100_000, given["rate"], given["minutes"], _say)


_RUN: dict[str, Callable[[Path, dict[str, Any]], dict[str, Any]]] = {
    "pipeline": _pipeline,
    "intake": _intake,
    "queue": _queue,
    "demo": _demo,
    "desk": _desk,
    "batch": _batch,
    "soak": _soak,
}


def _say(text: str) -> None:
    click.echo(text, err=True)


def _cache() -> Path:
    told = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(told) if told.startswith("/") else Path.home() / ".cache") / "keydesk"


def _filesystem(folder: Path) -> str:
    """The type of the file system that ``folder`` lies on, "" when the system does not say."""
    real, best, kind = os.path.realpath(folder), "", ""
    try:
        mounts = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in mounts:
        _, where, what, *_ = line.split(" ")
        inside = where == "/" or real == where or real.startswith(where + "/")
        if inside and len(where) >= len(best):
            best, kind = where, what
    return kind
