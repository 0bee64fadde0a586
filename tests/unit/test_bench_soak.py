"""The soak's judgement: slopes that wild values do not move, what a process holds, and a short run of the whole of it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.commands.benches.goals import missed
from console.commands.benches.growth import HOUR_S, Growth, Held, held, slope

LEAK = """
import os, sys, time
kept = []
while True:
    kept.append(bytearray(os.urandom(256 * 1024)))
    kept.append(open(os.devnull))
    print(len(kept), flush=True)
    time.sleep(0.02)
"""


def test_the_slope_is_an_hours_and_wild_values_do_not_move_it() -> None:
    steady = [(10.0 * n, 40.0 + 0.01 * n) for n in range(90)]
    assert slope(steady) == pytest.approx(0.001 * HOUR_S)
    wild = [(at, value + (25.0 if n % 4 == 0 else 0.0)) for n, (at, value) in enumerate(steady)]
    assert slope(wild) == pytest.approx(0.001 * HOUR_S, rel=0.2)
    assert slope([(1.0, 5.0)]) == 0.0
    assert slope([]) == 0.0


def test_what_a_process_holds_is_read() -> None:
    before = held(os.getpid())
    with Path(os.devnull).open():
        now = held(os.getpid())
    assert now.fds == before.fds + 1
    assert 5 < before.own_mb <= before.rss_mb
    assert before.threads >= 1
    with pytest.raises(OSError, match="No such file"):
        held(2**22 + 1)


def test_a_program_that_leaks_is_found() -> None:
    with subprocess.Popen([sys.executable, "-c", LEAK], stdout=subprocess.PIPE) as leaky:
        try:
            assert leaky.stdout is not None
            growth, begun = Growth(leaky.pid), time.monotonic()
            for _ in range(12):
                for _ in range(4):
                    leaky.stdout.readline()
                growth.sample(time.monotonic() - begun)
        finally:
            leaky.kill()
    assert growth.per_hour("own_mb", 0.1) > 1000
    assert growth.rise("fds", 0.1) > 10


def test_the_warm_up_is_left_out() -> None:
    growth = Growth(os.getpid())
    growth.samples = [(n, Held(10.0 * min(n, 5), 10.0 * min(n, 5), 9, 3)) for n in range(40)]
    assert slope([(at, one.rss_mb) for at, one in growth.samples[:6]]) > 0
    assert growth.per_hour("rss_mb", 6) == 0
    assert growth.rise("rss_mb", 6) == 0


def test_growth_and_silence_fail_the_soak() -> None:
    good = {f"{name}_{what}_more": 0 for name in ("console", "core") for what in ("fds", "threads")}
    good |= {"console_growth_mb_per_h": 0.5, "core_growth_mb_per_h": 3.0, "unanswered": 0, "bytes_per_s": 90_000}
    assert missed("soak", good) == []
    for name, value in (
        ("console_growth_mb_per_h", 30.0),
        ("core_growth_mb_per_h", 90.0),
        ("unanswered", 1),
        ("core_fds_more", 9),
    ):
        assert missed("soak", good | {name: value}) == [name]


def test_a_short_run(tmp_path: Path) -> None:
    """A real console on a real core, changes and a scripted operator, for 20 seconds."""
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "s"), "XDG_CONFIG_HOME": str(tmp_path / "c")}
    command = [
        sys.executable,
        "-P",
        "-m",
        "console.cli",
        "bench",
        "soak",
        "--minutes",
        "0.33",
        "--orders",
        "2000",
        "--rate",
        "200",
    ]
    done = subprocess.run(
        [*command, "--dir", str(tmp_path), "--json"], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["missed"] == [], done.stderr
    assert done.returncode == 0
    assert found["judged"] is False, "20 seconds say nothing about an hour"
    assert found["answers"] > 15
    assert found["samples"] >= 6
    assert 20 < found["console_own_mb"] < 200
    assert found["core_fds_per_h"] is not None
    assert "min  console" in done.stderr
    assert not list(tmp_path.glob("bench-*")), "its folder is removed"
