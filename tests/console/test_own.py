"""What a person has of their own: tabs and saved views, macros, names by pieces, where they left off, a bell."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input

from console import i18n
from console.command_line import CommandError, completions, parse
from console.controllers.own import macros_path
from console.fuzzy import best, fits, initials
from console.keymap import Keymap
from console.macros import MacroError, load_macros
from console.presenters.tabs import tabs_line
from console.resume import Left, left_path, load_left, save_left
from console.saved_views import SavedView, load_views, save_views, views_path
from console.screens.list import ListScreen
from console.screens.menu import MenuScreen
from console.screens.preview import PreviewScreen
from console.state.standing import VIEWS, DeskStanding
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served
from tests.console.test_command_line import type_command
from tests.console.test_desk_keys import desk_of, on_screen, shown
from tests.console.test_flow import SCOPES, SIZE

# tabs, saved views


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("width", [80, 120, 160])
def test_tabs_fit_and_keep_the_one_where_one_is(language: str, width: int) -> None:
    i18n.use(language)
    for view in VIEWS:
        standing = DeskStanding(view=view, counts=dict.fromkeys(VIEWS, 12_345))
        line = tabs_line(standing, width, "queue")
        assert line.cell_length <= width
        here = (i18n.t(f"tab.{view}") if i18n.has(f"tab.{view}") else "", i18n.t(f"view.{view}"))
        assert any(name and f"{name} 12.3k" in line.plain for name in here), (view, line.plain)
    some = DeskStanding(counts={**dict.fromkeys(VIEWS, 0), "work": 7, "no_stock": 2})
    assert tabs_line(some, 80, "queue").cell_length <= 80


async def test_a_view_is_saved_shown_and_forgotten(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await type_command(pilot, "filter amount>=100")
        await until(pilot, lambda: desk.standing.filter == "amount>=100", "the filter")
        await type_command(pilot, "save 大单")
        await until(pilot, lambda: "大单" in desk.standing.saved, "saved")
        assert desk.standing.tab == "大单"
        assert stat.S_IMODE(views_path().stat().st_mode) == 0o600
        await type_command(pilot, "view vip")
        await until(pilot, lambda: desk.standing.view == "vip", "another view")
        assert desk.standing.filter == "", "the filter belonged to the saved view"
        await type_command(pilot, "view 大单")
        await until(pilot, lambda: (desk.standing.view, desk.standing.filter) == ("work", "amount>=100"), "again")
        await desk.session.read_counts()
        assert desk.standing.counts["大单"] == len([r for r in served.core.rows.values() if r["amount"] >= 10000])
        await type_command(pilot, "forget 大单")
        await until(pilot, lambda: desk.standing.saved == {}, "forgotten")
        assert load_views(views_path()) == {}


def test_a_spoilt_file_of_views_costs_only_what_is_spoilt(tmp_path: Path) -> None:
    path = tmp_path / "views.json"
    assert load_views(path) == {}
    path.write_text("{", encoding="utf-8")
    assert load_views(path) == {}
    path.write_text(json.dumps({"a b": {"view": "work", "filter": ""}, "x": {"view": "nowhere", "filter": ""},
                                "vip": {"view": "work", "filter": ""}, "ok": {"view": "big", "filter": "x"}}))  # fmt: skip
    assert load_views(path) == {"ok": SavedView("big", "x")}
    save_views(path, {"ok": SavedView("big", "x")})
    assert load_views(path) == {"ok": SavedView("big", "x")}


# macros


def write_macros(text: str) -> Path:
    path = macros_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


RUSH = '[[macro]]\nname = "rush"\nkey = "f5"\ndo = ["tag 加急", "priority 3"]\n'


async def test_a_macro_does_its_harmless_steps_and_asks_for_the_others(served: Served) -> None:
    write_macros(RUSH + '[[macro]]\nname = "pay"\ndo = ["tag x", "resend"]\n')
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        order = desk.queue.model.cursor
        await pilot.press("f5")
        await until(pilot, lambda: "2 步已完成" in shown(pilot, "#say"), "done")
        assert [(j["action"], [i["order_id"] for i in j["items"]]) for j in served.core.jobs] == [
            ("tag", [order]), ("priority", [order]),
        ]  # fmt: skip
        await type_command(pilot, "macro pay")
        await on_screen(pilot, PreviewScreen)
        assert [j["action"] for j in served.core.jobs] == ["tag", "priority", "tag"], "money is asked for"
        await pilot.press("escape")
        await until(pilot, lambda: "止于第 2 步：resend" in shown(pilot, "#say"), "it says where it ended")
        await type_command(pilot, "macros")
        await on_screen(pilot, ListScreen)
        assert "rush" in shown(pilot, "#pick-list")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[macro]]\nname = "a"\ndo = ["tga x"]\n', "macros.toml:3: No command tga. Did you mean tag?"),
        ('[[macro]]\nname = "a"\nkey = "h"\ndo = ["tag x"]\n', "macros.toml:3: key h is taken by hold"),
        (RUSH + RUSH, "macros.toml:6: there are two macros rush"),
        ('[[macro]]\nname = "a"\ndo = ["note"]\n', "macros.toml:3: note needs its note"),
        ('[[macro]]\nname = "a"\ndo = ["quit"]\n', "macros.toml:3: quit cannot stand in a macro"),
        ('[[macro]]\nname = "a b"\ndo = []\n', "macros.toml:2: a macro needs name"),
        ('[[macro]]\nname = "a"\ndo = []\n', "macros.toml:2: do must be a list"),
        ("[[macro]\n", "macros.toml: "),
    ],
)
def test_a_wrong_macro_file_names_line_and_remedy(text: str, said: str) -> None:
    i18n.use("en")
    with pytest.raises(MacroError) as caught:
        load_macros(write_macros(text), Keymap())
    assert str(caught.value).startswith(said)
    assert load_macros(macros_path().with_name("none.toml"), Keymap()) == {}


# names by pieces, resume, bell


def test_names_are_found_by_pinyin_initials() -> None:
    assert initials("游戏点卡 50元") == "yxdk50y"
    assert initials("腾讯视频会员") == "txsphy"
    assert fits("yxdk", "游戏点卡")
    assert fits("点卡", "游戏点卡")
    assert not fits("kdxy", "游戏点卡")
    named = [("p1", "王者点券"), ("p2", "游戏点卡"), ("p3", "PSN 游戏点卡")]
    assert best("yxdk", named) == ["p2"]
    assert best("dk", named) == ["p2", "p3"]
    places = [
        ("view work", "在办"),
        ("view no_stock", "缺卡"),
        ("filter product=p2", "游戏点卡"),
        ("filter @tb", "淘宝"),
    ]
    assert completions("view qk", SCOPES, places) == ["view no_stock"]
    assert completions(":filter yxdk", SCOPES, places) == [":filter product=p2"]
    assert completions("map_sku yx", SCOPES, places) == ["map_sku p2"]
    with pytest.raises(CommandError, match="save 名称"):
        parse("save", SCOPES)


async def test_the_palette_goes_to_a_product_by_initials(served: Served) -> None:
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        product = next(p for p in desk.standing.stock if initials(p["title"]) != p["title"].lower().replace(" ", ""))
        await pilot.press("ctrl+p")
        await on_screen(pilot, MenuScreen)
        pilot.app.screen.query_one(Input).value = initials(product["title"])[-3:]
        await until(pilot, lambda: product["title"][:6] in shown(pilot, "#menu-list"), "it is offered")
        pilot.app.screen.query_one(Input).value = initials(product["title"])
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: desk.standing.filter == f"product={product['id']}", "its orders")


async def test_the_desk_begins_where_it_was_left(serve: Callable[..., Served]) -> None:
    served = serve(300)
    order = served.core.order[140][2]
    async with desk_app(served, resume=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        await type_command(pilot, "filter amount>=0")
        await until(pilot, lambda: desk.standing.filter, "filtered")
        await desk.loader.at(order)
        assert desk.queue.model.cursor == order
    assert stat.S_IMODE(left_path().stat().st_mode) == 0o600
    async with desk_app(served, resume=True, live=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        desk = desk_of(pilot)
        assert desk.standing.filter == "amount>=0"
        assert desk.queue.model.cursor == order
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert desk_of(pilot).standing.filter == "", "who asks for a view begins there"


def test_what_was_left_elsewhere_or_is_spoilt_counts_for_nothing() -> None:
    save_left("/a", Left("vip", "x", "", 7))
    assert load_left("/a") == Left("vip", "x", "", 7)
    assert load_left("/b") == Left()
    for text in ("{", "[]", '{"socket": "/a", "view": "nowhere", "filter": "", "own": "", "cursor": null}'):
        left_path().write_text(text, encoding="utf-8")
        assert load_left("/a") == Left()


async def test_the_bell_rings_for_more_urgent_work_and_only_when_wanted(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    for wanted in (False, True):
        app = desk_app(served, bell=wanted)
        monkeypatch.setattr(app, "bell", lambda: rung.append(1))
        async with app.run_test(size=SIZE) as pilot:
            await ready(pilot)
            desk = desk_of(pilot)
            before = len(rung)
            calm = next(r for r in served.core.rows.values() if r["tag"] != "VIP" and r["stage"] == "open")
            served.do(lambda core, c=calm: core.change(c["id"], tag="VIP"))
            await desk.session.read_counts()
            await desk.session.read_counts()
            assert len(rung) - before == int(wanted)


async def test_a_start_may_be_asked_for_by_a_saved_name(served: Served) -> None:
    save_views(views_path(), {"大单": SavedView("work", "amount>=100")})
    async with desk_app(served, view="大单").run_test(size=SIZE) as pilot:
        await ready(pilot)
        standing = desk_of(pilot).standing
        assert (standing.view, standing.filter, standing.tab) == ("work", "amount>=100", "大单")
