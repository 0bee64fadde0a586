"""A real HTTP server on loopback whose every answer, or lack of one, a test decides."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit


@dataclass
class Request:
    """What arrived, whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Act:
    """Something other than an answer."""

    RESET, CLOSE, HALF, HANG = "reset", "close", "half", "hang"


Answer = bytes | str | tuple[int, Any]
Handler = Callable[[Request], Answer | Awaitable[Answer]]


def reply(status: int, body: bytes, extra: str = "") -> bytes:
    """Raw bytes of one answer."""
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{extra}\r\n".encode() + body


class Scripted:
    """``async with Scripted(handler) as server``: ``server.url``; ``server.requests`` holds all that was read."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.requests: list[Request] = []
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def open(self) -> int:
        """How many connections stand."""
        return len(self._writers)

    async def __aenter__(self) -> "Scripted":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, target, headers, body)
        self.requests.append(request)
        answer = self._handler(request)
        if not isinstance(answer, bytes | str | tuple):
            answer = await answer
        if answer == Act.RESET:
            # Linger 0 turns the close into a reset, the moment after everything was read.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        if answer == Act.CLOSE:
            return False
        if answer == Act.HANG:
            await reader.read()  # until the client gives up
            return False
        if answer == Act.HALF:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
            await writer.drain()
            return False
        if isinstance(answer, tuple):
            answer = reply(answer[0], json.dumps(answer[1]).encode(), "content-type: application/json\r\n")
        assert isinstance(answer, bytes)
        writer.write(answer)
        await writer.drain()
        return True


def closed_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
