"""Time is UTC microseconds as an int; whoever needs "now" is handed a clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

Clock = Callable[[], int]  # -> UTC microseconds since the epoch

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
BEIJING = timezone(timedelta(hours=8))


def now_us() -> int:
    """The system clock: UTC microseconds."""
    return time.time_ns() // 1000


def from_text(text: str, zone: timezone = BEIJING, fmt: str = "%Y-%m-%d %H:%M:%S") -> int:
    """UTC microseconds of a platform's local time text. Raises ValueError when it does not fit the format."""
    return int(datetime.strptime(text, fmt).replace(tzinfo=zone).timestamp()) * SECOND


def to_text(us: int, zone: timezone = BEIJING, fmt: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A platform's local time text of UTC microseconds (whole seconds, cut)."""
    return datetime.fromtimestamp(us // SECOND, tz=zone).strftime(fmt)


def iso(us: int) -> str:
    """RFC 3339 in UTC, to the second, for logs and exports."""
    return datetime.fromtimestamp(us // SECOND, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
