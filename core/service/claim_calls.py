"""The calls about who works on what: claim, heartbeat, give back, skip, break."""

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route

from core.desk.claims import ClaimWork, Lease, beat, candidates, claim, drop
from core.desk.job_rows import CHUNK
from core.desk.presence import BreakWork, break_claim, lost
from core.desk.refusals import Refused, bad_request, not_found
from core.desk.rows import rows_by_id
from core.desk.skips import SkipWork, skip
from core.service.ask import body, filter_text, ids, number, path_id, text
from core.service.calls import Call, route

if TYPE_CHECKING:
    from core.service.service import Service


def routes(service: "Service") -> list[Route]:
    """All calls about claims."""
    table: tuple[tuple[str, Call], ...] = (
        ("/v1/claims", _claim),
        ("/v1/claims/beat", _beat),
        ("/v1/claims/drop", _drop),
        ("/v1/orders/{id:int}/skip", _skip),
        ("/v1/orders/{id:int}/break", _break),
    )
    return [route(service, "POST", path, call) for path, call in table]


async def _claim(service: "Service", request: Request) -> Any:
    person = service.actor(request, "operator")
    found = await body(request, "order", "next", "view", "filter", "skip")
    lease, aside = service.options.lease, service.skips.of(person.name)
    if found.get("next") is True:
        selection = service.selection(text(found, "view", 40), filter_text(found), person)
        skipped = (*ids(found, "skip")[:CHUNK], *aside)
        work = ClaimWork(person.name, lease, None, selection, skipped)
        work = work._replace(among=await candidates(service.reader, work, service.clock()))
    else:
        order = number(found, "order")
        if not order:
            raise bad_request("which order?", 'Give {"order": id} or {"next": true}.')
        work = ClaimWork(person.name, lease, order)
    taken = await service.writer.do(claim, work)
    while work.among and not taken.order:  # others were quicker with all of them: look once more
        work = work._replace(among=await candidates(service.reader, work, service.clock()))
        taken = await service.writer.do(claim, work)
    if taken.taken_by:
        raise _held_by(taken.taken_by, taken.until)
    rows = await rows_by_id(service.reader, [taken.order], service.frame()) if taken.order else []
    if work.order is not None and not rows:
        raise not_found(f"order {work.order}")
    return {"row": rows[0] if rows else None, "until": taken.until or None, "aside": len(aside)}


def _held_by(who: str, until: int) -> Refused:
    return Refused(409, "claimed", f"{who} is working on it", "Take the next one, or ask.", by=who, until=until)


async def _lease(service: "Service", request: Request) -> Lease:
    person = service.actor(request, "operator")
    found = await body(request, "orders")
    return Lease(person.name, tuple(ids(found, "orders")[:CHUNK]), service.options.lease)


async def _beat(service: "Service", request: Request) -> Any:
    lease = await _lease(service, request)
    until = await service.writer.do(beat, lease)
    return {"until": until, "lost": await lost(service.reader, lease.orders, lease.by, service.clock())}


async def _drop(service: "Service", request: Request) -> Any:
    await service.writer.do(drop, await _lease(service, request))
    return {}


async def _reason(request: Request, what: str) -> str:
    reason = text(await body(request, "reason"), "reason").strip()
    if not reason:
        raise bad_request(f"{what} needs a reason", "Say why in a few words.")
    return reason


async def _skip(service: "Service", request: Request) -> Any:
    person, order = service.actor(request, "operator"), path_id(request)
    done = await service.writer.do(skip, SkipWork(person.name, order, await _reason(request, "skip")))
    if not done.known:
        raise not_found(f"order {order}")
    if done.taken_by:
        raise _held_by(done.taken_by, done.until)
    return {"until": service.skips.add(person.name, order)}


async def _break(service: "Service", request: Request) -> Any:
    person, order = service.actor(request, "supervisor"), path_id(request)
    held = await service.writer.do(break_claim, BreakWork(person.name, order, await _reason(request, "break")))
    if not held:
        raise Refused(409, "not_claimed", "nobody holds this order", "It can be claimed at once.")
    return {"from": held}
