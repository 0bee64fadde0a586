"""One connection of ours against real sockets: framing, time-outs, TLS, reuse, and what is put into a request."""

import asyncio
import datetime
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.http import Http, HttpFailure
from connectors.line import Line, TooBig
from connectors.sockets import FULL

pytestmark = pytest.mark.timeout(30)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A URL whose every connection ``serve`` handles; the connection is closed after it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        port = running.sockets[0].getsockname()[1]
        yield f"{'https' if tls else 'http'}://localhost:{port}"
    finally:
        running.close()


def saying(*answers: bytes, heads: list[bytes] | None = None, stay: bool = True) -> Serve:
    """Answers requests without a body in turn; stays on the line afterwards unless told not to."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            head = await reader.readuntil(b"\r\n\r\n")
            if heads is not None:
                heads.append(head)
            writer.write(answer)
            await writer.drain()
        if stay:
            await reader.read()

    return serve


@pytest.fixture
def line() -> Line:
    return Line(ssl.create_default_context(), connect=2.0, read=0.4, limit=4 * FULL)


async def get(line: Line, url: str, **headers: str) -> tuple[int, bytes]:
    answer = await line.exchange("GET", url, headers, None)
    return answer.status, answer.body


async def test_a_chunked_answer_is_put_together(line: Line) -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with server(saying(chunked, chunked)) as url:
        assert await get(line, url) == (200, b"abcde")
        assert await get(line, url) == (200, b"abcde")  # on the same connection: the server takes one only
    line.close()


async def test_an_answer_without_a_length_ends_with_the_connection(line: Line) -> None:
    async with server(saying(b"HTTP/1.1 200 OK\r\n\r\nall of it", stay=False)) as url:
        assert await get(line, url) == (200, b"all of it")
        assert await get(line, url) == (200, b"all of it")


async def test_a_chunked_answer_that_breaks_off_is_no_answer(line: Line) -> None:
    async with server(saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc", stay=False)) as url:
        with pytest.raises(httpx.RemoteProtocolError):
            await get(line, url)


async def test_an_interim_answer_is_not_the_answer(line: Line) -> None:
    async with server(saying(b"HTTP/1.1 102 Processing\r\n\r\n" + OK)) as url:
        assert await get(line, url) == (200, b"ok")
    line.close()


@pytest.mark.parametrize("junk", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"])
async def test_what_is_not_http_is_no_answer(line: Line, junk: bytes) -> None:
    async with server(saying(junk)) as url:
        with pytest.raises(httpx.RemoteProtocolError):
            await get(line, url)


async def test_what_comes_unasked_ends_the_connection(line: Line) -> None:
    async with server(saying(OK + OK)) as url:  # the second answer belongs to no request
        assert await get(line, url) == (200, b"ok")
        await asyncio.sleep(0.05)
        with pytest.raises(httpx.ReadTimeout):  # it went on a new connection, where the server waits for a second head
            async with server(saying()) as silent:
                await get(line, silent)


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used(line: Line) -> None:
    async with server(saying(OK, stay=False)) as url:
        for _ in range(3):
            assert await get(line, url) == (200, b"ok")
            await asyncio.sleep(0.05)


async def test_a_goodbye_that_the_event_loop_has_not_heard_is_seen(line: Line) -> None:
    listening, gone = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve_two() -> None:  # in a thread, so that the event loop need not turn for it
        for _ in range(2):
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(OK)
            gone.set()  # the kernel of this machine knows at once

    listening.settimeout(5)
    thread = threading.Thread(target=serve_two, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    assert await get(line, url) == (200, b"ok")
    assert gone.wait(5)  # and the event loop stands still meanwhile
    assert await get(line, url) == (200, b"ok")
    thread.join()
    listening.close()
    line.close()


async def test_a_long_body_is_read_with_the_sender_held_back(line: Line) -> None:
    body = bytes(range(256)) * (3 * FULL // 256)
    async with server(saying(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)) as url:
        assert await get(line, url) == (200, body)
        line.close()
        with pytest.raises(TooBig):
            await get(Line(ssl.create_default_context(), 2.0, 0.4, len(body) - 1), url)


async def test_a_server_that_does_not_read_is_given_up(line: Line) -> None:
    async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()  # for as long as the test runs

    async with server(deaf) as url:
        with pytest.raises(httpx.WriteTimeout):
            await line.exchange("POST", url, {}, b"x" * 30_000_000)


async def test_a_refusal_that_comes_before_all_was_read_is_heard(line: Line) -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        await reader.read(200_000)

    async with server(early) as url:
        answer = await line.exchange("POST", url, {}, b"x" * 150_000)
        assert answer.status == 413


async def test_a_request_is_what_was_asked_for(line: Line) -> None:
    heads: list[bytes] = []
    async with server(saying(OK, OK, heads=heads)) as url:
        await get(line, f"{url}/订单/a b?q=游戏&t=1%202", **{"x-name": "卡台"})
        await line.exchange("POST", url, {}, None)
    host = url.removeprefix("http://").encode()
    first = heads[0].split(b"\r\n")
    assert first[0] == b"GET /%E8%AE%A2%E5%8D%95/a%20b?q=%E6%B8%B8%E6%88%8F&t=1%202 HTTP/1.1"
    assert first[1].lower() == b"host: " + host
    assert "x-name: 卡台".encode() in heads[0].lower()
    assert b"content-length" not in heads[0]
    assert b"content-length: 0" in heads[1].lower()
    line.close()
    async with server(saying(OK, heads=heads)) as url:
        await get(line, url, Host="signed.example")
    assert heads[2].lower().count(b"host:") == 1
    assert b"Host: signed.example" in heads[2]


async def test_a_header_cannot_carry_a_second_one(line: Line) -> None:
    async with server(saying(OK)) as url:
        with pytest.raises(httpx.LocalProtocolError):
            await get(line, url, **{"x-token": "a\r\nx-evil: 1"})


@pytest.mark.parametrize("url", ["ftp://localhost/", "localhost/path", "http://", "https://[::1/"])
async def test_a_url_that_leads_nowhere_is_refused_before_anything_is_sent(url: str) -> None:
    client = Http()
    with pytest.raises(HttpFailure) as caught:
        await client.get(url)
    assert (caught.value.kind, caught.value.not_sent) == ("bad_url", True)


async def test_values_of_a_repeated_header_stand_together(line: Line) -> None:
    async with server(saying(b"HTTP/1.1 200 OK\r\nvia: a\r\nVia: b\r\ncontent-length: 0\r\n\r\n")) as url:
        assert (await line.exchange("GET", url, {}, None)).headers["via"] == "a, b"
    line.close()


def _certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's TLS settings under a certificate that it signed itself, left in ``folder`` as ca.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


async def test_tls_carries_calls_one_after_another(tmp_path: Path) -> None:
    tls = _certificate(tmp_path, "localhost")
    line = Line(ssl.create_default_context(cafile=str(tmp_path / "ca.pem")), 2.0, 1.0, FULL)
    async with server(saying(OK, OK), tls) as url:
        assert await get(line, url) == (200, b"ok")
        assert await get(line, url) == (200, b"ok")
    line.close()


@pytest.mark.parametrize("name", ["localhost", "elsewhere.example"])
async def test_a_certificate_that_does_not_hold_proves_not_sent(tmp_path: Path, name: str) -> None:
    heads: list[bytes] = []
    async with server(saying(OK, heads=heads), _certificate(tmp_path, name)) as url:
        client = Http()
        with pytest.raises(HttpFailure) as caught:  # signed by nobody the machine trusts
            await client.post(url, b"secret")
        assert (caught.value.kind, caught.value.not_sent) == ("connect", True)
        if name != "localhost":
            trusting = Line(ssl.create_default_context(cafile=str(tmp_path / "ca.pem")), 2.0, 1.0, FULL)
            with pytest.raises(httpx.ConnectError):  # trusted, and somebody else's
                await get(trusting, url)
        assert heads == []


async def test_a_server_that_never_shakes_hands_proves_not_sent() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        await asyncio.Event().wait()  # for as long as the test runs

    async with server(mute) as url:
        client = Http(connect=0.3)
        with pytest.raises(HttpFailure) as caught:
            await client.post(url.replace("http:", "https:"), b"secret")
        assert (caught.value.kind, caught.value.not_sent) == ("connect", True)
        assert caught.value.evidence["error"] == "ConnectTimeout"
