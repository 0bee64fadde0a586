"""Pictures of the flow of work: who holds what, jumping, what was decided."""

import pytest
from textual.pilot import Pilot

from console.screens.list import ListScreen
from console.screens.preview import PreviewScreen
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_core import Core
from tests.console.fixture_orders import NOW, SECOND
from tests.console.fixture_server import Served
from tests.console.test_desk_keys import job_done, on_screen, shown
from tests.console.test_snapshots import NARROW, WIDE, Snap, keys


def held(core: Core) -> None:
    """Two people are at work beside us."""
    for place, (who, left) in enumerate((("laowang", 42), ("小王", 7), ("laowang", 80))):
        core.change(core.order[place][2], claim={"by": who, "until": NOW + left * SECOND})


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_orders_of_others_narrow(served: Served, snap_compare: Snap, language: str) -> None:
    """80x24: whose an order is and for how long stands in its row and below the list; tabs shorten."""
    served.do(held)
    assert snap_compare(desk_app(served, language), terminal_size=NARROW, run_before=keys("j"))


def test_jump_wide(served: Served, snap_compare: Snap) -> None:
    """Letters before every row in view, columns straight."""
    assert snap_compare(desk_app(served), terminal_size=WIDE, run_before=keys("apostrophe"))


def test_recall_narrow(served: Served, snap_compare: Snap) -> None:
    """80x24: what was decided, on which order, and whether it can be undone."""

    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await pilot.press("space", "space", "R")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("enter")
        await until(pilot, lambda: served.core.jobs, "the first job")
        await job_done(pilot, served)
        await pilot.press("p")
        await until(pilot, lambda: pilot.app.screen.query("#prompt-input"), "the box")
        await pilot.press("3", "enter")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("enter")
        await until(pilot, lambda: served.core.jobs and served.core.jobs[-1]["action"] == "priority", "the job")
        await job_done(pilot, served)
        await pilot.press("m")
        await on_screen(pilot, ListScreen)
        await until(
            pilot, lambda: pilot.app.screen.query("#pick-list") and "优先级" in shown(pilot, "#pick-list"), "it"
        )

    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)
