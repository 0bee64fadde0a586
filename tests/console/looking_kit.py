"""A desk on a real core's socket, worked by keys, with a home folder of its own."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import DeskApp
from console.client import Client
from console.options import Options
from console.screens.desk import DeskScreen
from console.widgets.plain import Plain
from core.model.clock import now_us
from core.model.lifecycle import EventKind, IntentState, Stage
from tests.console.conftest import NOWHERE, until
from tests.end_to_end.servicekit import Desk, desk
from tests.store.deskdata import Seed, query

SEEDS = [
    Seed(1, stage=Stage.DELIVERING, keys=True, intent=IntentState.UNKNOWN, ext_id="A-1", nprio=-9),
    *(Seed(i, ext_id=f"B-{i}", note="=1+1" if i == 5 else "") for i in range(2, 31)),
]
Looking = tuple[Pilot[None], Desk, DeskScreen]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files go here."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@asynccontextmanager
async def looking(
    folder: Path, size: tuple[int, int] = (80, 24), seeds: list[Seed] = SEEDS, **more: Any
) -> AsyncIterator[Looking]:
    async with desk(folder, seeds) as core:
        options = Options(live=False, direct=False, keymap=NOWHERE, **more)
        app = DeskApp(Client(str(core.path)), now_us, "en", "keydesk-dark", options)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.desk.queue.model.loaded and app.desk.standing.health, "the desk is filled")
            yield pilot, core, app.desk


def said(pilot: Pilot[None]) -> str:
    """All text of the screen on top."""
    return "\n".join(one.plain for one in pilot.app.screen.query(Plain))


async def on(pilot: Pilot[None], kind: type[Any], holds: Callable[[], object] = lambda: True) -> Any:
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and holds(), kind.__name__)
    return pilot.app.screen


def exported(folder: Path) -> list[dict[str, Any]]:
    rows = query(
        folder / "keydesk.db", "SELECT body FROM event WHERE kind = ? ORDER BY seq", (int(EventKind.EXPORTED),)
    )
    return [json.loads(row[0]) for row in rows]
