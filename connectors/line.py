"""One HTTP/1.1 connection: h11 for the protocol, asyncio for the socket, httpx's URLs and errors, nothing between.

httpx's own transport keeps a pool around each connection and asks at every await which event loop it runs on, which
took two thirds of a call. The errors are httpx's, and they prove what they say by where they are raised: ConnectError
and ConnectTimeout only before a connection stands, every later trouble is of another class.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import h11
import httpx

from connectors.sockets import Address, Socket

_BODIED: Final = frozenset({"POST", "PUT", "PATCH"})


class TooBig(Exception):
    """The body exceeds what was allowed."""


class Answer(NamedTuple):
    """A whole answer. Header names are lower case; values of a repeated one are joined by commas."""

    status: int
    headers: dict[str, str]
    body: bytes


class Line:
    """Carries one call at a time. ``connect`` and ``read`` are seconds: to a standing connection, and for each piece.

    A connection that idled longer than ``keep`` seconds is not used again, as the other side may be closing it.
    ``limit``: bytes of a body.
    """

    def __init__(self, tls: ssl.SSLContext, connect: float, read: float, limit: int, keep: float = 4.0) -> None:
        self._tls, self._connect, self._read, self._limit, self._keep = tls, connect, read, limit, keep
        self._socket: Socket | None = None
        self._talk = h11.Connection(h11.CLIENT)
        self._idle_since = 0.0

    async def exchange(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        """One call, never repeated. After any error the connection is closed.

        Raises httpx.InvalidURL and httpx.UnsupportedProtocol (nothing was tried), httpx.TransportError, and TooBig.
        """
        target = _target(url) if "?" in url else _kept_target(url)
        now = time.monotonic()
        socket = self._socket
        if (
            socket is None
            or socket.address != target.address
            or not socket.quiet
            or now > self._idle_since + self._keep
        ):
            self.close()
            socket = self._socket = await self._open(target.address)
            self._talk = h11.Connection(h11.CLIENT)
        try:
            answer, reusable = await self._talk_over(socket, _request(method, target, headers, content), content)
        except BaseException:
            self.close()  # whatever state the connection is in, no later call may inherit it
            raise
        if reusable:
            self._talk.start_next_cycle()
            self._idle_since = time.monotonic()
        else:
            self.close()
        return answer

    def close(self) -> None:
        """Let go of the connection, at once."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.drop()

    async def _open(self, address: Address) -> Socket:
        try:
            async with asyncio.timeout(self._connect):
                return await Socket.open(address, self._tls)
        except TimeoutError:
            raise httpx.ConnectTimeout("no connection in time") from None
        except (OSError, ValueError) as exc:
            raise httpx.ConnectError(type(exc).__name__) from None

    async def _talk_over(self, socket: Socket, request: h11.Request, content: bytes | None) -> tuple[Answer, bool]:
        """The answer, and whether the connection may be used again."""
        talk = self._talk
        out = talk.send(request) or b""
        if content:
            out += talk.send(h11.Data(content)) or b""
        out += talk.send(h11.EndOfMessage()) or b""
        await socket.write(out, self._read)
        head: h11.Response | None = None
        body = bytearray()
        while True:
            try:
                event = talk.next_event()
            except h11.RemoteProtocolError as exc:
                raise httpx.RemoteProtocolError(type(exc).__name__) from None
            if event is h11.NEED_DATA:
                data = await socket.read(self._read)
                if not data and head is None:
                    raise httpx.RemoteProtocolError("closed without an answer")
                talk.receive_data(data)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._limit:
                    raise TooBig(f"answer exceeds {self._limit} bytes")
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return Answer(head.status_code, _told(head), bytes(body)), talk.states == _BOTH_DONE
            elif not isinstance(event, h11.InformationalResponse):
                raise httpx.RemoteProtocolError("no answer to this request")


_BOTH_DONE: Final = {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}


def _told(head: h11.Response) -> dict[str, str]:
    told: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        told[name] = f"{told[name]}, {value}" if name in told else value
    return told


class _Target(NamedTuple):
    """Where a URL leads: address, value of the Host header, path with query as it is sent."""

    address: Address
    host: bytes
    path: bytes


def _target(url: str) -> _Target:
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.raw_host:
        raise httpx.UnsupportedProtocol(parsed.scheme or "no scheme")
    secure = parsed.scheme == "https"
    address = Address(parsed.raw_host.decode("ascii"), parsed.port or (443 if secure else 80), secure)
    return _Target(address, parsed.netloc, parsed.raw_path)


_kept_target = lru_cache(256)(_target)  # connectors call a few URLs again and again; those with a query differ


def _request(method: str, target: _Target, headers: Mapping[str, str], content: bytes | None) -> h11.Request:
    told = [(name.encode("latin-1"), value.encode("utf-8")) for name, value in headers.items()]
    if not any(name.lower() == b"host" for name, _ in told):  # some signatures cover it, so their makers bring it
        told.insert(0, (b"host", target.host))
    if content is not None or method in _BODIED:
        told.append((b"content-length", b"%d" % len(content or b"")))
    try:
        return h11.Request(method=method, target=target.path, headers=told)
    except h11.LocalProtocolError as exc:
        raise httpx.LocalProtocolError(type(exc).__name__) from None
