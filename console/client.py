"""The only door to the core: HTTP over its Unix socket. No other module of the console opens a connection."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import quote, urlencode

from console.exchange import Exchange
from console.looking import LOOKS, look, wanted_always
from console.wire import (
    Cases,
    Claimed,
    Count,
    Counters,
    Decided,
    Facts,
    Group,
    Health,
    History,
    Job,
    Looked,
    Matching,
    OrderDetail,
    Preview,
    Product,
    Row,
    Tick,
    Window,
)
from console.wire_wall import Wall, WallHistory
from core.model.text import clean

ANSWER_S = 10.0
FEED_SILENCE_S = 25.0  # the core pings every 10 s, so this much silence is a dead line


class ClientError(Exception):
    """A refusal by the core, or no answer from it. ``code`` is "offline" when nothing answered.

    ``message`` says what is wrong, ``hint`` what to do, ``extra`` holds further fields (a filter's position).
    """

    def __init__(self, code: str, message: str, hint: str = "", extra: Facts | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.hint, self.extra = code, message, hint, extra or {}

    @property
    def offline(self) -> bool:
        """Whether nothing answered, as against a refusal."""
        return self.code == "offline"


class Client:
    """Typed calls of docs/socket.md. Every method raises ClientError and nothing else."""

    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path
        self._exchange = Exchange(socket_path)

    async def close(self) -> None:
        """Closes the connections; the client opens them again when it is used again."""
        self._exchange.close()

    async def _call(self, method: str, path: str, query: Facts | None = None, body: Any = None) -> Any:
        return await self.call(method, path, query, body)

    async def call(
        self, method: str, path: str, query: Facts | None = None, body: Any = None, seconds: float = ANSWER_S
    ) -> Any:
        """One call with its decoded answer; bytes go as they are, for uploads."""
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            status, content = await self._exchange.call(method, _target(path, query), sent, seconds)
        except OSError as error:  # TimeoutError is one
            raise ClientError("offline", type(error).__name__) from None
        return _decode(status, content)

    async def lines(self, method: str, target: str, body: Any, silence: float) -> AsyncGenerator[Facts, None]:
        """The lines of an answer as they come; ``silence`` is how many seconds the core may take for the next one."""
        sent = None if body is None else json.dumps(body).encode()
        rest = b""
        try:
            used = await self._exchange.open()
            try:
                async with asyncio.timeout(silence):
                    head = await used.request(method, target, sent)
                    if head.status != 200:
                        _decode(head.status, await used.body(head))
                parts = used.parts(head)
                while True:
                    async with asyncio.timeout(silence):  # of the core alone: the reader takes its time
                        part = await anext(parts, None)
                    if part is None:
                        return
                    *whole, rest = (rest + part).split(b"\n")
                    for one in whole:
                        if one.strip():
                            yield cast(Facts, json.loads(one))
            finally:
                used.close()
        except (OSError, ValueError) as error:
            raise ClientError("offline", type(error).__name__) from None

    async def health(self) -> Health:
        """Who answers, and our role there."""
        return cast(Health, await self._call("GET", "/v1/health"))

    async def queue(
        self,
        view: str,
        filter: str = "",
        limit: int = 64,
        after: str | None = None,
        before: str | None = None,
        at: int | None = None,
        looks: int = LOOKS,
        wanted: Callable[[], bool] = wanted_always,
    ) -> Window:
        """A window by keyset: from the head, after or before a mark, or starting at an order's place. See ``look``."""
        query = {"view": view, "filter": filter, "after": after, "before": before, "at": at}
        return await look(self._window, query, limit, looks, wanted)

    async def _window(self, query: Facts) -> Window:
        return cast(Window, await self._call("GET", "/v1/queue", query))

    async def count(self, view: str, filter: str = "") -> Count:
        """How many orders a view or filter holds."""
        return cast(Count, await self._call("GET", "/v1/count", {"view": view, "filter": filter}))

    async def matching(self, view: str, filter: str = "") -> Matching:
        """All orders of a view and filter by number, as many as one act takes."""
        return cast(Matching, await self._call("GET", "/v1/matching", {"view": view, "filter": filter}))

    async def lookup(self, numbers: Sequence[str]) -> Looked:
        """Orders by whole numbers of shops."""
        return cast(Looked, await self._call("POST", "/v1/lookup", body={"numbers": list(numbers)}))

    async def order(self, order_id: int) -> OrderDetail:
        """One order in full."""
        return cast(OrderDetail, await self._call("GET", f"/v1/orders/{order_id}"))

    async def find(self, fragment: str) -> list[Row]:
        """Up to 20 rows whose id, external id or buyer matches a fragment."""
        return cast(list[Row], (await self._call("GET", "/v1/find", {"q": fragment}))["rows"])

    async def case_groups(self) -> list[Group]:
        """Open cases by kind, the longest waiting first."""
        return cast(list[Group], (await self._call("GET", "/v1/cases/groups"))["groups"])

    async def cases(self, kind: str, after: str | int | None = None, limit: int = 100) -> Cases:
        """A page of the open cases of one kind."""
        return cast(Cases, await self._call("GET", "/v1/cases", {"kind": kind, "after": after, "limit": limit}))

    async def counters(self) -> Counters:
        """The desk's figures."""
        return cast(Counters, await self._call("GET", "/v1/counters"))

    async def stock(self) -> list[Product]:
        """Free keys of each product."""
        return cast(list[Product], (await self._call("GET", "/v1/stock"))["products"])

    async def wall(self, names: bool = True) -> Wall:
        """The supervisor's figures; ``names`` False: without anybody's own."""
        return cast(Wall, await self._call("GET", "/v1/wall", {"names": "" if names else "no"}))

    async def wall_history(self, span: str, shop: str) -> WallHistory:
        """One span of the wall's history, of one shop or ("") all."""
        return cast(WallHistory, await self._call("GET", "/v1/wall/history", {"span": span, "shop": shop}))

    async def preview(self, action: str, args: Facts, orders: Sequence[int]) -> Preview:
        """Freezes a set of orders and says what the action would do to them."""
        body = {"action": action, "args": args, "orders": list(orders)}
        return cast(Preview, await self._call("POST", "/v1/preview", body=body))

    async def preview_matching(self, action: str, args: Facts, view: str, filter: str) -> Preview:
        """The same for everything that matches a view and filter."""
        body = {"action": action, "args": args, "view": view, "filter": filter}
        return cast(Preview, await self._call("POST", "/v1/preview", body=body))

    async def apply(self, token: str, reason: str, number: int | None) -> int:
        """Applies a frozen set; answers the job's id."""
        body = {"token": token, "reason": reason, "number": number}
        return int((await self._call("POST", "/v1/apply", body=body))["job"])

    async def jobs(self, limit: int = 50) -> list[Job]:
        """Jobs, newest first, without items."""
        return cast(list[Job], (await self._call("GET", "/v1/jobs", {"limit": limit}))["jobs"])

    async def job(self, job_id: int) -> Job:
        """One job with its first 200 items, failures first."""
        return cast(Job, await self._call("GET", f"/v1/jobs/{job_id}"))

    async def stop_job(self, job_id: int) -> int:
        """Stops a running job at its next item."""
        return int((await self._call("POST", f"/v1/jobs/{job_id}/stop"))["job"])

    async def undo_job(self, job_id: int) -> int:
        """Undoes what can be undone; answers the id of the job that does it."""
        return int((await self._call("POST", f"/v1/jobs/{job_id}/undo"))["job"])

    async def reveal(self, order_id: int, reason: str) -> list[Facts]:
        """The plain keys of one order; the core records it first. Nobody keeps the answer."""
        answer = await self._call("POST", f"/v1/orders/{order_id}/reveal", body={"reason": reason})
        return cast(list[Facts], answer["keys"])

    async def claim_next(self, view: str, filter: str, skip: Sequence[int]) -> Claimed:
        """Takes the best order that nobody holds."""
        body = {"next": True, "view": view, "filter": filter, "skip": list(skip)}
        return cast(Claimed, await self._call("POST", "/v1/claims", body=body))

    async def claim(self, order_id: int) -> Claimed:
        """Takes one order; ClientError says who holds it when somebody does."""
        return cast(Claimed, await self._call("POST", "/v1/claims", body={"order": order_id}))

    async def beat(self, orders: Sequence[int]) -> Facts:
        """Keeps our leases alive: ``{"until", "lost": [...]}``, where lost names those we hold no more and why."""
        return cast(Facts, await self._call("POST", "/v1/claims/beat", body={"orders": list(orders)}))

    async def skip(self, order_id: int, reason: str) -> None:
        """Gives an order back unworked; it is not offered to us again for a while."""
        await self._call("POST", f"/v1/orders/{order_id}/skip", body={"reason": reason})

    async def break_claim(self, order_id: int, reason: str) -> str:
        """Ends another's lease; answers whose it was."""
        return str((await self._call("POST", f"/v1/orders/{order_id}/break", body={"reason": reason}))["from"])

    async def recall(self, limit: int) -> list[Decided]:
        """Our own newest decisions."""
        return cast(list[Decided], (await self._call("GET", "/v1/recall", {"limit": limit}))["decisions"])

    async def drop(self, orders: Sequence[int]) -> None:
        """Gives leases back."""
        await self._call("POST", "/v1/claims/drop", body={"orders": list(orders)})

    async def feed(self, hz: int = 5) -> AsyncIterator[Tick]:
        """Ticks until the line breaks, which raises ClientError("offline"); the reader decides when to call again."""
        async with aclosing(self.lines("GET", _target("/v1/feed", {"hz": hz}), None, FEED_SILENCE_S)) as ticks:
            async for tick in ticks:
                yield cast(Tick, tick)
        raise ClientError("offline", "feed ended")

    async def export(self, wanted: Facts) -> AsyncIterator[Facts]:
        """An export as the core tells it: {"export"} first, then rows, {"end"} last; without the last it was cut off.

        ``wanted``: view and filter, or orders. The core has recorded it when the first line comes.
        """
        async with aclosing(self.lines("POST", "/v1/export", wanted, FEED_SILENCE_S)) as told:
            async for one in told:
                yield one

    async def timeline(self, order_id: int) -> Facts:
        """One order's whole story, for a file; recorded."""
        return cast(Facts, await self._call("POST", f"/v1/orders/{order_id}/timeline", body={}))

    async def evidence(self, order_id: int) -> bytes:
        """One order's evidence pack; recorded."""
        try:
            status, content = await self._exchange.call("POST", f"/v1/orders/{order_id}/evidence", b"{}", ANSWER_S)
        except OSError as error:
            raise ClientError("offline", type(error).__name__) from None
        if status >= 400:
            _decode(status, content)
        return content

    async def history(self, wanted: Facts, before: int | None = None, limit: int = 100) -> History:
        """A page of the event log, newest first. ``wanted``: by, kind, order, since, until, each or none."""
        return cast(History, await self._call("GET", "/v1/history", {**wanted, "before": before, "limit": limit}))


def _target(path: str, query: Facts | None) -> str:
    params = {k: v for k, v in (query or {}).items() if v is not None and v != ""}
    return f"{path}?{urlencode(params, quote_via=quote)}" if params else path


def _decode(status: int, content: bytes) -> Any:
    try:
        answer = json.loads(content) if content else {}
    except ValueError:
        raise ClientError("bad_answer", f"HTTP {status}") from None
    if status < 400:
        return answer
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        raise ClientError("bad_answer", f"HTTP {status}")
    extra = {k: v for k, v in error.items() if k not in ("code", "message", "hint")}
    # A position may stand inside the error or beside it.
    extra.update({k: v for k, v in answer.items() if k != "error"})
    code, message, hint = (clean(str(error.get(k) or "")) for k in ("code", "message", "hint"))
    raise ClientError(code or "refused", message, hint, extra)
