"""A server on the port where a practice world expects the desk, and a connector's receiver behind it."""

import asyncio
from collections.abc import Awaitable, Callable

from core.ports import Inbound, Receiver, Reply
from tests.connectors.practice_client import Desk
from tests.connectors.server import Answer, Handler, Request, Scripted, reply


class Hooked(Scripted):
    """``async with Hooked(handler, desk)``."""

    def __init__(self, handler: Handler, desk: Desk) -> None:
        super().__init__(handler)
        self._at = int(desk.ready["hook_port"])

    async def __aenter__(self) -> "Hooked":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._at)
        return self


def behind(receiver: Receiver, shop: str) -> Callable[[Request], Awaitable[Answer]]:
    """What a core does with a request, without its store."""

    async def take(request: Request) -> Answer:
        path, _, query = request.target.partition("?")
        tail = path.removeprefix(f"/hook/{shop}").removeprefix("/")
        asked = Inbound(method=request.method, tail=tail, query=query, headers=request.headers, body=request.body)
        answer: Reply = (await receiver.receive(asked)).render(None)
        return reply(answer.status, answer.body)

    return take
