"""The first-run tour: once a machine, two keys of its own, nothing hidden, and every other key is the desk's."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from console.controllers.tour import STEPS, toured_path
from console.screens.desk import DeskScreen
from console.screens.history import HistoryScreen
from console.screens.menu import MenuScreen
from console.screens.prompt import PromptScreen
from console.widgets.plain import Plain
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.sources import ROOT
from tests.console.test_command_line import type_command
from tests.console.test_desk_keys import desk_of, on_screen, shown
from tests.end_to_end.processes import Pty

NARROW = (80, 24)


def box(pilot: Pilot[None]) -> Plain:
    return desk_of(pilot).query_one("#tour", Plain)


async def begun(pilot: Pilot[None]) -> None:
    await ready(pilot)
    await until(pilot, lambda: box(pilot).display and box(pilot).size.height > 1, "the first step")


async def test_it_comes_once_and_again_when_asked_for(served: Served) -> None:
    async with desk_app(served, "en", tour=True).run_test(size=NARROW) as pilot:
        await begun(pilot)
        assert "tour 1/6" in box(pilot).plain
        assert toured_path().stat().st_mode & 0o777 == 0o600
    async with desk_app(served, "en", tour=True).run_test(size=NARROW) as pilot:
        await ready(pilot)
        assert not box(pilot).display
        await type_command(pilot, "tour")
        await begun(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not box(pilot).display, "left")
        assert ":tour" in shown(pilot, "#say")
        await pilot.press("ctrl+p")
        await on_screen(pilot, MenuScreen)
        await pilot.press(*"tour", "enter")
        await begun(pilot)


@pytest.mark.parametrize("kind", ["nobody asked", "read_only", "kiosk", "wall"])
async def test_it_never_comes_by_itself_where_nobody_works(served: Served, kind: str) -> None:
    options = {"tour": kind != "nobody asked"} | ({} if kind == "nobody asked" else {kind: True})
    app = desk_app(served, **options)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause()
        assert not app.desk.query_one("#tour").display
    assert not toured_path().exists()


async def test_a_folder_that_refuses_the_mark_costs_one_more_tour(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    async with desk_app(served, tour=True).run_test(size=NARROW) as pilot:
        await begun(pilot)


@pytest.mark.parametrize("language", ["zh_CN", "en"])
async def test_every_step_fits_and_hides_nothing(served: Served, language: str) -> None:
    async with desk_app(served, language, tour=True).run_test(size=NARROW) as pilot:
        await begun(pilot)
        desk = desk_of(pilot)
        await pilot.press("G")
        for number in range(1, len(STEPS) + 1):
            await until(pilot, lambda n=number: f"{n}/6" in box(pilot).plain, f"step {number}")
            whole = "".join(strip.text for strip in box(pilot).render_lines(box(pilot).outer_size.region))
            assert cell_len(whole.replace(" ", "")) >= cell_len(box(pilot).plain.replace(" ", "").replace("\n", ""))
            assert box(pilot).size.height <= 5
            assert desk.queue.region.bottom <= box(pilot).region.y
            assert box(pilot).region.bottom <= desk.bars["notice"].region.y
            assert 0 <= desk.queue.cursor_line() < desk.queue.size.height
            assert desk.queue.size.height >= 10
            await pilot.press("enter")
        await until(pilot, lambda: not box(pilot).display, "the end")
        assert not desk.detail_open, "its own enter opened no order"
        await pilot.press("enter")
        assert desk.detail_open, "enter is the desk's again"


async def test_it_takes_two_keys_and_no_other(served: Served) -> None:
    async with desk_app(served, tour=True).run_test(size=NARROW) as pilot:
        await begun(pilot)
        desk = desk_of(pilot)
        await pilot.press("j", "j", "space")
        assert len(desk.queue.model.marks) == 1
        assert desk.queue.model.place(desk.queue.model.cursor) == 3
        await pilot.press("N")
        await on_screen(pilot, PromptScreen)
        await pilot.press(*"hello", "escape")
        await on_screen(pilot, DeskScreen)
        assert desk.tour.step == 1, "enter and escape of a box are the box's"
        await pilot.press("a", "escape")
        assert desk.tour.step == 1, "as is the escape of a leader"
        await pilot.press("apostrophe", "escape")
        assert desk.tour.step == 1, "and of the jump"
        await pilot.press("o", "h")
        await on_screen(pilot, HistoryScreen)
        await pilot.press("escape")
        await on_screen(pilot, DeskScreen)
        await pilot.press("e")
        await until(pilot, lambda: desk.cases.groups, "kinds")
        await pilot.press("j", "enter")
        assert (desk.pane, desk.tour.step) == ("cases", 2)
        await pilot.press("escape")
        assert (desk.pane, desk.tour.step) == ("cases", 0), "one escape, one thing"
        assert len(desk.queue.model.marks) == 1


async def test_it_names_the_keys_that_the_person_has(served: Served, tmp_path: Path) -> None:
    (tmp_path / "keymap.toml").write_text('mark = "z"\nnext = "f5"\n', encoding="utf-8")
    async with desk_app(served, "en", tour=True, keymap=tmp_path / "keymap.toml").run_test(size=NARROW) as pilot:
        await begun(pilot)
        tour = desk_of(pilot).tour
        assert "z marks an order" in tour.text("act").plain
        assert "f5 claims" in tour.text("flow").plain
        for step in STEPS:
            assert "?" not in tour.text(step).plain.replace("? lists", ""), "every key it speaks of is known"


def test_plain_keydesk_shows_it_at_the_first_start_only(serve: Callable[..., Served], tmp_path: Path) -> None:
    served = serve(40)
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path)}

    def start(*options: str) -> bool:
        terminal = Pty("--socket", served.path, "--language", "en", *options, env=env, cols=80, rows=24)
        try:
            terminal.until("backlog")
            terminal.until("? help")
            terminal.press("q")
            assert terminal.ended()
            return b"tour 1/6" in terminal.raw
        finally:
            terminal.end()

    assert [start("--no-tour"), start(), start()] == [False, True, False]
