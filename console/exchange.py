"""HTTP/1.1 over the core's Unix socket, as much of it as a console needs: kept connections, lengths, chunks.

A general client costs the console 0.1 s of its start and 10 MB, and some 2 ms a request that a key may have to wait for.
Nothing is ever sent twice: a connection that the core closed meanwhile is left before anything is written to it, and one
that breaks later breaks the request.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from console import identity

CONNECT_S = 3.0
IDLE_KEPT = 4  # connections; requests of the desk's loops and of one hand
CHUNK = 65_536


class Broken(OSError):
    """Nothing answered, or what answered is not HTTP."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and the header fields that matter here."""

    status: int
    length: int | None
    chunked: bool
    keeps: bool


class Connection:
    """One connection: ``request``, then either ``body`` or ``parts`` to the end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.busy = False

    @property
    def usable(self) -> bool:
        """Whether the core has not closed it and the last answer was read to its end."""
        return not (self.busy or self._reader.at_eof() or self._writer.is_closing())

    def close(self) -> None:
        """Ends it at once."""
        self._writer.close()

    async def request(self, method: str, target: str, body: bytes | None = None) -> Head:
        """Sends a request and reads the head of its answer. ``target`` is quoted, ``body`` is JSON. Raises Broken."""
        self.busy = True
        lines = [f"{method} {target} HTTP/1.1", "Host: keydesk", "Accept: application/json"]
        lines += [f"{name}: {value}" for name, value in identity.fields()]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        try:
            self._writer.write("\r\n".join([*lines, "\r\n"]).encode("ascii") + (body or b""))
            await self._writer.drain()
            head = _head(await self._reader.readuntil(b"\r\n\r\n"))
            while head.status < 200:
                head = _head(await self._reader.readuntil(b"\r\n\r\n"))
            return head
        except (EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise Broken(type(error).__name__) from None

    async def parts(self, head: Head) -> AsyncIterator[bytes]:
        """The body as it comes. Raises Broken when it ends too soon."""
        read = self._reader
        try:
            if head.chunked:
                while size := int((await read.readuntil(b"\r\n")).partition(b";")[0], 16):
                    yield await read.readexactly(size)
                    if await read.readexactly(2) != b"\r\n":
                        raise Broken("chunk")
                while await read.readuntil(b"\r\n") != b"\r\n":
                    pass  # fields after the last chunk say nothing to us
            elif head.length is None:
                while part := await read.read(CHUNK):
                    yield part
            elif head.length:
                yield await read.readexactly(head.length)
        except (EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise Broken(type(error).__name__) from None
        self.busy = not head.keeps

    async def body(self, head: Head) -> bytes:
        """The whole body. Raises Broken."""
        return b"".join([part async for part in self.parts(head)])


def _head(raw: bytes) -> Head:
    """Raises ValueError when this is not the head of an answer."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise ValueError(version)
    fields = {name.strip().lower(): value.strip().lower() for name, _, value in (line.partition(":") for line in lines)}
    code, chunked = int(status), fields.get("transfer-encoding", "") == "chunked"
    length = fields.get("content-length")
    size = 0 if code in (204, 304) or code < 200 else None if chunked or length is None else int(length)
    if size is not None and size < 0:
        raise ValueError(size)
    keeps = version == "HTTP/1.1" and fields.get("connection") != "close" and (chunked or size is not None)
    return Head(code, size, chunked, keeps)


class Exchange:
    """Requests to one socket, each on a connection of its own for as long as it lasts."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[Connection] = []

    async def open(self) -> Connection:
        """A connection that nobody uses. Raises OSError (Broken, TimeoutError) when nothing listens."""
        while self._idle:
            kept = self._idle.pop()
            if kept.usable:
                return kept
            kept.close()
        async with asyncio.timeout(CONNECT_S):
            return Connection(*await asyncio.open_unix_connection(self._path))

    def keep(self, used: Connection) -> None:
        """Takes a connection back; closed when it cannot serve again."""
        if used.usable and len(self._idle) < IDLE_KEPT:
            self._idle.append(used)
        else:
            used.close()

    async def call(self, method: str, target: str, body: bytes | None, seconds: float) -> tuple[int, bytes]:
        """One request with its answer: status and body. Raises OSError (Broken, TimeoutError)."""
        used = await self.open()
        try:
            async with asyncio.timeout(seconds):
                head = await used.request(method, target, body)
                return head.status, await used.body(head)
        finally:
            self.keep(used)

    def close(self) -> None:
        """Closes what is idle."""
        while self._idle:
            self._idle.pop().close()
