"""Kill -9 at any time: what was acknowledged is there afterwards, the log is whole, ids never come twice."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from core.audit import audit
from core.model.lifecycle import EventKind
from core.store.migrate import migrate
from core.store.tx import Tx
from core.store.writer import Writer

ROUNDS = int(os.environ.get("KEYDESK_KILLS", "8"))


def note(tx: Tx, items: list[str]) -> list[int]:
    """Log each text under a fresh id; answer the id."""
    ids = tx.new_ids(len(items))
    for text, number in zip(items, ids, strict=True):
        tx.event(EventKind.NOTE, number, "test", {"text": text})
    return ids


async def _child(path: str, name: str) -> None:
    """Write for ever from many tasks; a line on stdout for each acknowledged write."""
    writer = Writer(Path(path))
    await writer.start(name)

    async def _one(task: int) -> None:
        for n in range(10**9):
            text = f"{name}/{task}/{n}"
            number = await writer.do(note, text)
            os.write(1, f"{text} {number}\n".encode())

    await asyncio.gather(*(_one(task) for task in range(20)))


def test_no_acknowledged_write_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "keydesk.db"
    migrate(path)
    dice = random.Random(7)
    acknowledged: dict[str, int] = {}
    for round_ in range(ROUNDS):
        command = [sys.executable, "-m", "tests.store.test_writer_killed", str(path), f"r{round_}"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.stdout is not None
        wanted = dice.randrange(1, 400)
        lines = [child.stdout.readline() for _ in range(wanted)]
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read()
        child.wait()
        child.stdout.close()
        # A line cut off by the kill was not acknowledged to anybody.
        whole = (b"".join(lines) + rest).decode().rpartition("\n")[0].splitlines()
        assert len(whole) >= wanted
        acknowledged.update((text, int(number)) for text, number in (line.split() for line in whole))
        connection = sqlite3.connect(path)
        stored = dict(connection.execute("SELECT body ->> 'text', order_id FROM event WHERE kind = 18"))
        connection.close()
        assert {text: stored.get(text) for text in acknowledged} == acknowledged
        assert len(set(stored.values())) == len(stored)
        assert audit(path).findings == ()
    assert len(acknowledged) > ROUNDS


if __name__ == "__main__":
    asyncio.run(_child(sys.argv[1], sys.argv[2]))
