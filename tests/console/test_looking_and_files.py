"""X-ray, history, exports and evidence by keys alone, on a real core's socket, with real files."""

import csv
import io
import json
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import DeskApp, Options
from console.client import Client
from console.screens.desk import DeskScreen
from console.screens.help import HelpScreen
from console.screens.history import HistoryScreen
from console.screens.prompt import PromptScreen
from console.screens.xray import XrayScreen
from console.widgets.pick_list import PickList
from console.widgets.plain import Plain
from core.audit.evidence_check import alone
from core.desk import export
from core.desk.cases import CaseRow
from core.model.clock import now_us
from core.model.lifecycle import CaseKind, EventKind, IntentState, Stage
from tests.console.conftest import NOWHERE, until
from tests.end_to_end.servicekit import Desk, desk
from tests.end_to_end.test_service_reads import cases
from tests.store.deskdata import Seed, query

SEEDS = [
    Seed(1, stage=Stage.DELIVERING, keys=True, intent=IntentState.UNKNOWN, ext_id="A-1", nprio=-9),
    *(Seed(i, ext_id=f"B-{i}", note="=1+1" if i == 5 else "") for i in range(2, 31)),
]
Looking = tuple[Pilot[None], Desk, DeskScreen]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files go here."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@asynccontextmanager
async def looking(
    folder: Path, size: tuple[int, int] = (80, 24), seeds: list[Seed] = SEEDS, **more: Any
) -> AsyncIterator[Looking]:
    async with desk(folder, seeds) as core:
        options = Options(live=False, direct=False, keymap=NOWHERE, **more)
        app = DeskApp(Client(str(core.path)), now_us, "en", "keydesk-dark", options)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.desk.queue.model.loaded and app.desk.standing.health, "the desk is filled")
            yield pilot, core, app.desk


def said(pilot: Pilot[None]) -> str:
    """All text of the screen on top."""
    return "\n".join(one.plain for one in pilot.app.screen.query(Plain))


async def on(pilot: Pilot[None], kind: type[Any], holds: Callable[[], object] = lambda: True) -> Any:
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and holds(), kind.__name__)
    return pilot.app.screen


def exported(folder: Path) -> list[dict[str, Any]]:
    rows = query(
        folder / "keydesk.db", "SELECT body FROM event WHERE kind = ? ORDER BY seq", (int(EventKind.EXPORTED),)
    )
    return [json.loads(row[0]) for row in rows]


# ---- the x-ray


async def test_the_xray_folds_and_keeps_the_cursor_on_its_line(tmp_path: Path) -> None:
    async with looking(tmp_path) as (pilot, _, _desk):
        await pilot.press("x")
        screen = await on(pilot, XrayScreen, lambda: "Sending" in said(pilot))
        pick = screen.query_one(PickList)
        assert "A-1" in said(pilot)
        assert "try 1" in said(pilot), "what ended badly stands open"
        while pick.key != "sends":
            await pilot.press("j")
        lines = len(pick.items)
        await pilot.press("h")
        assert (pick.key, len(pick.items) < lines) == ("sends", True)
        await pilot.press("l")
        assert len(pick.items) == lines
        await pilot.press("j", "h", "h")
        assert pick.key == "sends", "shut first, then up to what it hangs on"
        await pilot.press("z")
        everything = len(pick.items)
        assert everything > lines
        await pilot.press("z")
        assert "try 1" not in "".join(content.plain for _, content in pick.items)
        assert {"sends", "events"} <= {key for key, _ in pick.items}
        await pilot.press("G")
        assert pick.index == len(pick.items) - 1
        await pilot.press("x")
        await until(pilot, lambda: not isinstance(pilot.app.screen, XrayScreen), "closed")


async def test_no_key_of_the_desk_acts_under_the_xray(tmp_path: Path) -> None:
    async with looking(tmp_path) as (pilot, core, console):
        await pilot.press("x")
        await on(pilot, XrayScreen)
        await pilot.press("question_mark")
        await on(pilot, HelpScreen, lambda: "fold all" in said(pilot))
        await pilot.press("escape")
        await on(pilot, XrayScreen)
        await pilot.press("c", "r", "n", "R", "u", "A", "7", "tab", "slash", "ctrl+p")
        await pilot.pause()
        assert isinstance(pilot.app.screen, XrayScreen)
        assert console.standing.view == "work"
        assert (await core.client.get("/v1/jobs"))["jobs"] == []


async def test_the_xray_follows_the_order(tmp_path: Path) -> None:
    async with looking(tmp_path) as (pilot, core, _):
        await pilot.press("x")
        screen = await on(pilot, XrayScreen)
        await core.client.act("hold", [1], note="look at this")
        screen.read()
        await until(pilot, lambda: "look at this" in said(pilot), "the hold")


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (40, 12)])
async def test_long_facts_wrap_and_none_is_lost(tmp_path: Path, size: tuple[int, int]) -> None:
    note = "".join(f"{n:03}猫" for n in range(60))
    async with looking(tmp_path, size, [Seed(1, note=note)]) as (pilot, _, _desk):
        await pilot.press("x")
        screen = await on(pilot, XrayScreen, lambda: pilot.app.screen.query_one(PickList).items)
        pick = screen.query_one(PickList)
        told = "".join(content.plain.strip() for _, content in pick.items)
        assert note in told.replace(" ", "")
        assert max(content.cell_length for _, content in pick.items) <= size[0]


async def test_a_case_has_its_xray_and_evidence(tmp_path: Path, home: Path) -> None:
    async with looking(tmp_path) as (pilot, core, console):
        await core.writer.do(cases, [CaseRow(7, 1, CaseKind.NO_STOCK, "x", {"wanted": 1})])
        await core.writer.do(cases, [CaseRow(0, 1, CaseKind.TOKEN_DEAD, "taobao-main")])
        await pilot.press("e")
        await until(pilot, lambda: len(console.cases.groups) == 2, "the kinds")
        await pilot.press("E")
        await until(pilot, lambda: "no order" in console.said, "a kind is no order")
        await pilot.press("enter")
        await until(pilot, lambda: console.cases.current is not None, "the case")
        await pilot.press("E")
        await until(pilot, lambda: "evidence pack: " in console.said, "the pack")
        await pilot.press("x")
        await on(pilot, XrayScreen, lambda: "B-7" in said(pilot))
        await pilot.press("escape", "escape", "j", "enter")
        await until(pilot, lambda: console.cases.kind == "token_dead" and console.cases.current, "a case of a shop")
        await pilot.press("x")
        await until(pilot, lambda: "no order" in console.said, "a shop is no order")
        assert [path.name for path in home.iterdir()] == ["keydesk-evidence-B-7.zip"]


# ---- files


async def test_evidence_in_one_key(tmp_path: Path, home: Path) -> None:
    async with looking(tmp_path) as (pilot, _, console):
        for n in range(2):
            await pilot.press("E")
            await until(pilot, lambda n=n: len(exported(tmp_path)) > n and "evidence pack: " in console.said, "a pack")
            await until(pilot, lambda n=n: len(list(home.iterdir())) > n, "its file")
        names = sorted(path.name for path in home.iterdir())
        assert names == ["keydesk-evidence-A-1-2.zip", "keydesk-evidence-A-1.zip"], "none takes the other's place"
        for name in names:
            assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
            assert alone((home / name).read_bytes()).problems == []


async def test_the_timeline_in_one_key_of_the_xray(tmp_path: Path, home: Path) -> None:
    async with looking(tmp_path) as (pilot, _, _desk):
        await pilot.press("x")
        await on(pilot, XrayScreen)
        await pilot.press("X")
        await until(pilot, lambda: "timeline: " in said(pilot), "said on the x-ray itself")
        assert sorted(p.name for p in home.iterdir()) == ["keydesk-timeline-A-1.json", "keydesk-timeline-A-1.txt"]
        assert "TIMELINE" in (home / "keydesk-timeline-A-1.txt").read_text("utf-8")
        assert [one["what"] for one in exported(tmp_path)] == ["timeline"]


async def test_the_view_with_its_filter_goes_to_the_file_that_is_offered(tmp_path: Path, home: Path) -> None:
    async with looking(tmp_path) as (pilot, _, console):
        console.standing.filter = "id<=9"
        await pilot.press("X")
        prompt = await on(pilot, PromptScreen)
        offered = Path(prompt.query_one(Input).value)
        assert (offered.parent, offered.suffix) == (home, ".csv")
        await pilot.press("enter")
        await until(pilot, lambda: "9 orders: " in console.said, "written")
        rows = list(csv.DictReader(io.StringIO(offered.read_text("utf-8"), newline="")))
        assert [row["id"] for row in rows] == [str(i) for i in range(1, 10)]
        assert rows[4]["note"] == "'=1+1"
        assert stat.S_IMODE(offered.stat().st_mode) == 0o600
        (found,) = exported(tmp_path)
        assert (found["view"], found["filter"], found["rows"]) == ("work", "id<=9", 9)


async def test_marks_go_instead_of_the_view_and_json_by_its_ending(tmp_path: Path, home: Path) -> None:
    async with looking(tmp_path) as (pilot, _, console):
        await pilot.press("j", "space", "space", "colon")
        await on(pilot, PromptScreen)
        await pilot.press(*f"export {home}/m.json", "enter")
        await until(pilot, lambda: "2 orders: " in console.said, "written")
        told = json.loads((home / "m.json").read_text("utf-8"))
        assert [one["ext_id"] for one in told["orders"]] == ["B-2", "B-3"]
        assert exported(tmp_path)[0]["orders"] == [2, 3]
        assert len(console.queue.model.marks) == 2, "looking changes nothing"


async def test_another_file_is_replaced_only_after_a_yes(tmp_path: Path, home: Path) -> None:
    async with looking(tmp_path) as (pilot, _, console):
        (home / "m.csv").write_text("mine")

        async def ask(answer: str) -> None:
            await pilot.press("colon")
            await on(pilot, PromptScreen)
            await pilot.press(*f"export {home}/m.csv", "enter")
            await on(pilot, PromptScreen, lambda: "there already" in said(pilot))
            await pilot.press(*answer, "enter")
            await until(pilot, lambda: pilot.app.screen is console, "answered")

        await ask("no")
        await pilot.pause()
        assert ((home / "m.csv").read_text(), exported(tmp_path)) == ("mine", [])
        await ask("yes")
        await until(pilot, lambda: "30 orders: " in console.said, "written")
        assert (home / "m.csv").read_text("utf-8").startswith("id,ext_id")
        await pilot.press("colon")
        await on(pilot, PromptScreen)
        await pilot.press(*"export /nowhere/at/all.csv", "enter")
        await until(pilot, lambda: "no folder" in console.said, "refused")


async def test_an_export_can_be_stopped_and_leaves_no_file(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    whole, waits = export.rows_by_id, asyncio.Event()

    async def slow(*given: Any) -> Any:
        rows = await whole(*given)
        await waits.wait()
        return rows

    monkeypatch.setattr(export, "rows_by_id", slow)
    async with looking(tmp_path) as (pilot, _, console):
        await pilot.press("X")
        await on(pilot, PromptScreen)
        await pilot.press("enter")
        await until(pilot, lambda: console.exports.running is not None and list(home.iterdir()), "it runs")
        await pilot.press("j")
        assert console.queue.model.place(console.queue.model.cursor) == 1, "the desk works on meanwhile"
        await pilot.press("X")
        await on(pilot, PromptScreen, lambda: "stop it" in said(pilot))
        await pilot.press(*"yes", "enter")
        await until(pilot, lambda: "export stopped" in console.said, "stopped")
        assert (console.exports.running, list(home.iterdir())) == (None, [])
        waits.set()


async def test_roles_and_a_read_only_desk_say_why_not(tmp_path: Path, home: Path) -> None:
    async with looking(tmp_path, read_only=True) as (pilot, _, console):
        for key in ("X", "E"):
            await pilot.press(key)
            await until(pilot, lambda: "read-only" in console.said, "why not")
        await pilot.press("x")
        await on(pilot, XrayScreen)
        await pilot.press("X")
        await until(pilot, lambda: "read-only" in said(pilot), "why not")
        assert list(home.iterdir()) == []


# ---- history


async def test_history_pages_filters_and_opens_the_order(tmp_path: Path) -> None:
    seeds = [Seed(i, ext_id=f"B-{i}") for i in range(1, 251)]
    async with looking(tmp_path, seeds=seeds) as (pilot, core, console):
        await core.client.act("note", [7], note="hello")
        await pilot.press("H")
        screen = await on(pilot, HistoryScreen, lambda: "100+ events" in said(pilot))
        await pilot.press("G")
        await until(pilot, lambda: len(screen.events) == 200, "the next page")
        await pilot.press("G", "G")
        await until(pilot, lambda: len(screen.events) > 250, "to the first event")
        assert [e["seq"] for e in screen.events] == list(range(len(screen.events), 0, -1))
        await pilot.press("m")
        await until(
            pilot, lambda: screen.text and screen.events and screen.events[0]["actor"] != "core", "my decisions"
        )
        assert {"note", "job"} == {e["kind"] for e in screen.events}
        await pilot.press("slash")
        await on(pilot, PromptScreen)
        await pilot.press("ctrl+u", *"kind:nte", "enter")
        await until(pilot, lambda: "did you mean note?" in said(pilot), "the mistake")
        await pilot.press("ctrl+u", *"kind:note since:1h", "enter")
        await on(pilot, HistoryScreen, lambda: len(screen.events) == 1)
        await pilot.press("x")
        await on(pilot, XrayScreen, lambda: "B-7" in said(pilot))
        await pilot.press("escape")
        await on(pilot, HistoryScreen)
        await pilot.press("enter")
        await until(pilot, lambda: console.queue.model.cursor == 7, "the cursor is on the order")
        assert pilot.app.screen is console


async def test_an_event_of_no_order_opens_nothing_and_a_wrong_number_is_said(tmp_path: Path) -> None:
    async with looking(tmp_path) as (pilot, core, _):
        await core.client.act("note", [7], note="hello")
        await pilot.press("H")
        screen = await on(pilot, HistoryScreen, lambda: "job" in said(pilot))
        screen.look("kind:job")
        await until(pilot, lambda: screen.events and screen.events[0]["kind"] == "job", "jobs")
        await pilot.press("enter")
        await until(pilot, lambda: "no single order" in said(pilot), "why not")
        screen.look("order:B-9999")
        await until(pilot, lambda: "0 orders match B-9999" in said(pilot), "no such order")
        screen.look("by:nobody")
        await until(pilot, lambda: "Nothing of that" in said(pilot), "nothing")
        await pilot.press("H")
        await until(pilot, lambda: not isinstance(pilot.app.screen, HistoryScreen), "closed")


async def test_the_history_of_one_order_from_its_xray(tmp_path: Path) -> None:
    async with looking(tmp_path) as (pilot, _, _desk):
        await pilot.press("x")
        await on(pilot, XrayScreen)
        await pilot.press("H")
        screen = await on(pilot, HistoryScreen, lambda: "order:1" in said(pilot))
        await until(pilot, lambda: screen.events, "its events")
        assert {e["order_id"] for e in screen.events} == {1}


async def test_nothing_from_outside_reaches_the_terminal_as_it_came(tmp_path: Path) -> None:
    bad = "\x1b]0;x\x07[red]\u202e\x9b31m\n=1"
    seed = Seed(1, ext_id=f"B{bad}", title=bad, buyer=bad, note=bad, tag=bad, product=bad, contact=bad, keys=True)
    async with looking(tmp_path, (160, 48), [seed]) as (pilot, _, _desk):
        for key, kind in (("x", XrayScreen), ("H", HistoryScreen)):
            await pilot.press(key)
            screen = await on(pilot, kind, lambda: "red" in said(pilot))
            await pilot.press("z")
            told = said(pilot) + "".join(content.plain for _, content in screen.query_one(PickList).items)
            assert "[red]" in told, "shown as text, not taken as markup"
            assert not set(told) & set("\x1b\x07\x9b\u202e")
            await pilot.press("escape")
