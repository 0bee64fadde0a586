"""Leaders: one key, then another. Quick hands see no box, resting ones do, and no key does what it was not meant for."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.actions import ACTIONS, BY_ID, MOVES
from console.keymap import Keymap, KeymapError, load
from console.screens.desk import DeskScreen
from console.screens.help import HelpScreen
from console.screens.history import HistoryScreen
from console.screens.preview import PreviewScreen
from console.screens.prompt import PromptScreen
from console.screens.rules import RulesScreen
from console.screens.stock import StockScreen
from console.screens.too_small import TooSmallScreen
from console.screens.wall import WallScreen
from console.screens.xray import XrayScreen
from console.widgets.plain import Plain
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.looking_kit import looking
from tests.console.terminalkit import Terminal
from tests.console.test_desk_keys import desk_of, on_screen, shown

SIZE = (160, 48)
NARROW = (80, 24)


def box(pilot: Pilot[None]) -> Plain:
    return pilot.app.screen.query_one("#leader", Plain)


async def rest(pilot: Pilot[None]) -> str:
    await until(pilot, lambda: box(pilot).display and box(pilot).size.height > 1, "the box")
    return box(pilot).plain


def test_every_order_action_and_every_place_has_its_key_behind_a_leader() -> None:
    keymap = Keymap()
    assert {a.id for a in ACTIONS if a.order} <= set(keymap.after("menu").values())
    wanted = {"stock", "rules", "connections", "doctor", "log", "wall", "history", "jobs", "cases", "views", "macros"}
    assert wanted <= set(keymap.after("goto").values())
    assert {a.leader for a in ACTIONS} == {"", "menu", "goto"}, "two leaders at most"
    for action in ACTIONS:
        assert bool(action.after) == bool(action.leader), action.id
        if action.leader == "menu" and action.keys:
            assert action.after == action.keys[0], "one letter for one thing, with the leader and without"
        if action.leader == "goto" and action.keys:
            assert action.after == action.keys[0].lower(), action.id
    assert keymap.sign("retry") == "a y"
    assert (keymap.sign("hold"), keymap.sequence("hold")) == ("h", "a h")


def test_a_keymap_file_changes_leaders_and_what_stands_behind_them(tmp_path: Path) -> None:
    path = tmp_path / "keymap.toml"
    path.write_text('menu = "f2"\n[after]\nretry = "x"\nstock = "/"\n', encoding="utf-8")
    keymap = Keymap(load(path))
    assert keymap.find("f2", ("queue", "desk")) == "menu"
    assert keymap.after("menu")["x"] == "retry"
    assert "y" not in keymap.after("menu")
    assert keymap.sign("retry") == "f2 x"
    assert keymap.after("goto")["slash"] == "stock"
    path.write_text('after.retry = "h"\n', encoding="utf-8")
    assert Keymap(load(path)).clashes == ["a h: hold / retry"]
    path.write_text("menu = []\n", encoding="utf-8")
    assert Keymap(load(path)).sign("retry") == "", "no leader, no key"


@pytest.mark.parametrize(
    ("text", "said"),
    [('after.retri = "x"', "nearest is 'after.retry'"), ('after.retry = ["x", "y"]', "after.retry must be one key"),
     ('after.mark = "x"', "no action 'after.mark'")],
)  # fmt: skip
def test_a_wrong_key_behind_a_leader_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "keymap.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KeymapError, match=re.escape(said)):
        load(path)


async def test_quick_hands_see_no_box(served: Served) -> None:
    async with desk_app(served).run_test(size=NARROW) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("a", "R")
        preview = await on_screen(pilot, PreviewScreen)
        assert preview.preview["total"] == 1
        await pilot.press("escape")
        await on_screen(pilot, DeskScreen)
        await pilot.pause(0.6)
        assert not box(pilot).display, "the rest of the first key is over"
        await pilot.press("o", "s")
        await on_screen(pilot, StockScreen)
        assert not desk.leading.active


async def test_at_rest_the_box_lists_the_keys_and_hides_no_row(served: Served) -> None:
    async with desk_app(served, "en").run_test(size=NARROW) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("G", "a")
        text = await rest(pilot)
        assert "y retry" in text or "y-retry" in text
        assert all(len(line) <= 80 for line in text.splitlines())
        assert desk.queue.region.bottom <= box(pilot).region.y, "the list gives way, nothing lies over it"
        assert 0 <= desk.queue.cursor_line() < desk.queue.size.height, "the order it is about stays in view"
        assert desk.queue.size.height >= 6
        await pilot.press("escape")
        await until(pilot, lambda: not box(pilot).display and desk.queue.size.height > 12, "the rows are back")
        assert desk.queue.model.cursor == desk.queue.model.shown[-1]


async def test_what_the_core_would_refuse_is_dimmed_and_its_key_says_why(tmp_path: Path) -> None:
    """A core as it runs says it of its own order."""
    async with looking(tmp_path) as (pilot, _, _):
        await pilot.press("j", "a")
        await until(pilot, lambda: box(pilot).display and "r-release" in box(pilot).plain, "marked without colour")
        assert "h hold" in box(pilot).plain
        await pilot.press("r")
        await until(pilot, lambda: "release: not held" in shown(pilot, "#say"), "the reason")
        assert isinstance(pilot.app.screen, DeskScreen)
        assert not box(pilot).display


async def test_a_key_that_means_nothing_behind_a_leader_does_nothing(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        at = desk.queue.model.cursor
        for key in ("j", "space", "1", "q", "escape", "f9"):
            await pilot.press("a", key)
            assert not desk.leading.active, key
        assert pilot.app.is_running
        assert (desk.queue.model.cursor, desk.queue.model.marks, desk.standing.view) == (at, {}, "work")
        assert "a f9" in shown(pilot, "#say")
        await pilot.press("j")
        assert desk.queue.model.cursor != at, "and then keys are what they were"


async def test_a_leader_waits_on_its_own_screen_alone(served: Served) -> None:
    """Under a window that became too small nobody sees what the second key would do."""
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("o")
        await pilot.resize_terminal(40, 10)
        await on_screen(pilot, TooSmallScreen)
        await pilot.press("s")
        await pilot.pause(0.2)
        assert [type(one) for one in pilot.app.screen_stack] == [DeskScreen, TooSmallScreen]
        await pilot.resize_terminal(*SIZE)
        await on_screen(pilot, DeskScreen)
        await pilot.press("s")
        await on_screen(pilot, StockScreen)


async def test_marks_are_what_a_leader_acts_on(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("space", "space", "space", "a", "N")
        await on_screen(pilot, PromptScreen)
        await pilot.press(*"hi", "enter")
        preview = await on_screen(pilot, PreviewScreen)
        assert preview.preview["total"] == 3


async def test_places_lead_to_places(served: Served) -> None:
    async with desk_app(served).run_test(size=NARROW) as pilot:
        await ready(pilot)
        await pilot.press("o", "r")
        await on_screen(pilot, RulesScreen)
        await until(pilot, lambda: pilot.app.screen.is_mounted and pilot.app.screen.query("#leader"), "open")
        await pilot.press("o")
        text = await rest(pilot)
        assert "s 库存" in text
        await pilot.press("s")
        await on_screen(pilot, StockScreen)
        await until(pilot, lambda: pilot.app.screen.is_mounted and pilot.app.screen.query("#leader"), "open")
        await pilot.press("o", "h")
        await on_screen(pilot, HistoryScreen)


async def test_a_role_that_may_not_says_so_behind_a_leader_too(served: Served) -> None:
    served.core.role = "viewer"  # type: ignore[attr-defined]
    async with desk_app(served, "en").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("a", "y")
        await until(pilot, lambda: "retry: needs role operator" in shown(pilot, "#say"), "the reason")


def test_in_a_terminal_two_keys_in_one_write_draw_no_box(serve: Callable[..., Served]) -> None:
    terminal = Terminal(serve(40), cols=80, rows=24)
    try:
        terminal.until("backlog")
        terminal.until("a act")
        terminal.press("aN")
        terminal.until("enter accepts")
        assert b"then one more key" not in terminal.raw
        terminal.press("\x1b")
        terminal.read(0.5)
        terminal.press("a")
        whole = terminal.until("then one more key")
        assert "replace key" in whole
        terminal.press("N")
        terminal.until("enter accepts")
    finally:
        terminal.child.kill(9)
        terminal.child.close()


def test_moves_stay_free_of_leaders() -> None:
    assert not {key for leader in ("menu", "goto") for key in BY_ID[leader].keys} & {
        key for move in MOVES for key in BY_ID[move].keys
    }


async def test_the_wall_says_how_long_a_claim_lasts_yet(served: Served) -> None:
    """It once counted from 1970."""
    async with desk_app(served, "en").run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        await pilot.press("n")
        desk = desk_of(pilot)
        await until(pilot, lambda: desk.standing.claims, "an order is ours")
        await pilot.press("W")
        await on_screen(pilot, WallScreen)
        await until(pilot, lambda: "holding 1" in pilot.app.screen.bars["title"].plain, "the head")  # type: ignore[attr-defined]
        told = re.search(r"holding 1 \D*(\d+)s", pilot.app.screen.bars["title"].plain)  # type: ignore[attr-defined]
        assert told is not None
        assert int(told[1]) <= 120


@pytest.mark.parametrize("place", ["W", "H", "x"])
async def test_the_wall_the_history_and_the_xray_lead_on_too(served: Served, place: str) -> None:
    """One way from anywhere to anywhere; what opened last is left, not buried under the next."""
    async with desk_app(served, "en").run_test(size=NARROW) as pilot:
        await ready(pilot)
        await pilot.press(place)
        screen = {"W": WallScreen, "H": HistoryScreen, "x": XrayScreen}[place]
        await on_screen(pilot, screen)
        await pilot.press("question_mark")
        await on_screen(pilot, HelpScreen)
        keys = shown(pilot, "#help-keys")
        assert "also here" in keys
        assert "go to" in keys
        assert "auto next" not in keys, "a key of the desk that does nothing here"
        await pilot.press("escape", "o")
        assert "stock" in await rest(pilot)
        await pilot.press("s")
        await on_screen(pilot, StockScreen)
        await pilot.press("escape")
        await on_screen(pilot, DeskScreen)
