"""The calls that take something out of the core as a file, each recorded before it is told; and the history."""

import asyncio
from array import array
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from core.audit import AuditError, evidence
from core.audit.evidence_check import Claim, against_log
from core.desk import export, timeline
from core.desk.export import Taken
from core.desk.history import Wanted, history, kinds_of
from core.desk.jobs import Person
from core.desk.refusals import Refused, bad_request
from core.desk.scrub import IsLink, Opener
from core.service.ask import BODY_MAX, body, ids, param, path_id, raw, text, whole
from core.service.calls import NDJSON, route
from core.vault.pickup import PickupLinks

if TYPE_CHECKING:
    from core.service.service import Service

AT_ONCE = 2  # exports under way; more would only make each of them slower
EVENTS_MAX = 500
_encode = msgspec.json.Encoder().encode


def routes(service: "Service") -> list[Route]:
    """All of them."""
    return [
        route(service, "POST", "/v1/export", _export),
        route(service, "POST", "/v1/orders/{id:int}/timeline", _timeline),
        route(service, "POST", "/v1/orders/{id:int}/evidence", _evidence),
        route(service, "POST", "/v1/evidence/check", _check),
        route(service, "GET", "/v1/history", _history),
    ]


async def _export(service: "Service", request: Request) -> Any:
    person = service.actor(request, "operator")
    found = await body(request, "view", "filter", "orders", "format")
    if service.exporting >= AT_ONCE:
        raise Refused(429, "busy", f"{AT_ONCE} exports are under way", "Wait until one has ended.")
    service.exporting += 1
    try:
        orders, about = await _which(service, person, found)
    finally:
        service.exporting -= 1  # the telling counts itself: nobody may ever come to take it
    about = {"what": "orders", **about, "rows": len(orders), "format": text(found, "format", 10)}
    await service.writer.do(export.record, Taken(person.name, 0, about))
    head = {"export": {"at": service.clock(), "by": person.name, "total": len(orders), **about}}
    return StreamingResponse(_told(service, orders, head), media_type=NDJSON)


async def _which(service: "Service", person: Person, found: dict[str, Any]) -> "tuple[array[int], dict[str, Any]]":
    if "orders" in found:
        orders = await export.chosen(service.reader, ids(found, "orders"))
        return orders, {"orders": orders[: export.NAMED_MAX].tolist()}
    view, words = text(found, "view", 40) or "work", found.get("filter", "")
    if not isinstance(words, str) or len(words) > 2000:
        raise bad_request("filter must be a text of at most 2000 characters")
    orders = await export.matching(service.reader, service.selection(view, words, person))
    return orders, {"view": view, "filter": text(found, "filter", 2000)}


async def _told(service: "Service", orders: "array[int]", head: dict[str, Any]) -> AsyncIterator[bytes]:
    opener, is_link = _secrets(service)
    service.exporting += 1
    try:
        yield _encode(head) + b"\n"
        async for rows in export.pages(service.reader, orders, service.frame, opener, is_link):
            yield b"".join(_encode(row) + b"\n" for row in rows)
        yield _encode({"end": {"rows": len(orders)}}) + b"\n"
    finally:
        service.exporting -= 1


async def _gather(service: "Service", person: Person, order: int) -> evidence.Order:
    opener, is_link = _secrets(service)
    return await evidence.gather(service.reader, order, service.frame(), service.deed(person), opener, is_link)


def _secrets(service: "Service") -> tuple[Opener | None, IsLink | None]:
    """How keys are opened, to be looked for, and how a pick-up link is known."""
    vault = service.vault
    if vault is None:
        return None, None
    links = PickupLinks(vault.keyring, "")
    return vault.open_key, lambda word: links.read(word) is not None


async def _timeline(service: "Service", request: Request) -> Any:
    person = service.actor(request, "operator")
    await body(request)
    order = path_id(request)
    found = await _gather(service, person, order)
    about = {"what": "timeline", "events": len(found.events)}
    await service.writer.do(export.record, Taken(person.name, order, about))
    told = {"export": {"at": service.clock(), "by": person.name, **about, "cut": found.cut}, **found.told}
    return {**told, "text": timeline.as_text(found.told)}


async def _evidence(service: "Service", request: Request) -> Any:
    # A supervisor's: the raw payload has the buyer's own data, which the desk masks, and a pack is made to leave the house.
    person = service.actor(request, "supervisor")
    reason, order = text(await body(request, "reason"), "reason").strip(), path_id(request)
    found = await _gather(service, person, order)
    made = await asyncio.to_thread(evidence.pack, found, person.name, service.clock(), service.options.version)
    await service.writer.do(export.record, Taken(person.name, order, evidence.recorded(made, reason)))
    return Response(made.data, media_type="application/zip", headers={"x-keydesk-sha256": made.digest})


async def _check(service: "Service", request: Request) -> Any:
    service.person(request)
    data = await raw(request, BODY_MAX)
    try:
        claim = msgspec.json.decode(data, type=Claim)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise bad_request("this is not what an evidence pack says", "keydesk evidence verify FILE asks it.") from None
    if len(claim.events) > timeline.EVENTS_MAX or len(claim.blocks) > timeline.EVENTS_MAX:
        raise bad_request(f"a pack has at most {timeline.EVENTS_MAX:,} events")
    try:
        return await asyncio.to_thread(against_log, service.writer.path, claim)
    except AuditError as error:
        raise Refused(503, "store", str(error)) from None


async def _history(service: "Service", request: Request) -> Any:
    person = service.person(request)
    by = param(request, "by", 64)
    most = 2**63 - 1
    wanted = Wanted(
        person.name if by == "me" else by,
        kinds_of(param(request, "kind", 400)),
        whole(request, "order", 0, 0, most),
        whole(request, "since", 0, 0, most),
        whole(request, "until", 0, 0, most),
        whole(request, "before", 0, 0, most),
        whole(request, "limit", 50, 1, EVENTS_MAX),
    )
    return await history(service.reader, wanted, {number: name for number, (name, _) in service.shops.items()})
