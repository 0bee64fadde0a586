"""Times in the filter language: how long ago, how long until, or a time of the calendar; and the ids that they leave."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from core.desk.filter_text import FilterError, Token
from core.model.clock import DAY, HOUR, MINUTE, SECOND
from core.model.ids import first_id

_SPAN: Final = re.compile(r"(\d{1,9})([smhd])\Z")
_SPANS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_AT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d)?)?(Z?)(?:\+(\d{1,6})([smhd]))?\Z", re.IGNORECASE | re.ASCII
)
_AHEAD: Final = HOUR  # by how much an order's id may run before the time it was received
ID_MAX: Final = 2**63 - 1


class Stretch(NamedTuple):
    """A time of the calendar as it was written (UTC us): ``start``, and where what it names ends."""

    start: int
    end: int


class Ids(NamedTuple):
    """The least and the greatest id of an order that a filter may let through."""

    low: int = 0
    high: int = ID_MAX

    @property
    def all(self) -> bool:
        """Whether nothing is known of them."""
        return self == (0, ID_MAX)

    def entry(self, start: int | None, back: bool) -> int | None:
        """The id next to which a walk begins that was to begin next to ``start``: not among those too new, or too old."""
        if back:
            return self.low - 1 if start is None or start < self.low - 1 else start
        if self.high == ID_MAX:
            return start  # nothing is too new, and the id next to it is none
        return self.high + 1 if start is None or start > self.high else start

    def end_at(self, id: int, back: bool) -> bool:
        """Whether nothing beyond this id can match."""
        return id >= self.high if back else id <= self.low


def stretch(text: str) -> Stretch | None:
    """``2026-11-24``, ``2026-11-24T18:00``, with ``Z`` for UTC (else the core's own time), with ``+15m`` for how long.

    Without a length it is the day, the minute or the second that was written. None when it is no such time.
    """
    match = _AT.match(text)
    if match is None:
        return None
    day, clock, seconds, zulu, n, unit = match.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock or '00:00'}{seconds or ''}")
        at = at.replace(tzinfo=UTC) if zulu else at.astimezone()
        start = int(at.timestamp()) * SECOND
    except (ValueError, OverflowError, OSError):
        return None
    size = int(n) * _SPANS[unit.lower()] if n else DAY if clock is None else SECOND if seconds else MINUTE
    return Stretch(start, start + size)


def between(token: Token, at: Stretch, column: str) -> tuple[str, tuple[int, ...]]:
    """The condition that ``column`` lies within, before or after a time; one that is not set does neither."""
    where = {
        ":": f"{column} >= ? AND {column} < ?", "=": f"{column} >= ? AND {column} < ?",
        "!=": f"({column} < ? OR {column} >= ?)", "<": f"{column} < ?", ">=": f"{column} >= ?",
        "<=": f"{column} < ?", ">": f"{column} >= ?",
    }[token.op]  # fmt: skip
    params = {"<": (at.start,), ">=": (at.start,), "<=": (at.end,), ">": (at.end,)}.get(token.op, (at.start, at.end))
    return f"({column} IS NOT NULL AND {where})", params


def ago(column: str, sign: int) -> Callable[[Token, int], tuple[str, tuple[int, ...]]]:
    """``age`` (sign 1: now - column) and ``left`` (sign -1: column - now); with sign 1 a time of the calendar too."""

    def build(token: Token, now: int) -> tuple[str, tuple[int, ...]]:
        at = stretch(token.value) if sign > 0 else None
        if at is not None:
            return between(token, at, column)
        match = _SPAN.match(token.value)
        if match is None or token.op == "!=":
            also = ", or 2026-11-24T18:00+15m" if sign > 0 else ""
            raise FilterError(token.position, f"{token.field} takes a time such as 90s 5m 2h 3d, with > or <{also}")
        equal = ">=" if sign > 0 else "<="
        op = equal if token.op in (":", "=") else token.op
        difference = f"(? - {column})" if sign > 0 else f"({column} - ?)"
        span = min(int(match[1]) * _SPANS[match[2]], ID_MAX)  # longer than any number holds
        return f"({column} IS NOT NULL AND {difference} {op} ?)", (now, span)

    return build


def ids_of_times(items: Sequence[Token]) -> Ids:
    """The ids that a filter may let through, by its times of the calendar.

    Ids ascend with the time at which orders are received, and nothing is sent or goes wrong before that. Only terms that
    stand for themselves count: neither negated nor in parentheses, and with no ``or`` beside them.
    """
    low, high, depth = 0, ID_MAX, 0
    for n, token in enumerate(items):
        depth += (token.kind == "(") - (token.kind == ")")
        if token.kind == "or" and not depth:
            return Ids()
        if token.kind != "term" or depth or (n and items[n - 1].kind == "-"):
            continue
        at = stretch(token.value) if token.field in ("came", "sent", "error") else None
        if at is None or token.op == "!=":
            continue
        if token.op in (":", "=", "<", "<="):
            high = min(high, first_id((at.start if token.op == "<" else at.end) + _AHEAD))
        if token.field == "came" and token.op in (":", "=", ">", ">="):
            low = max(low, first_id(at.end if token.op == ">" else at.start))
    return Ids(min(low, ID_MAX), high)
