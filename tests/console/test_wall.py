"""The wall by keyboard: opening and leaving it, its picture, its silence, and what a kiosk refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from textual.pilot import Pilot

from console.actions import ACTIONS, KIOSK, why_not
from console.client import ClientError
from console.command_line import CommandError, parse
from console.presenters.head import status_line
from console.screens.desk import DeskScreen
from console.screens.wall import WallScreen
from console.state.standing import DeskStanding
from console.wire import Counters
from tests.console.conftest import desk_app, ready, until, write_line
from tests.console.fixture_orders import NOW
from tests.console.fixture_server import Served
from tests.console.fixture_wall import busy


def desk_of(pilot: Pilot[None]) -> DeskScreen:
    desk: DeskScreen = pilot.app.desk  # type: ignore[attr-defined]
    return desk


def board(pilot: Pilot[None]) -> str:
    screen = pilot.app.screen
    return screen.board.plain if isinstance(screen, WallScreen) else ""


async def opened(pilot: Pilot[None]) -> DeskScreen:
    await ready(pilot)
    await pilot.press("W")
    await until(pilot, lambda: "taobao-main" in board(pilot), "the wall is filled")
    return desk_of(pilot)


async def test_it_opens_and_leaves_by_key(served: Served) -> None:
    async with desk_app(served).run_test(size=(80, 24)) as pilot:
        desk = await opened(pilot)
        assert desk.scopes == ("wall", "desk")
        for key in ("escape", "W"):
            await pilot.press(key)
            await until(pilot, lambda: pilot.app.screen is desk, "the desk is back")
            await pilot.press("W")
            await until(pilot, lambda: board(pilot), "the wall again")


async def test_it_can_be_the_first_screen(served: Served) -> None:
    async with desk_app(served, wall=True, read_only=True).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "taobao-main" in board(pilot), "the wall is filled")
        await until(pilot, lambda: "[只读]" in pilot.app.screen.query_one("#wall-title").plain, "who we are")  # type: ignore[attr-defined]


async def test_keys_of_the_hidden_list_do_nothing(served: Served) -> None:
    async with desk_app(served).run_test(size=(80, 24)) as pilot:
        desk = await opened(pilot)
        before = dict(served.core.rows)
        await pilot.press("space", "u", "c", "n", "R", "1", "2")
        await pilot.pause()
        assert isinstance(pilot.app.screen, WallScreen)
        assert (desk.queue.model.marks, served.core.jobs, served.core.rows) == ({}, [], before)


@pytest.mark.parametrize(("key", "shown"), [("e", "cases"), ("J", "queue")])
async def test_other_places_of_the_desk_open_from_it(served: Served, key: str, shown: str) -> None:
    async with desk_app(served).run_test(size=(80, 24)) as pilot:
        desk = await opened(pilot)
        await pilot.press(key)
        await until(
            pilot, lambda: not desk.wall.shown and not isinstance(pilot.app.screen, WallScreen), "the wall aside"
        )
        assert desk.pane == shown


async def test_a_drill_that_was_changed_by_hand_is_no_longer_the_walls(served: Served) -> None:
    served.core.wall = lambda now: {**busy(now), "backlog": 5}
    async with desk_app(served).run_test(size=(80, 24)) as pilot:
        desk = await opened(pilot)
        await pilot.press("right", "right", "enter")  # the backlog
        await until(pilot, lambda: pilot.app.screen is desk and desk.wall.behind, "the orders behind it")
        assert (desk.standing.view, desk.standing.filter) == ("work", "")
        await pilot.press("tab")
        await until(pilot, lambda: desk.standing.view == "vip", "another view")
        assert not desk.wall.behind
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is desk


async def test_the_same_figures_draw_nothing_and_others_only_their_lines(served: Served) -> None:
    async with desk_app(served).run_test(size=(160, 48)) as pilot:
        desk = await opened(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, WallScreen)
        lines: list[int] = []
        draw_lines = screen.board.draw_lines

        def noting(stale: Any, hold: bool = False) -> None:
            lines.extend(stale)
            draw_lines(stale, hold)

        screen.board.draw_lines = noting  # type: ignore[method-assign]
        for _ in range(3):
            await screen.read().wait()
        assert lines == []
        changed = busy()
        changed["shops"][2]["in"] = 98
        served.core.wall = lambda now: changed
        await screen.read().wait()
        assert len(lines) == 1
        assert "indie" in desk.wall._screen.board.plain.splitlines()[lines[0]]  # type: ignore[union-attr]


async def test_the_history_follows_its_keys_and_forgets_a_shop_that_is_gone(served: Served) -> None:
    async with desk_app(served).run_test(size=(80, 24)) as pilot:
        desk = await opened(pilot)
        await until(pilot, lambda: "进单 /分  全部店铺" in board(pilot), "the last hour of all shops")
        await pilot.press("s", "s", "t", "f")
        await until(pilot, lambda: "发货 /30分  pdd-旗舰店" in board(pilot), "a shop's day")
        served.core.wall = lambda now: {**busy(now), "shops": busy(now)["shops"][:1]}
        screen = pilot.app.screen
        assert isinstance(screen, WallScreen)
        await screen.read().wait()
        assert desk.wall.state.shop == ""
        assert "全部店铺" in board(pilot)


async def test_figures_of_before_stand_while_the_line_is_lost(serve: Callable[..., Served]) -> None:
    served = serve()
    async with desk_app(served).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        served.stop()
        screen = pilot.app.screen
        assert isinstance(screen, WallScreen)
        await screen.read().wait()
        assert "taobao-main" in board(pilot)


# a picture


async def saved(served: Served, line: str, **options: Any) -> tuple[str, Served]:
    async with desk_app(served, **options).run_test(size=(80, 24)) as pilot:
        desk = await opened(pilot)
        await pilot.press("colon")
        await until(
            pilot, lambda: pilot.app.screen is not desk and not isinstance(pilot.app.screen, WallScreen), "a box"
        )
        await write_line(pilot, line)
        await until(pilot, lambda: desk.said.plain, "what came of it")
        return desk.said.plain, served


async def test_the_wall_is_saved_as_a_picture_that_calls_nobody(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "day.svg"
    said, _ = await saved(served, f"wall svg {tmp_path / 'day'}")
    assert "day.svg" in said
    drawn = path.read_text("utf-8")
    root = ElementTree.fromstring(drawn)
    texts = {one.text.strip(): one for one in root if one.text}
    assert {"店铺", "!6", "2.1k"} <= set(texts)
    assert any("amei" in text for text in texts)
    assert texts["店铺"].get("textLength") == str(9 * 4), "two characters of two cells each"
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in drawn


async def test_no_file_is_ever_replaced(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "day.svg"
    path.write_text("mine")
    said, _ = await saved(served, f"wall svg {path}")
    assert "已存在" in said
    assert path.read_text() == "mine"
    said, _ = await saved(served, f"wall svg {tmp_path / 'no' / 'where'}")
    assert "存不了" in said


async def test_its_key_names_the_file_by_the_time(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with desk_app(served).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("S")
        await until(pilot, lambda: list(tmp_path.glob("keydesk-wall-2*.svg")), "the picture")


def test_the_command_takes_svg_and_nothing_else() -> None:
    assert parse("wall", ("queue", "desk")).argument == ""
    assert parse("wall svg a b.svg", ("wall", "desk")).argument == "svg a b.svg"
    with pytest.raises(CommandError, match="wall svg"):
        parse("wall png x", ("wall", "desk"))


# a kiosk


def test_a_kiosk_looks_and_does_nothing_else() -> None:
    standing = DeskStanding(link="live", chosen=1, kiosk=True)
    standing.health = {"version": "", "operator": "a", "role": "admin", "read_only": False, "shops": [], "now": 0}
    allowed = {a.id.partition(".")[0] for a in ACTIONS if why_not(a, standing) is None}
    assert allowed == KIOSK
    assert not any(a.order for a in ACTIONS if a.id in KIOSK)
    assert KIOSK.isdisjoint({"command", "palette", "wall_save", "jobs", "cases", "menu", "next", "undo"})


def test_a_kiosk_names_nobody_at_work() -> None:
    def head(kiosk: bool) -> str:
        standing = DeskStanding(link="live", kiosk=kiosk)
        standing.counters = cast(Counters, {"shops": [], "claims": {"bo": 2}})
        return status_line(standing, 120, NOW).plain

    assert "bo 2" in head(False)
    assert "bo" not in head(True)


async def test_a_kiosk_asks_for_nobodys_name_and_writes_no_file(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[bool] = []
    async with desk_app(served, kiosk=True, names=False, wall=True).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "taobao-main" in board(pilot), "the wall is filled")
        desk = desk_of(pilot)
        real = desk.client.wall

        async def noting(names: bool = True) -> Any:
            asked.append(names)
            return await real(names)

        desk.client.wall = noting  # type: ignore[method-assign]
        screen = pilot.app.screen
        assert isinstance(screen, WallScreen)
        await screen.read().wait()
        await pilot.press("S", "colon", "ctrl+p", "J")
        await pilot.pause()
        assert pilot.app.screen is screen
        await desk.wall.save("x")
        assert asked == [False]
        assert list(tmp_path.iterdir()) == []
        assert "只能查看" in desk.said.plain


async def test_a_refusal_of_the_core_is_said(served: Served) -> None:
    async with desk_app(served).run_test(size=(80, 24)) as pilot:
        desk = await opened(pilot)

        async def refusing(names: bool = True) -> Any:
            raise ClientError("internal", "it went wrong", "Look into the log.")

        desk.client.wall = refusing  # type: ignore[method-assign]
        screen = pilot.app.screen
        assert isinstance(screen, WallScreen)
        await screen.read().wait()
        assert "it went wrong" in screen.bars["say"].plain
