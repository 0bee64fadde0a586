"""The flow of work by keys: skip, claim, break, recall, repeat, jump, find, tabs, saved views, macros, resume, bell."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console import i18n
from console.command_line import CommandError, completions, parse
from console.controllers.jump import labels
from console.controllers.own import macros_path
from console.fuzzy import best, fits, initials
from console.keymap import Keymap
from console.macros import MacroError, load_macros
from console.presenters.tabs import tabs_line
from console.resume import Left, left_path, load_left, save_left
from console.saved_views import SavedView, load_views, save_views, views_path
from console.screens.desk import DeskScreen
from console.screens.list import ListScreen
from console.screens.menu import MenuScreen
from console.screens.preview import PreviewScreen
from console.screens.prompt import PromptScreen
from console.state.standing import VIEWS, DeskStanding
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
