"""Pictures of each screen. One a test; each says what it guards. Behaviour is asserted elsewhere."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from console.widgets.plain import Plain
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.test_desk_keys import on_screen, shown

WIDE, NARROW = (160, 48), (80, 24)
Snap = Callable[..., bool]


def keys(
    *pressed: str, then: Callable[[Pilot[None]], object] | None = None
) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Presses keys once the desk is filled, then waits for what the picture must hold."""

    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await pilot.press(*pressed)
        if then is not None:
            await until(pilot, lambda: then(pilot), "the picture's own state")
        desk = pilot.app.desk  # type: ignore[attr-defined]
        if desk.detail.display and desk.pane == "queue":
            await until(
                pilot, lambda: desk.browse._seen_detail is not None and len(desk.detail._lines) > 8, "the detail"
            )
        await pilot.pause()

    return run


def test_desk_zh_wide(served: Served, snap_compare: Snap) -> None:
    """Chinese at 160x48: columns straight beside wide characters, detail beside the list, stock line, bars."""
    assert snap_compare(desk_app(served), terminal_size=WIDE, run_before=keys("j", "j"))


def test_desk_zh_narrow(served: Served, snap_compare: Snap) -> None:
    """Chinese at 80x24: the tag and the time left still fit, the foot keeps its help key."""
    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=keys())


def test_desk_en_narrow_detail_below(served: Served, snap_compare: Snap) -> None:
    """English at 80x24 with the order under the list."""
    assert snap_compare(desk_app(served, "en"), terminal_size=NARROW, run_before=keys("enter"))


def test_desk_en_wide(served: Served, snap_compare: Snap) -> None:
    """English at 160x48."""
    assert snap_compare(desk_app(served, "en"), terminal_size=WIDE, run_before=keys())


def test_desk_middle(served: Served, snap_compare: Snap) -> None:
    """120x36: the first width with the order beside the list."""
    assert snap_compare(desk_app(served), terminal_size=(120, 36), run_before=keys())


def test_marks(served: Served, snap_compare: Snap) -> None:
    """Marked rows differ by sign and ground, the count stands below."""
    assert snap_compare(
        desk_app(served, ascii=True), terminal_size=WIDE, run_before=keys("space", "space", "V", "j", "j", "V")
    )


def test_exceptions_groups_wide(served: Served, snap_compare: Snap) -> None:
    """Exceptions by kind with count, oldest age and money."""
    run = keys("e", then=lambda p: "件" in shown(p, "#cases"))
    assert snap_compare(desk_app(served), terminal_size=WIDE, run_before=run)


def test_exception_cases_narrow(served: Served, snap_compare: Snap) -> None:
    """A kind opened at 80x24: its cases, and the numbered decisions of the one under the cursor."""

    async def run(pilot: Pilot[None]) -> None:
        await keys("e", then=lambda p: "oldest" in shown(p, "#cases"))(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "waiting" in shown(pilot, "#detail"), "the case")

    assert snap_compare(desk_app(served, "en"), terminal_size=NARROW, run_before=run)


def preview_of(*pressed: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def run(pilot: Pilot[None]) -> None:
        from console.screens.preview import PreviewScreen

        await ready(pilot)
        await pilot.press(*pressed)
        await on_screen(pilot, PreviewScreen)
        await pilot.pause()

    return run


def test_preview_wide(served: Served, snap_compare: Snap) -> None:
    """The preview of a batch: allowed, blocked and why, money, undo, the number to type."""
    assert snap_compare(desk_app(served), terminal_size=WIDE, run_before=preview_of("V", "G", "V", "R"))


def test_preview_narrow_blocked(served: Served, snap_compare: Snap) -> None:
    """A preview at 80x24 in which nothing is allowed."""
    assert snap_compare(desk_app(served, "en"), terminal_size=NARROW, run_before=preview_of("c"))


def test_filter_mistake_narrow(served: Served, snap_compare: Snap) -> None:
    """A wrong filter: its place and the nearest field, under the input."""

    async def run(pilot: Pilot[None]) -> None:
        from console.screens.prompt import PromptScreen

        await ready(pilot)
        await pilot.press("slash")
        await on_screen(pilot, PromptScreen)
        await pilot.press(*"amout>=5", "enter")
        await until(pilot, lambda: "nearest" in shown(pilot, "#prompt-error"), "the mistake")

    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_help(served: Served, snap_compare: Snap, size: tuple[int, int]) -> None:
    """The keys of the queue, from the registry."""
    run = keys("question_mark", then=lambda p: "标记" in shown(p, "#help-keys"))
    assert snap_compare(desk_app(served), terminal_size=size, run_before=run)


def test_palette(served: Served, snap_compare: Snap) -> None:
    """The palette with a key beside each name."""
    run = keys("ctrl+p", then=lambda p: "标记" in shown(p, "#menu-list"))
    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)


def test_jobs(served: Served, snap_compare: Snap) -> None:
    """Jobs with the result of each order below."""

    async def run(pilot: Pilot[None]) -> None:
        await preview_of("R")(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "成功" in shown(pilot, "#say"), "the job's end")
        await pilot.press("J")
        await until(
            pilot, lambda: pilot.app.screen.query("#jobs-items") and "成功" in shown(pilot, "#jobs-items"), "items"
        )

    assert snap_compare(desk_app(served), terminal_size=WIDE, run_before=run)


def test_empty_filter(served: Served, snap_compare: Snap) -> None:
    """No order matches: which key changes the filter, which clears it."""

    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        desk: Any = pilot.app.desk  # type: ignore[attr-defined]
        desk.standing.filter = "nosuchorder"
        desk.run(desk.reload())
        await until(pilot, lambda: desk.query_one("#empty").display and not desk.standing.chosen, "emptiness")
        # What was under way for the list of before ends first; then the screen is as it stays.
        await pilot.app.workers.wait_for_complete()
        desk.show_list_state()
        desk.show_head()
        await pilot.pause()
        await pilot.pause()

    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)


def test_disconnected(serve: Callable[..., Served], snap_compare: Snap) -> None:
    """The line is lost: rows stay, the head and a line say so, acting keys are dimmed."""
    served = serve()

    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        desk: Any = pilot.app.desk  # type: ignore[attr-defined]
        desk.session._set_link("lost")
        await pilot.pause()

    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)


def test_read_only(serve: Callable[..., Served], snap_compare: Snap) -> None:
    """A read-only core and a viewer: both are in the head, acting keys are dimmed."""
    served = serve(30, role="viewer", read_only=True)
    assert snap_compare(desk_app(served, "en"), terminal_size=NARROW, run_before=keys("h"))


def looking(*pressed: str, sign: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await pilot.press(*pressed)
        await until(pilot, lambda: sign in shown_on(pilot), "the screen")
        await pilot.pause()

    return run


def shown_on(pilot: Pilot[None]) -> str:
    """All text of the screen on top."""
    return "\n".join(one.plain for one in pilot.app.screen.query(Plain))


DELIVERING = ("colon", *"view", "space", *"delivering", "enter")


def test_xray_zh_narrow(served: Served, snap_compare: Snap) -> None:
    """80x24: an order under way as a tree; what did not end well stands open, the foot keeps its keys."""
    run = looking(*DELIVERING, "x", sign="第 1 次")
    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)


def test_xray_en_wide_all_open(served: Served, snap_compare: Snap) -> None:
    """160x48: every branch open, depth by indent, the cursor on the second line."""
    run = looking(*DELIVERING, "x", "z", "j", sign="due")
    assert snap_compare(desk_app(served, "en"), terminal_size=WIDE, run_before=run)


def test_history_zh_narrow(served: Served, snap_compare: Snap) -> None:
    """80x24: own decisions, newest first; columns straight beside Chinese words, the event in full below."""
    run = looking("H", "m", sign="再看一下")
    assert snap_compare(desk_app(served), terminal_size=NARROW, run_before=run)
