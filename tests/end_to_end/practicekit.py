"""Real processes for tests that cross the rooms: the keydesk command, a practice world, a core on it, a clean place."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from console import sockets
from console.commands.calls import CallError, Core
from console.commands.compose import settings_of, vault_of
from console.commands.demo.world import World, write_files
from console.commands.stocking import stock_up

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
KEYDESK = [sys.executable, "-P", "-m", "console.cli"]


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder with a short name, because a socket's path has little room."""
    folder = Path(tempfile.mkdtemp(prefix="kd-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a person whose home is ``home`` and who has set nothing."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("KEYDESK_", "XDG_", "TEXTUAL_", "COV_"))}
    return bare | {"HOME": os.fspath(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", **more}


def keydesk(
    home: Path, *arguments: str, timeout: float = 60, given: str = "", **env: str
) -> "subprocess.CompletedProcess[str]":
    """One keydesk command to its end, with its output."""
    return subprocess.run(
        [*KEYDESK, *arguments], cwd=home, env=environment(home, **env), input=given, text=True, capture_output=True,
        timeout=timeout, check=False,
    )  # fmt: skip


def last_object(text: str) -> dict[str, Any]:
    """The JSON object of the last line."""
    made: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
    return made


def until(probe: Callable[[], T], seconds: float = 30, what: str = "it") -> T:
    """Ask until the answer is true-ish; a core that does not answer at the moment counts as no."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(CallError):
            if found := probe():
                return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about in {seconds:.0f} s")


class CoreProcess:
    """A ``keydesk core`` of ours, started and watched from outside."""

    def __init__(self, folder: Path, settings: Path, log: str = "core.log") -> None:
        self.folder, self.settings = folder, settings
        self.socket, self.log = folder / "core.sock", folder / log
        self.database = folder / "keydesk.db"
        self.process: subprocess.Popen[bytes] | None = None
        self.api = Core(os.fspath(self.socket), timeout=20)

    def start(self, *options: str, **env: str) -> "subprocess.Popen[bytes]":
        """Start it and wait until it answers."""
        self.process = self.launch(*options, **env)
        until(lambda: sockets.answers(self.socket, 0.5) or self._died(), 40, "the core's answer")
        return self.process

    def launch(self, *options: str, **env: str) -> "subprocess.Popen[bytes]":
        """Start it without waiting."""
        command = [*KEYDESK, "core", "--settings", os.fspath(self.settings), "--socket", os.fspath(self.socket)]
        with self.log.open("ab") as out:
            return subprocess.Popen(
                [*command, *options], cwd=self.folder, env=environment(self.folder, **env), stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def _died(self) -> bool:
        assert self.process is not None
        if self.process.poll() is None:
            return False
        raise AssertionError("the core ended:\n" + self.said()[-2000:])

    def said(self) -> str:
        """Its log."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def stop(self, seconds: float = 20) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the core did not end on SIGTERM:\n" + self.said()[-2000:]) from None
        return self.process.returncode

    def rows(self, view: str = "work", filter_: str = "", limit: int = 200) -> list[dict[str, Any]]:
        """The head of a view."""
        found: list[dict[str, Any]] = self.api.get("/v1/queue", view=view, filter=filter_, limit=limit)["rows"]
        return found

    def stages(self) -> dict[str, int]:
        """Orders by stage."""
        found: dict[str, int] = self.api.get("/v1/counters")["stages"]
        return found

    def settlement(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Where each order stands."""
        return {(line["shop"], line["ext_id"]): line for line in self.api.lines("GET", "/v1/settlement")}

    def audited(self) -> int:
        """The audit's exit code."""
        return keydesk(self.folder, "audit", "--database", os.fspath(self.database)).returncode


class Practice(CoreProcess):
    """A practice world beside the core."""

    def __init__(self, folder: Path, world: World, settings: Path) -> None:
        super().__init__(folder, settings)
        self.world = world

    def begin(self) -> None:
        """Buyers start."""
        self.world.post("begin")

    def settled(self, seconds: float = 60) -> dict[str, Any]:
        """Wait until every order of the world is settled in the core; the world's report."""

        def done() -> bool:
            state = self.world.get("state")
            lines = self.settlement()
            full = len(lines) == state["orders_created"]
            return bool(state["buyers_done"] and full and all(line["settled"] for line in lines.values()))

        until(done, seconds, "a settled day")
        return self.world.get("report")


def zeros(report: dict[str, Any]) -> None:
    """What the world's ledger must never show."""
    assert (report["keys_sent_twice"], report["sent_unpaid"], report["oversold"]) == (0, 0, 0), report


@contextlib.contextmanager
def practice(folder: Path, *arguments: str, language: str = "en", stock: bool = True) -> Iterator[Practice]:
    """A world, settings for it, and its keys in stock; the core is not started yet. Ends both."""
    given = ["--seed", "5", "--late", "3", *arguments]
    world = World(folder / "world", given, folder / "world.log")
    made: Practice | None = None
    try:
        settings = write_files(world.ready, folder, ROOT / "rules.toml", language)
        loaded = settings_of(os.fspath(settings))
        if stock:
            files = {name: Path(told["keys"]) for name, told in world.ready["products"].items()}
            asyncio.run(stock_up(loaded.database, vault_of(loaded), files, "test", lambda *_: None))
        made = Practice(folder, world, settings)
        yield made
    finally:
        if made is not None and made.process is not None and made.process.poll() is None:
            made.process.kill()
            made.process.wait()
        world.stop()
        if world.process.stdout is not None:
            world.process.stdout.close()
