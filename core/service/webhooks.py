"""The port for platforms: ``/hook/NAME`` and ``/hook/NAME/...``, bounded in size, time and number.

It is meant to stand on loopback behind the merchant's own proxy, yet trusts no caller: each connection must bring a
whole request within seconds, and when there are too many of them the one that has dawdled longest goes.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.ports import Inbound, Reply

BODY_MAX = 1_000_000  # bytes of one request
HELD_MAX = 32_000_000  # bytes of all bodies that are being received or worked on
REQUEST_S = 10.0  # from the first wait for a request to its last byte
CONNECTIONS_MAX = 512


class Patience:
    """Which connections owe us a request, longest first, and how long each may take."""

    def __init__(self, seconds: float = REQUEST_S, connections: int = CONNECTIONS_MAX) -> None:
        self._seconds, self._max = seconds, connections
        self._owing: dict[H11Protocol, asyncio.TimerHandle] = {}
        self._open = 0

    def opened(self, connection: H11Protocol) -> None:
        """A caller has connected."""
        self._open += 1
        self.owes(connection)
        if self._open > self._max:
            dawdler = next(iter(self._owing))
            self._drop(dawdler)

    def owes(self, connection: H11Protocol) -> None:
        """It has not sent its whole request. The clock runs from the first time this is said."""
        if connection not in self._owing:
            self._owing[connection] = connection.loop.call_later(self._seconds, self._drop, connection)

    def paid(self, connection: H11Protocol) -> None:
        """The request is here; the rest is our work."""
        timer = self._owing.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def closed(self, connection: H11Protocol) -> None:
        """It is gone."""
        self._open -= 1
        self.paid(connection)

    def _drop(self, connection: H11Protocol) -> None:
        self.paid(connection)
        connection.transport.abort()


def _protocol(patience: Patience) -> type[H11Protocol]:
    class _Protocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            patience.opened(self)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            patience.closed(self)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._reckon()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._reckon()

        def _reckon(self) -> None:
            cycle = self.cycle
            if cycle is not None and not cycle.response_complete and not cycle.more_body:
                patience.paid(self)
            else:
                patience.owes(self)

    return _Protocol


class Port:
    """An app of ours on a port, each connection bounded. ``port`` 0 takes a free one, to be read once ``started``."""

    def __init__(self, app: Starlette, port: int, host: str = "127.0.0.1", patience: Patience | None = None) -> None:
        self._port = port
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=_protocol(patience or Patience()),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]

    @property
    def started(self) -> bool:
        """Whether it listens."""
        return bool(self._server.started)

    @property
    def port(self) -> int:
        """Where it listens."""
        if not self._server.started:
            return self._port
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    async def serve(self) -> None:
        """Until cancelled; then requests under way get two seconds to be answered, and the port is given back."""
        serving = asyncio.ensure_future(self._server.serve())
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self._server.should_exit = True
            await serving
            raise


class Door(Protocol):
    """Whoever answers the requests to one name."""

    async def take(self, request: Inbound) -> Reply:
        """The answer. Never raises."""
        ...


class Webhooks(Port):
    """The HTTP side of the doors."""

    def __init__(
        self, doors: Mapping[str, Door], port: int, host: str = "127.0.0.1", patience: Patience | None = None
    ) -> None:
        self._doors = doors
        self._held = 0
        methods = ["GET", "POST"]
        paths = ("/hook/{name}", "/hook/{name}/{tail:path}")
        app = Starlette(routes=[Route(path, self._take, methods=methods) for path in paths])
        app.router.redirect_slashes = False
        super().__init__(app, port, host, patience)

    async def _take(self, request: Request) -> Response:
        door = self._doors.get(str(request.path_params["name"]))
        if door is None:
            return PlainTextResponse("no such name", 404)
        if request.method not in ("GET", "POST"):
            return PlainTextResponse("GET or POST", 405)
        body = bytearray()
        try:
            async for piece in request.stream():
                body += piece
                self._held += len(piece)
                if len(body) > BODY_MAX:
                    return PlainTextResponse("too large", 413)
                if self._held > HELD_MAX:
                    return PlainTextResponse("later", 503)
            reply = await door.take(
                Inbound(
                    method=request.method,
                    tail=str(request.path_params.get("tail", "")),
                    query=bytes(request.scope["query_string"]).decode("latin-1"),
                    headers=_joined(request),
                    body=bytes(body),
                )
            )
        except ClientDisconnect:
            return PlainTextResponse("gone", 400)
        finally:
            self._held -= len(body)
        return Response(reply.body, reply.status, media_type=None, headers={"content-type": reply.content_type})


def _joined(request: Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
