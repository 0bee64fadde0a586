"""The calls that look: health, windows, orders, cases, figures, the feed, settlement."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from core.desk import inbox
from core.desk.detail import in_full
from core.desk.find import find
from core.desk.lookup import lookup
from core.desk.matching import matching
from core.desk.recall import RECALL_MAX
from core.desk.refusals import bad_request
from core.desk.view_counts import count, total
from core.desk.views import LIMIT_MAX, Page, window
from core.desk.wall import seen_by
from core.desk.wall_history import SPANS
from core.service import purchases, settlement
from core.service.ask import body, numbers, param, path_id, whole
from core.service.dump import dump
from core.service.errors import answer, refused
from core.service.shops import shops

if TYPE_CHECKING:
    from core.service.service import Service

NDJSON = "application/x-ndjson"
Call = Callable[["Service", Request], Awaitable[Any]]


def route(service: "Service", method: str, path: str, call: Call) -> Route:
    """A route whose call answers with what becomes JSON, or with a response of its own."""

    async def endpoint(request: Request) -> Response:
        try:
            result = await call(service, request)
        except Exception as error:  # said here in our own shape: no traceback with values in it reaches a log
            return refused(request, error)
        return result if isinstance(result, Response) else answer(result)

    return Route(path, endpoint, methods=[method])


def routes(service: "Service") -> list[Route]:
    """All looking calls."""
    table: tuple[tuple[str, Call], ...] = (
        ("/v1/health", _health),
        ("/v1/queue", _queue),
        ("/v1/count", _count),
        ("/v1/matching", _matching),
        ("/v1/orders/{id:int}", _order),
        ("/v1/find", _find),
        ("/v1/cases/groups", _groups),
        ("/v1/cases", _cases),
        ("/v1/counters", _counters),
        ("/v1/shops", _shops),
        ("/v1/stock", _stock),
        ("/v1/purchases", purchases.listed),
        ("/v1/wall", _wall),
        ("/v1/wall/history", _history),
        ("/v1/feed", _feed),
        ("/v1/jobs", _jobs),
        ("/v1/jobs/{id:int}", _job),
        ("/v1/recall", _recall),
        ("/v1/settlement", _settlement),
        ("/v1/backup", _backup),
    )
    return [*(route(service, "GET", path, call) for path, call in table), route(service, "POST", "/v1/lookup", _lookup)]


async def _health(service: "Service", request: Request) -> Any:
    person = service.person(request)
    return {
        "version": service.options.version,
        "pid": service.pid,
        "epoch": service.writer.epoch,
        "database": str(service.writer.path),
        "started_at": service.started_at,
        "now": service.clock(),
        "operator": person.name,
        "role": person.role,
        "people": service.people(request, person),
        "read_only": service.read_only,
        "shops": [{"name": name, "platform": platform} for name, platform in service.shops.values()],
        "language": service.options.language,
    }


async def _queue(service: "Service", request: Request) -> Any:
    person = service.person(request)
    selection = service.selection(param(request, "view", 40), param(request, "filter", 2000), person)
    at = whole(request, "at", 0, 0, 2**63 - 1)
    page = Page(
        whole(request, "limit", 50, 1, LIMIT_MAX), param(request, "after", 80), param(request, "before", 80), at or None
    )
    # The mark is taken before the read: whatever changes meanwhile is told again, never missed.
    seq = service.feed.seq
    shown = await window(service.reader, selection, page, service.frame())
    return {**shown, "total": await total(service.reader, selection, service.context(person)), "seq": seq}


async def _count(service: "Service", request: Request) -> Any:
    person = service.person(request)
    selection = service.selection(param(request, "view", 40), param(request, "filter", 2000), person)
    found, exact = await count(service.reader, selection, service.context(person))
    return {"count": found, "exact": exact}


async def _matching(service: "Service", request: Request) -> Any:
    selection = service.selection(param(request, "view", 40), param(request, "filter", 2000), service.person(request))
    return await matching(service.reader, selection, service.options.limits.orders)


async def _lookup(service: "Service", request: Request) -> Any:
    service.person(request)
    asked = await body(request, "numbers")
    # Beside the loop: ten thousand texts that are cleaned sign by sign would hold up everybody for most of a second.
    found = await asyncio.to_thread(numbers, asked, "numbers", service.options.limits.orders)
    return await lookup(service.reader, found, service.shops)


async def _order(service: "Service", request: Request) -> Any:
    opener = service.vault.open_key if service.vault is not None else None
    deed = service.deed(service.person(request))
    return await in_full(service.reader, path_id(request), service.frame(), deed, opener)


async def _find(service: "Service", request: Request) -> Any:
    return {"rows": await find(service.reader, param(request, "q", 100), service.frame())}


async def _groups(service: "Service", request: Request) -> Any:
    return {"groups": await inbox.groups(service.reader)}


async def _cases(service: "Service", request: Request) -> Any:
    limit = whole(request, "limit", 50, 1, LIMIT_MAX)
    kind, after = param(request, "kind", 40), param(request, "after", 100)
    deed = service.deed(service.person(request))
    return await inbox.cases(service.reader, kind, after, limit, deed, service.frame())


async def _counters(service: "Service", request: Request) -> Any:
    return await service.feed.counters()


async def _shops(service: "Service", request: Request) -> Any:
    return {"shops": await shops(service)}


async def _stock(service: "Service", request: Request) -> Any:
    return {"products": await service.stock.read()}


async def _wall(service: "Service", request: Request) -> Any:
    names = {number: name for number, (name, _) in service.shops.items()}
    person = service.person(request)
    return seen_by(await service.wall.read(names), person.name, person.role, param(request, "names", 3) != "no")


async def _history(service: "Service", request: Request) -> Any:
    span, name = param(request, "span", 8) or "hour", param(request, "shop", 64)
    if span not in SPANS:
        raise bad_request(f"there is no span {span!r}; there are {' '.join(SPANS)}")
    numbers = {shop: number for number, (shop, _) in service.shops.items()}
    if name and name not in numbers:
        raise bad_request(f"there is no shop {name!r}")
    return {"shop": name, **await service.history.read(span, numbers[name] if name else None)}


async def _feed(service: "Service", request: Request) -> Any:
    return StreamingResponse(service.feed.stream(whole(request, "hz", 5, 1, 20)), media_type=NDJSON)


async def _jobs(service: "Service", request: Request) -> Any:
    return {"jobs": await service.jobs.list(whole(request, "limit", 50, 1, LIMIT_MAX))}


async def _job(service: "Service", request: Request) -> Any:
    return await service.jobs.get(path_id(request))


async def _recall(service: "Service", request: Request) -> Any:
    limit = whole(request, "limit", 20, 1, RECALL_MAX)
    return {"decisions": await service.jobs.recall(service.person(request), limit)}


async def _backup(service: "Service", request: Request) -> Any:
    service.person(request).need("admin")
    return await dump(service.writer.path, service.options.key_at)


async def _settlement(service: "Service", request: Request) -> Any:
    return StreamingResponse(settlement.lines(service.reader, service.shops), media_type=NDJSON)
