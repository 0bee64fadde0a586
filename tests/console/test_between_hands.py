"""What must not go wrong between two keys or two people: claims, undo, macros, and what was left at the last start."""

from typing import Any

from textual import events
from textual.pilot import Pilot

from console.resume import Left, load_left, save_left
from console.screens.desk import DeskScreen
from console.screens.modal import DeskModal
from console.screens.preview import PreviewScreen
from console.widgets.pick_list import PickList
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_orders import NOW, SECOND
from tests.console.fixture_server import Served
from tests.console.test_command_line import type_command
from tests.console.test_desk_keys import desk_of, job_done, on_screen, shown
from tests.console.test_flow import SIZE, back
from tests.console.test_own import write_macros


async def take(pilot: Pilot[None], desk: DeskScreen) -> int:
    """The order that ``n`` brings."""
    await pilot.press("n")
    await until(pilot, lambda: desk.standing.claims and "已认领" in shown(pilot, "#say"), "an order is ours")
    return next(iter(desk.standing.claims))


async def hold(pilot: Pilot[None]) -> None:
    """Decides: the order is held."""
    await type_command(pilot, "hold later")
    await on_screen(pilot, PreviewScreen)
    await pilot.press("enter")


def only_plain(served: Served) -> None:
    """Nothing is held, so that every order can be."""

    def plain(core: Any) -> None:
        for row in core.rows.values():
            row.update(cases=[], holds=[], why="at_gate", stage="open", claim=None)

    served.do(plain)


async def test_what_was_given_back_meanwhile_is_not_told_as_lost(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        order, asked = await take(pilot, desk), desk.client.beat

        async def while_it_is_given_back(orders: Any) -> Any:
            await pilot.press("C")
            await until(pilot, lambda: served.core.rows[order]["claim"] is None, "given back")
            return await asked(orders)

        desk.client.beat = while_it_is_given_back  # type: ignore[method-assign]  # the one moment in which it happens
        await desk.session.beat()
        assert "已退回" in shown(pilot, "#say")


async def test_claiming_many_says_who_was_quicker_and_how_many_came(served: Served) -> None:
    only_plain(served)
    theirs = served.core.order[1][2]
    served.do(lambda core: core.change(theirs, claim={"by": "laowang", "until": NOW + 42 * SECOND}))
    async with desk_app(served, language="en").run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("space", "space", "space", "C")
        await until(pilot, lambda: len(desk.standing.claims) == 2, "two of three")
        await until(pilot, lambda: "2 of 3 orders" in shown(pilot, "#say"), "it is said")
        assert "laowang is working on it, 42s left" in shown(pilot, "#say")
        await pilot.press(*["space"] * 22, "C")
        await until(pilot, lambda: "claims 20 at most" in shown(pilot, "#say"), "no silent cut")


async def test_u_leaves_a_colleagues_job_alone(served: Served) -> None:
    only_plain(served)
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await hold(pilot)
        await job_done(pilot, served)

        def of_another(core: Any) -> None:
            core.jobs[0]["by"] = "laowang"

        served.do(of_another)
        await pilot.press("u")
        await until(pilot, lambda: "没有" in shown(pilot, "#say"), "nothing of ours")
        assert [j["action"] for j in served.core.jobs] == ["hold"]


async def test_repeating_on_a_case_keeps_the_marks_of_the_queue(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await type_command(pilot, "tag 加急")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("enter")
        await job_done(pilot, served)
        await pilot.press("space", "space", "e")
        await until(pilot, lambda: desk.cases.groups, "kinds")
        await pilot.press("enter")
        await until(pilot, lambda: desk.cases.current, "a case")
        await pilot.press("full_stop")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("enter")
        await until(pilot, lambda: len(served.core.jobs) == 2, "done once more")
        assert len(desk.queue.model.marks) == 2


# macros


async def test_a_macro_that_goes_somewhere_does_not_end_the_console(served: Served) -> None:
    number = served.core.rows[served.core.order[9][2]]["ext_id"]
    steps = f'["view vip", "filter amount>=1", "view work", "order {number}", "tag 加急"]'
    write_macros(f'[[macro]]\nname = "go"\nkey = "f6"\ndo = {steps}\n')
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("f6")
        await until(pilot, lambda: "5 步已完成" in shown(pilot, "#say"), "all steps")
        assert (desk.standing.view, desk.queue.model.cursor) == ("work", served.core.order[9][2])
        assert [i["order_id"] for i in served.core.jobs[0]["items"]] == [served.core.order[9][2]]


async def test_a_macro_that_asks_takes_no_key_that_came_before_its_preview(served: Served) -> None:
    write_macros('[[macro]]\nname = "pay"\nkey = "f6"\ndo = ["resend"]\n')
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        cursor = desk.queue.model.cursor
        for key in ("f6", "j", "enter", "f6"):  # as one paste brings them
            pilot.app.post_message(events.Key(key, None))
        await on_screen(pilot, PreviewScreen)
        await pilot.pause()
        assert isinstance(pilot.app.screen, PreviewScreen)
        assert served.core.jobs == []
        assert desk.queue.model.cursor == cursor
        await pilot.press("escape")
        await back(pilot)
        await pilot.press("j")
        assert desk.queue.model.cursor != cursor, "keys count again"


async def test_a_filter_that_cannot_be_used_any_more_does_not_keep_the_desk_shut(served: Served) -> None:
    save_left(str(served.path), Left("work", "nofield:x", "", None))
    async with desk_app(served, resume=True, live=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await until(pilot, lambda: desk.standing.link == "live" and desk.queue.model.shown, "all orders")
        assert "nofield:x" in shown(pilot, "#say")
    assert load_left(str(served.path)).filter == ""


async def test_an_empty_list_says_so_and_goes_on_saying_it(served: Served) -> None:
    """Also once it has got its size, and another one: a list draws itself anew then."""
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for key, words in (("m", "还没有做过决定"), ("J", "还没有任务")):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(pilot.app.screen, DeskModal), "the list")
            for width in (SIZE[0], SIZE[0] - 10):
                await pilot.resize_terminal(width, SIZE[1])
                await pilot.pause()
                assert any(words in one.plain for one in pilot.app.screen.query(PickList)), (key, width)
            await pilot.press("escape")
            await back(pilot)
