"""The ledger has an effect on disk before anyone hears of it, and says nothing when the disk refuses."""

import asyncio
import os
import threading
from pathlib import Path

import httpx
import pytest

from connectors.practice.ledger import Ledger
from connectors.practice.verdict import read
from tests.connectors.practice_client import plan, world


async def test_records_are_numbered_and_time_never_goes_back(tmp_path: Path) -> None:
    times = iter([5, 9, 7, 11])
    ledger = Ledger(tmp_path / "l.jsonl", lambda: next(times))
    for n in range(4):
        assert ledger.add("order", ext_id=str(n)) == n + 1
    await ledger.close()
    records = list(read(tmp_path / "l.jsonl"))
    assert [(record["n"], record["t"]) for record in records] == [(1, 5), (2, 9), (3, 9), (4, 11)]


async def test_many_waiters_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.fdatasync, []

    def counted(fd: int) -> None:
        calls.append(fd)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", counted)
    ledger = Ledger(tmp_path / "l.jsonl", lambda: 1)
    await asyncio.gather(*(ledger.sync(ledger.add("ship", n=n)) for n in range(500)))
    assert ledger.durable == 500
    assert len(calls) < 10
    await ledger.close()


async def test_no_answer_before_the_disk_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path, [plan(1, "taobao")], platforms=("taobao",)) as desk:
        await desk.begin()
        await desk.setting.ledger.sync(desk.setting.ledger.count)
        (tid,) = desk.setting.world.shops["taobao-main"].orders
        real, arrived, let_go = os.fdatasync, threading.Event(), threading.Event()

        def held(fd: int) -> None:
            arrived.set()
            assert let_go.wait(10)
            real(fd)

        monkeypatch.setattr(os, "fdatasync", held)
        sending = asyncio.create_task(desk.top("taobao.logistics.dummy.send", tid=tid))
        try:
            await desk.until(arrived.is_set)
            # The world has acted, still answers reads, and holds back the one answer that is not yet true on disk.
            assert desk.setting.world.shops["taobao-main"].orders[tid].shipped_at
            assert not sending.done()
        finally:
            let_go.set()
        assert "logistics_dummy_send_response" in await sending
        assert [record["ext_id"] for record in desk.ledger("ship")] == [tid]


async def test_a_disk_that_refuses_gives_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refused(_fd: int) -> None:
        raise OSError(28, "no space")

    running = world(tmp_path, [plan(1, "taobao")], platforms=("taobao",))
    desk = await running.__aenter__()
    await desk.begin()
    await desk.setting.ledger.sync(desk.setting.ledger.count)
    (tid,) = desk.setting.world.shops["taobao-main"].orders
    monkeypatch.setattr(os, "fdatasync", refused)
    with pytest.raises(httpx.TransportError):
        await desk.top("taobao.logistics.dummy.send", tid=tid)
    monkeypatch.undo()  # a disk that works again does not make the lost sync good
    with pytest.raises(httpx.TransportError):
        await desk.top("taobao.trade.memo.update", tid=tid, memo="x")
    assert (await desk.control("GET", "state"))["failures"] == 2
    with pytest.raises(OSError, match="no space"):
        await running.__aexit__(None, None, None)
    assert "no space" in capfd.readouterr().err
