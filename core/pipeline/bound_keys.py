"""Keys as orders hold them: sealed, with the line and slot they fill."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from core.store.tx import Tx, as_json

KEYS = (
    "SELECT k.order_id, k.id, k.product, k.batch, k.sealed, b.dek, k.line, k.slot FROM json_each(?) j "
    "CROSS JOIN key k ON k.order_id = j.value AND k.order_id IS NOT NULL CROSS JOIN batch b ON b.id = k.batch WHERE k.state = 1"
)
TITLES = "SELECT l.order_id, l.line, l.title FROM json_each(?) j CROSS JOIN line l ON l.order_id = j.value"


class SealedKey(Struct, frozen=True, gc=False):
    """A key as stored, with what the vault needs to open it."""

    id: int
    product: str
    batch: int
    sealed: bytes
    dek: bytes
    line: str
    slot: int
    title: str


def keys_of(tx: Tx, titles: Mapping[int, str]) -> dict[int, tuple[SealedKey, ...]]:
    """The live keys of these orders; ``titles`` holds each order's first title."""
    found: dict[int, list[SealedKey]] = {}
    for order, number, product, batch, sealed, dek, line, slot in tx.all(KEYS, (as_json(titles),)):
        key = SealedKey(number, product, batch, sealed, dek, line, slot, titles[order])
        found.setdefault(order, []).append(key)
    own = titles_of(tx, [order for order, keys in found.items() if len(keys) > 1])
    return {order: in_order(order, keys, own) if len(keys) > 1 else tuple(keys) for order, keys in found.items()}


def titles_of(tx: Tx, orders: Iterable[int]) -> dict[tuple[int, str], str]:
    """Line titles by (order, line)."""
    return {(order, line): title for order, line, title in tx.all(TITLES, (as_json(orders),))}


def in_order(order: int, keys: Sequence[SealedKey], titles: Mapping[tuple[int, str], str]) -> tuple[SealedKey, ...]:
    """The keys of one order by line and slot, each with its own line's title."""
    return in_slots([msgspec.structs.replace(key, title=titles[(order, key.line)]) for key in keys])


def in_slots(keys: Sequence[SealedKey]) -> tuple[SealedKey, ...]:
    """The one order in which an order's keys are told, at every attempt."""
    return tuple(sorted(keys, key=lambda key: (key.line, key.slot)) if len(keys) > 1 else keys)
