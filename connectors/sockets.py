"""A TCP or TLS connection that is read and written with time-outs, straight on the event loop. Errors are httpx's."""

import asyncio
import select
import ssl
from typing import Final, NamedTuple, cast

import httpx

FULL: Final = 1024 * 1024  # unread bytes at which the other side is told to wait


class Address(NamedTuple):
    """Where to: host as ASCII (IDNA) or an IP address, port, and whether over TLS."""

    host: str
    port: int
    secure: bool


class Socket(asyncio.Protocol):
    """One connection. Reading and writing are for one task at a time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._ended = self._paused = self._full = False
        self._lost: type[Exception] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._poll = select.poll()

    @classmethod
    async def open(cls, address: Address, tls: ssl.SSLContext) -> "Socket":
        """Connect, with the TLS handshake where wanted. Raises OSError (ssl.SSLError is one) and ValueError."""
        _, socket = await asyncio.get_running_loop().create_connection(
            lambda: cls(address),
            address.host.strip("[]"),
            address.port,
            ssl=tls if address.secure else None,
            server_hostname=address.host if address.secure else None,
        )
        return socket

    @property
    def quiet(self) -> bool:
        """Whether it stands and the other side has said nothing since it was last read.

        The kernel is asked too: a goodbye that the event loop has not got round to would make the next call unknown.
        """
        return not self._ended and not self._unread and not self._poll.poll(0)

    async def read(self, seconds: float) -> bytes:
        """Whatever has come, waiting for the first byte; b"" at the end. Raises httpx.ReadTimeout, httpx.ReadError."""
        if not self._unread and not self._ended and not await self._wait(seconds):
            raise httpx.ReadTimeout("nothing came in time")
        if not self._unread and self._lost is not None:
            raise httpx.ReadError(self._lost.__name__)
        data = bytes(self._unread)
        self._unread.clear()
        if self._full and self._transport is not None and not self._ended:
            self._full = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes, seconds: float) -> None:
        """Hand ``data`` over. Raises httpx.WriteTimeout when the other side does not take it.

        A connection that broke meanwhile shows at the next read: the other side may have answered before it broke.
        """
        if self._transport is None or self._ended:
            return
        self._transport.write(data)
        while self._paused and not self._ended:
            if not await self._wait(seconds):
                raise httpx.WriteTimeout("the other side does not read")

    def drop(self) -> None:
        """Close at once, whatever is under way."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self, seconds: float) -> bool:
        """Until something happened; False when ``seconds`` passed first."""
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, _give_up, waiter)
        try:
            await waiter
            return True
        except _TimedOut:
            return False
        finally:
            timer.cancel()
            self._waiter = None

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast(asyncio.Transport, transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._unread += data
        if len(self._unread) >= FULL and not self._full and self._transport is not None:
            self._full = True
            self._transport.pause_reading()
        self._tell()

    def eof_received(self) -> bool:
        """The other side says no more; we close as well."""
        self._ended = True
        self._tell()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._ended = True
        if exc is not None and self._lost is None:
            self._lost = type(exc)
        self._tell()

    def pause_writing(self) -> None:
        """The other side is slow to take what we write."""
        self._paused = True

    def resume_writing(self) -> None:
        """It takes more."""
        self._paused = False
        self._tell()


class _TimedOut(Exception):
    pass


def _give_up(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(_TimedOut())
