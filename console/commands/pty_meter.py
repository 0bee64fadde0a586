"""Measures a terminal program from outside: keys go into its pty on a clock of their own, output is time-stamped.

The emulator runs only afterwards, over the recording, so that its own cost delays no reading.
"""

import fcntl
import os
import pty
import random
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable
from typing import NamedTuple

import pyte

ROWS, COLUMNS = 48, 160
KEYS = {"down": b"\x1b[B", "up": b"\x1b[A"}
Track = Callable[[pyte.Screen], object]


class Recording(NamedTuple):
    """What was seen: chunks (time, bytes), keys (time, name), start, and the program's peak memory in kB."""

    chunks: list[tuple[float, bytes]]
    keys: list[tuple[float, str]]
    began: float
    quiet: tuple[float, float]  # a stretch without keys
    rss_kb: int


def record(command: list[str], ready: bytes, keys: list[str], gap: float, quiet: float) -> Recording:
    """Run ``command`` at 160x48; after ``ready`` was seen be quiet for ``quiet`` seconds, then press ``keys``."""
    began = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES=str(ROWS))
        os.environ.pop("NO_COLOR", None)
        os.execvp(command[0], command)  # noqa: S606 - a fixed command of ours
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    chunks: list[tuple[float, bytes]] = []
    sent: list[tuple[float, str]] = []
    try:
        _wait_for(fd, ready, chunks)
        _read_until(fd, time.perf_counter() + 1.5, chunks)
        start = time.perf_counter()
        _read_until(fd, start + quiet, chunks)
        end = time.perf_counter()
        for key in keys:
            sent.append((time.perf_counter(), key))
            os.write(fd, KEYS[key])
            _read_until(fd, sent[-1][0] + gap * random.uniform(0.7, 1.3), chunks)
        _read_until(fd, time.perf_counter() + 0.5, chunks)
        rss = _peak(pid)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
    return Recording(chunks, sent, began, (start, end), rss)


def _wait_for(fd: int, ready: bytes, chunks: list[tuple[float, bytes]]) -> None:
    deadline = time.perf_counter() + 30
    seen = b""
    while time.perf_counter() < deadline:
        _read_until(fd, time.perf_counter() + 0.05, chunks)
        seen = b"".join(data for _, data in chunks)
        if re.search(ready, seen):
            return
    raise RuntimeError(f"the program never showed {ready!r}")


def _read_until(fd: int, deadline: float, chunks: list[tuple[float, bytes]]) -> None:
    while (left := deadline - time.perf_counter()) > 0:
        if select.select([fd], [], [], left)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                raise RuntimeError("the program ended") from None
            chunks.append((time.perf_counter(), data))


def _peak(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def latencies(seen: Recording, track: Track) -> list[float]:
    """Milliseconds from each key to the first output after which the tracked part of the screen differs."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    states: list[tuple[float, object]] = []
    for at, data in seen.chunks:
        stream.feed(data)
        state = track(screen)
        if not states or states[-1][1] != state:
            states.append((at, state))
    found: list[float] = []
    index = 0
    for at, _ in seen.keys:
        while index < len(states) and states[index][0] <= at:
            index += 1
        if index < len(states):
            found.append((states[index][0] - at) * 1000)
            index += 1
    return found


def first_shown(seen: Recording, track: Track) -> float:
    """Seconds from the start to the first output with which the tracked part is there (not None)."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    for at, data in seen.chunks:
        stream.feed(data)
        if track(screen) is not None:
            return at - seen.began
    raise RuntimeError("never shown")


def bytes_per_second(seen: Recording) -> float:
    """Output during the stretch without keys."""
    start, end = seen.quiet
    return sum(len(data) for at, data in seen.chunks if start <= at < end) / (end - start)
