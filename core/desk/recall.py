"""What a person decided last: each decision with its first order, and whether it can still be undone."""

from collections.abc import Callable, Sequence
from typing import Any

from core.desk.reads import Reads

RECALL_MAX = 50
_LOOKED = 5_000  # newest jobs of everybody that are looked through for one person's
JOBS_SQL = (
    "SELECT {columns} FROM (SELECT * FROM job ORDER BY id DESC LIMIT {looked}) WHERE by = ? ORDER BY id DESC LIMIT ?"
)
_ITEM_SQL = (
    "SELECT i.order_id, coalesce(o.ext_id, ''), coalesce(o.title, ''), i.ok, coalesce(i.why, '') "
    "FROM job_item i LEFT JOIN orders o ON o.id = i.order_id WHERE i.job_id = ? ORDER BY i.n LIMIT 1"
)


def jobs_sql(columns: str) -> str:
    """The statement for the newest jobs of one person (his name, how many)."""
    return JOBS_SQL.format(columns=columns, looked=_LOOKED)


async def decisions(
    reads: Reads, columns: str, present: Callable[[Sequence[Any]], dict[str, Any]], by: str, limit: int
) -> list[dict[str, Any]]:
    """The newest decisions of ``by``, as jobs with ``first``: ``{"order_id", "ext_id", "title", "ok", "why"}`` or null.

    ``ok`` is null while the order's turn has not come.
    """
    out = []
    for row in await reads.all(jobs_sql(columns), (by, min(limit, RECALL_MAX))):
        job = present(row)
        items = await reads.all(_ITEM_SQL, (job["id"],))
        first = None
        if items:
            order, ext_id, title, ok, why = items[0]
            done = None if ok is None else bool(ok)
            first = {"order_id": order, "ext_id": ext_id, "title": title, "ok": done, "why": why}
        out.append({**job, "first": first})
    return out
