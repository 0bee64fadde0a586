"""The x-ray by keys alone, on a real core's socket."""

import re
from pathlib import Path

import pytest

from console.screens.help import HelpScreen
from console.screens.history import HistoryScreen
from console.screens.xray import XrayScreen
from console.widgets.pick_list import PickList
from core.desk.cases import CaseRow
from core.model.lifecycle import CaseKind
from tests.console.conftest import until
from tests.console.looking_kit import home, looking, on, said
from tests.end_to_end.test_service_reads import cases
from tests.store.deskdata import Seed

__all__ = ["home"]
pytestmark = pytest.mark.usefixtures("home")


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


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (50, 14)])
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
        await until(pilot, lambda: "no order" in console.said.plain, "a kind is no order")
        await pilot.press("enter")
        await until(pilot, lambda: console.cases.current is not None, "the case")
        await pilot.press("E")
        await until(pilot, lambda: "evidence pack: " in console.said.plain, "the pack")
        await pilot.press("x")
        await on(pilot, XrayScreen, lambda: "B-7" in said(pilot))
        await pilot.press("escape", "escape", "j", "enter")
        await until(pilot, lambda: console.cases.kind == "token_dead" and console.cases.current, "a case of a shop")
        await pilot.press("x")
        await until(pilot, lambda: "no order" in console.said.plain, "a shop is no order")
        assert [path.name for path in home.iterdir()] == ["keydesk-evidence-B-7.zip"]


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


async def test_a_claim_says_whose_it_is_and_until_when(tmp_path: Path) -> None:
    async with looking(tmp_path) as (pilot, _, console):
        await pilot.press("C")
        await until(pilot, lambda: console.standing.claims, "claimed")
        await pilot.press("x")
        await on(pilot, XrayScreen, lambda: "claimed by" in said(pilot))
        assert re.search(r"claimed by \w+ until \d\d:\d\d:\d\d\s", said(pilot))
