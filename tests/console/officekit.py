"""The desk on a real service over its real socket, for the tests of the places beside the queue."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from console.app import DeskApp
from console.client import Client
from console.options import Options
from core.model.clock import now_us
from tests.console.conftest import NOWHERE, until
from tests.console.test_desk_keys import desk_of, on_screen
from tests.end_to_end.servicekit import Desk

SIZE = (160, 48)


@contextlib.asynccontextmanager
async def console(d: Desk, live: bool = False, **more: Any) -> AsyncIterator[Pilot[None]]:
    """The desk on a real service, in English."""
    options = Options(live=live, direct=False, keymap=NOWHERE, **more)
    app = DeskApp(Client(str(d.path)), now_us, "en", "keydesk-dark", options)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.desk.standing.online, "the core answers")
        yield pilot


async def at(pilot: Pilot[None], kind: type[Any]) -> Any:
    """The place, once it has read."""
    place = await on_screen(pilot, kind)
    await until(pilot, lambda: place.read_at is not None, "it has read")
    return place


async def type_path(pilot: Pilot[None], path: Path) -> None:
    """Types a path into the box that asks for one."""
    await until(pilot, lambda: pilot.app.screen.query(Input), "the box")
    await until(pilot, lambda: not desk_of(pilot).typeahead._until, "keys count")
    pilot.app.screen.query_one(Input).value = str(path)
    await pilot.press("enter")


def said(pilot: Pilot[None]) -> list[str]:
    return [one.text for one in desk_of(pilot).messages.kept]
