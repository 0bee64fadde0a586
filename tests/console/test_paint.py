"""Direct painting gives the compositor's own screen, cell by cell, and gives way whenever anything overlaps."""

import asyncio

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.pilot import Pilot
from textual.strip import Strip

from console.widgets.direct import Direct
from console.widgets.paint import change_ink, changed_runs, to_cells
from tests.console.conftest import until
from tests.console.fixture_server import Served
from tests.console.paintkit import Screens, change_rows, in_terminal, settle


@pytest.mark.parametrize("size", [(160, 48), (80, 24), (121, 30)], ids=str)
async def test_every_step_leaves_the_compositors_screen(served: Served, size: tuple[int, int]) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        desk = screens.app.desk
        await settle(pilot)
        screens.compare("start")
        painted = desk.queue.painter.writes
        for keys in ("j", "j", "k", "space", "space", "V", "pagedown", "V", "pageup", "G", "g", "U", "down"):
            await pilot.press(keys)
            await settle(pilot)
            screens.compare(f"key {keys}")
        assert desk.queue.painter.writes > painted + 8, "the rows were painted directly"
        for salt in range(4):
            change_rows(served, screens.app, salt)
            await desk.loader.renew()
            await settle(pilot)
            screens.compare(f"change {salt}")
        for key in ("question_mark", "escape", "e", "e", "enter", "enter", "tab", "shift+tab", "n"):
            await pilot.press(key)
            await settle(pilot)
            await until(pilot, lambda: desk.queue.model.loaded, "loaded")
            change_rows(served, screens.app, 1)
            await desk.loader.renew()
            await settle(pilot)
            screens.compare(f"key {key} with changes")

    await in_terminal(served, size, script)


async def test_a_list_that_moves_and_orders_that_leave(served: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        desk = screens.app.desk
        await pilot.press("j", "j", "j")
        for n, order_id in enumerate(list(desk.queue.model.shown[:12])):
            if n % 3 == 0:
                served.do(lambda core, i=order_id: core.change(i, stage="closed", why=""))
            if n % 4 == 1:
                served.do(lambda core, i=order_id: core.change(i, priority=-5))
        await desk.loader.renew()
        await settle(pilot)
        assert desk.queue.model.gone
        screens.compare("orders left while frozen")
        await pilot.press("comma")
        await settle(pilot)
        assert not desk.queue.model.gone
        screens.compare("thawed")

    await in_terminal(served, (160, 48), script)


async def test_nothing_is_painted_over_what_lies_on_top(served: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        desk = screens.app.desk
        await pilot.press("ctrl+p")
        await settle(pilot)
        screens.compare("palette")
        before = desk.queue.painter.writes
        for salt in range(3):
            change_rows(served, screens.app, salt)
            await desk.loader.renew()
            await settle(pilot)
            screens.compare(f"change {salt} under the palette")
        assert desk.queue.painter.writes == before
        await pilot.press("escape")
        await settle(pilot)
        screens.compare("palette closed")
        screens.app.notify("a toast", markup=False, timeout=60)
        await until(pilot, lambda: bool(screens.app.screen.query("Toast")), "the toast")
        await settle(pilot)
        change_rows(served, screens.app, 2)
        await desk.loader.renew()
        await settle(pilot)
        screens.compare("change under a toast")

    await in_terminal(served, (160, 48), script)


async def test_resizing_and_another_theme(served: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        desk = screens.app.desk
        for size in ((100, 30), (160, 48), (81, 24), (160, 48)):
            screens.driver._size = size
            screens.resized(size)
            await pilot.resize_terminal(*size)
            await settle(pilot)
            await until(pilot, lambda s=size: desk.size.width == s[0], "resized")
            await pilot.press("j")
            await settle(pilot)
            screens.app.screen.refresh()
            await settle(pilot)
            screens.compare(f"size {size}")
            await pilot.press("k", "space")
            change_rows(served, screens.app, 0)
            await desk.loader.renew()
            await settle(pilot)
            screens.compare(f"changes at size {size}")
        screens.app.theme = "keydesk-contrast"
        await settle(pilot)
        await pilot.press("j", "k")
        await settle(pilot)
        screens.compare("theme")

    await in_terminal(served, (160, 48), script)


async def test_a_changed_cell_costs_few_bytes(served: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        desk = screens.app.desk
        await settle(pilot)
        screens.driver.written.clear()
        order_id = desk.queue.model.shown[3]
        served.do(lambda core: core.change(order_id, why="writeback_due"))
        await desk.loader.renew()
        await settle(pilot)
        written = "".join(screens.driver.written)
        assert 0 < len(written) < 160, written
        assert written.count("\x1b[?2026h") == written.count("\x1b[?2026l") == 1

    await in_terminal(served, (160, 48), script)


async def test_the_cursor_alone_needs_no_frame_of_the_compositor(served: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        desk = screens.app.desk

        def rested() -> bool:
            seen = desk.browse._seen_detail
            return seen is not None and seen[0] == desk.queue.model.cursor and not desk.detail._stale

        await settle(pilot)
        painted = desk.query(Direct)
        before = {one.id: one.painter.writes for one in painted}
        screens.compare("start")
        for _ in range(3):
            await pilot.press("j")
            await until(pilot, rested, "the order under the cursor in full")
        writes = {one.id: one.painter.writes - before[one.id] for one in painted}
        assert writes["queue"] == 3
        assert writes["detail"] >= 3
        assert writes["notice"] == 3
        assert sum(writes.values()) == len(screens.driver.written), "whatever was written came from a painter"
        screens.compare("moving and resting")

    await in_terminal(served, (160, 48), script)


async def test_what_is_held_goes_out_before_a_key_and_never_over_what_came_on_top(served: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        queue, model = screens.app.desk.queue, screens.app.desk.queue.model

        def hold(tag: str) -> None:
            row = model.rows[model.shown[3]]
            model.rows[row["id"]] = {**row, "tag": tag, "version": row["version"] + 1}
            queue.draw([3], hold=True)

        await settle(pilot)
        screens.compare("start")
        hold("one")
        assert not screens.driver.written
        queue.move("down")
        assert len(screens.driver.written) == 1, "the cursor took along what was held"
        screens.compare("a key")
        for name, key in (("palette", "ctrl+p"), ("help", "question_mark"), ("views", "e")):
            hold(name)
            await pilot.press(key)
            await settle(pilot)
            queue.painter.flush()
            await settle(pilot)
            screens.compare(f"{name} over what was held")
            await pilot.press("escape")
            await settle(pilot)
            screens.compare(f"{name} closed")

    await in_terminal(served, (160, 48), script)


async def test_what_is_put_while_slices_are_drawn_takes_their_place(served: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        desk = screens.app.desk
        long = [Content(f"line {n}") for n in range(30)]
        drawing = asyncio.create_task(desk.detail.put_by_slices(long))
        await asyncio.sleep(0)
        assert desk.detail._stale, "not all of it is drawn yet"
        desk.detail.put([Content("other"), *long[1:20]])
        await drawing
        assert not desk.detail._stale
        screens.compare("replaced")
        area, cells = desk.detail.region, screens.painted.buffer
        shown = ["".join(cells[y][x].data for x in range(area.x, area.right)).rstrip() for y in area.line_range]
        assert shown[:21] == ["other", *(f"line {n}" for n in range(1, 20)), ""]

    await in_terminal(served, (160, 48), script)


async def test_with_direct_painting_off_the_screen_is_the_same(served: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        for one in screens.app.desk.query(Direct):
            one.painter.enabled = False
        await pilot.press("j", "space", "j")
        change_rows(served, screens.app, 1)
        await screens.app.desk.loader.renew()
        await settle(pilot)
        screens.compare("public API only")

    await in_terminal(served, (160, 48), script)


INKS = st.builds(
    Style,
    bold=st.booleans(),
    strike=st.booleans(),
    reverse=st.booleans(),
    color=st.sampled_from([None, "red", "bright_blue", "color(200)", "#102030"]),
    bgcolor=st.sampled_from([None, "green", "bright_black", "color(17)", "#a0b0c0"]),
)


@given(INKS, INKS, st.sampled_from([ColorSystem.STANDARD, ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR]))
def test_a_change_of_ink_gives_what_the_whole_sequence_gives(old: Style, new: Style, system: ColorSystem) -> None:
    before, after = (Strip.render_ansi(style, system) for style in (old, new))
    screens = [pyte.Screen(4, 1) for _ in range(2)]
    pyte.Stream(screens[0]).feed(f"\x1b[0;{before}m" + change_ink(before, after) + "x")
    pyte.Stream(screens[1]).feed(change_ink(None, after) + "x")
    assert screens[0].buffer[0][0] == screens[1].buffer[0][0]
    assert len(change_ink(before, after)) <= len(change_ink(None, after))


def strip_of(text: str, bold: bool) -> Strip:
    return Strip([Segment(text, Style(bold=bold))])


@given(st.text(alphabet="ab 张三１é", max_size=20), st.text(alphabet="ab 张三１é", max_size=20))
def test_runs_cover_every_difference_and_split_no_wide_character(old: str, new: str) -> None:
    width = max(cell_len(old), cell_len(new))
    before = to_cells(strip_of(old + " " * (width - cell_len(old)), False), str)
    after = to_cells(strip_of(new + " " * (width - cell_len(new)), False), str)
    assert len(before) == len(after) == width
    screen = list(before)
    for start, end in changed_runs(before, after):
        assert after[start][0], "a run starts with a whole character"
        assert end == width or after[end][0], "a run ends with a whole character"
        assert end == width or before[end][0], "what stood there is not cut in half"
        assert before[start][0]
        screen[start:end] = after[start:end]
    assert screen == after
