"""Keys that a slow line brings in one piece are done in the order they were typed, in every box."""

from textual import events
from textual.pilot import Pilot

from console.screens.menu import MenuScreen
from console.screens.preview import PreviewScreen
from console.screens.prompt import PromptScreen
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.test_desk_keys import desk_of, job_done, on_screen
from tests.console.test_flow import SIZE

NAMES = {"\r": "enter", "\x7f": "backspace", "\x01": "home", "\t": "tab"}


def burst(pilot: Pilot[None], text: str) -> None:
    """All keys before the loop has its turn."""
    for char in text:
        key = NAMES.get(char, char)
        pilot.app.post_message(events.Key(key, char if key == char or key == "enter" else None))


async def test_a_line_that_was_mended_while_it_was_typed(served: Served) -> None:
    """Backspace takes the letter before it, not the one that came after it, and Enter takes the line as it then is."""
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("slash")
        await on_screen(pilot, PromptScreen)
        burst(pilot, "ea\x7fch\x7fho\x01x\x7f\x7f\r")
        await until(pilot, lambda: desk_of(pilot).standing.filter, "a filter")
        assert desk_of(pilot).standing.filter == "echo"


async def test_a_number_and_enter_in_one_piece_apply(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("V", "G", "V", "R")
        screen = await on_screen(pilot, PreviewScreen)
        assert isinstance(screen, PreviewScreen)
        number = screen.preview["confirm_number"]
        assert number is not None
        burst(pilot, f"{number}\r")
        await job_done(pilot, served)
        assert len(served.core.jobs[0]["items"]) == number


async def test_the_palette_runs_what_was_typed_not_what_stood_first(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await on_screen(pilot, MenuScreen)
        burst(pilot, "jobs\r")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "JobsScreen", "the jobs")


async def test_a_command_is_completed_after_what_was_typed_before_tab(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("colon")
        await on_screen(pilot, PromptScreen)
        burst(pilot, "filt\techo\r")
        await until(pilot, lambda: desk.standing.filter == "echo", "the filter")
