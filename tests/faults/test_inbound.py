"""Platforms that call us: what is answered is durable, and no caller holds up another."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.pipeline import inbound
from core.service import webhooks
from core.service.webhooks import Patience
from core.store.writer import StoreFull
from tests.faults.doors import CallingShop, Doors, HintedShop


async def raw(port: int, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A caller that sends just this and keeps the line open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    return reader, writer


async def test_an_order_is_durable_when_the_platform_is_told_so(tmp_path: Path) -> None:
    shop = CallingShop()
    async with Doors(tmp_path, shop) as d:
        answer = await d.post("/calling/place", b"1000", order="X1")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/x-standing")
        # A connection of its own sees it at the moment of the answer: it was committed, not queued.
        assert await d.one("SELECT paid FROM orders WHERE ext_id = 'X1'") == 1000
        await d.until(lambda: shop.sent == ["X1"])

        async def delivered() -> bool:
            return (await d.get("/calling/ask", order="X1")).text == "DELIVERED True"

        await d.until(delivered)
        again = await d.post("/calling/place", b"1000", order="X1")
        assert again.text == "DELIVERED True"
    assert shop.sent == ["X1"]


async def test_a_refusal_states_nothing(tmp_path: Path) -> None:
    async with Doors(tmp_path, CallingShop()) as d:
        answer = await d.post("/calling/place", b"1000", sign="wrong", order="X1")
        assert (answer.status_code, answer.text) == (403, "bad sign")
        assert (await d.get("/calling/ask", order="X1")).status_code == 404
        assert await d.one("SELECT count(*) FROM orders") == 0


async def test_a_flood_of_refusals_leaves_a_line_now_and_then(tmp_path: Path) -> None:
    async with Doors(tmp_path, CallingShop()) as d:
        with capture_logs() as lines:
            for _ in range(20):
                await d.post("/calling/place", sign="wrong")
        assert [line["count"] for line in lines if line["event"] == "inbound_refused"] == [1, 2, 4, 8, 16]


async def test_facts_that_cannot_be_stored_are_not_confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Doors(tmp_path, CallingShop()) as d:
        real = d.engine.intake.apply

        def full(tx: Any, items: Any) -> Any:
            raise StoreFull("full")

        monkeypatch.setattr(d.engine.intake, "apply", full)
        assert (await d.post("/calling/place", b"0", order="X1")).status_code == 503
        monkeypatch.setattr(d.engine.intake, "apply", real)
        assert (await d.post("/calling/place", b"0", order="X1")).text == "OPEN False"


async def test_one_poisonous_fact_is_kept_for_a_person_and_the_others_count(tmp_path: Path) -> None:
    async with Doors(tmp_path, CallingShop()) as d:
        await d.post("/calling/place", b"0", order="X1")
        assert (await d.post("/calling/huge", order="X1")).status_code == 404  # it looked nothing up, as it says
        assert await d.one("SELECT paid FROM orders WHERE ext_id = 'X1'") == 1000
        assert "intake failed" in await d.one("SELECT why FROM quarantine WHERE ext_id = 'X1'")


async def test_what_connectors_raise_ends_nothing(tmp_path: Path) -> None:
    async with Doors(tmp_path, CallingShop()) as d:
        assert (await d.post("/calling/raise", b"secret-of-the-buyer")).status_code == 503
        answer = await d.post("/calling/busy")
        assert (answer.status_code, answer.text) == (503, "later")
        assert (await d.get("/calling/ask", order="X1")).status_code == 404


async def test_news_makes_the_shop_pull_and_the_answer_is_the_connectors(tmp_path: Path) -> None:
    shop = CallingShop()
    async with Doors(tmp_path, shop) as d:
        await d.until(lambda: shop.pulls == 1)
        answer = await d.post("/calling/news", b'{"echo":1}')
        assert (answer.json(), answer.headers["content-type"]) == ({"echo": 1}, "application/json")
        await d.until(lambda: shop.pulls == 2)


async def test_a_shop_that_only_takes_hints(tmp_path: Path) -> None:
    shop = HintedShop("hinted")
    async with Doors(tmp_path, shop) as d:
        await d.until(lambda: shop.pulls == 1)
        assert (await d.post("/hinted", b"forged")).status_code == 400
        assert (await d.post("/hinted", b"knock")).text == "ok"
        await d.until(lambda: shop.pulls == 2)
        assert (await d.get("/hinted")).status_code == 404
        assert (await d.post("/hinted/more", b"knock")).status_code == 404
        assert (await d.post("/nobody", b"knock")).status_code == 404
        assert (await d.http.put("/hinted", content=b"knock")).status_code == 405
        assert (await d.http.head("/hinted")).status_code == 405


async def test_a_door_whose_callers_hang_leaves_the_others_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound, "AT_ONCE", 3)
    slow, quick = CallingShop("slow"), CallingShop("quick")
    async with Doors(tmp_path, slow, quick) as d:
        hanging = [asyncio.create_task(d.post("/slow/hang", order="S1")) for _ in range(3)]
        await d.until(lambda: slow.inside == 3)
        assert (await d.post("/slow/ask", order="S1")).status_code == 503
        assert (await d.post("/quick/place", b"1000", order="Q1")).status_code == 200
        slow.stuck.set()
        assert {(await answer).status_code for answer in hanging} == {404}
        assert (await d.post("/slow/place", b"0", order="S1")).text == "OPEN False"


async def test_a_connector_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "ANSWER_S", 0.05)
    async with Doors(tmp_path, CallingShop()) as d:
        assert (await d.post("/calling/hang")).status_code == 503


async def test_a_body_above_the_limit_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BODY_MAX", 1000)
    async with Doors(tmp_path, CallingShop()) as d:
        assert (await d.post("/calling/news", b"x" * 1000)).status_code == 200
        assert (await d.post("/calling/news", b"x" * 1001)).status_code == 413
        monkeypatch.setattr(webhooks, "HELD_MAX", 500)
        assert (await d.post("/calling/news", b"x" * 600)).status_code == 503
        assert (
            await d.post("/calling/news", b"x" * 400)
        ).status_code == 200  # what was refused is not counted for ever


@pytest.mark.parametrize(
    "opening",
    [
        b"",
        b"POST /hook/calling/news HT",
        b"POST /hook/calling/news HTTP/1.1\r\nhost: x\r\nx-sign: right\r\ncontent-length: 9\r\n\r\nhalf",
    ],
    ids=["silent", "half a head", "half a body"],
)
async def test_a_caller_that_dawdles_is_dropped(tmp_path: Path, opening: bytes) -> None:
    async with Doors(tmp_path, CallingShop(), patience=Patience(seconds=0.2)) as d:
        reader, writer = await raw(d.port.port, opening)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        # Time that the core itself takes is not the caller's.
        assert (await d.post("/calling/news", b"quick")).text == "quick"


async def test_callers_that_only_hold_lines_make_room_for_those_that_speak(tmp_path: Path) -> None:
    async with Doors(tmp_path, CallingShop(), patience=Patience(seconds=3600, connections=5)) as d:
        lines = [await raw(d.port.port, b"POST /ho") for _ in range(20)]
        assert (await d.post("/calling/news", b"heard")).text == "heard"
        async with asyncio.timeout(10):
            for reader, _ in lines[:15]:  # those that have dawdled longest are gone, each once another one came
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
        for _, writer in lines:
            writer.close()


async def test_a_line_may_carry_several_requests(tmp_path: Path) -> None:
    async with Doors(tmp_path, CallingShop(), patience=Patience(seconds=5)) as d:
        one = b"POST /hook/calling/news HTTP/1.1\r\nhost: x\r\nx-sign: right\r\ncontent-length: 1\r\n\r\n"
        reader, writer = await raw(d.port.port, one + b"1" + one + b"2")
        async with asyncio.timeout(10):
            first = await reader.readuntil(b"\r\n\r\n1")
            second = await reader.readuntil(b"\r\n\r\n2")
        assert first.startswith(b"HTTP/1.1 200")
        assert second.startswith(b"HTTP/1.1 200")
        writer.write(b"no http at all\r\n\r\n")
        async with asyncio.timeout(10):
            assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()


async def test_what_is_under_way_at_the_end_is_still_answered(tmp_path: Path) -> None:
    shop = CallingShop()
    d = Doors(tmp_path, shop)
    async with d:
        hanging = asyncio.create_task(d.post("/calling/hang", order="S1"))
        await d.until(lambda: shop.inside == 1)
        asyncio.get_running_loop().call_later(0.2, shop.stuck.set)
        port = d.port.port
        d.serving.cancel()
        await asyncio.gather(d.serving, return_exceptions=True)
        assert (await hanging).status_code == 404
        with pytest.raises(OSError):  # noqa: PT011  (refused, whatever the system calls it)
            await raw(port, b"")
