"""How many orders a view or a selection holds: from kept counters where there are any, else counted, and no further than so far."""

from typing import Final

from core.desk.filter import Context
from core.desk.reads import Reads
from core.desk.view_table import COUNT_MAX
from core.desk.views import Key, Page, Selection, enter, frame_of, mark, slice_end, stop_sql, view_params

COUNT_SLICES: Final = (10_000,) * 10


async def total(reads: Reads, selection: Selection, context: Context) -> int | None:
    """How many orders a bare view holds, from kept counters or a small index; None where nothing is kept for it."""
    view = selection.view
    if not selection.bare:
        return None
    if view.stages:
        marks = ", ".join(str(stage) for stage in view.stages)
        rows = await reads.all(f"SELECT coalesce(sum(n), 0) FROM tally WHERE stage IN ({marks})")
        return int(rows[0][0])
    if view.counted:
        counted = int((await reads.all(view.counted, view_params(view, context, 0)))[0][0])
        return counted if counted <= COUNT_MAX or not view.capped else None
    return None


async def count(reads: Reads, selection: Selection, context: Context) -> tuple[int, bool]:
    """(count, exact): exact up to 10,000 found among 100,000 looked at, beyond that a lower bound unless it is kept."""
    kept = await total(reads, selection, context)
    if kept is not None:
        return kept, True
    found = 0
    page, start = enter(selection, Page(), None)
    for size in COUNT_SLICES if selection.sparse else (0,):
        ends = await reads.all(*stop_sql(selection.view, page, start, size)) if size else []
        stop: Key | None = slice_end(selection, page, ends)
        between, keys, _ = frame_of(selection.view, page, start, stop)
        inner = f"SELECT 1 FROM orders o WHERE {selection.where}{between} LIMIT ?"
        values = (*selection.params, *keys, COUNT_MAX + 1 - found)
        found += int((await reads.all(f"SELECT count(*) FROM ({inner})", values))[0][0])
        if found > COUNT_MAX:
            return COUNT_MAX, False
        if stop is None:
            return found, True
        start, page = stop, page._replace(after=mark(stop))
    return found, False
