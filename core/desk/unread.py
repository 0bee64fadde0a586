"""What of one shop was set aside as unreadable, by field and reason: the shape of a drift, without any payload."""

from typing import Any, Final

from core.desk.reads import Reads

LOOKED: Final = 5_000  # newest items looked at
NAMED: Final = 5  # order numbers told of each field and reason
ASIDE: Final = (
    "SELECT ext_id, field, why, at, seen FROM quarantine INDEXED BY ix_quarantine_open "
    "WHERE shop = ? AND resolved_at IS NULL ORDER BY at DESC LIMIT ?"
)
DRIFT: Final = "SELECT field, n, at FROM drift WHERE shop = ? ORDER BY n DESC LIMIT 100"


async def unread(reads: Reads, shop: int) -> dict[str, Any]:
    """Items that wait, in groups with most items first, and how often each field was ever not understood.

    ``n`` counts items, ``seen`` how often they came; ``whole`` is False when more than ``LOOKED`` wait.
    """
    rows = await reads.all(ASIDE, (shop, LOOKED + 1))
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for ext_id, field, why, at, seen in rows[:LOOKED]:
        group = groups.get((field, why))
        if group is None:
            group = {"field": field, "why": why, "n": 0, "seen": 0, "first_at": at, "last_at": at, "orders": []}
            groups[(field, why)] = group
        group["n"] += 1
        group["seen"] += seen
        group["first_at"] = min(group["first_at"], at)
        if ext_id and len(group["orders"]) < NAMED and ext_id not in group["orders"]:
            group["orders"].append(ext_id)
    return {
        "groups": sorted(groups.values(), key=lambda one: (-one["n"], one["field"], one["why"])),
        "whole": len(rows) <= LOOKED,
        "drift": [{"field": field, "n": n, "at": at} for field, n, at in await reads.all(DRIFT, (shop,))],
    }
