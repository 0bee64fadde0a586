"""The world as a process: its ready line, its files, its kills, a whole small run under chaos, a replay."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.practice.verdict import judge, read

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def process(
    folder: Path, *options: str
) -> AsyncIterator[tuple[dict[str, Any], httpx.AsyncClient, asyncio.subprocess.Process]]:
    world = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "connectors.practice", "--dir", str(folder), *options,
        stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert world.stdout is not None
    try:
        ready = json.loads(await world.stdout.readline())
        async with httpx.AsyncClient(timeout=30, headers={"X-Control": ready["control_token"]}) as client:
            yield ready, client, world
    finally:
        if world.returncode is None:
            world.terminate()
            await world.wait()


async def state(ready: dict[str, Any], client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get(f"{ready['control']}/state")).json()


async def done(ready: dict[str, Any], client: httpx.AsyncClient) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while not (now := await state(ready, client))["buyers_done"]:
            assert now["failures"] == 0
    return now


async def test_ready_line_files_and_a_whole_run(tmp_path: Path) -> None:
    async with process(tmp_path / "w", "--orders", "900", "--late", "0.5") as (ready, client, world):
        assert set(ready["shops"]) == {"taobao-main", "pdd-main", "indie"}
        text = json.dumps(ready)
        hidden = sorted((tmp_path / "w" / "secrets").iterdir())
        assert len(hidden) == 7
        for path in hidden:
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.read_text() not in text
        assert ready["products"]["cloudpro"]["skus"] == [
            ["taobao-main", "TB-CLOUDPRO"],
            ["pdd-main", "PD-CLOUDPRO"],
            ["indie", "IN-CLOUDPRO"],
        ]
        assert (await client.get(f"{ready['control']}/state", headers={"X-Control": "wrong"})).status_code == 403
        assert (await state(ready, client))["orders_created"] == 0
        await client.post(f"{ready['control']}/begin")
        now = await done(ready, client)
        assert now["orders_created"] == 900
        report = (await client.get(f"{ready['control']}/report")).json()
        assert report["orders"] == len(report["by_order"]) == 900
        assert (report["sends"], report["faults_fired"]) == (0, {})
        assert {"closed", "paid", "refunded"} <= {row[2] for row in report["by_order"]}
        world.send_signal(signal.SIGTERM)
        assert await world.wait() == 0
    assert judge(read(tmp_path / "w" / "ledger.jsonl")) == report


async def test_an_old_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").write_text("")
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "connectors.practice", "--dir", str(tmp_path), stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    _, told = await other.communicate()
    assert other.returncode == 1
    assert b"another world's ledger" in told


@pytest.mark.parametrize("options", [("--orders", "0"), ("--platforms", "ebay"), ("--late", "0"), ("--faults", "some")])
async def test_senseless_options_are_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "connectors.practice", "--dir", str(tmp_path), *options,
        stderr=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    _, told = await other.communicate()
    assert other.returncode == 2
    assert options[0].encode() in told


async def stripe_post(ready: dict[str, Any], client: httpx.AsyncClient) -> httpx.Response:
    shop = ready["shops"]["indie"]
    headers = {"Authorization": f"Bearer {Path(shop['api_key'][5:]).read_text()}"}
    found = (await client.get(f"{shop['url']}/v1/payment_intents?limit=1", headers=headers)).json()["data"][0]["id"]
    data = {"metadata[keydesk_delivered]": "ref-1"}
    return await client.post(f"{shop['url']}/v1/payment_intents/{found}", data=data, headers=headers)


@pytest.mark.parametrize(("point", "acted"), [("in_flight", False), ("after_acted", True)])
async def test_kills_at_an_effect(tmp_path: Path, point: str, acted: bool) -> None:
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", "import signal; signal.pause()")
    try:
        async with process(tmp_path / "w", "--orders", "5", "--late", "0.2", "--platforms", "indie") as (
            ready,
            client,
            _,
        ):
            await client.post(f"{ready['control']}/begin")
            await done(ready, client)
            assert (await client.post(f"{ready['control']}/kill", json={"point": "nowhere"})).status_code == 400
            await client.post(f"{ready['control']}/kill", json={"point": point, "after_events": 0})
            assert (await stripe_post(ready, client)).status_code == 200  # no target yet: nothing happens
            await client.post(f"{ready['control']}/core", json={"pid": victim.pid})
            with pytest.raises(httpx.TransportError):
                await stripe_post(ready, client)
            assert await victim.wait() == -signal.SIGKILL
            told = (await client.get(f"{ready['control']}/kill")).json()
            assert (told["armed"], told["fired"][point]) == (None, 1)
            kinds = [record["kind"] for record in read(tmp_path / "w" / "ledger.jsonl")]
            assert kinds.count("ship") == 1 + acted
    finally:
        if victim.returncode is None:
            victim.kill()
            await victim.wait()


@pytest.mark.parametrize(("point", "which"), [("before_send", signal.SIGUSR1), ("before_record", signal.SIGUSR2)])
async def test_kills_by_signal_come_after_so_many_events(tmp_path: Path, point: str, which: signal.Signals) -> None:
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", "import signal; signal.pause()")
    async with process(tmp_path / "w", "--orders", "40", "--late", "0.2", "--platforms", "indie") as (ready, client, _):
        await client.post(f"{ready['control']}/core", json={"pid": victim.pid})
        before = (await state(ready, client))["ledger_events"]
        await client.post(f"{ready['control']}/kill", json={"point": point, "after_events": 30})
        assert victim.returncode is None
        await client.post(f"{ready['control']}/begin")
        assert await victim.wait() == -which
        await done(ready, client)
        (await client.get(f"{ready['control']}/report")).raise_for_status()
        kill = next(record for record in read(tmp_path / "w" / "ledger.jsonl") if record["kind"] == "kill")
        assert kill["n"] == before + 31


async def test_an_answered_effect_survives_the_world(tmp_path: Path) -> None:
    async with process(tmp_path / "w", "--orders", "5", "--late", "0.2", "--platforms", "indie") as (
        ready,
        client,
        world,
    ):
        await client.post(f"{ready['control']}/begin")
        await done(ready, client)
        assert (await stripe_post(ready, client)).status_code == 200
        world.kill()
        await world.wait()
    assert [record["ref"] for record in read(tmp_path / "w" / "ledger.jsonl") if record["kind"] == "ship"] == ["ref-1"]


async def test_replay_of_a_file(tmp_path: Path) -> None:
    table = tmp_path / "purchases.txt"
    table.write_text("id date items dollars\n00001 19970101 2 11.77\n00002 19970112 1 0.00\n00003 19970113 3 5\n")
    async with process(tmp_path / "w", "--replay", str(table)) as (ready, client, _):
        assert len(Path(ready["products"]["cd"]["keys"]).read_text().split()) == 6
        await client.post(f"{ready['control']}/begin")
        await done(ready, client)
        report = (await client.get(f"{ready['control']}/report")).json()
        assert [(row[0], row[3], row[5], row[6]) for row in report["by_order"]] == [
            ("taobao-main", 2, 1177, 1177),
            ("indie", 1, 0, 0),
            ("taobao-main", 3, 500, 500),
        ]
