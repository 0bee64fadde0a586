"""What a process holds, sampled over time, and how fast that grows once it has settled."""

import os
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HOUR_S = 3600.0
MOST_PAIRS = 400  # samples that the slope is taken from: enough for 30 minutes at 10 s, and for a night at fewer


class Held(NamedTuple):
    """What a process holds at a moment."""

    rss_mb: float  # resident memory in MiB, pages of mapped files among it
    own_mb: float  # of that what is the process's own: no file lies behind it
    fds: int
    threads: int


def held(pid: int) -> Held:
    """Read from /proc. Raises OSError when the process is gone."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    figures = {name: int(value) for name, value in re.findall(r"^(VmRSS|RssAnon|Threads):\s+(\d+)", status, re.M)}
    fds = len(os.listdir(f"/proc/{pid}/fd"))
    return Held(figures["VmRSS"] / 1024, figures["RssAnon"] / 1024, fds, figures["Threads"])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Growth an hour of (seconds, value): the median of the slopes of all pairs (Theil and Sen), which a third of wild
    values does not move. 0 for fewer than two points."""
    step = max(len(points) // MOST_PAIRS, 1)
    some = points[::step]
    slopes = [
        (b[1] - a[1]) / (b[0] - a[0]) for n, a in enumerate(some) for b in some[n + 1 :] if b[0] > a[0]
    ]  # fmt: skip
    return statistics.median(slopes) * HOUR_S if slopes else 0.0


class Growth:
    """The samples of one process, those of the warm-up left out of every slope."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.samples: list[tuple[float, Held]] = []

    def sample(self, at: float) -> Held:
        """Take one at ``at`` seconds. Raises OSError when the process is gone."""
        now = held(self.pid)
        self.samples.append((at, now))
        return now

    def per_hour(self, what: str, since: float) -> float:
        """The slope of a member of ``Held``."""
        return slope([(at, float(getattr(one, what))) for at, one in self.samples if at >= since])

    def rise(self, what: str, since: float) -> float:
        """How much more the last quarter of the settled time holds than its first: medians of both."""
        settled = [float(getattr(one, what)) for at, one in self.samples if at >= since]
        part = max(len(settled) // 4, 1)
        return statistics.median(settled[-part:]) - statistics.median(settled[:part]) if settled else 0.0
