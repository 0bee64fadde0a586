"""Exports, timelines and evidence by keys alone: real files from a real core."""

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from console.screens.prompt import PromptScreen
from console.screens.xray import XrayScreen
from core.audit.evidence_check import alone
from core.desk import export
from tests.console.conftest import until, write_line
from tests.console.looking_kit import exported, home, looking, on, said

__all__ = ["home"]
pytestmark = pytest.mark.usefixtures("home")


async def test_evidence_in_one_key(tmp_path: Path, home: Path) -> None:
    async with looking(tmp_path) as (pilot, _, console):
        for n in range(2):
            await pilot.press("E")
            await until(
                pilot, lambda n=n: len(exported(tmp_path)) > n and "evidence pack: " in console.said.plain, "a pack"
            )
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
        await until(pilot, lambda: "9 orders: " in console.said.plain, "written")
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
        await write_line(pilot, f"export {home}/m.json")
        await until(pilot, lambda: "2 orders: " in console.said.plain, "written")
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
            await write_line(pilot, f"export {home}/m.csv")
            await on(pilot, PromptScreen, lambda: "there already" in said(pilot))
            await pilot.press(*answer, "enter")
            await until(pilot, lambda: pilot.app.screen is console, "answered")

        await ask("no")
        await pilot.pause()
        assert ((home / "m.csv").read_text(), exported(tmp_path)) == ("mine", [])
        await ask("yes")
        await until(pilot, lambda: "30 orders: " in console.said.plain, "written")
        assert (home / "m.csv").read_text("utf-8").startswith("id,ext_id")
        await pilot.press("colon")
        await on(pilot, PromptScreen)
        await write_line(pilot, "export /nowhere/at/all.csv")
        await until(pilot, lambda: "no folder" in console.said.plain, "refused")


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
        await until(pilot, lambda: "export stopped" in console.said.plain, "stopped")
        assert (console.exports.running, list(home.iterdir())) == (None, [])
        waits.set()


async def test_roles_and_a_read_only_desk_say_why_not(tmp_path: Path, home: Path) -> None:
    async with looking(tmp_path, read_only=True) as (pilot, _, console):
        for key in ("X", "E"):
            await pilot.press(key)
            await until(pilot, lambda: "read-only" in console.said.plain, "why not")
        await pilot.press("x")
        await on(pilot, XrayScreen)
        await pilot.press("X")
        await until(pilot, lambda: "read-only" in said(pilot), "why not")
        assert list(home.iterdir()) == []
