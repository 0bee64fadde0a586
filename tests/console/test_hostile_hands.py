"""Hostile text that comes by the operator's own hand: pasted, typed, in a file's name, in a file; and in refusals."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.console.conftest import until
from tests.console.fixture_server import Served
from tests.console.hostile import PAYLOADS, Poison
from tests.console.hostile_tour import Tour
from tests.console.paintkit import Screens, in_terminal, settle

SIZE = (100, 30)
BOXES = ("N", "t", "M", "ctrl+p", "f", "colon", "slash")


async def test_what_is_pasted_into_a_box(served: Served) -> None:
    async def script(pilot: Pilot[None], screens: Screens) -> None:
        tour = Tour(pilot, screens)
        for n, key in enumerate(BOXES):
            await tour.press(key)
            await until(pilot, lambda: screens.app.screen.query(Input), key)
            box = screens.app.screen.query_one(Input)
            for text in PAYLOADS if key == "slash" else ("".join("".join(PAYLOADS[n::7]).split("\n")),):
                box.value = ""
                box.post_message(events.Paste(f"Zq{text}"))
                await pilot.pause()
                tour.check(f"{text!r} pasted after {key}")
            await tour.press("enter")
            tour.check(f"{key} and enter")
            await tour.home()

    await in_terminal(served, SIZE, script)


async def test_refusals_of_the_core(served: Served) -> None:
    served.alter = Poison()

    async def script(pilot: Pilot[None], screens: Screens) -> None:
        tour = Tour(pilot, screens)
        seen: set[str] = set()
        await tour.press("slash")
        await until(pilot, lambda: screens.app.screen.query(Input), "the filter")
        for _ in range(2 * len(PAYLOADS)):  # message and hint have turns of their own
            screens.app.screen.query_one(Input).value = "nonsense:1"
            await pilot.press("enter")
            await settle(pilot)
            seen |= tour.seen("a filter that is refused")
            if len(seen) == len(PAYLOADS):
                break
        assert len(seen) == len(PAYLOADS)

    await in_terminal(served, SIZE, script)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose files are named by a stranger, as out of an archive."""
    for n, text in enumerate(PAYLOADS):
        name = f"k{n:02}{text}".replace("/", "").replace("\0", "")
        raw = name.encode("utf-8", "surrogatepass")[:200]
        (tmp_path / raw.decode("utf-8", "surrogateescape")).write_bytes(text.encode("utf-8", "surrogatepass") * 3)
    return tmp_path


async def test_names_of_files_and_what_is_in_them(serve: Callable[..., Served], folder: Path) -> None:
    served = serve(60)
    served.alter = Poison()
    plain = "k57[@click=app.quit]go[] [bold"  # a slash cannot stand in a name

    async def script(pilot: Pilot[None], screens: Screens) -> None:
        tour = Tour(pilot, screens)
        tour.desk.perform("stock")
        await until(pilot, lambda: tour.top("StockScreen"), "stock")
        await tour.press("i")
        await until(pilot, lambda: tour.top("PathScreen"), "which file")
        await tour.press()
        box = screens.app.screen.query_one(Input)
        box.value = f"{folder}/k"
        for _ in range(12):
            await tour.press("tab")
            tour.check("names of files")
        for name in (f"k36{PAYLOADS[36]}", "k13\udcff"):
            box.value = f"{folder}/{name}"
            await tour.press("enter")
            tour.check("a name that cannot be typed")
        box.value = f"{folder}/{plain}"
        await tour.press("enter")
        await until(pilot, lambda: tour.top("ImportScreen"), "the wizard")
        await until(pilot, lambda: plain in tour.text() and "Zq" in tour.text(), "its file")
        tour.check("the wizard")
        await tour.press("enter")
        await pilot.pause(0.2)
        tour.check("an import")

    await in_terminal(served, (120, 40), script)
