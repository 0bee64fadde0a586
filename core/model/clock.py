"""Time is UTC microseconds as an int; whoever needs "now" is handed a clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

Clock = Callable[[], int]  # -> UTC microseconds since the epoch

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BEIJING = timezone(timedelta(hours=8))


def now_us() -> int:
    """The system clock: UTC microseconds."""
    return time.time_ns() // 1000


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local time of a zone that is given beside it
_PLAIN = "%Y-%m-%d %H:%M:%S"


def from_text(text: str, zone: timezone = BEIJING, fmt: str = _PLAIN) -> int:
    """UTC microseconds of a platform's local time text. Raises ValueError when it does not fit the format."""
    # The usual form goes the fast way: a page of orders holds hundreds of these. The separators are checked, since the
    # ISO reader would take week dates and zones too; whatever else there is, strptime judges.
    if (
        fmt is _PLAIN
        and len(text) == 19
        and text[4] == text[7] == "-"
        and text[10] == " "
        and text[13] == text[16] == ":"
    ):
        try:
            spent = datetime.fromisoformat(text) - _EPOCH - zone.utcoffset(None)
        except ValueError:
            pass
        else:
            return (spent.days * 86_400 + spent.seconds) * SECOND
    return int(datetime.strptime(text, fmt).replace(tzinfo=zone).timestamp()) * SECOND


def to_text(us: int, zone: timezone = BEIJING, fmt: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A platform's local time text of UTC microseconds (whole seconds, cut)."""
    return datetime.fromtimestamp(us // SECOND, tz=zone).strftime(fmt)


def iso(us: int) -> str:
    """RFC 3339 in UTC, to the second, for logs and exports."""
    return datetime.fromtimestamp(us // SECOND, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_us(us: int) -> str:
    """RFC 3339 in UTC, to the microsecond, where two things of one second must keep their order."""
    return f"{datetime.fromtimestamp(us // SECOND, tz=UTC).strftime('%Y-%m-%dT%H:%M:%S')}.{us % SECOND:06d}Z"
