"""Several people behind one OS user: viewers until they say who they are, each with an own role and name afterwards."""

import asyncio
import os
import pwd
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from console import identity
from console.client import Client
from core.service.options import Options
from core.service.roles import SharedPerson, pin_hash
from tests.end_to_end.processes import command_line, keydesk, place, until
from tests.end_to_end.servicekit import desk
from tests.end_to_end.test_core_process import Bench
from tests.store.deskdata import Seed, query

ME = pwd.getpwuid(os.getuid()).pw_name
PIN = "471108-canary"


@pytest.fixture(autouse=True)
def _nobody() -> Iterator[None]:
    yield
    identity.become("", "")


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A core whose owner is two people."""
    with place() as folder, ExitStack() as stack:
        made = Bench(folder, stack)
        made.write(f'[operators.{ME}."小王"]\nrole = "operator"\npin = "{pin_hash(PIN)}"\n')
        made.settings.chmod(0o600)
        yield made


async def test_the_console_says_who_sits_there(tmp_path: Path) -> None:
    people = [SharedPerson("小王", "operator", pin_hash(PIN)), SharedPerson("li", "supervisor", pin_hash("000000"))]
    async with desk(tmp_path, [Seed(1)], options=Options("test", owner=os.getuid(), shared={ME: people})) as d:
        client = Client(str(d.path))
        before = await client.health()
        assert (before["role"], before["people"]) == ("viewer", ["小王", "li"])
        assert (await asyncio.to_thread(identity.health, d.path))["people"] == ["小王", "li"]
        identity.become("小王", PIN)
        after: Any = await client.health()
        assert (after["operator"], after["role"], after["people"]) == ("小王", "operator", [])
        assert (await asyncio.to_thread(identity.health, d.path))["operator"] == "小王"
        seen = await client.preview("hold", {"note": "x"}, [1])
        job = await client.apply(seen["token"], "", None)
        assert job
        await d.client.finished(job)
        assert query(d.writer.path, "SELECT by FROM job") == [("小王",)]
        identity.become("li", "wrong\r\nX-Keydesk-Person: li")
        assert (await client.health())["role"] == "viewer"
        await client.close()


def test_the_console_asks_before_it_opens_and_the_pin_is_nowhere(bench: Bench) -> None:
    core = bench.core()
    terminal = bench.pty("--socket", bench.socket, "--language", "en")
    terminal.until("Who are you")
    terminal.press("小王\r")
    terminal.until("PIN:")
    terminal.press("guess-guess\r")
    terminal.until("do not go together")
    terminal.press("小王\r")
    assert until(lambda: terminal.text().count("PIN:") == 2, "asked again")
    terminal.press(f"{PIN}\r")
    assert "小王" in terminal.until("live", 30).splitlines()[0]
    assert PIN not in terminal.raw.decode("utf-8", "replace")
    assert PIN not in command_line(terminal.pid())
    assert PIN.encode() not in Path(f"/proc/{terminal.pid()}/environ").read_bytes()
    assert PIN not in core.log.read_text()
    for file in bench.folder.rglob("*"):
        if file.is_file():
            assert PIN.encode() not in file.read_bytes(), file
    status = keydesk("status", "--socket", bench.socket, env=bench.env)
    assert "(viewer)" in status.stdout, "a script that says nothing may only look"


def test_a_pin_is_typed_at_a_terminal_only(bench: Bench) -> None:
    ran = keydesk("pin", "desk", "wang", env=bench.env)
    assert ran.returncode != 0
    assert "terminal" in ran.stderr
    terminal = bench.pty("pin", "desk", "小王", "--role", "supervisor")
    terminal.until("PIN")
    terminal.press("471108\r")
    terminal.until("epeat")
    terminal.press("471108\r")
    terminal.until("pin = ")
    assert '[operators.desk."小王"]' in terminal.text().replace(" ", "")
    assert "471108" not in terminal.raw.decode()
