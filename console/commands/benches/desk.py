"""``keydesk bench desk``: a console on a live core, against an empty Textual app, both in a terminal of 160x48.

With ``--ssh`` both run at the other end of a loopback SSH line.
"""

import importlib.util
import os
import re
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from console.commands.benches.loopback_ssh import Line, loopback
from console.commands.benches.pty_meter import LINES, Probe, Replay, Terminal, Watch, quantile
from console.commands.benches.stage import READY_S, desk_command, live_core, plain_terminal, tail
from core.bench.merchant import build

RUN = 14  # rows that the cursor goes down and up again: inside every table, so that each key has a row of its own
KEYS = (["down"] * RUN + ["up"] * RUN) * 4
INTERVAL_S, JITTER_S = 0.1, 0.05
LOOK_S = 8.0  # for bytes a second
_ORDER = re.compile(r"K[DN]\d{10}")
_COUNT = re.compile(r"count=(-?\d+);")
Say = Callable[[str], None]


def cursor_row(seen: Replay) -> int | None:
    """The line of the one queue row that is lit, None while it cannot be told."""
    places = [(y, found.start()) for y in range(LINES) if (found := _ORDER.search(seen.text(y)))]
    looks = {y: seen.background(y, x) for y, x in places}
    if len(looks) <= RUN:
        return None
    usual = Counter(looks.values()).most_common(1)[0][0]
    lit = [y for y, look in looks.items() if look != usual]
    return lit[0] if len(lit) == 1 else None


def count(seen: Replay) -> int | None:
    """The floor's number."""
    found = _COUNT.search(seen.text(0))
    return int(found[1]) if found else None


class Sample:
    """What the sessions of one program came to."""

    def __init__(self, place: "Place") -> None:
        self._place = place
        self.start: list[float] = []
        self.took: list[float] = []
        self.rss: list[float] = []
        self.live: list[float] = []
        self.keys = 0
        self.lost = 0

    def session(self, command: list[str], probe: Probe, seed: int, live: bool) -> None:
        """One start, some silence of the hand, then the keys."""
        terminal = self._place.terminal(command)
        try:
            watch = Watch(terminal, probe)
            self.start.append(watch.until_ready(READY_S))
            terminal.read(1.5)
            if live:
                begun = time.perf_counter()
                terminal.read(LOOK_S)
                self.live.append(terminal.since(begun) / (time.perf_counter() - begun))
            sent = terminal.press(KEYS, INTERVAL_S, JITTER_S, seed)
            terminal.read(1.0)
            self.rss.append(terminal.peak_mb(self._place.pid()))
        finally:
            terminal.close()
        took, lost = watch.answers(sent)
        self.took += took
        self.keys += len(sent)
        self.lost += lost


class Place:
    """Where programs are run: here, or behind an SSH line."""

    def __init__(self, folder: Path, line: Line | None) -> None:
        self._folder, self._line = folder, line

    def terminal(self, command: list[str]) -> Terminal:
        """Starts a program."""
        env = plain_terminal(self._folder)
        return Terminal(command, env) if self._line is None else Terminal(self._line.through(command, env), os.environ)

    def pid(self) -> int:
        """The process to look at, 0 for the terminal's own."""
        return self._line.pid() if self._line is not None else 0


def measure(folder: Path, orders: int, rate: int, rounds: int, say: Say, ssh: bool = False) -> dict[str, Any]:
    """Rounds of floor and console in turn; latencies of all rounds are pooled."""
    if importlib.util.find_spec("pyte") is None:
        raise click.ClickException("bench desk reads the terminal with pyte; install it: pip install pyte")
    build_s = build(folder / "keydesk.db", orders)
    say(f"made {orders:,} orders in {build_s:.1f} s")
    with ExitStack() as stack:
        core, socket = stack.enter_context(live_core(folder, rate))
        place = Place(folder, stack.enter_context(loopback(folder / "ssh")) if ssh else None)
        floor, console = Sample(place), Sample(place)
        show = desk_command(socket)
        empty = [sys.executable, "-P", "-m", "console.commands.benches.floor_app"]
        idle = _idle(place, show)
        say(f"idle: {idle:.0f} bytes/s")
        core.send_signal(signal.SIGUSR1)
        for number in range(rounds):
            turns = [(floor, empty, count, False), (console, show, cursor_row, True)]
            for sample, command, probe, live in turns if number % 2 else reversed(turns):
                sample.session(command, probe, number, live)
                if core.poll() is not None:
                    raise click.ClickException(f"the core of the bench ended: {tail(folder)}")
            say(f"round {number + 1}: floor {_ms(floor)}, console {_ms(console)}, {console.live[-1]:,.0f} bytes/s")
    return _result(floor, console, idle) | {"orders": orders, "rate": rate, "rounds": rounds, "ssh": ssh}


def _result(floor: Sample, console: Sample, idle: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99)):
        ours, theirs = quantile(console.took, share), quantile(floor.took, share)
        found |= {
            f"{name}_ms": round(ours, 2),
            f"floor_{name}_ms": round(theirs, 2),
            f"{name}_ratio": round(ours / theirs, 3),
        }
    for name, mine, base, digits in (
        ("rss", console.rss, floor.rss, 1),
        ("start", console.start, floor.start, 3),
    ):
        unit = "mb" if name == "rss" else "s"
        ours, theirs = statistics.median(mine), statistics.median(base)
        found |= {f"{name}_{unit}": round(ours, digits), f"floor_{name}_{unit}": round(theirs, digits)}
        found[f"{name}_ratio"] = round(ours / theirs, 3)
    found["bytes_per_s"] = round(statistics.median(console.live))
    found["idle_bytes_per_s"] = round(idle)
    return found | {"keys": [console.keys, floor.keys], "keys_lost": [console.lost, floor.lost]}


def _idle(place: Place, command: list[str]) -> float:
    """Bytes a second of a console while nothing changes, once it has settled."""
    terminal = place.terminal(command)
    try:
        Watch(terminal, cursor_row).until_ready(READY_S)
        terminal.read(4.0)
        begun = time.perf_counter()
        terminal.read(LOOK_S)
        return terminal.since(begun) / (time.perf_counter() - begun)
    finally:
        terminal.close()


def _ms(sample: Sample) -> str:
    if not sample.took:
        return "-"
    return f"median {quantile(sample.took, 0.5):.1f} p95 {quantile(sample.took, 0.95):.1f} p99 {quantile(sample.took, 0.99):.1f} ms"
