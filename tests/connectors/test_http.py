"""The HTTP client against real sockets that misbehave: what is proof of "not sent", and what is not."""

import asyncio
import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from connectors.http import Breaker, Http, HttpFailure, proves_not_sent
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port, reply

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(connections=2, connect=2.0, read=0.3, deadline=1.0, body_limit=10_000)
    yield client
    await client.close()


async def failure_of(http: Http, answer: Answer) -> tuple[HttpFailure, list[Request]]:
    async with Scripted(lambda request: answer) as server:
        with pytest.raises(HttpFailure) as caught:
            await http.post(f"{server.url}/act?token=sesame", b"secret-body")
        return caught.value, server.requests


@pytest.mark.parametrize("act", [Act.RESET, Act.CLOSE, Act.HALF, Act.HANG])
async def test_a_request_that_was_read_is_never_called_not_sent(http: Http, act: str) -> None:
    failure, requests = await failure_of(http, act)
    assert len(requests) == 1  # and it is not repeated behind our back
    assert requests[0].body == b"secret-body"
    assert not failure.not_sent
    assert failure.kind == ("timeout" if act == Act.HANG else "broken")


async def test_a_closed_port_proves_not_sent(http: Http) -> None:
    with pytest.raises(HttpFailure) as caught:
        await http.post(f"http://127.0.0.1:{closed_port()}/", b"x")
    assert caught.value.not_sent
    assert caught.value.kind == "connect"
    assert caught.value.evidence["error"] == "ConnectError"


async def test_the_deadline_covers_an_answer_that_drips(http: Http) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")
        try:
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(HttpFailure) as caught:
        await http.get(f"http://127.0.0.1:{port}/")
    server.close()
    await server.wait_closed()
    assert caught.value.kind == "timeout"
    assert not caught.value.not_sent


@pytest.mark.parametrize("size", [10_001, 300_000])
async def test_a_body_over_the_limit_is_refused_and_may_have_acted(http: Http, size: int) -> None:
    failure, _ = await failure_of(http, reply(200, b"x" * size))
    assert failure.kind == "too_big"
    assert not failure.not_sent


async def test_the_default_limit_is_ten_megabytes() -> None:
    client = Http(read=5.0, deadline=10.0)
    async with Scripted(lambda request: reply(200, b"x" * (10 * 1024 * 1024 + 1))) as server:
        with pytest.raises(HttpFailure) as caught:
            await client.get(server.url)
    await client.close()
    assert caught.value.kind == "too_big"


async def test_a_compressed_answer_is_refused(http: Http) -> None:
    failure, requests = await failure_of(http, reply(200, b"\x1f\x8b", "content-encoding: gzip\r\n"))
    assert failure.kind == "encoding"
    assert requests[0].headers["accept-encoding"] == "identity"


async def test_no_connection_is_left_behind_by_a_call_that_failed(http: Http) -> None:
    """Whatever a call ends with, its connection is used again or closed: nobody else holds it."""
    zipped = reply(200, b"x", "content-encoding: gzip\r\n")
    answers: list[Answer] = [zipped, zipped, reply(200, b"1")]
    async with Scripted(lambda request: answers.pop(0)) as server:
        for _ in range(2):
            with pytest.raises(HttpFailure):
                await http.get(server.url)
        assert (await http.get(server.url)).body == b"1"
        with pytest.raises(HttpFailure):
            await http.get("ftp://nowhere/")
        async with asyncio.timeout(5):
            while server.open:
                await asyncio.sleep(0.01)


async def test_redirects_are_answers_and_are_not_followed(http: Http) -> None:
    async with Scripted(lambda request: reply(302, b"", "location: /elsewhere\r\n")) as server:
        answer = await http.get(server.url)
        assert answer.status == 302
        assert len(server.requests) == 1


async def test_connections_are_reused_and_a_broken_one_is_not(http: Http) -> None:
    answers: list[Answer] = [reply(200, b"1"), reply(200, b"2"), Act.CLOSE, reply(200, b"3")]
    async with Scripted(lambda request: answers.pop(0)) as server:
        assert (await http.get(server.url)).body == b"1"
        assert (await http.get(server.url)).body == b"2"
        assert server.connections == 1
        with pytest.raises(HttpFailure):
            await http.get(server.url)
        assert (await http.get(server.url)).body == b"3"
        assert server.connections == 2


async def test_each_call_has_a_connection_of_its_own_up_to_the_limit() -> None:
    client, inside, most, gate = Http(connections=2, lease_wait=5.0), 0, 0, asyncio.Event()

    async def handler(request: Request) -> Answer:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == 2:
            gate.set()
        await asyncio.wait_for(gate.wait(), 5)
        await asyncio.sleep(0)
        inside -= 1
        return reply(200, b"ok")

    async with Scripted(handler) as server:
        answers = await asyncio.gather(*(client.get(server.url) for _ in range(6)))
        assert [answer.status for answer in answers] == [200] * 6
        assert most == 2
        assert server.connections == 2
    await client.close()


async def test_waiting_for_a_free_connection_ends_as_not_sent() -> None:
    client = Http(connections=1, read=2.0, deadline=2.0, lease_wait=0.1)
    async with Scripted(lambda request: Act.HANG) as server:
        first = asyncio.create_task(client.get(server.url))
        async with asyncio.timeout(5):
            while not server.requests:
                await asyncio.sleep(0.01)
        with pytest.raises(HttpFailure) as caught:
            await client.get(server.url)
        assert caught.value.kind == "busy"
        assert caught.value.not_sent
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert len(server.requests) == 1
    assert client.breaker.state == "closed"
    await client.close()


async def test_the_breaker_opens_says_not_sent_and_lets_one_probe_through() -> None:
    now = 100.0
    breaker = Breaker(limit=2, open_for=1.0, clock=lambda: now)
    client = Http(connections=4, read=0.3, breaker=breaker)
    answers: list[Answer] = [Act.CLOSE, Act.CLOSE, Act.CLOSE, reply(500, b""), reply(200, b"")]
    async with Scripted(lambda request: answers.pop(0)) as server:
        for _ in range(2):
            with pytest.raises(HttpFailure):
                await client.get(server.url)
        assert breaker.state == "open"
        with pytest.raises(HttpFailure) as caught:
            await client.get(server.url)
        assert (caught.value.kind, caught.value.not_sent, len(server.requests)) == ("open", True, 2)
        assert caught.value.retry_after is not None
        now += 1.1
        results = await asyncio.gather(*(client.get(server.url) for _ in range(3)), return_exceptions=True)
        assert len(server.requests) == 3  # one probe, which failed; the pause doubles
        assert sorted(getattr(result, "kind", "") for result in results) == ["broken", "open", "open"]
        now += 1.1
        assert breaker.state == "open"
        now += 1.0
        assert (await client.get(server.url)).status == 500  # an answer, even a bad one, is life
        assert breaker.state == "closed"
    await client.close()


async def test_a_cancelled_probe_leaves_the_breaker_able_to_probe_again() -> None:
    breaker = Breaker(limit=1, open_for=0.0)
    client = Http(read=5.0, breaker=breaker)
    answers: list[Answer] = [Act.CLOSE, Act.HANG, reply(200, b"")]
    async with Scripted(lambda request: answers.pop(0)) as server:
        with pytest.raises(HttpFailure):
            await client.get(server.url)
        probe = asyncio.create_task(client.get(server.url))
        async with asyncio.timeout(5):
            while len(server.requests) < 2:
                await asyncio.sleep(0.01)
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        assert (await client.get(server.url)).status == 200
    await client.close()


async def test_nothing_secret_is_logged_or_raised(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    failure, _ = await failure_of(http, Act.RESET)
    chain: list[BaseException] = []
    link: BaseException | None = failure
    while link is not None:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    said = f"{caplog.text} {chain!r} {failure} {failure.evidence}"
    assert "sesame" not in said
    assert "secret-body" not in said
    async with Scripted(lambda request: reply(200, b"sesame")) as server:
        answer = await http.get(f"{server.url}/?token=sesame", {"authorization": "Bearer sesame"})
    assert "sesame" not in caplog.text + repr(answer) + repr(http)


@pytest.mark.parametrize(
    ("error", "proof"),
    [
        (httpx.ConnectError("x"), True),
        (httpx.ConnectTimeout("x"), True),
        (httpx.PoolTimeout("x"), True),
        (httpx.ReadError("x"), False),
        (httpx.ReadTimeout("x"), False),
        (httpx.WriteError("x"), False),
        (httpx.WriteTimeout("x"), False),
        (httpx.RemoteProtocolError("x"), False),
        (httpx.CloseError("x"), False),
        (httpx.ProxyError("x"), False),
        (TimeoutError(), False),
        (asyncio.CancelledError(), False),
        (OSError(), False),
    ],
)
def test_only_three_errors_are_proof(error: BaseException, proof: bool) -> None:
    assert proves_not_sent(error) is proof


async def test_retry_after_and_date_are_read_from_the_answer(http: Http) -> None:
    extra = "retry-after: 7\r\ndate: Thu, 01 Jan 2026 00:00:05 GMT\r\n"
    async with Scripted(lambda request: reply(429, b"", extra)) as server:
        answer = await http.get(server.url)
    assert answer.retry_after() == 7.0
    assert answer.date() == 1_767_225_605
