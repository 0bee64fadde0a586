"""The event log over a real socket: pages by keyset, filters, bounded looking."""

from pathlib import Path
from typing import Any

import pytest

from core.desk import history
from core.model.lifecycle import EventKind
from core.store.tx import Tx
from core.store.writer import Writer
from tests.end_to_end.servicekit import Client, desk
from tests.store.deskdata import Seed, fill, writer_on


async def paged(client: Client, limit: int, **wanted: Any) -> list[dict[str, Any]]:
    """All pages; every one but the last names the next."""
    out: list[dict[str, Any]] = []
    before = 0
    while before is not None:
        page = await client.get("/v1/history", limit=limit, before=before, **wanted)
        out += page["events"]
        assert len(page["events"]) <= limit
        assert page["next"] is None or before == 0 or page["next"] < before
        before = page["next"]
    return out


async def test_pages_reach_every_event_once_newest_first(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(i) for i in range(1, 58)]) as d:
        for limit in (1, 10, 57, 500):
            found = await paged(d.client, limit)
            assert [e["seq"] for e in found] == list(range(57, 0, -1))
        assert found[0]["ext_id"] == "T57"
        assert (found[0]["kind"], found[0]["shop"], found[0]["body"]) == ("received", "taobao-main", {"ext_id": "T57"})


async def test_my_own_last_decisions_are_a_filter(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(i) for i in range(1, 31)]) as d:
        me = (await d.client.get("/v1/health"))["operator"]
        await d.client.act("hold", [3], note="wait")
        await d.client.act("release", [3])
        await d.client.act("note", [4], note="hello")
        found = await paged(d.client, 2, by="me", kind="decision")
        assert {e["actor"] for e in found} == {me}
        acts = [(e["kind"], e["order_id"]) for e in found if e["order_id"]]
        assert acts == [("note", 4), ("hold_lifted", 3), ("held", 3)]
        assert await paged(d.client, 50, by="nobody") == []
        assert [e["kind"] for e in await paged(d.client, 50, kind="note,held")] == ["note", "held"]
        assert {e["order_id"] for e in await paged(d.client, 2, order=3)} == {3}
        assert [e["kind"] for e in await paged(d.client, 2, order=3, kind="received")] == ["received"]
        status, error = await d.client.fails("GET", "/v1/history", kind="hold")
        assert (status, "held" in error["hint"]) == (400, True)


async def on_the_clock(folder: Path, times: list[int]) -> Writer:
    """A database with one event at each of these times."""
    writer = await writer_on(folder)
    for at in times:
        writer.clock = lambda at=at: at
        await writer.do(fill, [Seed(at)])
    return writer


async def test_times_are_ends_that_belong(tmp_path: Path) -> None:
    writer = await on_the_clock(tmp_path, [100, 200, 200, 300, 400][:1] + [200, 300, 400])
    async with desk(tmp_path, writer=writer) as d:

        async def at(**wanted: int) -> list[int]:
            return [e["at"] for e in await paged(d.client, 1, **wanted)]

        assert await at() == [400, 300, 200, 100]
        assert await at(since=200) == [400, 300, 200]
        assert await at(until=300) == [300, 200, 100]
        assert await at(since=150, until=350) == [300, 200]
        assert await at(since=401) == []
        assert await at(until=99) == []
        assert await at(since=300, until=200) == []
    await writer.stop()


async def test_a_rare_person_is_looked_for_in_bounded_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LOOKED_MAX", 10)

    def one(tx: Tx, items: list[str]) -> list[None]:
        for actor in items:
            tx.event(EventKind.NOTE, 0, actor, {"note": "x"})
        return [None] * len(items)

    writer = await writer_on(tmp_path)
    await writer.do(one, "rare")
    await writer.do(fill, [Seed(i) for i in range(1, 41)])
    async with desk(tmp_path, writer=writer) as d:
        first = await d.client.get("/v1/history", by="rare")
        assert (first["events"], first["next"]) == ([], 32)
        assert [e["seq"] for e in await paged(d.client, 50, by="rare")] == [1]
    await writer.stop()


async def test_an_empty_log_has_no_next(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        assert await d.client.get("/v1/history", since=5, until=9) == {"events": [], "next": None}
