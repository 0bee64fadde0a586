"""Order numbers pasted on the desk: one leads to its order, a list of them is marked, behind a prompt they are its text."""

from textual import events
from textual.pilot import Pilot

from console.screens.prompt import PromptScreen
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.test_desk_keys import desk_of, on_screen, shown
from tests.console.test_flow import SIZE


def paste(pilot: Pilot[None], text: str) -> None:
    """As a terminal brings it."""
    pilot.app.post_message(events.Paste(text))


def numbers(served: Served, count: int) -> tuple[list[str], list[int]]:
    """The numbers and ids of some orders, not the first ones."""
    rows = sorted(served.core.rows.values(), key=lambda row: row["id"])[20 : 20 + count]
    return [row["ext_id"] for row in rows], [row["id"] for row in rows]


async def test_one_number_leads_to_its_order(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        (number,), (order,) = numbers(served, 1)
        paste(pilot, f" {number}\r\n")
        await until(pilot, lambda: desk_of(pilot).queue.model.cursor == order, "the cursor is on it")
        assert not desk_of(pilot).queue.model.marks


async def test_a_column_of_a_sheet_is_marked_and_what_is_missing_is_named(served: Served) -> None:
    """With other cells beside the numbers, quotes, commas and repeats; our own ids in it mean nothing."""
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        found, ids = numbers(served, 3)
        other = min(served.core.rows)
        paste(pilot, f'"{found[0]}"\t12.50\r\n{found[1]},{other}\r\n\r\n{found[2]}；{found[0]} [red]\x1b[2J')
        await until(pilot, lambda: len(desk.queue.model.marks) == 3, "three are marked")
        assert set(desk.queue.model.marks) == set(ids)
        said = shown(pilot, "#say")
        assert "3 单" in said
        assert f"12.50 {other}" in said
        assert "\x1b" not in said
        assert not served.core.jobs, "marking changes nothing"


async def test_what_is_pasted_behind_a_key_that_asks_for_text_is_that_text(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        pilot.app.post_message(events.Key("slash", "/"))
        paste(pilot, "echo")
        pilot.app.post_message(events.Key("enter", "\r"))
        await until(pilot, lambda: desk.standing.filter == "echo", "the filter is set")


async def test_a_pasted_line_goes_into_an_open_box(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("slash")
        await on_screen(pilot, PromptScreen)
        paste(pilot, "echo")
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: desk_of(pilot).standing.filter == "echo", "the filter is set")
