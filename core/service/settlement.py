"""How every order stands in the end, one line each, for whoever compares Keydesk with the world outside."""

from collections.abc import AsyncIterator, Mapping

import msgspec

from core.desk.reads import Reads, Row
from core.model.lifecycle import CaseKind, Stage

PAGE = 2000
_SQL = """
SELECT o.id, o.shop, o.ext_id, o.stage, o.due, o.paid, o.refunded,
 EXISTS(SELECT 1 FROM intent i WHERE i.order_id = o.id AND i.effect = 1 AND i.state = 2),
 (SELECT group_concat(DISTINCT c.kind) FROM case_ c WHERE c.order_id = o.id AND c.closed_at IS NULL),
 (SELECT group_concat(DISTINCT h.reason) FROM hold h WHERE h.order_id = o.id AND h.lifted_at IS NULL)
FROM orders o WHERE o.id > ? ORDER BY o.id LIMIT ?
"""
_QUARANTINED = """
SELECT q.shop, q.ext_id, min(q.why) FROM quarantine q WHERE q.resolved_at IS NULL AND q.ext_id != '' AND NOT EXISTS
 (SELECT 1 FROM orders o WHERE o.shop = q.shop AND o.ext_id = q.ext_id) GROUP BY q.shop, q.ext_id
"""
_encode = msgspec.json.Encoder().encode


def settled_as(stage: Stage, due: int, paid: int, refunded: int, keys_sent: bool, kinds: list[str]) -> str | None:
    """delivered, closed_unpaid, refunded, refused, parked, or None for an order that is not settled."""
    if stage is Stage.DELIVERED:
        return "delivered"
    if stage is Stage.CANCELLED and due <= 0:
        return "refused"
    if stage in (Stage.CLOSED, Stage.CANCELLED) and paid > 0 and refunded >= paid:
        return "refunded"
    if stage is Stage.CLOSED and keys_sent:
        return "delivered"
    if stage is Stage.CANCELLED and paid <= refunded:
        return "closed_unpaid"
    return "parked" if kinds else None


async def lines(reads: Reads, shops: Mapping[int, tuple[str, str]]) -> AsyncIterator[bytes]:
    """NDJSON chunks: ``{"shop", "ext_id", "settled", "as", "kinds", "stage"}`` for each order, by id."""
    async for chunk in _quarantined(reads, shops):
        yield chunk
    after = 0
    while rows := await reads.all(_SQL, (after, PAGE)):
        after = rows[-1][0]
        yield b"".join(_line(row, shops) for row in rows)


async def _quarantined(reads: Reads, shops: Mapping[int, tuple[str, str]]) -> AsyncIterator[bytes]:
    """Orders that could never be read: they are parked with their raw bytes, and named as far as they have a number."""
    for shop, ext, why in await reads.all(_QUARANTINED, ()):
        kind = why if why in (CaseKind.UNIT_SUSPECT, CaseKind.PRICE_MISMATCH) else CaseKind.POISON_PAYLOAD.value
        name = shops.get(shop, (str(shop), ""))[0]
        body = {"shop": name, "ext_id": ext, "settled": True, "as": "parked", "kinds": [kind], "stage": "quarantine"}
        yield _encode(body) + b"\n"


def _line(row: Row, shops: Mapping[int, tuple[str, str]]) -> bytes:
    _, shop, ext, stage, due, paid, refunded, sent, cases, holds = row
    kinds = cases.split(",") if cases else []
    kinds += [f"hold:{reason}" for reason in holds.split(",")] if holds else []
    how = settled_as(Stage(stage), due, paid, refunded, bool(sent), kinds)
    body = {
        "shop": shops.get(shop, (str(shop), ""))[0],
        "ext_id": ext,
        "settled": how is not None,
        "as": how,
        "kinds": kinds,
        "stage": Stage(stage).name.lower(),
    }
    return _encode(body) + b"\n"
