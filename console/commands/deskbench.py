"""``keydesk bench desk``: key to changed row on the desk over a long, changing queue, against an empty Textual app."""

import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from console import sockets
from core.bench.merchant import build

PRESSES = ["down"] * 20 + ["up"] * 20
GAP_S = 0.09


def _row(screen: Any) -> object:
    """Where the highlighted row stands and the order it shows; None before there is one."""
    for y in range(3, screen.lines - 4):
        line = screen.buffer[y]
        # The row above the highlighted one differs from it too, but not from the row below it.
        others = {"default", screen.buffer[y + 1][3].bg, screen.buffer[y + 2][3].bg}
        if line[3].bg not in others and line[3].data.strip():
            text = "".join(line[x].data for x in range(22))
            if re.search(r"\d{8}", text):
                return (y, text)
    return None


def _count(screen: Any) -> object:
    found = re.search(r"count=(-?\d+)", screen.display[0])
    return found[1] if found else None


def measure(folder: Path, rounds: int, orders: int, changes: int) -> dict[str, Any]:
    """Interleaved rounds of floor and desk; medians over all key presses."""
    try:
        from console.commands import pty_meter as meter
    except ImportError:
        raise click.ClickException(
            "bench desk needs pyte, which comes with the development install: make setup"
        ) from None
    database = folder / "desk.db"
    build(database, orders * 2)  # half of them are unfinished
    floor_command = [sys.executable, "-P", "-m", "console.commands.floor_app"]
    desk_times: list[float] = []
    floor_times: list[float] = []
    desk_starts, floor_starts, live, idle, memory = [], [], [], [], []
    for round_ in range(rounds):
        floor = meter.record(floor_command, rb"ready", PRESSES, GAP_S, 0.5)
        floor_times += meter.latencies(floor, _count)
        floor_starts.append(meter.first_shown(floor, _count))
        for rate in (changes, 0) if round_ == 0 else (changes,):
            with _Core(folder, database, rate) as socket:
                command = [sys.executable, "-P", "-m", "console.cli", "--socket", os.fspath(socket)]
                desk = meter.record(command, rb"0{6}", PRESSES if rate == changes else [], GAP_S, 4.0)
            if rate == changes:
                desk_times += meter.latencies(desk, _row)
                desk_starts.append(meter.first_shown(desk, _row))
                live.append(meter.bytes_per_second(desk))
                memory.append(desk.rss_kb / 1024)
            if rate == 0:
                idle.append(meter.bytes_per_second(desk))
    result: dict[str, Any] = {"orders_in_queue": orders, "changes_per_second": changes, "keys": len(desk_times)}
    for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99)):
        desk_ms, floor_ms = _share(desk_times, share), _share(floor_times, share)
        result |= {f"{name}_ms": round(desk_ms, 2), f"floor_{name}_ms": round(floor_ms, 2)}
        result[f"{name}_ratio"] = round(desk_ms / floor_ms, 2)
    result["bytes_per_s"] = round(statistics.median(live))
    result["idle_bytes_per_s"] = round(statistics.median(idle)) if idle else None
    result["rss_mb"] = round(max(memory), 1)
    result["start_s"] = round(statistics.median(desk_starts), 3)
    result["start_ratio"] = round(statistics.median(desk_starts) / statistics.median(floor_starts), 2)
    return result


def _share(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class _Core:
    """The bench's own core on the made database."""

    def __init__(self, folder: Path, database: Path, changes: int) -> None:
        self.socket = folder / "s"
        self._command = [sys.executable, "-P", "-m", "console.commands.deskcore", os.fspath(database)]
        self._command += [os.fspath(self.socket), str(changes)]

    def __enter__(self) -> Path:
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not sockets.answers(self.socket, 0.2):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise click.ClickException("the bench's core did not start")
            time.sleep(0.05)
        time.sleep(0.5)  # let the generator find its pace before anything is measured
        return self.socket

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
