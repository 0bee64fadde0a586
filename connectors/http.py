"""The one HTTP client: leased lines of one connection each, deadlines, a body cap, a breaker, and proof of "not sent".

Only three of httpx's errors prove that no byte of a request left: ConnectError, ConnectTimeout, PoolTimeout. Our own
line raises the first two before a connection stands and never later (connectors/line.py); everything that breaks
after that proves nothing. No other transport may be plugged in here.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from connectors.line import Line, TooBig

# httpx and httpcore log whole URLs, query strings included, at INFO and DEBUG.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

HEADERS: Final = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "keydesk", "connection": "keep-alive"}
BODY_LIMIT: Final = 10 * 1024 * 1024  # bytes
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def proves_not_sent(exc: BaseException) -> bool:
    """True when the error proves that no byte of the request reached the other side."""
    return isinstance(exc, _NOT_SENT)


class Reply(Struct, frozen=True):
    """A whole answer. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Reply(status={self.status}, {len(self.body)} bytes)"

    def date(self) -> int:
        """UTC seconds of the server's own Date header, 0 when it has none."""
        try:
            return int(parsedate_to_datetime(self.headers.get("date", "")).timestamp())
        except ValueError:
            return 0

    def retry_after(self) -> float | None:
        """Seconds of a Retry-After header, when it is a plain number."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


class HttpFailure(Exception):
    """No whole answer came. ``not_sent``: proven that nothing reached the other side.

    ``kind`` is one of: connect, timeout, broken, too_big, encoding, busy, open (breaker), bad_url.
    ``evidence`` names the error class, host, path and milliseconds; never a query string, header or body.
    """

    def __init__(self, not_sent: bool, kind: str, evidence: dict[str, str | int | float | bool | None]) -> None:
        super().__init__(
            f"{kind} ({evidence.get('error', '')}) at {evidence.get('host', '')}{evidence.get('path', '')}"
        )
        self.not_sent, self.kind, self.evidence = not_sent, kind, evidence

    @property
    def retry_after(self) -> float | None:
        """Seconds until the breaker lets a probe through, when the breaker refused the call."""
        value = self.evidence.get("retry_after")
        return float(value) if isinstance(value, int | float) else None


class Breaker:
    """Stops calling a platform that is down: opens after ``limit`` failures in a row, then lets one probe through.

    ``open_for`` seconds double with each failed probe, up to ``open_max``. An answer of any status closes it.
    """

    def __init__(
        self,
        limit: int = 8,
        open_for: float = 1.0,
        open_max: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._first, self._max, self._clock = limit, open_for, open_max, clock
        self._failures, self._wait, self._until, self._probing = 0, open_for, 0.0, False

    @property
    def state(self) -> str:
        """closed, open, or half-open (the next call is the probe)."""
        if self._failures < self._limit:
            return "closed"
        return "open" if self._probing or self._clock() < self._until else "half-open"

    def enter(self) -> float | None:
        """None: go ahead. Otherwise the seconds to wait; nothing may be sent."""
        if self._failures < self._limit:
            return None
        now = self._clock()
        if self._probing or now < self._until:
            return max(self._until - now, 0.05)
        self._probing = True
        return None

    def leave(self, ok: bool | None) -> None:
        """Tell how a call that was let through ended; None: it was cancelled, which says nothing of the other side."""
        probed, self._probing = self._probing, False
        if ok:
            self._failures, self._wait = 0, self._first
        elif ok is False:
            self._failures += 1
            if probed:
                self._wait = min(self._wait * 2, self._max)
            if self._failures >= self._limit:
                self._until = self._clock() + self._wait


class Http:
    """The client of one connector. At most ``connections`` calls at once, each on a connection of its own.

    ``connect``, ``read`` and ``deadline`` are seconds; the deadline covers a whole call, connect to last byte.
    TLS is always verified, redirects are never followed, proxies and .netrc of the environment are not used.
    """

    def __init__(
        self,
        connections: int = 32,
        connect: float = 5.0,
        read: float = 10.0,
        deadline: float = 12.0,
        body_limit: int = BODY_LIMIT,
        breaker: Breaker | None = None,
        lease_wait: float = 10.0,
    ) -> None:
        self.breaker = breaker or Breaker()
        self._connect, self._read = connect, read
        self._deadline, self._limit, self._lease_wait = deadline, body_limit, lease_wait
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[Line] = []
        self._tls: ssl.SSLContext | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"Http({len(self._idle)} idle, breaker {self.breaker.state})"

    async def get(self, url: str, headers: Mapping[str, str] | None = None, deadline: float | None = None) -> Reply:
        """GET ``url``. Raises HttpFailure."""
        return await self.call("GET", url, headers=headers, deadline=deadline)

    async def post(
        self, url: str, content: bytes, headers: Mapping[str, str] | None = None, deadline: float | None = None
    ) -> Reply:
        """POST ``content`` to ``url``. Raises HttpFailure."""
        return await self.call("POST", url, headers=headers, content=content, deadline=deadline)

    async def call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """One exchange, never repeated here. Any status is an answer. Raises HttpFailure when none came."""
        try:
            parts = urlsplit(url)
        except ValueError:
            raise HttpFailure(True, "bad_url", {"error": "InvalidURL"}) from None
        where: dict[str, str | int | float | bool | None] = {
            "host": parts.netloc.rpartition("@")[2],
            "path": parts.path,
        }
        wait = self.breaker.enter()
        if wait is not None:
            raise HttpFailure(True, "open", {**where, "error": "breaker", "retry_after": round(wait, 2)})
        ok: bool | None = None
        try:
            async with self._lease(where) as line:
                reply = await self._exchange(line, method, url, headers, content, deadline or self._deadline, where)
            ok = True
            return reply
        except HttpFailure as failure:
            ok = None if failure.kind in ("busy", "bad_url") else False
            raise
        finally:
            self.breaker.leave(ok)

    async def _exchange(
        self,
        line: Line,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        deadline: float,
        where: dict[str, str | int | float | bool | None],
    ) -> Reply:
        begun = time.monotonic()

        def failure(not_sent: bool, kind: str, error: str) -> HttpFailure:
            took = round((time.monotonic() - begun) * 1000)
            return HttpFailure(not_sent, kind, {**where, "error": error, "ms": took})

        try:
            async with asyncio.timeout(deadline):
                answer = await line.exchange(method, url, {**HEADERS, **(headers or {})}, content)
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise failure(False, "encoding", "answer is compressed although identity was asked for")
            return Reply(*answer)
        except TooBig as exc:
            raise failure(False, "too_big", str(exc)) from None
        except TimeoutError:
            raise failure(False, "timeout", "deadline") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
            raise failure(True, "bad_url", type(exc).__name__) from None
        except httpx.TransportError as exc:
            kind = "timeout" if isinstance(exc, httpx.TimeoutException) else "broken"
            sent = not proves_not_sent(exc)
            raise failure(not sent, kind if sent else "connect", type(exc).__name__) from None

    @asynccontextmanager
    async def _lease(self, where: dict[str, str | int | float | bool | None]) -> AsyncIterator[Line]:
        try:
            async with asyncio.timeout(self._lease_wait):
                await self._slots.acquire()
        except TimeoutError:
            raise HttpFailure(True, "busy", {**where, "error": "no free connection"}) from None
        try:
            line = self._idle.pop() if self._idle else self._fresh()
            try:
                yield line
            except BaseException:
                line.close()  # it goes back to nobody
                raise
            if self._closed:
                line.close()
            else:
                self._idle.append(line)
        finally:
            self._slots.release()

    def _fresh(self) -> Line:
        if self._tls is None:
            self._tls = httpx.create_ssl_context(trust_env=False)
            self._tls.set_alpn_protocols(["http/1.1"])
        return Line(self._tls, self._connect, self._read, self._limit)

    async def close(self) -> None:
        """Close idle connections; those in use close when their call ends."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
