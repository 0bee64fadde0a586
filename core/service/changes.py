"""The calls that change something: batches, keys, imports, reveal, shutdown. Each asks for a role first."""

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from core.desk.actions import REVEAL
from core.desk.detail import reveal
from core.desk.jobs import Person
from core.desk.refusals import Refused, bad_request, forbidden
from core.desk.standing import states_in
from core.desk.views import ids_of
from core.pipeline.replay import PAGE_MAX
from core.service import purchases
from core.service.ask import FILE_MAX, body, filter_text, ids, number, param, path_id, raw, text
from core.service.calls import NDJSON, Call, route
from core.store.tx import Tx

if TYPE_CHECKING:
    from core.service.service import Service


def routes(service: "Service") -> list[Route]:
    """All changing calls."""
    table: tuple[tuple[str, Call], ...] = (
        ("/v1/preview", _preview),
        ("/v1/apply", _apply),
        ("/v1/jobs/{id:int}/stop", _stop),
        ("/v1/jobs/{id:int}/undo", _undo),
        ("/v1/orders/{id:int}/reveal", _reveal),
        ("/v1/keys/preview", _keys_preview),
        ("/v1/keys/import", _keys_import),
        ("/v1/keys/undo", _keys_undo),
        ("/v1/purchases/{id:int}", purchases.decided),
        ("/v1/import/orders/preview", _orders_preview),
        ("/v1/import/orders", _orders_import),
        ("/v1/quarantine/replay", _replay),
        ("/v1/shops/release", _release_shop),
        ("/v1/sends/go", _go),
        ("/v1/shutdown", _shutdown),
    )
    return [route(service, "POST", path, call) for path, call in table]


async def _preview(service: "Service", request: Request) -> Any:
    person = service.actor(request, "operator")
    found = await body(request, "action", "args", "orders", "view", "filter")
    if "orders" in found:
        orders = ids(found, "orders")
    elif "view" in found or "filter" in found:
        selection = service.selection(text(found, "view", 40), filter_text(found), person)
        orders = await ids_of(service.reader, selection, service.options.limits.orders)
    else:
        raise bad_request("which orders?", "Give orders, or view and filter.")
    return await service.jobs.preview(person, text(found, "action", 40), found.get("args") or {}, orders)


async def _apply(service: "Service", request: Request) -> Any:
    person = service.actor(request, "operator")
    found = await body(request, "token", "reason", "number")
    token, reason = text(found, "token", 40), text(found, "reason")
    return {"job": await service.jobs.apply(person, token, reason, number(found, "number"))}


async def _stop(service: "Service", request: Request) -> Any:
    return {"job": await service.jobs.stop(service.actor(request, "operator"), path_id(request))}


async def _undo(service: "Service", request: Request) -> Any:
    return {"job": await service.jobs.undo(service.actor(request, "operator"), path_id(request))}


async def _reveal(service: "Service", request: Request) -> Any:
    person = service.actor(request, REVEAL.role)
    found = await body(request, "reason")
    reason, order = text(found, "reason").strip(), path_id(request)
    if not reason:
        raise bad_request("reveal needs a reason", "Say why in a few words.")
    if service.vault is None:
        raise Refused(503, "no_vault", "this core has no vault open")
    service.count_reveal(person)
    deed = service.deed(person, reason)

    def record(tx: Tx, items: list[int]) -> list[str]:
        answers = []
        for item in items:
            states = states_in(tx, [item])
            why = REVEAL.check(states[0], deed) if states else "no_such_order"
            if not why:
                REVEAL.apply(tx, deed, states)
            answers.append(why)
        return answers

    # Recorded first: nobody sees a key of which the log does not know that he saw it.
    why = await service.writer.do(record, order)
    if why:
        raise Refused(404 if why == "no_such_order" else 409, why, "there is no key to show for this order")
    return {"keys": await reveal(service.reader, order, service.vault.open_key)}


async def _keys_preview(service: "Service", request: Request) -> Any:
    person = service.actor(request, "supervisor")
    product, name = param(request, "product", 64), param(request, "name", 200)
    return await service.uploads.preview_keys(person.name, product, name, await raw(request, FILE_MAX))


async def _keys_import(service: "Service", request: Request) -> Any:
    person = service.actor(request, "supervisor")
    found = await body(request, "token")
    lines = service.uploads.import_keys(person.name, text(found, "token", 40))
    return StreamingResponse(lines, media_type=NDJSON)


async def _keys_undo(service: "Service", request: Request) -> Any:
    person = service.actor(request, "supervisor")
    batch = number(await body(request, "batch"), "batch")
    if not batch:
        raise bad_request("which batch?", 'Give {"batch": id}.')
    return {"withdrawn": await service.uploads.undo_keys(person.name, batch)}


async def _orders_preview(service: "Service", request: Request) -> Any:
    person = service.actor(request, "supervisor")
    return await service.uploads.preview_orders(person.name, await raw(request, FILE_MAX))


async def _orders_import(service: "Service", request: Request) -> Any:
    person = service.actor(request, "supervisor")
    found = await body(request, "token")
    return await service.uploads.import_orders(person.name, text(found, "token", 40))


async def _replay(service: "Service", request: Request) -> Any:
    person = service.actor(request, "supervisor")
    found = await body(request, "shop", "after", "limit", "dry")
    name, dry = text(found, "shop", 64), found.get("dry", False)
    if not isinstance(dry, bool):
        raise bad_request("dry must be true or false")
    shop = _shop(service, name) if name else None
    after, limit = number(found, "after") or 0, number(found, "limit") or PAGE_MAX
    return await service.replayer.page(person.name, shop, after, limit, dry)


def _shop(service: "Service", name: str) -> int:
    for shop, (known, _) in service.shops.items():
        if known == name:
            return shop
    raise bad_request(f"there is no shop {name!r}", f"Known: {', '.join(n for n, _ in service.shops.values())}.")


async def _release_shop(service: "Service", request: Request) -> Any:
    person = service.actor(request, "supervisor")
    found = await body(request, "shop", "reason")
    shop, reason = _shop(service, text(found, "shop", 64)), text(found, "reason").strip()
    if not reason:
        raise bad_request("this needs a reason", "Say what you saw in the shop, in a few words; it is recorded.")
    if service.sends is None or not await service.sends.release_shop(shop, person.name, reason):
        raise Refused(409, "not_silent", "this shop is not stopped")
    return {}


async def _go(service: "Service", request: Request) -> Any:
    person = service.actor(request, "admin")
    reason = text(await body(request, "reason"), "reason").strip()
    if not reason:
        raise bad_request("this needs a reason", "Say what you compared, in a few words; it is recorded.")
    if service.sends is None or not await service.sends.go(person.name, reason):
        raise Refused(409, "not_held", "sends do not wait: there was no restore, or somebody said go before")
    return {}


async def _shutdown(service: "Service", request: Request) -> Any:
    person: Person = service.person(request)
    if person.role != "admin":
        raise forbidden(person.role, "admin")
    if service.options.owner is None or service.on_shutdown is None:
        raise Refused(
            409, "system_core", "this core is run by the system", "Stop it there, for example with systemctl."
        )
    service.on_shutdown()
    return {}
