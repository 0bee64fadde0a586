"""``keydesk bench soak``: a console on a live core for a long time, under a scripted operator: does anything grow?"""

import importlib.util
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from console.commands.benches.growth import Growth
from console.commands.benches.operator_hand import Hand
from console.commands.benches.pty_meter import Terminal
from console.commands.benches.stage import READY_S, desk_command, live_core, plain_terminal, tail
from core.bench.merchant import build

EVERY_S = 10.0
WARM_SHARE, WARM_MOST_S = (
    1 / 3,
    600.0,
)  # every screen opened at its fullest, the core's caches filled, freed memory in reuse
JUDGED_FROM_S = 600.0  # settled seconds below which a slope an hour says nothing
TELL_S = 60.0
Say = Callable[[str], None]


def measure(folder: Path, orders: int, rate: int, minutes: float, say: Say) -> dict[str, Any]:
    """Runs it. Raises ClickException when console or core end on the way."""
    if importlib.util.find_spec("pyte") is None:
        raise click.ClickException("bench soak reads the terminal with pyte; install it: pip install pyte")
    say(f"made {orders:,} orders in {build(folder / 'keydesk.db', orders):.1f} s")
    with live_core(folder, rate) as (core, socket):
        terminal = Terminal(desk_command(socket), plain_terminal(folder))
        try:
            hand = Hand(terminal, seed=7)
            if not hand.until(lambda screen: "backlog" in screen and "KD" in screen, READY_S):
                raise click.ClickException(f"the console did not come up; the core: {tail(folder)}")
            core.send_signal(signal.SIGUSR1)
            run = _Run(hand, Growth(terminal.pid), Growth(core.pid), minutes * 60, say)
            try:
                run.go()
            except (RuntimeError, OSError) as error:
                raise click.ClickException(f"{error}\nthe core's log: {tail(folder)}") from None
            return run.result() | {"orders": orders, "rate": rate, "minutes": minutes}
        finally:
            terminal.close()


class _Run:
    def __init__(self, hand: Hand, console: Growth, core: Growth, seconds: float, say: Say) -> None:
        self._hand, self._console, self._core, self._say = hand, console, core, say
        self._seconds = seconds
        self._every = min(EVERY_S, seconds / 12)
        self._warm = min(seconds * WARM_SHARE, WARM_MOST_S)

    def go(self) -> None:
        begun = time.monotonic()
        sampled = told = 0.0
        while (at := time.monotonic() - begun) < self._seconds:
            if at - sampled >= self._every or not self._console.samples:
                sampled = at
                self._console.sample(at)
                self._core.sample(at)
            if at - told >= min(TELL_S, self._every * 6):
                told = at
                self._tell(at)
            self._hand.scene()

    def _tell(self, at: float) -> None:
        console, core = self._console.samples[-1][1], self._core.samples[-1][1]
        self._say(
            f"{at / 60:5.1f} min  console {console.rss_mb:.1f} MB {console.fds} fds {console.threads} threads, "
            f"core {core.rss_mb:.1f} MB ({core.own_mb:.1f} its own) {core.fds} fds, {self._hand.bytes / at:,.0f} bytes/s, "
            f"{len(self._hand.took):,} answers, p99 {self._hand.percentile(0.99):.0f} ms, "
            f"{len(self._hand.unanswered)} unanswered"
        )

    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = {"warm_up_s": round(self._warm), "samples": len(self._console.samples)}
        for name, growth in (("console", self._console), ("core", self._core)):
            last = growth.samples[-1][1]
            found[f"{name}_rss_mb"] = round(last.rss_mb, 1)
            found[f"{name}_own_mb"] = round(last.own_mb, 1)
            for what in ("rss_mb", "own_mb", "fds", "threads"):
                found[f"{name}_{what}_per_h"] = round(growth.per_hour(what, self._warm), 2)
        found["judged"] = self._seconds - self._warm >= JUDGED_FROM_S
        for name, growth in (("console", self._console), ("core", self._core)):
            # Too short a run says nothing about an hour, and pools of connections still fill: answers alone are judged.
            found[f"{name}_growth_mb_per_h"] = found[f"{name}_own_mb_per_h"] if found["judged"] else 0.0
            for what in ("fds", "threads"):
                found[f"{name}_{what}_more"] = round(growth.rise(what, self._warm)) if found["judged"] else 0
        found |= {f"answer_{name}_ms": self._hand.percentile(share) for name, share in _SHARES}
        found |= {"answers": len(self._hand.took), "screens_opened": self._hand.screens}
        found["bytes_per_s"] = round(self._hand.bytes / self._seconds)
        found["unanswered"] = len(self._hand.unanswered)
        for one in self._hand.unanswered[:3]:
            self._say(f"unanswered: {one}")
        return found


_SHARES = (("median", 0.5), ("p95", 0.95), ("p99", 0.99), ("most", 1.0))
