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


class Raw:
    """A core that answers with given bytes, one list of pieces a connection, and counts what was asked of it."""

    def __init__(self, path: Path, *answers: list[bytes]) -> None:
        self.path, self._answers, self.asked = path, list(answers), [b""] * len(answers)
        self.connections = 0

    async def __aenter__(self) -> "Raw":
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.connections = self.connections, self.connections + 1
        for piece in self._answers[number] if number < len(self._answers) else []:
            if piece == NEXT:
                self.asked[number] += await reader.readuntil(b"\r\n\r\n")
            else:
                writer.write(piece)
                await writer.drain()
        writer.close()


NEXT = b"(the next request)"
OK = b"HTTP/1.1 200 OK\r\n"


async def test_answers_by_length_by_chunks_and_to_the_end(tmp_path: Path) -> None:
    pieces = [
        NEXT, b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 9\r\n\r\n", b'{"n"', b": 1}\n",
        NEXT, OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\n{\"n\"", b"\r\n4;x=y\r\n: 2}\r\n0\r\nAfter: all\r\n\r\n",
        NEXT, b"HTTP/1.1 204 No Content\r\n\r\n",
        NEXT, OK + b"\r\n", b'{"n": 4}',
    ]  # fmt: skip
    async with Raw(tmp_path / "s", pieces) as raw:
        client = Client(str(tmp_path / "s"))
        assert [(await client._call("GET", "/", {"q": "\u5f20 &"})) for _ in range(4)] == [
            {"n": 1},
            {"n": 2},
            {},
            {"n": 4},
        ]
        assert raw.connections == 1, "they came over one connection"
        assert raw.asked[0].startswith(b"GET /?q=%E5%BC%A0%20%26 HTTP/1.1\r\nHost: ")
        await client.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"SSH-2.0-OpenSSH\r\n\r\n", OK + b"Content-Length: 20\r\n\r\n{}", OK + b"Content-Length: x\r\n\r\n",
        OK + b"Content-Length: -2\r\n\r\n{}", OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}", b"\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", OK + b"X: " + b"y" * 200_000,
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}}}0\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_is_not_an_answer_is_offline_and_is_asked_once(tmp_path: Path, answer: bytes) -> None:
    async with Raw(tmp_path / "s", [NEXT, answer], [NEXT, OK + b"Content-Length: 2\r\n\r\n{}"]) as raw:
        client = Client(str(tmp_path / "s"))
        with pytest.raises(ClientError) as caught:
            await client.apply("token", "why", 1)
        assert caught.value.offline
        assert raw.connections == 1, "an act is never repeated by itself"
        assert await client._call("GET", "/") == {}, "and the broken connection is not used again"
        assert raw.connections == 2
        await client.close()


async def test_a_connection_that_the_core_closed_is_left_before_an_act(tmp_path: Path) -> None:
    once = [NEXT, OK + b'Content-Length: 10\r\n\r\n{"job": 7}']
    async with Raw(tmp_path / "s", once, once) as raw:
        client = Client(str(tmp_path / "s"))
        assert await client.apply("a", "", None) == 7
        kept = client._exchange._idle[0]
        async with asyncio.timeout(5):
            while kept.usable:
                await asyncio.sleep(0)
        assert await client.apply("b", "", None) == 7
        assert raw.connections == 2
        await client.close()


async def test_requests_at_once_do_not_mix(served: Served) -> None:
    client = Client(str(served.path))
    ids = [row["id"] for row in (await client.queue("work", limit=20))["rows"]]
    orders = await asyncio.gather(*(client.order(i) for i in ids))
    assert [order["row"]["id"] for order in orders] == ids
    await client.close()


async def test_a_request_that_is_left_takes_its_connection_along(tmp_path: Path) -> None:
    late = [NEXT, OK + b"Content-Length: 9\r\n\r\n", NEXT]
    async with Raw(tmp_path / "s", late, [NEXT, OK + b"Content-Length: 2\r\n\r\n[]"]) as raw:
        client = Client(str(tmp_path / "s"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.health()
        assert await client._call("GET", "/") == []
        assert raw.connections == 2
        await client.close()
