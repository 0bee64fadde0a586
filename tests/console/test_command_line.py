"""The command line: what it understands, completes, remembers, and that it goes the ways keys go."""

import stat
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.actions import BY_ID
from console.command_line import CommandError, completions, history_path, load_history, names, parse, save_history
from console.screens.command import CommandScreen
from console.screens.desk import DeskScreen
from console.screens.preview import PreviewScreen
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.test_desk_keys import desk_of, job_done, on_screen, shown

SCOPES = ("queue", "desk")
SIZE = (160, 48)


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the person's own state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def type_command(pilot: Pilot[None], text: str) -> None:
    await pilot.press("colon")
    await on_screen(pilot, CommandScreen)
    await until(pilot, lambda: pilot.app.screen.query_one("#prompt-error").size.width, "the box is laid out")
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


def test_every_action_of_the_place_can_be_named() -> None:
    wanted = {a.id for a in BY_ID.values() if a.scope in SCOPES} - {"palette", "back", "command"}
    assert wanted <= set(names(SCOPES))
    assert "decide_all" not in names(SCOPES)
    assert "decide_all" in names(("cases", "desk"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hodl", "hold"),
        ("view nowhere", "vip"),
        ("order", "单号"),
        ("jobs now", "jobs"),
        ("close fraud", "预览"),
    ],
)
def test_a_wrong_command_says_what_to_do(text: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        parse(text, SCOPES)


def test_completion_offers_names_and_views() -> None:
    assert completions("prio", SCOPES) == ["priority"]
    assert completions(":ho", SCOPES) == [":hold", ":home"]
    assert completions("view v", SCOPES) == ["view vip"]
    assert completions("hold because", SCOPES) == []


def test_history_is_private_and_keeps_nothing_about_buyers() -> None:
    path = history_path()
    save_history(path, ["hold look", "fix_contact a@b.c", ":note he called", "view vip"])
    assert load_history(path) == ["hold look", "view vip"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["commands"]


async def test_a_hold_with_its_note_goes_through_the_preview(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        order = desk_of(pilot).queue.model.cursor
        await type_command(pilot, "hold look again")
        preview = await on_screen(pilot, PreviewScreen)
        assert served.core.jobs == [], "nothing is done before the person agrees"
        assert preview.preview["token"]
        await pilot.press("enter")
        job = await job_done(pilot, served)
        assert job["action"] == "hold"
        assert [item["order_id"] for item in job["items"]] == [order]


async def test_view_filter_and_order_move_the_desk(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        row = desk.queue.model.rows[desk.queue.model.shown[7]]
        await type_command(pilot, f"order {row['ext_id']}")
        await until(pilot, lambda: desk.queue.model.cursor == row["id"], "the cursor is on it")
        await type_command(pilot, "order no-such-order")
        await until(pilot, lambda: "no-such-order" in shown(pilot, "#say"), "it says so")
        await type_command(pilot, "view vip")
        await until(pilot, lambda: desk.standing.view == "vip", "the view")


async def test_an_order_outside_the_view_is_shown_where_it_is_never_another_in_its_place(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        row = desk.queue.model.rows[desk.queue.model.shown[7]]
        await type_command(pilot, "view held")
        await until(pilot, lambda: desk.standing.view == "held" and row["id"] not in desk.queue.model.shown, "held")
        await type_command(pilot, f"order {row['ext_id']}")
        await until(pilot, lambda: desk.queue.model.cursor == row["id"], "the cursor is on it")
        assert desk.standing.view == "work"


async def test_a_wrong_filter_changes_nothing(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        before = list(desk.queue.model.shown)
        await type_command(pilot, "filter amount>>>")
        await until(pilot, lambda: desk_of(pilot).bars["say"].plain.strip(), "what is wrong")
        assert (desk.standing.filter, desk.queue.model.shown) == ("", before)
        await type_command(pilot, "filter amount>=1")
        await until(pilot, lambda: desk.standing.filter == "amount>=1", "the filter is set")


async def test_a_mistake_stays_in_the_box_tab_completes_and_arrows_recall(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await type_command(pilot, "hodl")
        await until(pilot, lambda: "hold" in shown(pilot, "#prompt-error"), "the mistake")
        box = pilot.app.screen.query_one(Input)
        box.value = "view_n"
        await pilot.press("tab")
        assert box.value == "view_next "
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DeskScreen), "it ran")
        assert load_history(history_path()) == ["view_next "[:9]]
        await pilot.press("colon")
        await on_screen(pilot, CommandScreen)
        await until(pilot, lambda: pilot.app.screen.query_one("#prompt-error").size.width, "the box is laid out")
        await pilot.press("up")
        assert pilot.app.screen.query_one(Input).value.strip() == "view_next"
