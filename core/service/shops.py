"""How each shop is doing, for ``connect list``: its connector's health, its token's age, what could not be read."""

from typing import TYPE_CHECKING, Any, Final

from core.model.clock import SECOND

if TYPE_CHECKING:
    from core.service.service import Service

ASIDE: Final = (
    "SELECT shop, count(*) FROM quarantine INDEXED BY ix_quarantine_open WHERE resolved_at IS NULL GROUP BY shop"
)
DRIFT: Final = "SELECT shop, sum(n), max(at) FROM drift GROUP BY shop"


async def shops(service: "Service") -> list[dict[str, Any]]:
    """The rows of ``counters.shops``, with more: what only somebody who looks at shops wants to know."""
    now = service.clock()
    numbers = {name: number for number, (name, _) in service.shops.items()}
    aside = {int(shop): int(n) for shop, n in await service.reader.all(ASIDE)}
    drift = {int(shop): (int(n), int(at)) for shop, n, at in await service.reader.all(DRIFT)}
    rows = []
    for row in service.counters.shops():
        number = numbers.get(str(row["name"]), 0)
        since = row.get("token_since")
        kind = str(row["error"] or "").partition(":")[0]
        times, last = drift.get(number, (0, None))
        rows.append(
            {
                **row,
                "error_kind": kind,
                "token_age_s": None if since is None else round((now - since) / SECOND),
                "set_aside": aside.get(number, 0),
                "drift": times,
                "drift_at": last,
                "silent_since": service.setup.stopped.get(number),
            }
        )
    return rows
