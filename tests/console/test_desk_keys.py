"""The desk worked by keys alone, on a core that really applies what it is told."""

from collections.abc import Callable
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import DeskApp
from console.screens.desk import DeskScreen
from console.screens.help import HelpScreen
from console.screens.menu import MenuScreen
from console.screens.preview import PreviewScreen
from console.screens.prompt import PromptScreen
from console.screens.reveal import RevealScreen
from console.widgets.direct import Board
from console.widgets.plain import Plain
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served

SIZE = (160, 48)


def desk_of(pilot: Pilot[None]) -> DeskScreen:
    app = pilot.app
    assert isinstance(app, DeskApp)
    return app.desk


def shown(pilot: Pilot[None], selector: str) -> str:
    found = pilot.app.screen.query_one(selector)
    assert isinstance(found, Plain | Board)
    return found.plain


async def on_screen(pilot: Pilot[None], kind: type[Any]) -> Any:
    await until(pilot, lambda: isinstance(pilot.app.screen, kind), kind.__name__)
    return pilot.app.screen


async def job_done(pilot: Pilot[None], served: Served) -> dict[str, Any]:
    desk = desk_of(pilot)
    await until(pilot, lambda: desk.jobs.current is not None and desk.jobs.current["state"] != "running", "job ends")
    job: dict[str, Any] = served.core.jobs[-1]
    return job


async def test_moving_keeps_the_cursor_in_the_list(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("j", "j", "down", "k")
        assert desk.queue.model.place(desk.queue.model.cursor) == 2
        await pilot.press("up", "up", "up", "up")
        assert desk.queue.model.place(desk.queue.model.cursor) == 0
        await pilot.press("G")
        assert desk.queue.model.place(desk.queue.model.cursor) == 59
        await pilot.press("g")
        assert desk.queue.model.place(desk.queue.model.cursor) == 0
        await pilot.press("pagedown")
        assert desk.queue.model.place(desk.queue.model.cursor) == desk.queue.size.height - 1


async def test_paging_through_a_long_queue_reaches_every_order_once(serve: Callable[..., Served]) -> None:
    served = serve(500)
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        model = desk_of(pilot).queue.model
        while not model.at_end:
            before = len(model.shown)
            await pilot.press("pagedown")
            await until(pilot, lambda b=before: len(model.shown) > b or model.cursor != model.shown[-1] or model.at_end)
        assert model.shown == [key[2] for key in served.core.order]
        await pilot.press("G")
        assert model.cursor == served.core.order[-1][2]
        assert "500/500" in shown(pilot, "#notice")


async def test_end_jumps_without_reading_what_lies_between_and_pages_back(serve: Callable[..., Served]) -> None:
    served = serve(2000)
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        model = desk_of(pilot).queue.model
        await pilot.press("end")
        await until(pilot, lambda: model.cursor == served.core.order[-1][2], "the last order")
        assert len(model.shown) < 200
        assert "2,000/2,000" in shown(pilot, "#notice")
        for _ in range(4):
            await pilot.press("pageup")
        await until(pilot, lambda: len(model.shown) > 100, "earlier pages")
        place = model.place(model.cursor)
        assert place is not None
        assert model.above is not None
        assert served.core.order[model.above + place][2] == model.cursor
        await pilot.press("home")
        await until(pilot, lambda: model.cursor == served.core.order[0][2], "the first order")


async def test_hold_the_marked_then_undo(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        wanted = [i for i in desk.queue.model.shown[:5] if not served.core.rows[i]["holds"]][:2]
        for order_id in wanted:
            while desk.queue.model.cursor != order_id:
                await pilot.press("j")
            await pilot.press("space")
        assert "已标 2" in shown(pilot, "#notice")
        await pilot.press("h")
        await on_screen(pilot, PromptScreen)
        await pilot.press(*"wait", "enter")
        preview = await on_screen(pilot, PreviewScreen)
        assert preview.preview["allowed"] == 2
        assert "备注: wait" in shown(pilot, "#preview-facts")
        assert served.core.jobs == [], "nothing happens before the person agrees"
        await pilot.press("enter")
        job = await job_done(pilot, served)
        assert job["action"] == "hold"
        assert [served.core.rows[i]["why"] for i in wanted] == ["hold:manual"] * 2
        assert [served.core.rows[i]["note"] for i in wanted] == ["wait"] * 2
        assert desk.queue.model.marks == {}, "marks are used up"
        assert "2 成功 0 失败" in shown(pilot, "#say")
        assert "按 u 撤销" in shown(pilot, "#say")
        await pilot.press("u")
        await until(pilot, lambda: served.core.rows[wanted[0]]["why"] != "hold:manual", "undone")
        assert not served.core.rows[wanted[1]]["holds"]


async def test_escape_from_the_preview_does_nothing(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("r")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("escape")
        await on_screen(pilot, DeskScreen)
        assert served.core.jobs == []


async def test_what_is_blocked_is_said_with_its_reason_and_cannot_be_applied(served: Served) -> None:
    async with desk_app(served, "en").run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        while served.core.rows[desk.queue.model.cursor or 0]["holds"]:
            await pilot.press("j")
        await pilot.press("c")
        await on_screen(pilot, PreviewScreen)
        assert "no hold" in shown(pilot, "#preview-facts")
        await pilot.press("enter")
        await on_screen(pilot, DeskScreen)
        assert served.core.jobs == []


async def test_the_preview_of_one_order_names_it(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        row = desk_of(pilot).queue.model.current
        assert row is not None
        await pilot.press("R")
        await on_screen(pilot, PreviewScreen)
        assert row["ext_id"] in shown(pilot, "#preview-facts")
        assert "不能撤销" in shown(pilot, "#preview-facts")


async def test_many_orders_need_the_number_typed(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("V", "G", "V", "t")
        await on_screen(pilot, PromptScreen)
        await pilot.press(*"rush", "enter")
        preview = await on_screen(pilot, PreviewScreen)
        assert preview.preview["confirm_number"] == 60
        await pilot.press(*"59", "enter")
        assert isinstance(pilot.app.screen, PreviewScreen)
        assert "数字不符" in shown(pilot, "#preview-error")
        assert served.core.jobs == []
        await pilot.press("backspace", *"59", "backspace", "backspace", "backspace", *"60", "enter")
        await job_done(pilot, served)
        assert {r["tag"] for r in served.core.rows.values()} == {"rush"}


async def test_a_verdict_needs_its_reason(served: Served) -> None:
    async with desk_app(served, "en").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await on_screen(pilot, MenuScreen)
        await pilot.press(*"close order", "enter")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("enter")
        assert "reason is needed" in shown(pilot, "#preview-error")
        await pilot.press(*"dup", "enter")
        job = await job_done(pilot, served)
        assert (job["action"], job["reason"]) == ("close", "dup")


async def test_keys_are_shown_with_a_reason_and_hidden_by_any_key(served: Served) -> None:
    async with desk_app(served, "en").run_test(size=SIZE) as pilot:
        await ready(pilot)
        order_id = desk_of(pilot).queue.model.cursor
        await pilot.press("ctrl+p")
        await on_screen(pilot, MenuScreen)
        await pilot.press(*"reveal", "enter")
        await on_screen(pilot, PromptScreen)
        await pilot.press("enter")
        await until(pilot, lambda: "reason" in shown(pilot, "#prompt-error"), "no reason, no keys")
        assert served.core.revealed == []
        await pilot.press(*"lost mail", "enter")
        await on_screen(pilot, RevealScreen)
        assert "SECRET-KEY-1" in shown(pilot, "#reveal-keys")
        assert served.core.revealed == [(order_id, "lost mail")]
        await pilot.press("j")
        await on_screen(pilot, DeskScreen)
        assert "SECRET" not in repr(list(desk_of(pilot).queue.model.rows.values()))


async def test_filter_shows_matches_and_a_mistake_shows_its_place(served: Served) -> None:
    async with desk_app(served, "en").run_test(size=SIZE) as pilot:
        await ready(pilot)
        model = desk_of(pilot).queue.model
        await pilot.press("slash")
        await on_screen(pilot, PromptScreen)
        await pilot.press(*"amout>=500", "enter")
        await until(pilot, lambda: "at 1" in shown(pilot, "#prompt-error"), "the mistake is shown")
        assert "nearest is amount" in shown(pilot, "#prompt-error")
        pilot.app.screen.query_one(Input).value = "amount>=500"
        await pilot.press("enter")
        await on_screen(pilot, DeskScreen)
        await until(pilot, lambda: len(model.shown) < 60, "narrowed")
        assert {r["amount"] for r in (model.rows[i] for i in model.shown)} == {129900}
        assert "filter: amount>=500" in shown(pilot, "#notice")
        await pilot.press("slash")
        await on_screen(pilot, PromptScreen)
        await pilot.press("up")
        assert pilot.app.screen.query_one(Input).value == "amount>=500"
        await pilot.press("escape")
        await on_screen(pilot, DeskScreen)
        await pilot.press("escape")
        await until(pilot, lambda: len(model.shown) == 60, "cleared")


async def test_mark_by_filter_marks_also_what_is_not_shown(serve: Callable[..., Served]) -> None:
    served = serve(400)
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("M")
        await on_screen(pilot, PromptScreen)
        await pilot.press(*"@pdd", "enter")
        await until(pilot, lambda: bool(desk.queue.model.marks), "marked")
        want = {r["id"] for r in served.core.rows.values() if r["platform"] == "pdd"}
        assert set(desk.queue.model.marks) == want
        assert f"已标 {len(want)}" in shown(pilot, "#notice")
        assert "不在此列表" in shown(pilot, "#notice")
        await pilot.press("U")
        assert desk.queue.model.marks == {}


async def test_views_by_digit_and_tab(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("2")
        await until(pilot, lambda: desk.standing.view == "vip" and len(desk.queue.model.shown) < 60, "view 2")
        assert {r["tag"] for r in desk.queue.model.rows.values() if r["id"] in desk.queue.model.shown} == {"VIP"}
        await pilot.press("tab")
        await until(pilot, lambda: desk.standing.view == "big", "next view")
        await pilot.press("shift+tab", "shift+tab")
        await until(pilot, lambda: desk.standing.view == "work", "view before")
        await pilot.press("0")
        await until(pilot, lambda: desk.standing.view == "exceptions", "the tenth view")


async def test_next_claims_the_best_free_order_and_gives_the_last_one_back(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        first, second = served.core.order[0][2], served.core.order[1][2]
        await pilot.press("n")
        await until(pilot, lambda: first in desk.standing.claims, "claimed")
        assert served.core.rows[first]["claim"]["by"] == "amei"
        await pilot.press("n")
        await until(pilot, lambda: second in desk.standing.claims, "claimed the next")
        await until(pilot, lambda: served.core.rows[first]["claim"] is None, "gave the first back")
        assert desk.queue.model.cursor == second
    assert served.core.rows[second]["claim"] is None, "leaving gives leases back"


@pytest.mark.parametrize(("role", "read_only", "said"), [("viewer", False, "operator"), ("admin", True, "read-only")])
async def test_who_may_not_act_is_told_why(serve: Callable[..., Served], role: str, read_only: bool, said: str) -> None:
    served = serve(20, role=role, read_only=read_only)
    async with desk_app(served, "en").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("h")
        await until(pilot, lambda: said in shown(pilot, "#say"), "the reason")
        assert isinstance(pilot.app.screen, DeskScreen)


async def test_help_is_of_the_pane_and_the_menu_says_why_not(served: Served) -> None:
    async with desk_app(served, "en").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("question_mark")
        await on_screen(pilot, HelpScreen)
        await until(pilot, lambda: "mark range" in shown(pilot, "#help-keys"), "queue keys")
        await pilot.press("question_mark")
        await on_screen(pilot, DeskScreen)
        await pilot.press("e", "question_mark")
        await on_screen(pilot, HelpScreen)
        await until(pilot, lambda: "decide all" in shown(pilot, "#help-keys"), "keys of exceptions")
        assert "mark range" not in shown(pilot, "#help-keys")
        await pilot.press("escape", "e", "a", "R")
        await on_screen(pilot, PreviewScreen)


async def test_help_that_is_longer_than_its_window_says_so(served: Served) -> None:
    """At 80x24 two thirds of the keys lie below; nobody turns a page that does not look like one."""
    async with desk_app(served, "en").run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("question_mark")
        await on_screen(pilot, HelpScreen)
        await until(pilot, lambda: "more lines: pgdn" in shown(pilot, "#help-foot"), "how much is below")
        await pilot.press(*["pagedown"] * 6)
        await until(pilot, lambda: "more line" not in shown(pilot, "#help-foot"), "the end")
        assert "esc closes" in shown(pilot, "#help-foot")


async def test_typing_text_never_runs_actions(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("N")
        await on_screen(pilot, PromptScreen)
        await pilot.press(*"qhcJe?/n", "space", *"u")
        assert pilot.app.screen.query_one(Input).value == "qhcJe?/n u"
        assert pilot.app.is_running


async def test_priority_must_be_a_number_in_range(served: Served) -> None:
    async with desk_app(served, "en").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("p")
        await on_screen(pilot, PromptScreen)
        await pilot.press(*"12", "enter")
        await until(pilot, lambda: "-9 to 9" in shown(pilot, "#prompt-error"), "refused")
        await pilot.press("backspace", "backspace", *"-3", "enter")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("enter")
        job = await job_done(pilot, served)
        assert job["args"] == {"priority": -3}


async def test_detail_shows_why_and_turns_pages_at_80_columns(served: Served) -> None:
    async with desk_app(served, "en").run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        assert not desk.detail.display
        await pilot.press("enter")
        await until(pilot, lambda: "why it is not moving" in desk.detail.plain, "the detail")
        await until(pilot, lambda: "more lines" in desk.detail.plain, "it is longer than its pane")
        top = desk.detail.plain
        await pilot.press("right_square_bracket")
        assert desk.detail.plain != top
        await pilot.press("left_square_bracket")
        assert desk.detail.plain == top
        await pilot.press("escape")
        assert not desk.detail.display


async def test_quit_asks_nothing(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert pilot.app._exit


def burst(pilot: Pilot[None], text: str) -> None:
    """Keys as one paste brings them: all at once, nobody waits for a screen in between."""
    for char in text:
        key = {"\r": "enter", "/": "slash", "=": "equals_sign"}.get(char, char)
        pilot.app.post_message(events.Key(key, char if char != "\r" else "\r"))


async def test_a_pasted_filter_is_text_and_never_commands(served: Served) -> None:
    """``e``, ``h`` and ``c`` are commands of the desk; behind a ``/`` that came with them they are letters."""
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        burst(pilot, "/shop=echo\r")
        await until(pilot, lambda: desk.standing.filter == "shop=echo", "the filter is set")
        assert desk.pane == "queue"
        assert not served.core.jobs


async def test_enter_typed_before_the_preview_shows_applies_nothing(served: Served) -> None:
    """Nobody confirms what he cannot have read."""
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        burst(pilot, "c\r\r")
        await on_screen(pilot, PreviewScreen)
        await pilot.pause()
        assert isinstance(pilot.app.screen, PreviewScreen)
        assert not served.core.jobs


async def test_a_long_mistake_in_chinese_is_shown_whole(served: Served) -> None:
    """Chinese has no spaces to break at; what does not fit a line goes on in the next."""
    words = "条件写错了：" + "这个字段没有这样的写法，请换一种再试。" * 6

    async def wrong(_: str) -> str:
        return words

    async with desk_app(served).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        desk.run(_asked(desk, wrong))
        await on_screen(pilot, PromptScreen)
        await pilot.press("x", "enter")
        error = pilot.app.screen.query_one("#prompt-error")
        await until(pilot, lambda: words in shown(pilot, "#prompt-error") and error.size.height > 1, "the mistake")
        lines = error.render_lines(error.outer_size.region)
        assert "".join(line.text.strip() for line in lines) == words


async def _asked(desk: DeskScreen, check: Any) -> None:
    await desk.ask("filter.prompt", "", check=check)
