"""The history by keys alone, on a real core's socket."""

from pathlib import Path

import pytest

from console.screens.history import HistoryScreen
from console.screens.prompt import PromptScreen
from console.screens.xray import XrayScreen
from tests.console.conftest import until
from tests.console.looking_kit import home, looking, on, said
from tests.store.deskdata import Seed

__all__ = ["home"]
pytestmark = pytest.mark.usefixtures("home")


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
