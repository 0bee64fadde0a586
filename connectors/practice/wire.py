"""A small HTTP/1.1 server on httptools. It owns its sockets, because the world's faults happen on them."""

import asyncio
import socket
import struct
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import Any, NamedTuple, cast

import httptools
import msgspec

_LIMIT = 1 << 20
_ENCODE = msgspec.json.Encoder().encode
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
}


class Request(NamedTuple):
    """One request; header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """One answer. ``lsn`` > 0: something happened, and the ledger must have that record before this goes out."""

    status: int
    body: bytes
    lsn: int = 0
    headers: tuple[tuple[str, str], ...] = ()


def as_json(value: Any, status: int = 200, lsn: int = 0, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, _ENCODE(value), lsn, headers)


Handler = Callable[[Request, "Connection"], None]


class Connection(asyncio.Protocol):
    """One client; requests are served one after the other. The handler must end each by one of the five ways below."""

    def __init__(self, handler: Handler, connections: set["Connection"]) -> None:
        self._handler, self._connections = handler, connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: list[tuple[Request, bool]] = []
        self._busy = self._keep = False
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports derive from nothing
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close()

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body, self._size = b"", {}, [], 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > _LIMIT:
            self.abort()
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        url = httptools.parse_url(self._url)
        request = Request(
            self._parser.get_method().decode(), (url.path or b"/").decode("latin-1"),
            (url.query or b"").decode("latin-1"), self._headers, b"".join(self._body),
        )  # fmt: skip
        keep = self._parser.should_keep_alive()
        if self._busy:
            self._waiting.append((request, keep))
        else:
            self._serve(request, keep)

    def _serve(self, request: Request, keep: bool) -> None:
        self._busy, self._keep = True, keep
        self._handler(request, self)

    def reply(self, answer: Answer) -> None:
        """Way 1: the whole answer."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(_head(answer, self._keep) + answer.body)
        self._busy = False
        if not self._keep:
            self.close()
        elif self._waiting:
            self._serve(*self._waiting.pop(0))

    def half(self, answer: Answer) -> None:
        """Way 2: the head and half of the body, then the end."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_head(answer, self._keep) + answer.body[: len(answer.body) // 2])
            self.close()

    def abort(self) -> None:
        """Way 3: a reset, and nothing else."""
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def close(self) -> None:
        """Way 4: an orderly end without (more of) an answer."""
        if self._transport is not None:
            self._transport.close()

    def hang(self) -> None:
        """Way 5: the connection stays open and silent until the client gives up."""


@lru_cache(1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _head(answer: Answer, keep: bool) -> bytes:
    reason = _REASONS.get(answer.status, "Status")
    lines = [
        f"HTTP/1.1 {answer.status} {reason}",
        "content-type: application/json;charset=UTF-8",
        f"content-length: {len(answer.body)}",
        f"date: {_date(int(time()))}",  # as every server with a clock says; some connectors go by it
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    if not keep:
        lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class HttpServer:
    """Listens on loopback."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Returns the port it listens on. Raises OSError when it cannot."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._handler, self._connections), "127.0.0.1", port, backlog=1024
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Closes everything."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()
