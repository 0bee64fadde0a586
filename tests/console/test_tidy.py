"""A console that opens and leaves places all day holds no more than before."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable

import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._styles_cache import StylesCache
from textual.strip import Strip

from console.tidy import LOOKS
from tests.console.conftest import desk_app, ready, until
from tests.console.fixture_server import Served


@pytest.mark.parametrize("place", ["stock", "wall", "help", "jobs"])
async def test_a_place_that_was_left_leaves_nothing_behind(served: Served, place: str) -> None:
    app = desk_app(served)

    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)

        async def visit() -> None:
            app.desk.perform(place)
            await until(pilot, lambda: app.screen is not app.desk, place)
            await pilot.pause(0.05)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.desk, "the desk")
            await pilot.pause(0.1)  # it is taken down beside the desk

        def held() -> Counter[str]:
            app.tidy.sweep()
            return Counter(type(one).__name__ for one in gc.get_objects())

        await visit()
        before = held()
        for _ in range(3):
            await visit()
        more = held() - before
        assert {
            name: n for name, n in more.items() if name in ("Strip", "StylesCache", "Segment") or "Screen" in name
        } == {}
        assert more.total() < 600, more.most_common(8)


def test_the_colours_of_a_line_do_not_keep_the_widget_that_asked() -> None:
    from textual.color import Color

    one, other = StylesCache(), StylesCache()
    asked = one.get_inner_outer(Color(1, 2, 3), Color(4, 5, 6, 0.5))
    assert other.get_inner_outer(Color(1, 2, 3), Color(4, 5, 6, 0.5)) is asked
    assert gc.get_referrers(one) == [] or all(ref is not asked for ref in gc.get_referrers(one))


def test_looks_that_differ_in_their_place_alone_do_not_pile_up(served: Served) -> None:
    desk_app(served)
    for place in range(3000):
        look = Style.parse("bold red") + Style.from_meta({"offset": (place, 1)})
        assert Strip.render_ansi(look, ColorSystem.TRUECOLOR) == "1;31"
        assert Segment("abc", look).split_cells(1) == (Segment("a", look), Segment("bc", look))
    for owner, name in ((Strip, "render_ansi"), (Segment, "_split_cells")):
        assert vars(owner)[name].__func__.cache_info().currsize <= LOOKS


def test_a_drawn_line_is_little_more_than_its_text(served: Served) -> None:
    desk_app(served)
    lines = []
    gc.collect()
    before = len(gc.get_objects())
    for at in range(100):
        line = Strip([Segment(f"{at:40}", Style(bold=True)), Segment("x" * 40)])
        line.crop(at % 40, 60)
        line.apply_style(Style(italic=True))
        line.adjust_cell_length(90)
        line.crop_extend(0, 100, None)
        lines.append(line)
    gc.collect()
    assert len(gc.get_objects()) - before < 100 * 8, (
        "line, list, two segments, two caches; each other cache was an object and kept its answers"
    )
    assert lines[7].crop(30, 50).text == lines[7].text[30:50] == f"{7:40}"[30:] + "x" * 10
    assert [one.text for one in lines[7].divide([10, 80])] == [lines[7].text[:10], lines[7].text[10:]]
    assert lines[7].divide([10, 80]) is lines[7].divide([10, 80]), "what each paint asks for is kept"
    assert all(piece.style.italic for piece in lines[7].apply_style(Style(italic=True)) if piece.style)


async def test_it_sweeps_when_the_hand_rests_and_not_while_it_acts(served: Served, swept: Callable[[], int]) -> None:
    app = desk_app(served)
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        app.tidy.pressed()
        app.tidy.look()
        await asyncio.sleep(0)
        assert swept() == 0, "a key was pressed just now"
        await until(pilot, lambda: swept() == 1, "a rest")

        def acting() -> bool:
            app.tidy.pressed()
            return swept() == 2

        app.tidy.look()
        await until(pilot, acting, "a hand that never rests does not keep the memory for ever")


async def test_every_key_is_a_hand_that_acts(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    app = desk_app(served)
    pressed: list[None] = []
    monkeypatch.setattr(app.tidy, "pressed", lambda: pressed.append(None))
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("j", "f9")
        assert len(pressed) == 2


async def test_a_place_left_while_a_sweep_waits_has_one_of_its_own(
    served: Served, swept: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = desk_app(served)
    monkeypatch.setattr(app.tidy, "SOON_S", 0.2)
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        app.tidy.look()
        app.tidy.left()
        await until(pilot, lambda: swept() == 1, "what stood before")
        await until(pilot, lambda: swept() == 2, "the place that was left")
        app.tidy.left()
        app.tidy.left()
        await until(pilot, lambda: swept() == 3, "both of them")
        await asyncio.sleep(0.4)
        assert swept() == 3


async def test_orders_that_were_paged_past_leave_nothing_in_the_list(serve: Callable[..., Served]) -> None:
    app = desk_app(serve(2500))
    async with app.run_test(size=(100, 60)) as pilot:
        await ready(pilot)
        queue = app.desk.queue
        seen: set[int] = set()
        for _ in range(60):
            queue.move("page_down")
            seen.update(queue.model.shown[queue.top : queue.top + 50])
            await pilot.pause()
        assert len(seen) > 1500
        assert max(len(queue._times), len(queue._cache)) < 800


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often memory was looked through."""
    from console.tidy import Tidy

    calls: list[None] = []
    monkeypatch.setattr(Tidy, "sweep", lambda *_: calls.append(None))
    return lambda: len(calls)
