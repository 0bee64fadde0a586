"""The wall's page as text: what each figure says, where it leads, and that it fits."""

from typing import Any, cast

import pytest
from rich.cells import cell_len

from console import i18n
from console.presenters.cells import ASCII, UNICODE, fit_ends
from console.presenters.wall import Drill, share, term, took, totals, window_words
from console.presenters.wall_page import Size, chosen, named, page
from console.presenters.wall_tables import tables
from console.state.wall import PAGES, TOTALS, WallState
from console.wire_wall import Wall, WallHistory
from core.model.clock import HOUR, MINUTE, SECOND
from tests.console.fixture_orders import NOW
from tests.console.fixture_wall import busy, empty, history


def wall(made: dict[str, Any] | None = None) -> Wall:
    return cast(Wall, made or busy())


def text(size: tuple[int, int], state: WallState | None = None, made: dict[str, Any] | None = None) -> list[str]:
    return [line.plain for line in page(wall(made), past(), state or WallState(), Size(*size), UNICODE, NOW)]


def past(span: str = "hour", shop: str = "") -> WallHistory:
    return cast(WallHistory, history(span, shop))


@pytest.mark.parametrize(
    ("us", "words"),
    [
        (None, "-"), (0, "0ms"), (999_999, "999ms"), (SECOND, "1.0s"), (9 * SECOND, "9.0s"), (42 * SECOND, "42s"),
        (204 * SECOND, "3.4m"), (59 * MINUTE, "59.0m"), (2 * HOUR, "2.0h"), (80 * HOUR, "3.3d"), (10**16, "99.0d"),
    ],
)  # fmt: skip
def test_times_are_short(us: int | None, words: str) -> None:
    assert took(us) == words
    assert len(words) <= 5


def test_a_share_of_nothing_is_none() -> None:
    assert (share(17, 20), share(0, 4), share(0, 0)) == ("85%", "0%", "-")


def test_a_name_with_a_quote_cannot_be_asked_for_and_leads_nowhere() -> None:
    assert term("shop", "a b") == 'shop="a b"'
    assert term("shop", 'a"b') is None
    made = busy()
    made["shops"][0]["name"] = 'a"b'
    assert {cell.drill for cell in tables(wall(made), NOW)[0].lines[0].cells} == {None}


def test_where_there_is_little_room_names_stay_and_columns_go() -> None:
    i18n.use("en")
    for panel in tables(wall(), NOW, 59):
        used = sum(width + 1 for _, width in panel.columns) + 1
        assert 59 - used >= 13, f"{panel.id} leaves too little for its names"
        assert all(len(line.cells) == len(panel.columns) for line in panel.lines)
    shops = tables(wall(), NOW, 59)[0]
    assert [title for title, _ in shops.columns] == ["in", "sent", "wait", "late", "took", "auto", "errors"]
    assert shops.lines[0].cells[4].text == "840ms", "the median alone"


def test_every_figure_leads_to_its_orders() -> None:
    shops, products, people, channels, stock, health = tables(wall(), NOW)
    by_panel = {p.id: [c.drill.filter if c.drill else None for c in p.lines[0].cells] for p in (shops, people, stock)}
    assert by_panel["shops"] == [
        'shop="taobao-main" came<24h', 'shop="taobao-main" sent<24h', 'shop="taobao-main"',
        'shop="taobao-main" late:yes', 'shop="taobao-main" -money:unpaid', 'shop="taobao-main" late:yes sent<24h', 'shop="taobao-main" sent<24h',
        'shop="taobao-main" by:none sent<24h', 'shop="taobao-main" error:any came<24h',
    ]  # fmt: skip
    assert by_panel["operators"][:2] == ['by="amei" came<24h', 'by="amei" sent<24h']
    assert by_panel["operators"][4] == 'claim="amei"'
    assert by_panel["stock"][0] == 'product="qq-100" case:no_stock'
    assert products.lines[0].cells[2].drill == Drill("work", 'product="steam-50"')
    assert channels.lines[0].cells[0].drill == Drill("all", 'via="email" came<24h')
    assert health.lines[0].cells[0].drill == Drill("work", 'shop="taobao-main"')
    assert {cell.drill for cell in health.lines[2].cells} == {None}, "a payment gateway has no orders of its own"


def test_what_is_wrong_says_so_without_colour() -> None:
    shops, products, _, _, stock, health = tables(wall(), NOW)
    late_shop = shops.lines[1]
    assert (late_shop.cells[3].text, late_shop.cells[8].text) == ("!6", "!4.4%")
    assert products.lines[1].cells[8].text == "!5.5%"
    assert [line.cells[0].text for line in stock.lines] == ["!0", "!118", "4.1k"]
    assert [line.cells[3].text for line in stock.lines] == ["无货", "2h", "-"]
    assert [line.cells[0].text for line in health.lines] == ["正常", "!出错", "正常"]


def test_the_shares_of_a_shop_are_of_the_orders_that_were_looked_at() -> None:
    made = busy()
    made["shops"][0].update(delivered=100_000, auto=90, sample={"delivered": 100})
    assert tables(wall(made), NOW)[0].lines[0].cells[7].text == "90%"


def test_totals_measure_what_the_trade_measures() -> None:
    i18n.use("en")
    day, times = totals(wall()).lines
    assert [f"{c.label} {c.text}" for c in day.cells] == [
        "in 2.1k", "sent 2.0k", "backlog 85", "waiting 4.0m/2.0h", "late !6", "errors 2.7%", "auto 85%",
    ]  # fmt: skip
    assert [f"{c.label} {c.text}" for c in times.cells] == [
        "by machine 640ms/2.0s", "by hand 3.2m/11.0m", "hands on 1.0m/4.0m", "collect 2.1s/9.0s", "notify 3.0s/16s",
    ]  # fmt: skip


def test_the_page_says_what_its_figures_are_of() -> None:
    i18n.use("en")
    made = busy()
    assert window_words(wall(made)) == "24 hours"
    made["finished"] = {"orders": 5000, "since": NOW, "whole": False}
    assert window_words(wall(made)).startswith("24 hours  times: newest 5,000 sent, since ")
    made["queue_seen"] = {"orders": 20_000, "whole": False}
    assert window_words(wall(made)).endswith("late: most urgent 20,000")


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("size", [(80, 20), (80, 45), (100, 30), (120, 30), (160, 44), (240, 60), (40, 8)])
@pytest.mark.parametrize("made", [busy, empty])
def test_it_fits_every_size(language: str, size: tuple[int, int], made: Any) -> None:
    i18n.use(language)
    for table in PAGES:
        lines = page(wall(made()), past(), WallState(panel=table, table=table), Size(*size), ASCII, NOW)
        assert len(lines) <= size[1]
        assert all(line.cell_length <= size[0] for line in lines)


def test_at_80_columns_every_figure_of_the_totals_is_seen() -> None:
    for language in ("zh_CN", "en"):
        i18n.use(language)
        lines = text((80, 20))
        assert lines[0].rstrip().endswith("85%")
        assert lines[1].rstrip().endswith("3.0s")


def test_with_many_digits_too() -> None:
    made = busy()
    made.update({"in": 123_456, "delivered": 112_345, "backlog": 12_345, "late": 1234, "error_rate": 0.0345})
    for language in ("zh_CN", "en"):
        i18n.use(language)
        assert text((80, 20), made=made)[0].rstrip().endswith("85%")


def test_words_on_what_was_looked_at_never_take_the_place_of_a_title() -> None:
    i18n.use("en")
    made = busy()
    made["finished"] = {"orders": 5000, "since": NOW, "whole": False}
    made["queue_seen"] = {"orders": 20_000, "whole": False}
    for width in (80, 120, 160, 240):
        lines = text((width, 33), made=made)
        assert any(line.startswith(" shops") for line in lines)
        assert any("newest 5,000 sent" in line and "most urgent 20,000" in line for line in lines)


def test_names_of_one_family_are_told_apart() -> None:
    made = busy()
    made["products"] = [{**made["products"][0], "name": f"steam-wallet-cn-游戏点卡-{n:03}"} for n in range(12)]
    for width in (80, 120, 160):
        lines = text((width, 44), WallState(panel="products", table="products"), made)
        shown = [line[:18] for line in lines if line.startswith(" steam-")]
        assert len(shown) == len(set(shown)) == 12


@pytest.mark.parametrize("cells", [5, 8, 11, 16, 17, 24])
@pytest.mark.parametrize(
    "name", ["abc", "steam-wallet-cn-003-长名字商品", "淘宝旗舰店·游戏点卡专营", "长" * 20, "a\x1b[31m" * 9]
)
def test_a_long_name_keeps_both_ends_in_its_cells(name: str, cells: int) -> None:
    fitted = fit_ends(name, cells)
    assert cell_len(fitted) == cells
    assert "\x1b" not in fitted


def test_a_picture_has_no_cursor() -> None:
    def inks(state: WallState | None) -> set[str]:
        lines = page(wall(), past(), state, Size(160, 44), UNICODE, NOW)
        return {str(span.style) for line in lines for span in line.spans}

    assert "$text on $primary" in inks(WallState())
    assert "$text on $primary" not in inks(None)


# the hand


def moved(state: WallState, *actions: str) -> WallState:
    for action in actions:
        panel, _, cell = chosen(wall(), state, NOW, 80)
        state.move(action, panel.keys, len(panel.lines[state.row(panel.keys)].cells) if cell else 0)
    return state


def under(state: WallState) -> str:
    panel, key, cell = chosen(wall(), state, NOW, 80)
    assert cell is not None
    return named(panel, key, cell, state.column(len(panel.lines[0].cells)))


def test_the_cursor_goes_over_every_figure() -> None:
    i18n.use("en")
    assert under(moved(WallState(), "right", "right", "right")) == "oldest"
    assert under(moved(WallState(), "right", "right", "right", "right")) == "late"
    assert under(moved(WallState(), "left")) == "in"
    assert under(moved(WallState(), "end", "right")) == "by hand"
    assert under(moved(WallState(), "down", "down")) == "taobao-main in"
    assert under(moved(WallState(), "down", "down", "down", "right", "right", "right")) == "pdd-旗舰店 late"
    assert under(moved(WallState(), "down", "down", "end", "down")) == "indie in"
    assert moved(WallState(), "down", "down", "up").panel == TOTALS


def test_the_cursor_stays_on_its_name() -> None:
    state = moved(WallState(), "down", "down", "down")
    made = busy()
    made["shops"].reverse()
    made["shops"].insert(0, {**made["shops"][0], "name": "new"})
    _, key, _ = chosen(wall(made), state, NOW, 80)
    assert key == "pdd-旗舰店"
    made["shops"] = []
    assert chosen(wall(made), state, NOW, 80)[2] is None, "its line went: nothing is under it"


def test_tables_turn_in_a_ring() -> None:
    state = WallState()
    seen = []
    for _ in PAGES:
        state.turn(1)
        seen.append(state.panel)
    assert seen == [*PAGES[1:], PAGES[0]]
    state.turn(-1)
    assert state.panel == state.table == PAGES[-1]


def test_a_long_table_follows_its_cursor() -> None:
    made = busy()
    made["products"] = [{**made["products"][0], "name": f"p{n:03}"} for n in range(60)]
    state = WallState(panel="products", table="products", rows={"products": "p041"})
    assert any(line.startswith(" p041 ") for line in text((80, 20), state, made))
