"""Exceptions decided by digits, one decision for a whole kind, jobs stopped and read; by keys alone."""

from typing import Any

from rich.cells import cell_len
from textual.pilot import Pilot

from console.screens.desk import DeskScreen
from console.screens.digit import DigitScreen
from console.screens.jobs import JobsScreen
from console.screens.preview import PreviewScreen
from console.screens.prompt import PromptScreen
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_core import Core
from tests.console.fixture_orders import NOW, SECOND
from tests.console.fixture_server import Served
from tests.console.test_desk_keys import SIZE, desk_of, job_done, on_screen, shown


async def test_an_exception_is_decided_with_a_digit_and_enter(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("e")
        await until(pilot, lambda: bool(desk.cases.groups), "groups")
        assert [g["oldest_at"] for g in desk.cases.groups] == sorted(g["oldest_at"] for g in desk.cases.groups)
        while desk.case_list.key != "late_payment":
            await pilot.press("j")
        await pilot.press("enter")
        await until(pilot, lambda: desk.cases.current is not None, "cases")
        case = desk.cases.current
        assert case is not None
        await pilot.press("1")
        await on_screen(pilot, PreviewScreen)
        assert case["ext_id"] in shown(pilot, "#preview-facts")
        await pilot.press("enter")
        job = await job_done(pilot, served)
        assert (job["action"], job["total"]) == ("accept_late", 1)
        assert served.core.rows[case["order_id"]]["cases"] == []
        await until(pilot, lambda: all(c["id"] != case["id"] for c in desk.cases.cases), "it leaves the list")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: desk.pane == "queue", "back")


async def test_each_kind_says_what_it_is_and_its_cases_have_a_heading(served: Served) -> None:
    """Somebody new reads what to do beside the list; the queue's heading is back with the queue."""
    async with desk_app(served, "en").run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        before = desk.bars["columns"].plain
        await pilot.press("e")
        await until(pilot, lambda: bool(desk.cases.groups), "groups")
        while desk.case_list.key != "late_payment":
            await pilot.press("j")
        await until(pilot, lambda: "after the order was cancelled" in desk.detail.plain, "what it is")
        assert not desk.bars["columns"].display
        await pilot.press("enter")
        await until(pilot, lambda: desk.cases.current is not None, "cases")
        case = desk.cases.current
        assert case is not None
        assert desk.bars["columns"].display
        heading, line = desk.bars["columns"].plain, desk.case_list.plain.splitlines()[0]
        assert heading.split() == ["order", "shop", "product", "amount", "age", "left"]
        money = f"{case['money']['CNY'] / 100:,.2f}"
        ends = cell_len(line[: line.index(f" {money} ")]) + 1 + len(money)
        assert ends == heading.index("amount") + len("amount"), "the money stands whole, below its heading"
        await pilot.press("escape", "escape")
        await until(pilot, lambda: desk.pane == "queue" and desk.bars["columns"].plain == before, "the queue's heading")


async def test_one_decision_for_all_of_a_kind(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await pilot.press("e")
        await until(pilot, lambda: bool(desk.cases.groups), "groups")
        while desk.case_list.key != "no_stock":
            await pilot.press("j")
        await pilot.press("enter")
        await until(pilot, lambda: bool(desk.cases.cases), "cases")
        count = len(desk.cases.cases)
        assert count > 1
        await pilot.press("A")
        await on_screen(pilot, DigitScreen)
        await pilot.press("1")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("enter")
        job = await job_done(pilot, served)
        assert (job["action"], job["total"]) == ("retry", count)


async def test_jobs_pane_stops_a_running_job_and_shows_items(served: Served) -> None:
    served.core.job_pause = 0.05
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("V", "G", "V", "t")
        await on_screen(pilot, PromptScreen)
        await pilot.press("x", "enter")
        await on_screen(pilot, PreviewScreen)
        await pilot.press(*"60", "enter")
        await until(pilot, lambda: bool(served.core.jobs), "the job starts")
        await pilot.press("J")
        await on_screen(pilot, JobsScreen)
        await until(pilot, lambda: "标签" in shown(pilot, "#jobs-list"), "jobs are read")
        await pilot.press("x")
        await until(pilot, lambda: served.core.jobs[0]["state"] == "stopped", "stopped")
        assert served.core.jobs[0]["done"] < 60
        await pilot.press("g")
        await until(pilot, lambda: "成功" in shown(pilot, "#jobs-items"), "items")
        await pilot.press("escape")
        await on_screen(pilot, DeskScreen)


async def test_a_kind_with_more_cases_than_a_page_can_be_walked_to_its_end(served: Served) -> None:
    core = served.core
    for order_id in list(core.rows)[:30]:
        core.change(order_id, cases=["no_stock"], why="case:no_stock", stage="open")
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        desk.cases.page = 8
        await pilot.press("e")
        await until(pilot, lambda: bool(desk.cases.groups), "groups")
        while desk.case_list.key != "no_stock":
            await pilot.press("j")
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.cases.cases) == 8, "the first page")
        whole = len([c for c in core.cases() if c["kind"] == "no_stock"])
        assert whole >= 30
        await until(pilot, lambda: f"1/{whole}" in shown(pilot, "#notice"), "the whole number, not the page's")
        for _ in range(7):
            await pilot.press("j")
        await until(pilot, lambda: len(desk.cases.cases) >= 16, "the next page comes when the cursor nears the end")
        assert desk.case_list.index == 7
        await pilot.press("G")
        await until(pilot, lambda: len(desk.cases.cases) == whole, "all")
        await until(pilot, lambda: desk.case_list.index == whole - 1, "at the end")
        last = desk.cases.current
        await desk.cases.renew()
        assert len(desk.cases.cases) == whole, "news does not throw the person back to the first page"
        assert desk.cases.current == last
        assert len({c["id"] for c in desk.cases.cases}) == whole


async def test_a_running_job_says_how_fast_it_goes_and_how_long_it_will_take(served: Served) -> None:
    """From what was seen of it: 2,000 orders that were done before the first look count for nothing."""
    async with desk_app(served, "en").run_test(size=SIZE) as pilot:
        await ready(pilot)
        jobs = desk_of(pilot).jobs

        def line(done: int, seconds: float, state: str = "running") -> str:
            job: Any = {"id": 7, "action": "hold", "state": state, "done": done, "total": 10_000, "failed": 0}
            return jobs.line({**job, "undoable_until": None}, NOW + round(seconds * SECOND)).plain

        assert "/s" not in line(2000, 0)
        assert "/s" not in line(2100, 0.3), "too early to tell"
        assert "1,000/s, 6s left" in line(4000, 2)
        assert "/s" not in line(10_000, 9, "done")
        assert "/s" not in line(5000, 60), "seen anew"


async def open_kind(pilot: Pilot[None], kind: str) -> DeskScreen:
    """The exceptions with one kind open."""
    desk = desk_of(pilot)
    await pilot.press("e")
    await until(pilot, lambda: bool(desk.cases.groups), "groups")
    kinds = [group["kind"] for group in desk.cases.groups]
    await pilot.press(*["j"] * kinds.index(kind), "enter")
    await until(pilot, lambda: bool(desk.cases.cases), "cases")
    return desk


async def test_a_group_decision_can_be_held_to_one_cause(served: Served) -> None:
    """Stock came for one product: its orders are decided together, those of other products stay as they are."""
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = await open_kind(pilot, "no_stock")
        case = desk.cases.current
        assert case is not None
        assert case["row"] is not None
        product = case["row"]["product"]
        mine = {c["order_id"] for c in desk.cases.cases if c["row"] is not None and c["row"]["product"] == product}
        assert 0 < len(mine) < len(desk.cases.cases)
        await pilot.press("A")
        await on_screen(pilot, DigitScreen)
        assert f"{len(mine)} 件" in shown(pilot, "#digit-scope")
        await pilot.press("tab", "1")
        await on_screen(pilot, PreviewScreen)
        await pilot.press("enter")
        job = await job_done(pilot, served)
        assert {item["order_id"] for item in job["items"]} == mine


async def test_one_address_is_never_given_to_a_group(served: Served) -> None:
    """It would send all keys to one place."""

    def unreadable(core: Core) -> None:
        for row in list(core.rows.values())[:5]:
            row.update(cases=["buyer_input_invalid"], why="case:buyer_input_invalid", stage="open", holds=[])

    served.do(unreadable)
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = await open_kind(pilot, "buyer_input_invalid")
        assert len(desk.cases.cases) > 1
        await pilot.press("A")
        screen = await on_screen(pilot, DigitScreen)
        assert "联系方式" in screen._choices[0]
        await pilot.press("1")
        await until(pilot, lambda: "同一买家" in shown(pilot, "#say"), "it is said why")
        assert isinstance(pilot.app.screen, DeskScreen)
        assert not served.core.jobs
