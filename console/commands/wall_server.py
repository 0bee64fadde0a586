"""textual-serve with what it lacks: a token, one origin, a bound on browsers, and an end that leaves no process."""

import asyncio
import hmac
import logging
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from textual_serve.server import Server

from console.i18n import t

END_S = 5.0  # how long browsers' consoles get to leave
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# The page of textual-serve asks a font server for a font. That is taken out of it, and nothing on it may talk to anybody else.
_ELSEWHERE = re.compile(r'<link\b[^>]*href="https?://[^>]*>')
# Keys go to the wall as soon as it is drawn, and not only after a click.
_FOCUS = (
    "<script>new MutationObserver((_, seen) => { const keys = document.querySelector('.xterm-helper-textarea'); "
    "if (keys) { keys.focus(); seen.disconnect(); } })"
    ".observe(document.documentElement, {childList: true, subtree: true});</script></body>"
)
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class WallServer(Server):
    """Serves one console command. ``place`` is ``host:port``; ``token`` opens it; at most ``viewers`` at once."""

    def __init__(self, command: str, place: str, token: str, viewers: int) -> None:
        super().__init__(command, title=t("wall.title"), public_url=f"http://{place}")
        self.address = self.public_url
        self._token, self._viewers = token, viewers
        self._cookie = (
            f"keydesk_{place.rpartition(':')[2]}"  # a cookie knows no port: two walls would take each other's
        )
        self._open: set[asyncio.Task[Any]] = set()

    async def run(self, bound: socket.socket) -> None:
        """Serve until cancelled."""
        logging.getLogger("textual-serve").setLevel(logging.ERROR)
        app = await self._make_app()
        app.middlewares.append(self._guard)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=END_S)
        await runner.setup()
        try:
            await web.SockSite(runner, bound).start()
            await asyncio.Event().wait()
        finally:
            for task in list(self._open):
                task.cancel()
            if self._open:
                await asyncio.wait(self._open, timeout=END_S)
            await runner.cleanup()

    async def on_startup(self, app: web.Application) -> None:
        """Says nothing: the command has said where it is."""

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.query.get("token")
        if given is not None and request.path == "/" and self._right(given):
            # The token leaves the address line at once: it would stand in histories and on the screen.
            answer: web.StreamResponse = web.Response(status=303, headers={"Location": "/"})
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict", path="/")
        elif not self._right(request.cookies.get(self._cookie, "")):
            answer = web.Response(status=403, text=t("serve.refused"))
        elif request.path.startswith("/download"):
            answer = web.Response(status=404)  # a kiosk hands out no file
        else:
            answer = await handler(request)
        if not answer.prepared:
            answer.headers.update(_HEADERS)
        return answer

    def _right(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._token.encode())

    async def handle_index(self, request: web.Request) -> Any:
        """The page. Its addresses are those by which it was asked for, so that a tunnel's other name works too."""
        self.public_url = f"{request.scheme}://{request.host}"
        answer: Any = await super().handle_index(request)
        answer.text = _ELSEWHERE.sub("", answer.text).replace("</body>", _FOCUS)
        return answer

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One browser: a console of its own for as long as it looks."""
        origin = request.headers.get("Origin", "")
        if origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text=t("serve.refused"))
        if len(self._open) >= self._viewers:
            raise web.HTTPServiceUnavailable(text=t("serve.full"))
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            return await super().handle_websocket(request)
        finally:
            self._open.discard(task)
