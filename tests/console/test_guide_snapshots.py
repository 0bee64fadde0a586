"""Pictures of what leads a hand: the box of a leader, the first-run tour. Behaviour is asserted elsewhere."""

from textual.pilot import Pilot

from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.test_leaders import box, rest
from tests.console.test_snapshots import NARROW, WIDE, Snap
from tests.console.test_tour import begun
from tests.console.test_tour import box as tour_box


def test_leader_zh_narrow(served: Served, snap_compare: Snap) -> None:
    """What may follow `a`, above the foot at 80x24: the list gives way, what the core would refuse carries a sign."""

    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await pilot.press("a")
        await rest(pilot)
        await until(pilot, lambda: "c-确认" in box(pilot).plain, "what the core says")
        await pilot.app.workers.wait_for_complete()

    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)


def test_tour_zh_narrow(served: Served, snap_compare: Snap) -> None:
    """The third step at 80x24: marking and acting, with its two keys in the heading, and no row under it."""

    async def run(pilot: Pilot[None]) -> None:
        await begun(pilot)
        await pilot.press("j", "enter", "space", "enter")
        await until(pilot, lambda: "3/6" in tour_box(pilot).plain, "the third step")

    assert snap_compare(desk_app(served, tour=True), terminal_size=NARROW, run_before=run)


def test_tour_en_wide(served: Served, snap_compare: Snap) -> None:
    """The first step at 160x48: what the lines say, across the window, above what it speaks of last."""

    async def run(pilot: Pilot[None]) -> None:
        await begun(pilot)
        await until(pilot, lambda: len(pilot.app.desk.detail._lines) > 8, "the order beside it")  # type: ignore[attr-defined]

    assert snap_compare(desk_app(served, "en", tour=True), terminal_size=WIDE, run_before=run)
