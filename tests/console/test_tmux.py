"""The console inside a real tmux: keys, Chinese text, another client, and a clean screen afterwards."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.console.fixture_server import Served
from tests.console.terminalkit import ROOT

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
SIZE = ("80", "24")


class Tmux:
    """A tmux server of its own, with one window of 80x24 in which a shell waits."""

    def __init__(self, folder: Path, term: str, served: Served) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TMUX", "TEXTUAL_", "COLUMNS", "LINES"))}
        self._env = kept | {
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "PS1": "$ ",
            "HOME": str(folder),
        }
        self._base = ["tmux", "-S", str(folder / "t"), "-f", str(folder / "conf")]
        (folder / "conf").write_text(f"set -g default-terminal {term}\nset -g status off\nset -sg escape-time 20\n")
        self.run("new-session", "-d", "-s", "a", "-x", SIZE[0], "-y", SIZE[1], "sh")
        self.command = f"cd {ROOT}; {sys.executable} -m console --socket {served.path} --language zh_CN"

    def run(self, *words: str) -> str:
        """One command of tmux."""
        done = subprocess.run([*self._base, *words], env=self._env, capture_output=True, check=True, timeout=20)
        return done.stdout.decode()

    def screen(self, *more: str) -> str:
        """What stands in the pane."""
        return self.run("capture-pane", "-p", "-t", "a", *more)

    def until(self, text: str, gone: bool = False, seconds: float = 15.0) -> str:
        """Waits until a text is there, or is gone."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen = self.screen()
            if (text in seen) is not gone:
                return seen
            time.sleep(0.05)
        raise AssertionError(f"{text!r} {'stays' if gone else 'never came'}\n{self.screen()}")

    def press(self, *keys: str) -> None:
        """Keys as a person presses them."""
        self.run("send-keys", "-t", "a", *keys)


@pytest.fixture
def tmux(served: Served) -> Iterator[Callable[[str], Tmux]]:
    """Servers that end with the test."""
    opened: list[Tmux] = []

    def open_one(term: str) -> Tmux:
        opened.append(Tmux(served.path.parent, term, served))
        return opened[-1]

    yield open_one
    for one in opened:
        one.run("kill-server")


@pytest.mark.parametrize("term", ["tmux-256color", "screen"])
def test_the_desk_in_tmux(tmux: Callable[[str], Tmux], term: str) -> None:
    one = tmux(term)
    one.press("echo before", "Enter")
    one.until("before\n")
    shell = one.screen("-e")
    one.press(one.command, "Enter")
    seen = one.until("拼多多店")
    lines = seen.splitlines()
    assert lines[0].startswith(" Keydesk 卡台 ") or "卡台" in lines[0]
    rows = [line for line in lines if "0260611" in line]
    assert len(rows) > 12
    ink = one.screen("-e")
    assert "\x1b[38;2" not in ink, "no more colours than the terminal has"
    assert ("\x1b[48;5;" in ink or "\x1b[38;5;" in ink) == (term == "tmux-256color")
    one.press("j", "j")
    one.until("3/60")
    one.press("Space")
    one.until("已标 1")
    one.press("W")
    one.until("纯手工时")
    one.press("Escape")
    one.until("已标 1")
    # Another client comes with another size, and goes.
    client = subprocess.Popen(
        ["script", "-qfc", f"stty cols 132 rows 40; {' '.join(one._base)} attach -t a", "/dev/null"],
        env=one._env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 10
        while one.run("display", "-p", "-t", "a", "#{window_width}").strip() != "132" and time.monotonic() < end:
            time.sleep(0.05)
        one.until("为什么没动")  # at 132 columns the order stands beside the list
        one.run("detach-client", "-s", "a")
        client.wait(10)
    finally:
        client.kill()
        client.communicate()
    one.run("resize-window", "-t", "a", "-x", "80", "-y", "24")
    one.until("为什么没动", gone=True)
    one.press("k")
    one.until("3/60")
    one.press("q")
    one.until("before\n")
    assert one.run("display", "-p", "-t", "a", "#{cursor_flag}#{mouse_any_flag}#{alternate_on}").strip() == "100"
    one.press("", "Enter")
    left = [line for line in one.screen("-e").splitlines() if line.strip()]
    assert left[: len(shell.splitlines()[:2])] == shell.splitlines()[:2], "what stood there before stands there again"
    assert not any("卡台" in line or "0260611" in line for line in left)
