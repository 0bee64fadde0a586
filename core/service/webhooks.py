"""The door for webhooks: a hint is checked by its shop's connector and makes that shop pull at once.

Nothing is taken from the hint itself, so a forged, doubled or lost one can neither move money nor lose an order.
"""

import contextlib
from collections.abc import Mapping

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core.pipeline.pull import Puller

BODY_MAX = 1_000_000  # bytes


class Webhooks:
    """``POST /hook/SHOP`` on loopback, meant to stand behind the merchant's own proxy."""

    def __init__(self, pullers: Mapping[str, Puller], port: int, host: str = "127.0.0.1") -> None:
        self._pullers = pullers
        app = Starlette(routes=[Route("/hook/{shop}", self._take, methods=["POST"])])
        config = uvicorn.Config(app, host=host, port=port, lifespan="off", log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]

    async def _take(self, request: Request) -> Response:
        puller = self._pullers.get(str(request.path_params["shop"]))
        if puller is None:
            return PlainTextResponse("no such shop", 404)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > BODY_MAX:
                return PlainTextResponse("too large", 413)
        if not await puller.shop.hint(dict(request.headers), bytes(body)):
            return PlainTextResponse("refused", 400)
        puller.hint()
        return PlainTextResponse("ok")

    async def serve(self) -> None:
        """Until cancelled."""
        await self._server.serve()
