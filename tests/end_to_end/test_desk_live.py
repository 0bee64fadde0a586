"""The real console in a pseudo-terminal on a real core and the practice world: orders as they come, and hostile buyers."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from console import sockets
from console.commands.calls import Core
from console.commands.demo.world import World, write_files
from tests.console.hostile import assert_harmless
from tests.end_to_end.processes import CoreProcess, Pty, children, environment, gone, keydesk, place, until

RULES = Path(__file__).parents[2] / "rules.toml"
# What the practice world's buyers put into their names: a new window title, and a write to the clipboard.
TITLE, CLIPBOARD = "]0;owned", "]52;c;"


class Floor:
    """A folder, its environment, and what a test starts there."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.env, self._stack = folder, environment(folder), stack
        self.socket = folder / "w" / "core.sock"

    def desk(self, *arguments: object) -> Pty:
        """The command in a terminal of 160 by 48; ended with the test."""
        made = Pty(*arguments, "--language", "en", env=self.env)
        self._stack.callback(made.end)
        return made

    def demo(self, *arguments: object) -> Pty:
        """``keydesk demo`` with its desk open."""
        made = self.desk("demo", "--dir", self.folder / "w", *arguments)
        made.until("backlog", 60)
        return made

    def shop_and_core(self, *arguments: str) -> tuple[World, CoreProcess]:
        """A practice world and a core on it, stocked through the command as a merchant would."""
        work = self.folder / "w"
        work.mkdir()
        world = World(work / "world", list(arguments), work / "world.log")
        self._stack.callback(world.process.stdout.close)  # type: ignore[union-attr]
        self._stack.callback(world.stop)
        core = CoreProcess(work, write_files(world.ready, work, RULES, "en", fresh=1), self.socket, self.env)
        self._stack.callback(core.end)
        for product, told in world.ready["products"].items():
            command = ("keys", "import", told["keys"], "--product", product, "--yes", "--socket", self.socket)
            ran = keydesk(*command, env=self.env)
            assert ran.returncode == 0, ran.stderr
        return world, core

    def rows(self, **query: Any) -> list[dict[str, Any]]:
        """A window of the core's queue."""
        found: list[dict[str, Any]] = Core(os.fspath(self.socket)).get("/v1/queue", **query)["rows"]
        return found

    def gone_out(self) -> int:
        """How many orders were delivered so far."""
        stages = Core(os.fspath(self.socket)).get("/v1/counters")["stages"]
        return sum(int(stages.get(name, 0)) for name in ("delivered", "closed"))


@pytest.fixture
def floor() -> Iterator[Floor]:
    """A place to work, emptied at the end."""
    with place() as folder, ExitStack() as stack:
        yield Floor(folder, stack)


def wait_for_new_orders(floor: Floor, desk: Pty) -> None:
    """Until the screen shows an order that the core did not know when this was called."""
    before = {row["id"] for row in floor.rows(view="recent", limit=500)}

    def shown() -> bool:
        screen = desk.text()
        fresh = [row for row in floor.rows(view="recent", limit=30) if row["id"] not in before]
        return any(row["ext_id"][-12:] in screen for row in fresh)

    until(shown, "a new order on the screen", 40)


def test_the_desk_shows_orders_as_they_come_and_leaves_nothing_behind(floor: Floor) -> None:
    desk = floor.demo("--late", 3)
    wait_for_new_orders(floor, desk)
    wait_for_new_orders(floor, desk)
    family = children(desk.pid())
    assert len(family) == 3, family
    desk.press("q")
    assert desk.ended(40)
    desk.child.close()
    assert desk.child.exitstatus == 0
    assert all(gone(pid) for pid in family)
    assert not floor.socket.exists()


def test_a_buyers_text_never_becomes_a_command_of_the_terminal(floor: Floor) -> None:
    desk = floor.demo("--orders", 400, "--seed", 7, "--late", 3)
    core = Core(os.fspath(floor.socket))

    def arrived(text: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            desk.text()  # a terminal that nobody reads would hold the desk up
            rows = core.get("/v1/find", q=text)["rows"]
            return next((row for row in rows if text in row["buyer"] and row["stage"] == "delivered"), None)

        return until(found, f"a delivered order of a buyer named {text!r}", 40)

    for row in (arrived(TITLE), arrived(CLIPBOARD)):
        look_at(desk, row)
    desk.press("q")
    assert desk.ended(40)
    assert b"\x1b]52" not in desk.raw
    assert not re.search(rb"\x1b\](0|1|2|l|L);?", desk.raw.replace(b"\x1b]22;", b"")), "nobody renames the window"
    assert_harmless(desk.shown())


def look_at(desk: Pty, row: dict[str, Any]) -> None:
    """Find one order by its number, see it in full, come back; its buyer sent a terminal command as a name."""
    name, ext_id = row["buyer"].partition("]")[0], row["ext_id"]
    assert name.endswith("\N{REPLACEMENT CHARACTER}"), "the buyer sent an escape, and it is shown that one was there"
    desk.press("/")
    desk.until("enter accepts")
    desk.press(f"ext={ext_id}\r")
    desk.until(f"filter: ext={ext_id}")
    until(lambda: on_one_line(desk.text(), ext_id[-12:], name), "the order's row")
    until(lambda: on_one_line(desk.text(), f"| {ext_id}"), "the order in full beside it")
    desk.press("\x1b")
    until(lambda: "filter: ext=" not in desk.text(), "all orders again")


def on_one_line(screen: str, *words: str) -> bool:
    """Whether a line of the screen holds all the words."""
    return any(all(word in line for word in words) for line in screen.splitlines())


def test_a_killed_console_does_not_disturb_the_core(floor: Floor) -> None:
    world, core = floor.shop_and_core("--orders", "0", "--rate", "4", "--seed", "7", "--late", "3")
    world.post("begin")
    desk = floor.desk("--socket", floor.socket, "--view", "recent")
    wait_for_new_orders(floor, desk)
    health = core.call().get("/v1/health")
    before = floor.gone_out()
    desk.child.kill(signal.SIGKILL)
    assert desk.ended(10)
    after = core.call().get("/v1/health")
    assert (after["pid"], after["epoch"]) == (health["pid"], health["epoch"])
    until(lambda: floor.gone_out() >= before + 8, "orders go out with nobody watching", 30)
    assert core.process.poll() is None
    wait_for_new_orders(floor, floor.desk("--socket", floor.socket, "--view", "recent"))
    report = world.get("report")
    assert (report["keys_sent_twice"], report["sent_unpaid"], report["oversold"]) == (0, 0, 0)


def test_a_demo_whose_desk_was_killed_takes_world_and_core_along(floor: Floor) -> None:
    demo = floor.demo()
    family = children(demo.pid())
    desk = next(pid for pid, line in family.items() if f"--socket {floor.socket} --" in line and " core " not in line)
    os.kill(desk, signal.SIGKILL)
    assert demo.ended(40)
    demo.child.close()
    assert demo.child.exitstatus not in (0, None), "a desk that was killed is no success"
    assert all(gone(pid) for pid in family)
    assert not sockets.answers(floor.socket)
