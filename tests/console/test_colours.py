"""Terminals of 16 colours and of none: what is sent, what stays readable, and what is said where nothing can be shown."""

import os
import re
import sys
from pathlib import Path

import pexpect
import pytest
from rich.color import ColorSystem
from rich.console import Console
from textual.pilot import Pilot

from console import launch
from console.terminal import colours, terminal_checks
from console.themes import theme_for
from tests.console.fixture_server import Served
from tests.console.paintkit import Screens, change_rows, in_terminal, settle
from tests.console.terminalkit import ROOT, Opener, Terminal

SIXTEEN = frozenset(str(n) for first in (30, 40, 90, 100) for n in range(first, first + 8)) | {"39", "49"}
ATTRIBUTES = frozenset(["0", "1", "2", "3", "4", "7", "9"])
_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")


def inks(terminal: Terminal) -> set[str]:
    """Every parameter of every SGR that was sent."""
    return {part.decode() for codes in _SGR.findall(terminal.raw) for part in re.split(b"[;:]", codes) if part}


def tour(terminal: Terminal) -> None:
    """A few screens of every kind: painted directly, by the compositor, under a box."""
    terminal.until("why it is not moving")
    for keys, text in (("jj  jk", "marked"), ("W", "all by hand"), ("\x1b", "backlog"), ("S", "Stock"), ("\x1b", "marked"),
                       ("?", "esc closes"), ("\x1b", "marked"), ("h", "enter accepts"), ("\x1b", "marked"), ("U", "backlog")):  # fmt: skip
        terminal.press(keys)
        terminal.until(text)
        terminal.read(0.15)


@pytest.mark.parametrize("term", ["xterm", "linux", "screen"])
def test_sixteen_colours_are_sent_where_there_are_sixteen(terminals: Opener, term: str) -> None:
    terminal = terminals(TERM=term)
    tour(terminal)
    # Bright grounds (100-107) are not there on every such terminal, the Linux console among them.
    # The terminal's own ground (49) may be white, on which white is not read.
    assert inks(terminal) <= ATTRIBUTES | {one for one in SIXTEEN if len(one) < 3 and one != "49"}
    row = next(y for y in range(36) if terminal.screen.buffer[y][2].bg == "blue")
    for look in (terminal.screen.buffer[y][x] for y in range(4, 30) for x in range(60)):
        assert (look.fg, look.bg) in {("white", "black"), ("brightwhite", "blue"), ("brightbrown", "black"),
                                      ("brightred", "black"), ("brightcyan", "black"), ("brightgreen", "black"),
                                      ("brightwhite", "black"), ("white", "blue"), ("default", "default")}, look  # fmt: skip
    assert {terminal.screen.buffer[y][2].bg for y in range(6, 30) if y != row} == {"black"}, "one row is lit"


def test_a_theme_of_mixed_colours_is_rounded_to_sixteen(terminals: Opener) -> None:
    terminal = terminals("--theme", "keydesk-light", TERM="xterm")
    terminal.until("why it is not moving")
    terminal.press("jj ")
    terminal.until("marked")
    assert inks(terminal) <= ATTRIBUTES | SIXTEEN
    assert terminal.screen.buffer[10][30].bg == "brightwhite", "the theme that was asked for"


def test_without_colour_the_cursor_is_still_seen(terminals: Opener) -> None:
    terminal = terminals(TERM="xterm", NO_COLOR="1")
    terminal.until("why it is not moving")
    terminal.press("jj")
    terminal.read(0.5)
    looks = [(c.fg, c.bg, c.reverse) for c in (terminal.screen.buffer[y][10] for y in range(5, 25))]
    assert len(set(looks)) > 1


async def test_direct_painting_keeps_to_the_depth(served: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        # The theme first: a look remembers the codes it was first drawn with, and looks are shared with the tests that follow.
        screens.app.theme = "keydesk-ansi"
        await settle(pilot)
        screens.app.console._color_system = ColorSystem.STANDARD
        screens.app.screen.refresh()
        await settle(pilot)
        screens.compare("the theme")
        for n, keys in enumerate(("j", "space", "j", "k", "pagedown", "U")):
            await pilot.press(keys)
            change_rows(served, screens.app, n)
            await screens.app.desk.loader.renew()
            await settle(pilot)
            screens.compare(keys)

    await in_terminal(served, (120, 30), script)


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "xterm"}, {"TERM": "linux"}, {"TERM": "xterm-256color"}, {"TERM": "tmux-256color"}, {"TERM": "screen"},
        {"TERM": "xterm-kitty"}, {"TERM": "xterm", "COLORTERM": "truecolor"}, {"TERM": "vt100", "COLORTERM": "24BIT"}, {},
    ],
    ids=str,
)  # fmt: skip
def test_the_depth_that_is_told_is_the_depth_that_is_sent(env: dict[str, str]) -> None:
    names = {ColorSystem.STANDARD: "16", ColorSystem.EIGHT_BIT: "256", ColorSystem.TRUECOLOR: "truecolor"}
    sent = Console(force_terminal=True, _environ=env)._color_system
    assert sent is not None
    assert colours(env) == names[sent]
    assert theme_for(None, env) == ("keydesk-ansi" if names[sent] == "16" else "keydesk-dark")
    assert theme_for("keydesk-light", env) == "keydesk-light"
    assert theme_for(None, {**env, "NO_COLOR": "1"}) == "keydesk-dark"


def test_a_dumb_terminal_is_told_so_in_words(tmp_path: Path) -> None:
    env = {**os.environ, "TERM": "dumb", "XDG_RUNTIME_DIR": str(tmp_path)}
    child = pexpect.spawn(sys.executable, ["-m", "console.cli"], cwd=str(ROOT), env=env, timeout=20)
    child.expect(pexpect.EOF)
    child.close()
    said = child.before.decode()
    assert child.exitstatus == 2
    assert "TERM=dumb" in said
    assert "\x1b" not in said
    assert list(tmp_path.iterdir()) == [], "no core was started for it"
    assert launch.DUMB.format(term="dumb") in said.replace("\r\n", "\n")


def test_the_doctor_tells_the_colours() -> None:
    told = {term: terminal_checks((80, 24), "utf-8", {"TERM": term})[0] for term in ("linux", "xterm-256color", "dumb")}
    assert [(one.state, one.code) for one in told.values()] == [
        ("ok", "terminal_16"), ("ok", "terminal"), ("bad", "terminal_dumb"),
    ]  # fmt: skip
