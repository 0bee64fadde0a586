"""A latency meter for programs on a terminal: it records first and looks afterwards.

While the program runs, its raw output is only time-stamped; a terminal emulator (pyte) reads it later, so that the
emulator's own cost delays nothing. Keys go out open-loop, at jittered times that do not wait for answers, as from a
person who leans on a key. A change inside a synchronized update (DEC mode 2026) counts when the update ends.
"""

import codecs
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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

COLUMNS, LINES = 160, 48
KEYS = {"down": (b"\x1b[B", 1), "up": (b"\x1b[A", -1)}
_SYNC = re.compile(r"\x1b\[\?2026([hl])")
# What pyte takes for something else or prints: private modes with other markers, key protocols, strings.
_ALIEN = re.compile(r"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*(?:\$p|u)|\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-9;:<=>?$]*|[\]P][^\x07\x1b]*\x1b?)?$")
_ASKS_SYNC = b"\x1b[?2026$p"

Probe = Callable[["Replay"], int | None]  # the number that keys move, None while it cannot be told
LEFT = 60  # columns of a line that probes look at


class Pressed(NamedTuple):
    """A key: when (perf_counter seconds), and by how much it moves the number."""

    at: float
    step: int


class Terminal:
    """A program in a pty of 160x48, 256 colours; everything it writes is kept with its time."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.chunks: list[tuple[float, bytes]] = []
        self._asked = b""
        self.begun = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(command[0], list(command), dict(env))  # noqa: S606 - the caller's fixed list
            finally:
                os._exit(127)
        self.resize(COLUMNS, LINES)

    def read(self, seconds: float) -> bool:
        """Take what comes within this time. False: the program is gone."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            if not select.select([self._fd], [], [], left)[0]:
                continue
            try:
                data = os.read(self._fd, 65_536)
            except OSError:
                return False
            if not data:
                return False
            self.chunks.append((time.perf_counter(), data))
            self._asked = (self._asked + data)[-4096:] if len(self.chunks) < 50 else b""
            if _ASKS_SYNC in self._asked:
                os.write(self._fd, b"\x1b[?2026;2$y")
                self._asked = b""
        return True

    def press(self, keys: Sequence[str], interval: float, jitter: float, seed: int) -> list[Pressed]:
        """Send keys ``interval`` to ``interval + jitter`` seconds apart, whatever the program does meanwhile."""
        rng, sent = random.Random(seed), []
        for key in keys:
            code, step = KEYS[key]
            sent.append(Pressed(time.perf_counter(), step))
            os.write(self._fd, code)
            self.read(interval + rng.random() * jitter)
        return sent

    def type(self, text: str) -> None:
        """Send plain characters."""
        os.write(self._fd, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Another size of the window; the program is told by a signal, as a terminal does it."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def take(self) -> list[bytes]:
        """What was written since the last take; it is kept no longer."""
        taken = [data for _, data in self.chunks]
        self.chunks.clear()
        return taken

    def since(self, start: float) -> int:
        """Bytes written after ``start``."""
        return sum(len(data) for at, data in self.chunks if at > start)

    def peak_mb(self, pid: int = 0) -> float:
        """Peak resident memory of the program, or of process ``pid``."""
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid or self.pid}/status").read_text("utf-8"))
        return int(found[1]) / 1024 if found else 0.0

    def close(self) -> None:
        """End the program: SIGTERM, after three seconds SIGKILL."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                break
            until = time.monotonic() + 3
            while time.monotonic() < until:
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    os.close(self._fd)
                    return
                self.read(0.02)
        os.close(self._fd)


class Replay:
    """Reads recorded output as a terminal would."""

    def __init__(self) -> None:
        import pyte  # a developer's tool: only this bench needs it

        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.Stream(self._screen)
        self._texts: dict[int, str] = {}
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._held = ""
        self.in_sync = False

    def feed(self, data: bytes) -> None:
        """Take one chunk; a sequence that is cut at its end waits for the next one."""
        text = self._held + self._decode(data)
        cut = _UNFINISHED.search(text)
        self._held, text = (text[cut.start() :], text[: cut.start()]) if cut else ("", text)
        for found in _SYNC.finditer(text):
            self.in_sync = found[1] == "h"
        self._stream.feed(_ALIEN.sub("", text))
        for y in self._screen.dirty:
            self._texts.pop(y, None)
        self._screen.dirty.clear()

    def text(self, y: int) -> str:
        """The left part of a line, one character a cell (the second cell of a wide one is a blank)."""
        found = self._texts.get(y)
        if found is None:
            row = self._screen.buffer[y]
            found = self._texts[y] = "".join(row[x].data or " " for x in range(LEFT))
        return found

    def resize(self, columns: int, lines: int) -> None:
        """The window has another size; the program is about to draw all of it."""
        self._screen.resize(lines, columns)
        self._texts.clear()

    def background(self, y: int, x: int) -> str:
        """The background colour of a cell, as pyte names it."""
        return str(self._screen.buffer[y][x].bg)

    def whole(self) -> str:
        """The screen as text, without blank lines. pyte's own ``display`` fails on half a wide character."""
        screen = self._screen
        lines = ("".join(screen.buffer[y][x].data for x in range(screen.columns)) for y in range(screen.lines))
        return "\n".join(line.rstrip() for line in lines if line.strip())


class Watch:
    """Follows a recording: ``until_ready`` while it runs, ``answers`` when it is over."""

    def __init__(self, terminal: Terminal, probe: Probe) -> None:
        self._terminal, self._probe, self._replay, self._seen = terminal, probe, Replay(), 0

    def until_ready(self, seconds: float) -> float:
        """Seconds from the start until the probe finds its number. Raises RuntimeError with the screen."""
        while time.perf_counter() < self._terminal.begun + seconds:
            alive = self._terminal.read(0.02)
            while self._seen < len(self._terminal.chunks):
                at = self._next()
                if self._probe(self._replay) is not None:
                    return at - self._terminal.begun
            if not alive:
                break
        raise RuntimeError(f"the program did not come up in {seconds:.0f} s; its screen:\n{self._replay.whole()}")

    def _next(self) -> float:
        at, data = self._terminal.chunks[self._seen]
        self._seen += 1
        self._replay.feed(data)
        return at

    def answers(self, sent: Sequence[Pressed]) -> tuple[list[float], int]:
        """(milliseconds from each key to its number on the screen, keys that got none)."""
        chunks = self._terminal.chunks
        while self._seen < len(chunks) and chunks[self._seen][0] <= sent[0].at:
            self._next()
        value = self._probe(self._replay)
        if value is None:
            raise RuntimeError("the number that keys move is not on the screen")
        book = Answers(sent, value)
        while self._seen < len(chunks):
            at = self._next()
            now = self._probe(self._replay)
            if not self._replay.in_sync and now is not None:
                book.shows(now, at)
        return book.took, book.lost


class Answers:
    """Which key a changed number answers. Each key has its own target, so that joined paints are told apart."""

    def __init__(self, sent: Sequence[Pressed], value: int) -> None:
        self._sent, self._value = sent, value
        self._targets: list[int] = []
        for key in sent:
            value += key.step
            self._targets.append(value)
        self._front, self._shift = 0, 0
        self.took: list[float] = []

    @property
    def lost(self) -> int:
        """Keys without an answer."""
        return len(self._sent) - len(self.took)

    def shows(self, value: int, at: float) -> None:
        """The screen showed this number from then on."""
        if value == self._value:
            return
        open_ = [i for i in range(self._front, len(self._sent)) if self._sent[i].at < at]
        hit = next((i for i in open_ if self._targets[i] + self._shift == value), None)
        if hit is None:
            self._shift += value - self._value  # the data moved it, not a key
        else:
            self.took += [(at - self._sent[i].at) * 1000 for i in range(self._front, hit + 1)]
            self._front = hit + 1
        self._value = value


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie, between neighbours in proportion."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
