"""Pictures of the places beside the queue. One a test; each says what it guards. Behaviour is asserted elsewhere."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console import terminal
from core.model.checks import Check
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.test_desk_keys import desk_of, shown

WIDE, NARROW = (160, 48), (80, 24)
Snap = Callable[..., bool]
Run = Callable[[Pilot[None]], Awaitable[None]]


def place(command: str, *pressed: str, within: str = "#pane-list", text: str = "") -> Run:
    """Opens a place by its command, presses keys there, and waits for a text in a part of it."""

    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        desk_of(pilot).perform(command)
        await until(pilot, lambda: getattr(pilot.app.screen, "read_at", None), "the place is read")
        await pilot.press(*pressed)
        await until(pilot, lambda: text in shown(pilot, within), f"{text!r} in {within}")
        await pilot.pause()

    return run


def test_stock_zh_wide(served: Served, snap_compare: Snap) -> None:
    """Chinese at 160x48: columns straight beside wide characters, what lacks keys first and in colour, who waits."""
    assert snap_compare(desk_app(served), terminal_size=WIDE, run_before=place("stock", text="1,200"))


def test_stock_imports_en_narrow(served: Served, snap_compare: Snap) -> None:
    """English at 80x24: the imports of a product, whole, in use and taken back."""
    run = place("stock", "enter", text="june-2.txt")
    assert snap_compare(desk_app(served, "en"), terminal_size=NARROW, run_before=run)


def test_key_file_with_bad_lines_narrow(served: Served, snap_compare: Snap, tmp_path: Path) -> None:
    """The import wizard at 80x24 with a file that is refused: counts, numbers of bad lines, no key."""
    (tmp_path / "k.txt").write_text("x\n")

    async def run(pilot: Pilot[None]) -> None:
        await place("stock", "i", within="#prompt-title", text="卡密文件")(pilot)
        desk_of(pilot).typeahead.end()
        pilot.app.screen.query_one("Input").value = str(tmp_path / "k.txt")  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.query("#import-lines"), "the wizard")
        await until(pilot, lambda: "1,180" in shown(pilot, "#import-lines"), "the preview")

    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)


def test_rules_en_wide(served: Served, snap_compare: Snap) -> None:
    """English at 160x48: a rule that fails, with its note, and a changed file that was refused."""
    run = place("rules", "j", within="#pane-detail", text="refused")
    assert snap_compare(desk_app(served, "en"), terminal_size=WIDE, run_before=run)


def test_rule_trial_zh_narrow(served: Served, snap_compare: Snap) -> None:
    """A trial at 80x24: what comes, goes and changes, and what it would do to the newest orders."""
    run = place("rules", "c", within="#report-lines", text="回头客")
    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)


def test_connections_zh_narrow(served: Served, snap_compare: Snap) -> None:
    """Chinese at 80x24: a failing shop with what to do, a silent one, one with unread items, a gateway."""
    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=place("connections", text="alipay"))


def test_doctor_zh_narrow_without_a_core(served: Served, snap_compare: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong stands first with what to do; when the core is gone the last findings stay and it is said."""
    size = Check("size", "ok", "size", {"columns": 80, "lines": 24})
    monkeypatch.setattr(terminal, "terminal_checks", lambda *_: [size])

    async def run(pilot: Pilot[None]) -> None:
        await place("doctor", text="SQLite")(pilot)
        served.stop()
        screen = pilot.app.screen
        screen.desk.client.socket_path = "/run/keydesk/core.sock"  # type: ignore[attr-defined]
        screen.look()  # type: ignore[attr-defined]
        await until(pilot, lambda: "没有应答" in shown(pilot, "#pane-title"), "the core is gone")

    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)


def test_messages_en_narrow(served: Served, snap_compare: Snap) -> None:
    """What was said, with time and kind, the newest last; no frame that a copy would carry along."""

    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        desk = desk_of(pilot)
        for n in range(30):
            desk.say(f"order 2606010000{n:02} was claimed", "good")
        desk.say("hold: needs role operator", "warn")
        desk.say("not done: the database's disk is full", "bad")
        await place("log", text="disk is full")(pilot)

    assert snap_compare(desk_app(served, "en"), terminal_size=NARROW, run_before=run)
