"""An engine on a restored database takes news in, but binds and sends nothing before a person says go."""

import asyncio
import os
import sqlite3
import time
from pathlib import Path

from core.engine import Engine
from core.model.lifecycle import Stage
from core.model.order import Batch
from core.pipeline.intake import IntakeItem
from core.pipeline.restored import HELD
from core.pipeline.setup import Setup
from core.vault.keyring import Keyring
from core.vault.seal import Vault
from tests.rig import Codes, Rig, order


def _stage(path: Path) -> Stage:
    connection = sqlite3.connect(path)
    found = Stage(connection.execute("SELECT stage FROM orders").fetchone()[0])
    connection.close()
    return found


async def test_nothing_is_bound_before_a_person_says_go(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
    connection = sqlite3.connect(rig.path)
    connection.execute('INSERT INTO meta(name, value) VALUES(?, \'{"at": 5, "seq": 1}\')', (HELD,))
    connection.commit()
    connection.close()
    engine = Engine(rig.path, Setup(Codes()), Vault(Keyring(os.urandom(32))), {}, {}, clock=rig.clock)
    await engine.start("test")
    try:
        assert engine.held_since == 5
        assert "gate" not in {task.get_name() for task in engine._loops}
        batch = Batch(updates=(order(paid=1000),), cursor=None, more=False)
        await engine.writer.do(engine.intake.apply, IntakeItem(1, batch, rig.clock()))
        passed = await engine.writer.do(engine.gatekeeper._gate.apply, 10)
        assert (passed.allocated, _stage(rig.path)) == (0, Stage.OPEN), "not even a pass that somebody else makes"
        assert await engine.go("li", "compared")
        assert not await engine.go("li", "compared")
        assert engine.held_since == 0
        end = time.monotonic() + 20
        while _stage(rig.path) is not Stage.ALLOCATED and time.monotonic() < end:
            await asyncio.sleep(0.01)
        assert _stage(rig.path) is Stage.ALLOCATED
    finally:
        await engine.stop()
    assert engine.failure is None
