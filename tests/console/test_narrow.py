"""Every screen at 80x24 in both languages: its title is there, the way out too, and no title or line of keys is cut."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import DeskApp
from console.widgets.direct import Board
from console.widgets.plain import Plain
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served

SIZE = (80, 24)
WAYS_OUT = {"zh_CN": ("esc 返回", "Esc 关闭", "esc 关闭", "esc 离开", "Esc 放弃", "任意键"),
            "en": ("esc back", "esc closes", "esc leaves", "Any key")}  # fmt: skip
# What is told elsewhere in full, or goes on by turning.
MAY_BE_CUT = {"pane-columns", "pane-list", "jobs-list", "menu-list", "pick-list", "history-list", "xray-list", "cases", "help-keys",
              "wall-page", "queue", "stock", "tabs", "rates", "detail"}  # fmt: skip
PLACES = (
    "queue", "detail", "wall", "stock", "stock enter", "stock i", "rules", "rules c", "connections", "connections enter", "doctor",
    "log", "help", "jobs", "palette", "menu", "goto", "history", "xray", "recall", "cases", "cases enter", "find", "filter", "command",
    "hold", "priority", "skip", "views", "macros", "preview", "reveal", "mark_filter", "import",
)  # fmt: skip


async def open_place(pilot: Pilot[None], app: DeskApp, place: str, folder: Path) -> None:
    """Opens a place by its command, and goes on by a key in it."""
    name, _, key = place.partition(" ")
    before = app.screen
    if name in ("preview", "import"):
        app.desk.perform({"preview": "resend", "import": "stock"}[name])
    elif name not in ("queue",):
        app.desk.perform(name)
    if name in ("menu", "goto"):
        box = app.screen.query_one("#leader", Plain)
        await until(pilot, lambda: box.display and box.size.height > 1, place)
    elif name not in ("queue", "detail", "cases"):
        await until(pilot, lambda: app.screen is not before, place)
    await until(pilot, lambda: getattr(app.screen, "read_at", 1) is not None, place)
    await until(pilot, lambda: not app.desk.typeahead._until, "keys count")
    if name == "import":
        await type_line(pilot, app, "i", str(folder / "k.txt"))
        await until(
            pilot,
            lambda: app.screen.query("#import-foot") and app.screen.query_one("#import-foot", Plain).plain,
            "the wizard",
        )
    elif name == "reveal":
        await type_line(pilot, app, "", "because")
        await until(pilot, lambda: app.screen.query("#reveal-keys"), "the keys")
    elif key:
        await pilot.press(key)
    await pilot.pause(0.15)


async def type_line(pilot: Pilot[None], app: DeskApp, key: str, text: str) -> None:
    if key:
        await pilot.press(key)
    await until(pilot, lambda: app.screen.query(Input), "the box")
    await until(pilot, lambda: not app.desk.typeahead._until, "keys count")
    app.screen.query_one(Input).value = text
    await pilot.press("enter")


def cut(app: DeskApp) -> dict[str, str]:
    """The lines and blocks of the screen on top that do not fit where they stand."""
    found: dict[str, str] = {}
    for widget in app.screen.query(Plain):
        if widget.id in MAY_BE_CUT or not widget.display or widget._shown is None or not widget.plain:
            continue
        width, height = widget.content_size
        whole = widget._shown
        wraps = widget.styles.text_wrap == "wrap"
        lines = whole.wrap(max(width, 1)) if wraps else whole.split("\n")
        if len(lines) > height or (not wraps and any(line.cell_length > width for line in lines)):
            found[str(widget.id)] = f"{width}x{height}: {widget.plain}"
    for board in app.screen.query(Board):
        if (
            board.display
            and board.id not in MAY_BE_CUT
            and any(line.cell_length > board.size.width for line in board._contents)
        ):
            found[str(board.id)] = board.plain
    return found


@pytest.mark.parametrize("language", ["zh_CN", "en"])
async def test_every_screen_is_whole_at_80x24(served: Served, language: str, tmp_path: Path) -> None:
    (tmp_path / "k.txt").write_text("x\n")
    app = desk_app(served, language)
    poor: list[str] = []
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        for place in PLACES:
            await open_place(pilot, app, place, tmp_path)
            lines = [strip.text for strip in app.screen._compositor.render_strips()]
            text = "\n".join(lines)
            assert len(lines) == SIZE[1], place
            if place not in ("queue", "detail") and not any(way in text for way in WAYS_OUT[language]):
                poor.append(f"{place}: no way out")
            titles = [w for w in app.screen.query(Plain) if str(w.id).endswith("-title")]
            if any(not w.plain.strip() or w.plain.strip()[:6] not in text for w in titles):
                poor.append(f"{place}: no title")
            poor += [f"{place}: {name} {what}" for name, what in cut(app).items()]
            for _ in range(5):
                if app.screen is app.desk and app.desk.pane == "queue" and not app.desk.detail_open:
                    break
                await pilot.press("escape")
                await pilot.pause(0.02)
            assert app.screen is app.desk, place
    assert not poor, "\n".join(poor)
