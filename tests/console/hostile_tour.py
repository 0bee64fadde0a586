"""A tour over the desk's screens on a hostile core: opens places, keeps what is seen there, judges what was written."""

from collections.abc import Awaitable, Callable

from textual.pilot import Pilot

from tests.console.conftest import until
from tests.console.fixture_core import Core
from tests.console.hostile import PAYLOADS, PLACES, assert_harmless
from tests.console.paintkit import Screens, settle

MOST = 3  # times that a place is opened to see all payloads


def bad_shop_floor(core: Core) -> None:
    """Enough orders, each with a case, a hold, and somebody else's claim; jobs that others began."""
    for n, key in enumerate(core.order):
        row = core.rows[key[2]]
        row.update(cases=["no_stock"], holds=["manual"], note="x", tag="x", why="case:no_stock", stage="open")
        row["claim"] = {"by": "x", "until": core.now() + 60_000_000} if n % 2 else None
    core.counted = None
    first = core.rows[core.order[0][2]]
    for n in range(len(PAYLOADS)):
        items = [{"order_id": k[2], "ext_id": "x", "ok": False, "why": "x"} for k in core.order[:60]]
        core.jobs.append({
            "id": n + 1, "action": "hold", "args": {"note": "x"}, "by": core.operator, "reason": "x", "at": core.now(),
            "state": "done", "total": 60, "done": 60, "failed": 60, "finished_at": core.now(), "undoable_until": None,
            "items": items, "_before": {first["id"]: first},
        })  # fmt: skip


class Tour:
    """One desk on a poisoned core: opens places and keeps which payloads were seen there."""

    def __init__(self, pilot: Pilot[None], screens: Screens) -> None:
        self.pilot, self.screens, self.desk = pilot, screens, screens.app.desk
        self.written: list[str] = []

    def text(self) -> str:
        """All of the screen on top, as the compositor has it, and the screens that show through."""
        strips = self.screens.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)

    def check(self, place: str) -> None:
        """What was written so far is harmless."""
        written = "".join(self.screens.driver.written)
        self.screens.driver.written.clear()
        self.written.append(written)
        try:
            assert_harmless(written)
        except (AssertionError, UnicodeEncodeError) as error:
            raise AssertionError(f"{place}: {error}") from None

    async def press(self, *keys: str) -> None:
        """Keys, once keys count."""
        await until(self.pilot, lambda: not self.desk.typeahead._until, "keys count")
        await self.pilot.press(*keys)
        await settle(self.pilot)

    async def see(self, place: str, begin: Callable[[], Awaitable[object]], ready: Callable[[], object]) -> set[str]:
        """Opens a place again and again until all payloads were on its screen. Answers those that were."""
        seen: set[str] = set()
        for _ in range(MOST):
            await begin()
            await until(self.pilot, ready, place)
            await settle(self.pilot)
            seen |= set(PLACES.findall(self.text()))
            self.check(place)
            await self.home()
            if len(seen) == len(PAYLOADS):
                break
        return seen

    def seen(self, place: str) -> set[str]:
        """What stands on the screen now; it is harmless."""
        self.check(place)
        return set(PLACES.findall(self.text()))

    def top(self, kind: str) -> bool:
        """Whether a place of this kind is open and has read."""
        screen = self.screens.app.screen
        return type(screen).__name__ == kind and getattr(screen, "read_at", 1) is not None

    async def home(self) -> None:
        """Back to the desk."""
        for _ in range(4):
            if self.screens.app.screen is self.desk and self.desk.pane == "queue":
                break
            await self.press("escape")
        assert self.screens.app.screen is self.desk


def top(tour: Tour, kind: str) -> bool:
    screen = tour.screens.app.screen
    return type(screen).__name__ == kind and getattr(screen, "read_at", 1) is not None
