"""The port of the pick-up page. Loopback, behind the merchant's TLS proxy, and it trusts no caller.

A GET looks nothing up. A POST that finds nothing to show is answered at a fixed moment after it came, whether the code
was never made, has expired or was never sent: neither words nor time tell them apart. Codes and keys are never logged.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from core.model.clock import Clock
from core.model.effects import Slot
from core.pipeline.pickup import LOOK, Answer, Picked, PickUp, Row, answer_of, row_of
from core.pipeline.setup import Setup
from core.service import pickup_page as page
from core.service.throttle import Throttle, network
from core.service.webhooks import Patience, Port
from core.store.writer import StoreError, Writer
from core.vault.pickup import PickupLinks
from core.vault.seal import KeyRow

log = structlog.get_logger("pickup")
REFUSED_S: Final = 0.25  # from a request to its refusal, always
BODY_MAX: Final = 4096  # bytes; the form is empty
WAITING_MAX: Final = 200  # requests that are being refused slowly, at once
REREAD_S: Final = 8.0  # from a request to the end of waiting for fresh news of its order
NOBODY: Final = 0  # no intent has this number


class PickupPort(Port):
    """Serves ``.../CODE``; what stands before the last slash is the proxy's business."""

    def __init__(
        self,
        links: PickupLinks,
        setup: Setup,
        writer: Writer,
        readers: AsyncEngine,
        open_key: Callable[[KeyRow], str],
        reread: Callable[[int, str], object],
        clock: Clock,
        port: int,
        language: str = "zh_CN",
        lasts_us: int = 30 * 86_400_000_000,
        host: str = "127.0.0.1",
        patience: Patience | None = None,
    ) -> None:
        self._links, self._setup, self._writer, self._readers = links, setup, writer, readers
        self._reread = reread
        self._open_key, self._clock, self._language, self._lasts_us = open_key, clock, language, lasts_us
        self._pick_up = PickUp(setup, lasts_us)
        self._by_address = Throttle(burst=20, per_minute=20)
        self._by_code = Throttle(burst=6, per_minute=2)
        self._waiting = 0
        app = Starlette(routes=[Route("/{path:path}", self._take, methods=["GET", "POST"])])
        app.router.redirect_slashes = False
        super().__init__(app, port, host, patience)

    async def _take(self, request: Request) -> Response:
        language = page.language_of(request.headers.get("accept-language", ""), self._language)
        if request.method != "POST":
            return _answer(200, page.button(language))
        came = asyncio.get_running_loop().time()
        try:
            size = 0
            async for piece in request.stream():
                size += len(piece)
                if size > BODY_MAX:
                    return _answer(413, page.told(language, "later"))
        except ClientDisconnect:
            return Response(status_code=400)
        if not self._by_address.allows(_address(request), came):
            return _answer(429, page.told(language, "slow"))
        try:
            return await self._show(str(request.path_params["path"]).rsplit("/", 1)[-1], language, came)
        except StoreError:
            return _answer(503, page.told(language, "later"))
        except Exception as error:  # its text could hold what must not be told
            log.error("pickup_failed", why=type(error).__name__)
            return _answer(503, page.told(language, "later"))

    async def _show(self, code: str, language: str, came: float) -> Response:
        intent = self._links.read(code)
        if intent is not None and not self._by_code.allows(str(intent), came):
            return _answer(429, page.told(language, "slow"))
        answer, row = await self._look(NOBODY if intent is None else intent)
        if answer is Answer.STALE and row is not None:
            answer = await self._fresh(row, came)
        picked = Picked(answer)
        if answer is Answer.KEYS and intent is not None:
            picked = await self._writer.do(self._pick_up.apply, intent)
        if picked.answer is Answer.KEYS:
            # After the commit: what was recorded may be shown, never the reverse.
            slots = [Slot(k.line, k.slot, k.title, self._open_key(KeyRow._make(k[:5]))) for k in picked.keys]
            log.info("picked_up", intent=intent, keys=len(slots))
            return _answer(200, page.keys(language, picked.ext_id, slots))
        if self._waiting >= WAITING_MAX:
            return _answer(429, page.told(language, "slow"))
        self._waiting += 1
        try:
            await asyncio.sleep(came + REFUSED_S - asyncio.get_running_loop().time())
        finally:
            self._waiting -= 1
        word = "later" if picked.answer is Answer.STALE else picked.answer.value
        return _answer(page.STATUS[picked.answer], page.told(language, word))

    async def _look(self, intent: int) -> tuple[Answer, Row | None]:
        async with self._readers.connect() as connection:
            row = row_of((await connection.exec_driver_sql(LOOK, (intent,))).first())
        return answer_of(row, self._clock(), self._lasts_us, self._setup.fresh_us), row

    async def _fresh(self, row: Row, came: float) -> Answer:
        """The answer once the order was read again; STALE when its shop does not answer in time."""
        self._reread(row.shop, row.ext_id)
        answer = Answer.STALE
        while answer is Answer.STALE and asyncio.get_running_loop().time() < came + REREAD_S:
            await asyncio.sleep(0.1)
            answer, _ = await self._look(row.intent)
        return answer


def _answer(status: int, text: str) -> Response:
    return Response(text.encode(), status, headers=page.HEADERS)


def _address(request: Request) -> str:
    """Who asks: what the proxy nearest to us saw. Only the last entry is its word; the ones before came from outside."""
    said = request.headers.getlist("x-forwarded-for")
    last = network(said[-1].rsplit(",", 1)[-1]) if said else ""
    return last or network(request.client.host if request.client else "") or "?"
