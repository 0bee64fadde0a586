"""Runs a headless practice: keeps the core alive, aims the kills, waits until every order is settled, judges."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from console import sockets
from console.commands.calls import CallError, Core
from console.commands.demo.world import World, wait_gone
from core.private_files import open_log, tail_since

POINTS = ("before_send", "in_flight", "after_acted", "before_record")
PATIENCE_S = 180.0  # without any progress for so long, what is left is called stuck
Say = Callable[[str], None]


class CoreKeeper:
    """The core process of a practice: starts it, notices its death, starts it again."""

    def __init__(self, settings: Path, socket: Path, log: Path, faultpoints: bool) -> None:
        self.settings, self.socket, self.log = settings, socket, log
        self._env = os.environ | ({"KEYDESK_FAULTPOINTS": "1"} if faultpoints else {})
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.killed = 0
        self.crashed = 0
        self.peak_rss_kb = 0

    def start(self) -> None:
        """Start the core and wait until it answers. Raises CallError with the log's tail."""
        command = [sys.executable, "-P", "-m", "console.cli", "core", "--settings", os.fspath(self.settings)]
        with open_log(self.log) as out:
            start = os.fstat(out.fileno()).st_size
            self.process = subprocess.Popen(
                [*command, "--socket", os.fspath(self.socket)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._env,
                start_new_session=True,
            )
        self.starts += 1
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self._count_end()
                if self.process.returncode != -signal.SIGKILL:
                    tail = tail_since(self.log, start, 6)
                    raise CallError("core", f"The core did not start:\n  {tail}")
                return
            if sockets.answers(self.socket, 0.2):
                return
            time.sleep(0.02)
        raise CallError("core", f"The core did not answer within 60 s; its log is {self.log}")

    def alive(self) -> bool:
        """Whether it runs; counts how it ended if not."""
        assert self.process is not None
        if self.process.poll() is None:
            self._measure()
            return True
        self._count_end()
        return False

    def _count_end(self) -> None:
        assert self.process is not None
        if self.process.returncode == -signal.SIGKILL:
            self.killed += 1
        else:
            self.crashed += 1

    def _measure(self) -> None:
        assert self.process is not None
        self.peak_rss_kb = max(self.peak_rss_kb, peak_rss_kb(self.process.pid))

    def stop(self) -> None:
        """End it gracefully."""
        if self.process is not None and self.process.poll() is None:
            self._measure()
            self.process.send_signal(signal.SIGTERM)
            if not wait_gone(self.process, 20):
                self.process.kill()
                self.process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_rss_kb(pid: int) -> int:
    """Peak resident memory of a process in kB, 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


class Director:
    """One practice from the first order to the verdict."""

    def __init__(self, world: World, keeper: CoreKeeper, seed: int, kills: bool, say: Say) -> None:
        self.world, self.keeper, self.say = world, keeper, say
        self.core = Core(os.fspath(keeper.socket), timeout=120)
        self._random = random.Random(seed)
        self._kills, self._aimed, self._turn = kills, 0, 0
        self.settlement: dict[tuple[str, str], dict[str, Any]] = {}
        self._rates: list[tuple[float, int]] = []

    def run(self) -> float:
        """Until every order of the ledger is settled or nothing moves any more. Returns the seconds it took."""
        self.keeper.start()
        self._tell_pid()
        self.world.post("begin")
        begun = time.monotonic()
        last_moved, last_seen = begun, ""
        pause = 1.0
        while True:
            time.sleep(pause)
            if not self.keeper.alive():
                self.keeper.start()
                self._tell_pid()
            state = self.world.get("state")
            if self._kills and not state["buyers_done"]:
                self._aim(int(state["ledger_events"]))
            try:
                took = time.monotonic()
                counters = self.core.get("/v1/counters")
                busy = self._busy(counters)
                if state["buyers_done"]:
                    self.settlement = self._read_settlement()
                    busy = len(self._unsettled(int(state["orders_created"])))
                pause = min(max(0.5, (time.monotonic() - took) * 4), 10.0)
            except CallError:
                continue  # the core was just killed; the next round starts it again
            self._rates.append((time.monotonic(), self._gone_out(counters)))
            shown = f"{state['orders_created']} placed, {counters['stages'].get('delivered', 0)} delivered, {busy} open"
            moved = f"{state['ledger_events']} {busy} {counters['seq']}"
            if moved != last_seen:
                last_moved, last_seen = time.monotonic(), moved
                self.say(shown)
            if state["buyers_done"] and busy == 0:
                break
            if time.monotonic() - last_moved > PATIENCE_S:
                self.say(f"nothing moved for {PATIENCE_S:.0f} s; {busy} orders are not settled")
                break
        if self._kills:
            self.world.post("core", pid=0)
        return time.monotonic() - begun

    def _tell_pid(self) -> None:
        assert self.keeper.process is not None
        self.world.post("core", pid=self.keeper.process.pid if self._kills else 0)

    def _aim(self, events: int) -> None:
        """One kill is armed at a time: after 200-400 further ledger events, at each of the four points in turn."""
        shown = self.world.get("kill")
        fired = sum(int(n) for n in shown.get("fired", {}).values())
        if fired >= self._aimed:
            point = POINTS[self._turn % len(POINTS)]
            self._turn += 1
            self._aimed += 1
            self.world.post("kill", point=point, after_events=self._random.randint(200, 400))

    def _gone_out(self, counters: dict[str, Any]) -> int:
        return sum(int(counters["stages"].get(name, 0)) for name in ("delivered", "closed"))

    def delivered_per_second(self) -> float:
        """The rate while there was plenty to do: from the first sample to the one with four fifths of all deliveries."""
        if len(self._rates) < 3:
            return 0.0
        (begun, first), most = self._rates[0], max(n for _, n in self._rates)
        at, count = next((t, n) for t, n in self._rates if n >= most * 0.8)
        return (count - first) / (at - begun) if at > begun else 0.0

    def _busy(self, counters: dict[str, Any]) -> int:
        stages = counters["stages"]
        return sum(int(stages.get(name, 0)) for name in ("received", "open", "allocated", "delivering"))

    def _read_settlement(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(line["shop"], line["ext_id"]): line for line in self.core.lines("GET", "/v1/settlement")}

    def _unsettled(self, created: int) -> list[Any]:
        open_ = [line for line in self.settlement.values() if not line["settled"]]
        missing = created - len(self.settlement)
        return open_ + [None] * max(missing, 0)

    def verdict(self, seconds: float) -> dict[str, Any]:
        """The result object, from the world's ledger and the core's settlement."""
        report = self.world.get("report")
        by_order = report.pop("by_order")
        settlement = self.settlement = self._read_settlement()
        kinds: Counter[str] = Counter()
        outcome: Counter[str] = Counter()
        stuck: list[str] = []
        lost = 0
        shops: dict[str, Counter[str]] = {}
        for shop, ext_id, *_ in by_order:
            line = settlement.get((shop, ext_id))
            count = shops.setdefault(shop, Counter({"orders": 0, "delivered": 0}))
            count["orders"] += 1
            count["lost" if line is None or not line["settled"] else line["as"]] += 1
            if line is None or not line["settled"] or "other" in line["kinds"]:
                lost += 1
                stuck.append(f"{shop}/{ext_id}: {'never seen' if line is None else line.get('stage', '?')}")
                continue
            outcome[line["as"]] += 1
            if line["as"] == "parked":
                kinds.update(line["kinds"])
        delivered = outcome["delivered"]
        return {
            "orders": report["orders"],
            "settled": report["orders"] - lost,
            "delivered": delivered,
            "closed_unpaid": outcome["closed_unpaid"],
            "refunded": outcome["refunded"],
            "refused_zero": outcome["refused"],
            "parked": dict(sorted(kinds.items())),
            "parked_orders": outcome["parked"],
            "lost": lost,
            "stuck": stuck[:10],
            "keys_sent_twice": report["keys_sent_twice"],
            "sent_unpaid": report["sent_unpaid"],
            "oversold": report["oversold"],
            "shops": {shop: dict(count) for shop, count in sorted(shops.items())},
            "sends": report["sends"],
            "repeats": report.get("repeats", 0),
            "faults_fired": report["faults_fired"],
            "core_kills": self.keeper.killed,
            "kill_points": report.get("kills", {}),
            "core_crashes": self.keeper.crashed,
            "restarts": self.keeper.starts - 1,
            "seconds": round(seconds, 1),
            "delivered_per_second": round(self.delivered_per_second(), 1),
            "orders_per_second": round(delivered / seconds, 1) if seconds else 0.0,
        }
