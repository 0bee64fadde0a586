"""The desk while things happen: rows change in place, a lost line comes back, an idle screen stays still."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from console.controllers import loader, session
from console.widgets.direct import Bar
from console.widgets.plain import Plain
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_core import Core
from tests.console.fixture_orders import make_order
from tests.console.fixture_server import Served


def desk_of(pilot: Pilot[None]) -> Any:
    return pilot.app.desk  # type: ignore[attr-defined]


def notice(pilot: Pilot[None]) -> str:
    return desk_of(pilot).query_one("#notice", Bar).plain


def newcomer(core: Core) -> None:
    row = make_order(900, core.rng, core.now())
    row.update(priority=9, holds=[], cases=[], stage="open")
    core.put(row)
    core.touch(row["id"])


async def test_a_change_in_the_core_reaches_its_row(served: Served) -> None:
    async with desk_app(served, live=True).run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await until(pilot, lambda: desk.standing.link == "live", "the feed")
        second = desk.queue.model.shown[1]
        served.do(lambda core: core.change(second, why="writeback_failed"))
        await until(pilot, lambda: "回传失败" in desk.queue.render_line(1).text, "the row is drawn anew")


async def test_the_list_stays_still_under_a_hand_and_says_what_waits(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.screens.desk.HAND_S", 3600.0)
    async with desk_app(served, live=True).run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await until(pilot, lambda: desk.standing.link == "live", "the feed")
        await pilot.press("j")
        before, cursor = list(desk.queue.model.shown), desk.queue.model.cursor
        served.do(newcomer)
        await until(pilot, lambda: "1 新" in notice(pilot), "the chip")
        assert desk.queue.model.shown == before
        await pilot.press("comma")
        assert desk.queue.model.shown[0] == 7_000_900
        assert desk.queue.model.cursor == cursor
        assert "新" not in notice(pilot)


async def test_new_orders_move_in_by_themselves_when_no_hand_acts(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.screens.desk.HAND_S", 0.0)
    async with desk_app(served, live=True).run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await until(pilot, lambda: desk.standing.link == "live", "the feed")
        cursor = desk.queue.model.cursor
        served.do(newcomer)
        await until(pilot, lambda: desk.queue.model.shown[0] == 7_000_900, "it stands in its place")
        assert desk.queue.model.cursor == cursor, "the cursor stays on its order"


async def test_a_core_that_dies_and_comes_back(serve: Callable[..., Served]) -> None:
    served = serve()
    async with desk_app(served, live=True).run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await until(pilot, lambda: desk.standing.link == "live", "the feed")
        await pilot.press("j", "j")
        cursor = desk.queue.model.cursor
        served.stop()
        await until(pilot, lambda: desk.standing.link == "lost", "the break is seen")
        assert "断线" in notice(pilot)
        assert len(desk.queue.model.shown) == 60, "what was known stays on the screen"
        await pilot.press("h")
        assert "连接断了" in desk.query_one("#say", Bar).plain
        again = Served(lambda: Core(60), served.path)
        try:
            await until(pilot, lambda: desk.standing.link == "live", "it reconnects by itself", 15)
            assert desk.queue.model.cursor == cursor
            assert "断线" not in notice(pilot)
        finally:
            again.stop()


async def test_no_core_at_the_start_says_where_it_looked(serve: Callable[..., Served]) -> None:
    served = serve()
    path = served.path
    served.stop()
    async with desk_app(served, "en", live=True).run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: str(path) in desk_of(pilot).query_one("#empty", Plain).plain, "the path")
        assert "No core answers" in desk_of(pilot).query_one("#empty", Plain).plain


async def test_a_moved_cursor_asks_for_one_order_not_for_each_on_the_way(served: Served) -> None:
    async with desk_app(served, live=False).run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        asked: list[int] = []
        real = desk.client.order

        async def counting(order_id: int) -> Any:
            asked.append(order_id)
            return await real(order_id)

        desk.client.order = counting
        await until(pilot, lambda: desk.browse._seen_detail is not None or bool(asked), "the first detail")
        asked.clear()
        for _ in range(6):
            desk.desk_key("j")
        await until(pilot, lambda: bool(asked), "the detail of where it rests")
        assert asked == [desk.queue.model.cursor]


def test_rows_are_drawn_in_slices() -> None:
    assert loader.SLICE <= 8, "a key must not wait for more rows than this"


async def test_an_idle_screen_draws_nothing(served: Served) -> None:
    async with desk_app(served, live=True).run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await until(pilot, lambda: desk.browse._seen_detail and len(desk.detail._lines) > 8, "the detail")
        await until(pilot, lambda: "space" in desk.query_one("#foot", Bar).plain, "the foot")
        drawn: list[object] = []
        real = desk._compositor.render_update

        def counting(*args: Any, **kinds: Any) -> Any:
            drawn.append(args)
            return real(*args, **kinds)

        desk._compositor.render_update = counting
        for _ in range(5):
            desk._second()
            desk.show_head()
            desk.show_notice()
            await pilot.pause(0.02)
        assert drawn == []


async def test_a_core_of_another_version_is_named_once(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade leaves the core that runs behind; what it does not know yet would be refused without a word why."""
    monkeypatch.setattr(session, "COUNTS_S", 0.05)
    served = serve(60, version="0.0.9")
    async with desk_app(served, "en", live=True).run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        log = desk_of(pilot).messages
        await until(pilot, lambda: any("0.0.9" in one.text for one in log.kept), "it is said")
        await pilot.pause(0.3)
        assert sum("0.0.9" in one.text for one in log.kept) == 1
