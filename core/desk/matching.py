"""The orders that a view and a filter hold now, by number alone: what "mark everything that matches" takes."""

from typing import Any

from core.desk.reads import Reads
from core.desk.views import Selection, first_ids
from core.store.tx import as_json

_CHUNK = 1000  # orders whose amounts are read at once: short reads let other windows through

AMOUNTS = "SELECT o.id, o.due, o.currency FROM json_each(?1) j CROSS JOIN orders o ON o.id = j.value"


async def matching(reads: Reads, selection: Selection, limit: int) -> dict[str, Any]:
    """``{"orders": [[id, amount, currency]], "more"}``: the first ``limit`` in the view's order, amounts in minor units.

    ``more``: whether further orders match. An order that vanished between both reads is left out.
    """
    found = await first_ids(reads, selection, limit + 1)
    orders: list[list[Any]] = []
    for at in range(0, min(len(found), limit), _CHUNK):
        some = found[at : min(at + _CHUNK, limit)]
        orders += [list(row) for row in await reads.all(AMOUNTS, (as_json(some),))]
    return {"orders": orders, "more": len(found) > limit}
