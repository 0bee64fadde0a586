"""The flow of work by keys: skip, claim, break, recall, repeat, jump, find."""

from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from console.controllers.jump import labels
from console.screens.desk import DeskScreen
from console.screens.list import ListScreen
from console.screens.preview import PreviewScreen
from console.screens.prompt import PromptScreen
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_orders import NOW, SECOND
from tests.console.fixture_server import Served
from tests.console.test_command_line import type_command
from tests.console.test_desk_keys import desk_of, job_done, on_screen, shown

SIZE = (160, 48)
SCOPES = ("queue", "desk")


async def back(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, DeskScreen), "the desk again")


async def answer(pilot: Pilot[None], text: str) -> None:
    await on_screen(pilot, PromptScreen)
    await until(pilot, lambda: pilot.app.screen.query_one("#prompt-error").size.width, "the box is laid out")
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await back(pilot)


async def test_skip_records_a_reason_and_takes_the_next(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("n")
        await until(pilot, lambda: desk.standing.claims, "the first")
        first = next(iter(desk.standing.claims))
        await pilot.press("s")
        await answer(pilot, "buyer is silent")
        await until(pilot, lambda: desk.standing.claims and first not in desk.standing.claims, "the next")
        assert served.core.skipped == [(first, "buyer is silent")]
        assert served.core.rows[first]["claim"] is None
        assert desk.queue.model.cursor in desk.standing.claims


async def test_claim_in_one_key_and_once_more_gives_back(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        row = desk.queue.model.current
        assert row is not None
        await pilot.press("C")
        await until(pilot, lambda: row["id"] in desk.standing.claims, "claimed")
        assert "已认领 1（剩 60s）" in desk.bars["status"].plain
        await pilot.press("C")
        await until(pilot, lambda: not desk.standing.claims, "given back")
        assert served.core.rows[row["id"]]["claim"] is None


async def test_an_order_of_another_warns_and_a_supervisor_breaks_it(served: Served) -> None:
    order = served.core.order[2][2]
    served.do(lambda core: core.change(order, claim={"by": "laowang", "until": NOW + 42 * SECOND}))
    async with desk_app(served, language="en").run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("j", "j")
        await until(pilot, lambda: "laowang is working on it, 42s left" in shown(pilot, "#notice"), "beside the list")
        assert "laow 42s" in desk.queue.strip(2).text
        await pilot.press("enter")
        await until(pilot, lambda: "laowang is working on it, 42s left" in shown(pilot, "#say"), "on opening")
        await pilot.press("C")
        await until(pilot, lambda: served.core.rows[order]["ext_id"] in shown(pilot, "#say"), "who was quicker")
        await pilot.press("c")
        await on_screen(pilot, PreviewScreen)
        assert "laowang is working on it" in shown(pilot, "#preview-facts")
        await pilot.press("escape")
        await back(pilot)
        await pilot.press("B")
        await answer(pilot, "lunch")
        await until(pilot, lambda: served.core.broken, "broken")
        assert served.core.broken == {order: ("amei", "lunch")}


async def test_the_holder_of_a_broken_claim_is_told_by_whom_and_why(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("n")
        await until(pilot, lambda: desk.standing.claims, "claimed")
        order = next(iter(desk.standing.claims))

        def broken(core: Any) -> None:
            core.broken[order] = ("zhuguan", "换人处理")
            core.change(order, claim=None)

        served.do(broken)
        await desk.session.beat()
        assert desk.standing.claims == {}
        assert "zhuguan 收回了你认领的" in shown(pilot, "#say")
        assert "换人处理" in shown(pilot, "#say")


async def test_recall_goes_to_the_order_and_undoes(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        row = next(r for r in desk.queue.model.rows.values() if not r["holds"])
        while desk.queue.model.cursor != row["id"]:
            await pilot.press("j")
        await type_command(pilot, "note called")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("enter")
        await job_done(pilot, served)
        await pilot.press("G", "m")
        screen = await on_screen(pilot, ListScreen)
        assert row["ext_id"] in shown(pilot, "#pick-list")
        await pilot.press("enter")
        await until(pilot, lambda: desk.queue.model.cursor == row["id"], "the order")
        await pilot.press("m")
        screen = await on_screen(pilot, ListScreen)
        await until(pilot, lambda: screen.query_one("#pick-list").items, "read")
        await pilot.press("u")
        await until(pilot, lambda: [j["action"] for j in served.core.jobs] == ["note", "undo"], "undone")
        await until(pilot, lambda: served.core.rows[row["id"]]["note"] == row["note"], "as before")


async def test_repeat_does_the_last_act_on_what_is_chosen_now(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("full_stop")
        await until(pilot, lambda: "还没有可以重复的操作" in shown(pilot, "#say"), "nothing yet")
        await type_command(pilot, "tag 加急")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("enter")
        await job_done(pilot, served)
        await pilot.press("j", "space", "space", "full_stop")
        preview = await on_screen(pilot, PreviewScreen)
        assert preview.preview["total"] == 2
        assert "加急" in shown(pilot, "#preview-facts")
        await pilot.press("enter")
        await until(pilot, lambda: len(served.core.jobs) == 2 and served.core.jobs[1]["state"] == "done", "again")
        assert served.core.jobs[1]["args"] == {"tag": "加急"}
        assert desk.queue.model.marks == {}


async def test_jump_goes_to_the_row_of_the_letters(served: Served) -> None:
    assert labels(3) == ["f", "j", "d"]
    assert len(set(labels(40))) == 40
    assert {len(one) for one in labels(40)} == {2}
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        seen = desk.queue.model.shown[: desk.queue.size.height]
        await pilot.press("apostrophe")
        label = desk.queue.labels[seen[20]]
        assert desk.queue.strip(20).text.startswith(label)
        await pilot.press(*label)
        assert desk.queue.model.cursor == seen[20]
        assert desk.queue.labels == {}
        await pilot.press("apostrophe", "escape")
        assert (desk.queue.labels, desk.queue.model.cursor) == ({}, seen[20])


async def test_several_orders_of_a_fragment_are_picked_from(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("f")
        await on_screen(pilot, PromptScreen)
        await until(pilot, lambda: pilot.app.screen.query_one("#prompt-error").size.width, "laid out")
        pilot.app.screen.query_one(Input).value = served.core.rows[served.core.order[0][2]]["ext_id"][:3]
        await pilot.press("enter")
        screen = await on_screen(pilot, ListScreen)
        await until(pilot, lambda: screen.is_mounted and screen.query("#pick-list"), "the list")
        await pilot.press("j")
        wanted = screen.query_one("#pick-list").items[1][0]
        await pilot.press("enter")
        await until(pilot, lambda: desk.queue.model.cursor == wanted, "the one that was picked")
