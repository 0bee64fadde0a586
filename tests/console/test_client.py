"""The client against a real socket: answers, refusals with position and hint, silence, the feed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from console.client import Client, ClientError
from tests.console.fixture_server import Served


async def test_windows_follow_each_other_by_mark(served: Served) -> None:
    client = Client(str(served.path))
    first = await client.queue("work", limit=20)
    second = await client.queue("work", limit=20, after=first["last"])
    back = await client.queue("work", limit=20, before=second["first"])
    assert [r["id"] for r in back["rows"]] == [r["id"] for r in first["rows"]]
    assert {r["id"] for r in first["rows"]}.isdisjoint(r["id"] for r in second["rows"])
    await client.close()


async def test_a_wrong_filter_carries_position_and_hint(served: Served) -> None:
    client = Client(str(served.path))
    with pytest.raises(ClientError) as caught:
        await client.count("work", "@pdd amout>5")
    assert caught.value.code == "bad_filter"
    assert caught.value.extra["position"] == 6
    assert caught.value.hint == "nearest is amount"
    assert not caught.value.offline
    await client.close()


async def test_no_core_is_offline_and_nothing_else(tmp_path: Path) -> None:
    client = Client(str(tmp_path / "nobody"))
    with pytest.raises(ClientError) as caught:
        await client.health()
    assert caught.value.offline
    with pytest.raises(ClientError):
        async for _ in client.feed():
            pass
    await client.close()


async def test_the_feed_ticks_for_a_change_and_ends_offline_with_its_core(serve: Callable[..., Served]) -> None:
    served = serve()
    client = Client(str(served.path))
    seen: list[int] = []

    async def read() -> None:
        async for tick in client.feed(20):
            if "ping" in tick:
                served.do(lambda core: core.change(7_000_001, why="sending"))
            seen.extend(tick.get("changed") or [])
            if seen:
                await asyncio.to_thread(served.stop)

    with pytest.raises(ClientError) as caught:
        await asyncio.wait_for(read(), 15)
    assert seen == [7_000_001]
    assert caught.value.offline
    await client.close()


async def test_a_refusal_is_clean_text(served: Served) -> None:
    served.core.rows[7_000_001]["claim"] = {"by": "evil\x1b[2J", "until": 0}
    client = Client(str(served.path))
    with pytest.raises(ClientError) as caught:
        await client.claim(7_000_001)
    assert "\x1b" not in caught.value.message
    assert "evil" in caught.value.message
    await client.close()


async def test_find_finds_by_a_fragment(served: Served) -> None:
    client = Client(str(served.path))
    row = (await client.queue("work", limit=1))["rows"][0]
    assert row["id"] in [r["id"] for r in await client.find(row["ext_id"][-6:])]
    await client.close()
