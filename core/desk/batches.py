"""The imports of one product: which are still whole, and can be taken back. Counts alone, no key."""

from typing import Any, Final

from core.desk.reads import Reads

LIMIT_MAX: Final = 200
COUNTED: Final = 300_000  # free keys of a product looked at; beyond that what is left of each batch is not told
BATCHES: Final = (
    "SELECT id, source, by, at, size, undone_at FROM batch WHERE id < ? AND product = ? ORDER BY id DESC LIMIT ?"
)
# Free keys are what lies in stock, while sold ones grow for ever: so the free ones are counted and the rest inferred.
FREE: Final = (
    "SELECT batch, count(*) FROM (SELECT batch FROM key INDEXED BY ix_key_free WHERE product = ? AND state = 0 "
    "ORDER BY id LIMIT ?) GROUP BY batch"
)
_NEWEST: Final = 2**63 - 1


async def batches(reads: Reads, product: str, after: int, limit: int) -> dict[str, Any]:
    """A page of imports, newest first; ``after``: the id of the last one seen, 0 for the first page.

    ``free`` is how many keys of it nobody was given, None when the product has more than ``COUNTED`` free keys.
    """
    limit = min(limit, LIMIT_MAX)
    rows = await reads.all(BATCHES, (after or _NEWEST, product, limit))
    free: dict[int, int] = dict(await reads.all(FREE, (product, COUNTED + 1))) if rows else {}
    counted = sum(free.values()) <= COUNTED
    return {
        "batches": [
            {
                "id": number,
                "source": source,
                "by": by,
                "at": at,
                "size": size,
                "undone_at": undone,
                "free": 0 if undone is not None else free.get(number, 0) if counted else None,
            }
            for number, source, by, at, size, undone in rows
        ],
        "next": rows[-1][0] if len(rows) == limit else None,
    }
