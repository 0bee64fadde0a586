"""Reading a window of the queue: the core ends an answer for having looked at enough orders, and is asked to look on.

So that a filter that matches little is not an errand without an end, it is asked so many times and no more, and not
again once nobody wants the answer any longer.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from console.wire import Facts, Window

LOOKS: Final = 5  # answers that one window may take: 100,000 orders
Ask = Callable[[Facts], Awaitable[Window]]


@dataclass(frozen=True, slots=True)
class Look:
    """A list that goes on, as far as anybody knows: at how many orders was looked, back to when (UTC us, None: not by time),
    and the mark at which to look on."""

    orders: int
    to: int | None
    mark: str
    down: bool = True


def wanted_always() -> bool:
    """For whoever waits for the answer, whatever happens meanwhile."""
    return True


async def look(
    ask: Ask, query: Facts, limit: int, looks: int = LOOKS, wanted: Callable[[], bool] = wanted_always
) -> Window:
    """A window of up to ``limit`` rows. One that ended for having looked at enough has ``next``, and is to be gone on from
    there: its ``last`` (going back: its ``first``) is the place up to which it looked."""
    back = bool(query.get("before"))
    window = await ask({**query, "limit": limit})
    for _ in range(looks - 1):
        mark = window.get("next")
        if not mark or len(window["rows"]) >= limit or not wanted():
            break
        plain = {"view": query["view"], "filter": query["filter"], "limit": limit - len(window["rows"])}
        more = await ask({**plain, "before" if back else "after": mark})
        window = _joined(more, window, more) if back else _joined(window, more, more)
    mark = window.get("next")
    if mark:
        window["first" if back else "last"] = mark
    return window


def _joined(upper: Window, lower: Window, newer: Window) -> Window:
    """Two windows that follow each other, as one. The older answer's ``seq`` stands: what changed since is told again."""
    older = upper if newer is lower else lower
    return {
        "rows": upper["rows"] + lower["rows"],
        "first": upper["first"] or lower["first"],
        "last": lower["last"] or upper["last"],
        "before": (upper if upper["rows"] else lower).get("before"),
        "next": newer.get("next"),
        "looked": older.get("looked", 0) + newer.get("looked", 0),
        "looked_to": newer.get("looked_to"),
        "total": older["total"],
        "seq": older["seq"],
    }


def look_of(window: Window, before: Look | None, down: bool = True) -> Look | None:
    """How far was looked with this window, after what was looked at before; None when the list ends with it."""
    mark = window.get("next")
    if not mark:
        return None
    return Look((before.orders if before else 0) + window.get("looked", 0), window.get("looked_to"), mark, down)
