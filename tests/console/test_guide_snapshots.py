"""Pictures of what leads a hand: the box of a leader. Behaviour is asserted elsewhere."""

from textual.pilot import Pilot

from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.test_leaders import box, rest
from tests.console.test_snapshots import NARROW, Snap


def test_leader_zh_narrow(served: Served, snap_compare: Snap) -> None:
    """What may follow `a`, above the foot at 80x24: the list gives way, what the core would refuse carries a sign."""

    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await pilot.press("a")
        await rest(pilot)
        await until(pilot, lambda: "c-确认" in box(pilot).plain, "what the core says")
        await pilot.app.workers.wait_for_complete()

    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)
