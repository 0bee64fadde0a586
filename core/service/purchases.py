"""Purchases of keys as scripts and people see them, and a person's word on those that wait."""

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request

from core.desk.refusals import Refused, bad_request
from core.model.lifecycle import PurchaseState
from core.pipeline import purchases
from core.pipeline.purchases import PurchaseRow, Verdict
from core.service.ask import body, path_id, text, whole

if TYPE_CHECKING:
    from core.service.service import Service


async def listed(service: "Service", request: Request) -> Any:
    """The newest ``limit`` purchases, newest first. No key is among it."""
    limit = whole(request, "limit", 50, 1, 500)
    rows = purchases.rows_of(await service.reader.all(purchases.LATEST, (limit,)))
    return {"purchases": [_shown(row) for row in rows]}


async def decided(service: "Service", request: Request) -> Any:
    """A supervisor says what became of a purchase that waits."""
    person = service.actor(request, "supervisor")
    found = await body(request, "bought", "reason")
    bought, reason = found.get("bought"), text(found, "reason").strip()
    if not isinstance(bought, bool):
        raise bad_request("was it bought?", "Give bought: true or false.")
    if not reason:
        raise bad_request("say how you know", "Give reason, for example what the supplier's site shows.")
    number = path_id(request)
    row = await service.reader.one(purchases.ONE, (number,))
    if row is None:
        raise Refused(404, "no_such_purchase", f"there is no purchase {number}")
    if not await service.writer.do(purchases.decide, Verdict(number, bought, person.name, reason)):
        state = PurchaseState(PurchaseRow(*row).state).name.lower()
        raise Refused(409, "not_waiting", f"purchase {number} does not wait for a word", f"It is {state}.")
    return {"purchase": number, "bought": bought}


def _shown(row: PurchaseRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "reference": row.reference,
        "product": row.product,
        "supplier": row.supplier,
        "code": row.code,
        "qty": row.qty,
        "price": row.price,
        "state": PurchaseState(row.state).name.lower(),
        "tries": row.tries,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
        "got": row.got,
        "batch": row.batch,
        "remote": row.remote,
        "why": row.why,
        "evidence": msgspec.json.decode(row.evidence),
    }
