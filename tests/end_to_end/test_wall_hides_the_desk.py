"""What goes on under the wall costs its screen nothing, and stands right when the wall is left."""

from pathlib import Path
from typing import Any

from textual.content import Content

from console.app import DeskApp
from console.client import Client
from console.options import Options
from console.screens.help import HelpScreen
from console.screens.wall import WallScreen
from core.model.clock import now_us
from core.model.lifecycle import Stage
from tests.console.conftest import NOWHERE, until
from tests.end_to_end.servicekit import desk
from tests.store.deskdata import Seed

SEEDS = [Seed(1), Seed(2, stage=Stage.DELIVERED)]


def _app(path: Path) -> DeskApp:
    options = Options(direct=False, live=False, keymap=NOWHERE, wall=True)
    return DeskApp(Client(str(path)), now_us, "en", "keydesk-dark", options)


async def test_the_desk_below_makes_no_frame_of_the_wall(tmp_path: Path) -> None:
    async with desk(tmp_path, SEEDS) as d:
        app = _app(d.path)
        async with app.run_test(size=(160, 48)) as pilot:
            await until(pilot, lambda: app.desk.queue.model.loaded and app.desk.wall.figures, "both are filled")
            wall = app.screen
            assert isinstance(wall, WallScreen)
            drawn: list[object] = []
            real = wall._compositor.render_update

            def counting(*args: Any, **kinds: Any) -> Any:
                drawn.append(args)
                return real(*args, **kinds)

            wall._compositor.render_update = counting  # type: ignore[method-assign]
            for n in range(5):
                app.desk.bars["stock"].show(Content(f"changed {n}"))
                app.desk.queue.draw_all()
                await pilot.pause(0.05)
            assert drawn == []
            wall.say(Content("this is seen"))
            await until(pilot, lambda: drawn, "a change of its own is drawn")
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(app.screen, HelpScreen), "help over the wall")
            assert app._background_screens == [wall], "a box shows the wall below it, and no more than that"


async def test_the_desk_comes_back_as_it_is_now(tmp_path: Path) -> None:
    """It heard of no change of size while it was hidden, and drew nothing of what came."""
    async with desk(tmp_path, SEEDS) as d:
        app = _app(d.path)
        async with app.run_test(size=(160, 48)) as pilot:
            await until(pilot, lambda: app.desk.queue.model.loaded and app.desk.wall.figures, "both are filled")
            app.desk.say("came meanwhile")
            await pilot.resize_terminal(80, 24)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.desk and app.desk.narrow, "the desk at its new size")
            await pilot.pause()
            assert app.desk.size == (80, 24)
            assert app.desk.has_class("narrow", "short")
            picture = app.export_screenshot()
            assert "T1" in picture
            await pilot.resize_terminal(160, 48)
            await until(pilot, lambda: not app.desk.narrow, "and at the next one")
            await until(pilot, lambda: "came&#160;meanwhile" in app.export_screenshot(), "what came is shown")
