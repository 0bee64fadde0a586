"""``keydesk serve`` in a real browser: the wall is drawn and follows its core, the token rules, a closed tab leaves nothing."""

import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.chromium_kit import Browser, chromium, found

if found() is None:
    pytest.skip("Chromium is not installed (apt install chromium): nothing here was tried", allow_module_level=True)

from core.store.tx import Tx
from tests.console.test_serve import Serving
from tests.end_to_end.processes import gone, place, until
from tests.end_to_end.servicekit import Desk, desk
from tests.store.deskdata import writer_on
from tests.store.walldata import fill_day

pytestmark = pytest.mark.integration
Start = Callable[..., Serving]


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Desk]:
    """A real service on a small day."""
    writer = await writer_on(tmp_path)
    await writer.do(fill_day, None)
    async with desk(tmp_path, writer=writer) as at:
        yield at
    await writer.stop()


@pytest.fixture
def start(floor: Desk) -> Iterator[Start]:
    with place() as folder, contextlib.ExitStack() as stack:

        def made(*options: str) -> Serving:
            serving = Serving(folder, floor, *options)
            stack.callback(serving.end)
            return serving

        yield made


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with chromium(tmp_path) as opened:
        yield opened


def _came(tx: Tx, items: list[int]) -> list[None]:
    for n in items:
        tx.counted(1, 0, n)
    return [None for _ in items]


async def test_the_wall_is_drawn_and_its_figures_follow(floor: Desk, start: Start, browser: Browser) -> None:
    serving = start()
    tab = await browser.open(serving.url)
    await tab.until("taobao-main", "[READ ONLY]", " in 11 ")
    assert tab.status == 200
    assert "bo 1" not in tab.text, "who holds what is for the desk, not for a screen on the wall"
    assert await tab.value("location.href") == f"{serving.base}/", "the token has left the address line"
    assert await tab.value("document.querySelectorAll('.xterm-screen').length") == 1
    before = await tab.picture()
    await floor.writer.do(_came, 1234)
    await tab.until(" in 1.2k ")
    after = await tab.picture()
    assert len(before) > 20_000, "a page that is drawn, not an empty one"
    assert before != after
    assert {url.split("/")[2] for url in tab.asked if "//" in url} == {serving.base.split("/")[2]}, (
        "nobody else was asked"
    )


async def test_keys_of_a_person_reach_it_and_it_only_looks(start: Start, browser: Browser) -> None:
    tab = await browser.open(start().url)
    await tab.until("taobao-main", "all shops")
    await tab.key("s")
    await tab.until("in per 2 min  taobao-main")
    await tab.key("W")
    await tab.until("W4", "W5")
    await tab.key("h")
    await tab.until("only looks")


async def test_without_the_token_the_browser_is_told_why(start: Start, browser: Browser) -> None:
    serving = start()
    for address in (serving.base, f"{serving.base}/?token=wrong"):
        tab = await browser.open(address)
        await _settled(tab)
        assert tab.status == 403
        assert "keydesk serve" in await tab.value("document.body.innerText")
    assert serving.consoles() == []


async def test_closing_the_tab_ends_its_console(start: Start, browser: Browser) -> None:
    serving = start()
    first, second = await browser.open(serving.url), await browser.open(serving.url)
    for tab in (first, second):
        await tab.until("taobao-main")
    consoles = serving.consoles()
    assert len(consoles) == 2
    await first.close()
    until(lambda: sum(gone(one) for one in consoles) == 1, "the console of the closed tab ended")
    await second.key("s")
    await second.until("in per 2 min  taobao-main")
    await second.call("Page.reload")
    until(
        lambda: all(gone(one) for one in consoles), "a page read again has a console of its own, and the old one ended"
    )
    await second.close()
    until(lambda: serving.consoles() == [], "and that one ended with its tab")


async def test_only_this_machine_reaches_it(start: Start) -> None:
    serving = start()
    port = int(serving.base.rpartition(":")[2])
    away = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)} - {"127.0.0.1"}
    for address in away or {"127.0.0.2"}:
        with pytest.raises(OSError), socket.create_connection((address, port), timeout=5):  # noqa: PT011 - refused, or no way
            pass


async def _settled(tab: Any) -> None:
    """Until the address was answered."""
    import asyncio

    async with asyncio.timeout(20):
        while tab.status is None or not await tab.value("document.body && document.body.innerText"):
            await asyncio.sleep(0.05)
