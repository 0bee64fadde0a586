"""How ``keydesk demo`` begins and ends: it touches no database of yours and leaves no process behind."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import sockets
from tests.end_to_end.processes import KEYDESK, children, environment, gone, keydesk, place, until


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the test's own."""
    with place() as made:
        yield made


def test_an_old_database_is_not_touched(folder: Path) -> None:
    (folder / "mine").mkdir()
    database = folder / "mine" / "keydesk.db"
    database.write_bytes(b"precious")
    ran = keydesk("demo", "--headless", "--orders", 1, "--dir", folder / "mine", env=environment(folder))
    assert ran.returncode == 1
    assert "holds a database already" in ran.stderr
    assert database.read_bytes() == b"precious"
    assert [path.name for path in (folder / "mine").iterdir()] == ["keydesk.db"]


def test_ended_from_outside_it_takes_its_world_and_its_core_along(folder: Path) -> None:
    work = folder / "w"
    command = [*KEYDESK, "demo", "--headless", "--orders", "0", "--rate", "4", "--dir", os.fspath(work)]
    with (folder / "said").open("wb") as out:
        demo = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment(folder))
    try:
        until(lambda: sockets.answers(work / "core.sock"), "the core of the practice answers", 40)
        family = children(demo.pid)
        assert any("connectors.practice" in line for line in family.values())
        assert any("console.cli core" in line for line in family.values())
        demo.terminate()
        assert demo.wait(40) == 143
        until(lambda: all(gone(pid) for pid in family), "world and core are gone")
        assert not (work / "core.sock").exists()
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(40)
