"""The file that a crash leaves: what helps to find the mistake, and no value of anybody's."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte
import pytest

from console.actions import BY_ID
from console.crash import KEPT, chain, keep, report, trace
from console.private_file import state_home
from console.state.trail import KEPT as STEPS
from console.state.trail import Trail
from tests.console.fixture_core import Core
from tests.console.fixture_server import Served
from tests.console.sources import ROOT
from tests.console.terminalkit import Terminal

CANARY = "CANARY"
HEAD = """
import sys
from console.app import run_desk
from console.options import Options
from console.controllers.browse import Browse
from console.widgets.queue_table import QueueTable
"""
IN_A_KEY = """
real = QueueTable.move
def broken(self, action):
    secret_name = "CANARY-LOCAL"
    if action == "up":
        raise ValueError("CANARY-MESSAGE")
    return real(self, action)
QueueTable.move = broken
"""
IN_A_WORKER = """
async def broken(self):
    try:
        raise KeyError("CANARY-INNER")
    except KeyError as error:
        raise RuntimeError("CANARY-MESSAGE") from error
Browse._end = broken
"""
RUN = "sys.exit(run_desk(sys.argv[1], 'en', options=Options(kiosk='--kiosk' in sys.argv)))\n"


def canaries(core: Core) -> None:
    """Everything that an order can tell."""
    for n, row in enumerate(core.rows.values()):
        row.update(ext_id=f"CANARY{n}", title="CANARY-TITLE", buyer="CANARY-BUYER", note="CANARY-NOTE", tag="CANARY")


class Crashed(Terminal):
    """A console in a pseudo-terminal that a script breaks; what it wrote, and left in its folder."""

    def __init__(self, served: Served, folder: Path, code: str, *options: str, **env: str) -> None:
        served.do(canaries)
        script = folder / "crash.py"
        script.write_text(HEAD + code + RUN)
        self.screen, self.raw, self.gone = pyte.Screen(200, 24), b"", False
        self.stream = pyte.ByteStream(self.screen)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("COLUMNS", "LINES"))}
        kept |= {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "XDG_STATE_HOME": str(folder), **env}
        command = [str(script), str(served.path), *options]
        self.child = pexpect.spawn(sys.executable, command, cwd=str(ROOT), dimensions=(24, 200), timeout=20, env=kept)
        self.folder = folder / "keydesk" / "console"
        self.until("1/40")

    def end(self, key: str) -> str:
        """The key that breaks it; answers what it says after it has given the terminal back."""
        self.press(key)
        assert self.ended()
        self.read(0.2)
        assert self.child.exitstatus == 1
        return self.raw.decode("utf-8", "replace").split("\x1b[?1049l")[-1]

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("crash-*"))


def test_a_crash_leaves_a_file_without_values(serve: Callable[..., Served], tmp_path: Path) -> None:
    crashed = Crashed(serve(40), tmp_path, IN_A_KEY, LANG="CANARY-\x1b[31m", COLORTERM="CANARY COLOUR")
    for key, shown in (("j", "2/40"), ("j", "3/40"), (":", "Tab completes"), ("tag CANARY-TYPED", "CANARY-TYPED")):
        crashed.press(key)
        crashed.until(shown)
    crashed.press("\x1b")
    crashed.read(0.5)
    crashed.press(" ")
    crashed.until("marked")
    said = crashed.end("k")
    assert CANARY not in said
    (path,) = crashed.files
    assert str(path) in said.replace("\r\n", "")
    assert "The core works on" in said
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text(encoding="utf-8")
    assert CANARY not in text
    assert "\x1b" not in text
    assert str(tmp_path) not in text, "no path: it may name a person"
    assert "ValueError\n" in text
    assert re.search(r"^  crash\.py:\d+ broken$", text, re.M)
    assert re.search(r"^  desk\.py:\d+ perform$", text, re.M)
    assert "terminal: xterm-256color - 200x24" in text
    assert re.search(r"^textual: 8\.", text, re.M)
    steps = re.findall(r"^-[\d.]+s (\S+)(?: x(\d+))?$", text, re.M)
    assert [name for name, _ in steps] == ["down", "command", "mark", "up"]
    assert steps[0][1] == "2"
    assert {name for name, _ in steps} <= set(BY_ID)


def test_a_crash_beside_the_screen_says_where_too(serve: Callable[..., Served], tmp_path: Path) -> None:
    crashed = Crashed(serve(40), tmp_path, IN_A_WORKER)
    said = crashed.end("G")
    text = crashed.files[0].read_text(encoding="utf-8")
    assert CANARY not in said + text
    assert text.index("WorkerFailed") < text.index("RuntimeError") < text.index("KeyError")
    assert re.search(r"^  crash\.py:\d+ broken$", text, re.M)
    assert len(crashed.files) == 1


def test_a_kiosk_leaves_none_and_a_folder_that_refuses_costs_the_file_alone(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    served = serve(40)
    (tmp_path / "one").mkdir()
    crashed = Crashed(served, tmp_path / "one", IN_A_KEY, "--kiosk")
    assert "ValueError" in crashed.end("k")
    assert crashed.files == []
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "keydesk").write_text("in the way")
    crashed = Crashed(served, tmp_path / "two", IN_A_KEY)
    said = crashed.end("k")
    assert "ValueError" in said
    assert "report" not in said
    assert CANARY not in said


def test_only_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = state_home()
    folder.mkdir(parents=True)
    for n in range(8):
        (folder / f"crash-20260101-00000{n}-1.txt").write_text("old")
    (folder / "left.json").write_text("{}")
    path = keep("new")
    left = sorted(one.name for one in folder.glob("crash-*"))
    assert len(left) == KEPT
    assert left[0] == "crash-20260101-000004-1.txt"
    assert path.read_text() == "new"
    assert (folder / "left.json").exists()


def test_a_ring_of_causes_ends() -> None:
    one, other = ValueError("CANARY"), TypeError("CANARY")
    one.__cause__, other.__cause__ = other, one
    assert chain(one) == [one, other]
    assert trace(one) == ["ValueError", "TypeError"]
    assert trace(None) == ["error"]


def test_facts_are_words_or_nothing() -> None:
    text = report(None, [], (80, 24), {"theme": "keydesk-dark", "language": "zh_CN\nowner: CANARY"})
    assert "theme: keydesk-dark\n" in text
    assert "language: -\n" in text
    assert CANARY not in text


def test_the_trail_keeps_the_last_and_counts_what_is_repeated() -> None:
    trail = Trail()
    for n in range(STEPS + 10):
        trail.add(f"a{n}")
    for _ in range(300):
        trail.add("down")
    lines = trail.lines()
    assert len(lines) == STEPS
    assert lines[-1].endswith(" down x300")
    assert lines[0].endswith(" a11")
