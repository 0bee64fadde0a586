"""The next order by itself: after a decision on the one in hand, and never under a hand that is elsewhere."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from console.resume import Left, load_left, save_left
from console.screens.desk import DeskScreen
from console.screens.preview import PreviewScreen
from console.screens.prompt import PromptScreen
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.looking_kit import looking
from tests.console.test_between_hands import hold, only_plain, take
from tests.console.test_command_line import type_command
from tests.console.test_desk_keys import desk_of, job_done, on_screen, shown

SIZE = (160, 48)


async def applied(pilot: Pilot[None], command: str = "hold later") -> None:
    """An act on the order in hand, agreed to."""
    await type_command(pilot, command)
    await on_screen(pilot, PreviewScreen)
    await pilot.press("enter")


async def settled(pilot: Pilot[None], served: Served) -> None:
    """The job has ended, and whatever it sets off has come to rest."""
    await job_done(pilot, served)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_it_takes_the_next_after_a_decision(served: Served) -> None:
    only_plain(served)
    async with desk_app(served, "en", auto_next=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        assert "[auto next]" in desk.bars["status"].plain
        first = await _taken(pilot, desk)
        for number in (1, 2):
            await applied(pilot)
            await until(pilot, lambda f=first: desk.standing.claims and f not in desk.standing.claims, "the next")
            await until(pilot, lambda: "hold: 1 done 0 failed, u undoes" in shown(pilot, "#say"), "what was done")
            (second,) = desk.standing.claims
            assert desk.queue.model.cursor == second
            assert served.core.rows[first]["claim"] is None, "the one before is given back"
            assert len(served.core.jobs) == number
            first = second


async def _taken(pilot: Pilot[None], desk: DeskScreen) -> int:
    await pilot.press("n")
    await until(pilot, lambda: desk.standing.claims, "an order is ours")
    await pilot.app.workers.wait_for_complete()
    return next(iter(desk.standing.claims))


async def test_a_core_as_it_runs_gives_the_next(tmp_path: Path) -> None:
    async with looking(tmp_path, auto_next=True) as (pilot, _, desk):
        first = await _taken(pilot, desk)
        await applied(pilot)
        await until(pilot, lambda: desk.standing.claims and first not in desk.standing.claims, "the next")
        assert desk.queue.model.cursor in desk.standing.claims


async def test_it_is_off_until_turned_on_and_stays_as_it_was_left(served: Served) -> None:
    only_plain(served)
    async with desk_app(served, resume=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        order = await take(pilot, desk)
        await hold(pilot)
        await settled(pilot, served)
        assert (set(desk.standing.claims), desk.queue.model.cursor) == ({order}, order)
        assert "自动取单" not in desk.bars["status"].plain
        await pilot.press("ctrl+n")
        assert "自动取单" in desk.bars["status"].plain
        assert "n 取来的订单" in shown(pilot, "#say")
    assert load_left(str(served.path)).auto_next
    async with desk_app(served, resume=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert desk_of(pilot).standing.auto_next
        await type_command(pilot, "auto_next")
        await until(pilot, lambda: not desk_of(pilot).standing.auto_next, "off by name")
    assert not load_left(str(served.path)).auto_next


async def test_a_named_view_at_the_start_changes_nothing_else_that_was_left(served: Served) -> None:
    """Whoever always starts with --view still keeps what they chose."""
    save_left(str(served.path), Left("work", "amount>=1", "", None, True))
    async with desk_app(served, resume=True, view="vip").run_test(size=SIZE) as pilot:
        await ready(pilot)
        standing = desk_of(pilot).standing
        assert (standing.view, standing.filter, standing.auto_next) == ("vip", "", True)
    assert load_left(str(served.path))[:2] == ("vip", "")
    assert load_left(str(served.path)).auto_next


async def marks(pilot: Pilot[None], desk: DeskScreen) -> None:
    desk.queue.model.toggle_mark()


async def moves_on(pilot: Pilot[None], desk: DeskScreen) -> None:
    await pilot.press("j")


async def opens_a_box(pilot: Pilot[None], desk: DeskScreen) -> None:
    await pilot.press("colon")


async def opens_the_exceptions(pilot: Pilot[None], desk: DeskScreen) -> None:
    await pilot.press("e")


async def presses_a_leader(pilot: Pilot[None], desk: DeskScreen) -> None:
    await pilot.press("a")


async def turns_it_off(pilot: Pilot[None], desk: DeskScreen) -> None:
    await pilot.press("ctrl+n")


HANDS = [marks, moves_on, opens_a_box, opens_the_exceptions, presses_a_leader, turns_it_off]


@pytest.mark.parametrize("hand", HANDS, ids=lambda hand: hand.__name__)
@pytest.mark.parametrize("moment", ["job", "claim_next"])
async def test_a_hand_that_is_elsewhere_meanwhile_is_left_alone(
    served: Served, hand: Callable[[Pilot[None], DeskScreen], Any], moment: str
) -> None:
    """While the job runs, and while the next order is being claimed: that one goes back."""
    only_plain(served)
    async with desk_app(served, auto_next=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        order = await _taken(pilot, desk)
        asked, done = getattr(desk.client, moment), []

        async def meanwhile(*given: Any) -> Any:
            answer = await asked(*given)
            if not done:
                done.append(True)
                await hand(pilot, desk)
            return answer

        setattr(desk.client, moment, meanwhile)
        await applied(pilot)
        await until(pilot, lambda: done, "the hand")
        cursor = desk.queue.model.cursor
        await until(pilot, lambda: served.core.jobs and served.core.jobs[-1]["state"] == "done", "the job's end")
        await pilot.pause(0.4)
        assert set(desk.standing.claims) == {order}
        assert desk.queue.model.cursor == cursor
        assert [i for i, row in served.core.rows.items() if row["claim"]] == [order], "nothing is kept on the quiet"


@pytest.mark.parametrize("command", ["note called", "tag 加急", "priority 3"])
async def test_what_is_only_written_on_an_order_leaves_it_in_hand(served: Served, command: str) -> None:
    only_plain(served)
    async with desk_app(served, auto_next=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        order = await _taken(pilot, desk)
        await applied(pilot, command)
        await settled(pilot, served)
        assert (set(desk.standing.claims), desk.queue.model.cursor) == ({order}, order)


async def test_acts_on_others_or_left_at_the_preview_take_nothing(served: Served) -> None:
    only_plain(served)
    async with desk_app(served, auto_next=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await applied(pilot)
        await settled(pilot, served)
        assert desk.standing.claims == {}, "nothing was taken by next"
        order = await _taken(pilot, desk)
        await pilot.press("j")
        await applied(pilot)
        await settled(pilot, served)
        assert set(desk.standing.claims) == {order}, "another order than the one in hand"
        await pilot.press("h")
        await on_screen(pilot, PromptScreen)
        await pilot.press("escape")
        await on_screen(pilot, DeskScreen)
        assert set(desk.standing.claims) == {order}


async def test_a_decision_that_fails_stays_in_hand(served: Served) -> None:
    only_plain(served)
    async with desk_app(served, auto_next=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        order = await _taken(pilot, desk)
        asked = desk.client.job

        async def failed(job: int) -> Any:
            return {**await asked(job), "failed": 1}

        desk.client.job = failed  # type: ignore[method-assign]
        await applied(pilot)
        await settled(pilot, served)
        assert (set(desk.standing.claims), desk.queue.model.cursor) == ({order}, order)


async def test_keys_pressed_while_the_cursor_goes_over_are_for_nobody(served: Served) -> None:
    only_plain(served)
    async with desk_app(served, auto_next=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        first, asked = await _taken(pilot, desk), desk.client.drop

        async def drop(orders: Any) -> Any:
            pilot.app.post_message(events.Key("space", " "))
            await asyncio.sleep(0.05)
            return await asked(orders)

        desk.client.drop = drop  # type: ignore[method-assign]
        await applied(pilot)
        await until(pilot, lambda: desk.standing.claims and first not in desk.standing.claims, "the next")
        await pilot.app.workers.wait_for_complete()
        assert desk.queue.model.marks == {}
        await pilot.press("space")
        assert len(desk.queue.model.marks) == 1, "and keys count again"


async def test_when_nothing_is_left_it_says_so(serve: Callable[..., Served]) -> None:
    served = serve(1)
    only_plain(served)
    async with desk_app(served, "en", auto_next=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await _taken(pilot, desk_of(pilot))
        await applied(pilot)
        await until(
            pilot, lambda: "hold: 1 done" in shown(pilot, "#say") and "no order is left" in shown(pilot, "#say"), "said"
        )
