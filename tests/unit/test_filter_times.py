"""Times of the calendar in a filter: what they name, what they find, and which orders need not be looked at for them."""

from collections.abc import Callable

import pytest

from core.desk.filter import Context, FilterError, compile_filter
from core.desk.filter_text import tokens
from core.desk.filter_times import ID_MAX, Ids, ids_of_times, stretch
from core.model.clock import DAY, HOUR, MINUTE, SECOND
from core.model.ids import first_id
from core.model.lifecycle import EventKind
from tests.unit.test_filter import _sqlite

TEN = 1_796_119_200 * SECOND  # 2026-12-01T10:00Z
_CONTEXT = Context(TEN + DAY, "wang", 120_000_000)


@pytest.fixture
def shanghai(in_zone: Callable[[str], None]) -> None:
    in_zone("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "start", "long"),
    [
        ("2026-12-01T10:00Z", TEN, MINUTE), ("2026-12-01T10:00:05Z", TEN + 5 * SECOND, SECOND),
        ("2026-12-01Z", TEN - 10 * HOUR, DAY), ("2026-12-01T10:00Z+15m", TEN, 15 * MINUTE),
        ("2026-12-01Z+7d", TEN - 10 * HOUR, 7 * DAY), ("2026-12-01T18:00", TEN, MINUTE), ("2026-12-01t18:00+2h", TEN, 2 * HOUR),
    ],
)  # fmt: skip
def test_what_a_time_names(shanghai: None, text: str, start: int, long: int) -> None:
    assert stretch(text) == (start, start + long)


@pytest.mark.parametrize("text", ["", "10:00", "2026-13-01", "2026-12-01T25:00", "24h", "2026-12-01T10:00Z-5m", "2026-12-01T10", "9999-12-31T23:59+999999d"])  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    found = stretch(text)
    assert found is None or found.start > 0


def _found(text: str) -> list[int]:
    """Orders 1 to 4 came an hour apart from ten o'clock on; 1 was sent at once, 2 an hour later; 3 failed at noon; 4 waits."""
    db = _sqlite.connect(":memory:")
    db.execute("CREATE TABLE orders(id, stage, received_at, delivered_at, deadline)")
    db.execute("CREATE TABLE event(order_id, kind, at)")
    sent = {1: TEN, 2: TEN + 2 * HOUR}
    for n in range(1, 5):
        came = TEN + (n - 1) * HOUR
        db.execute(
            "INSERT INTO orders VALUES(?, ?, ?, ?, ?)", (n, 4 if n in sent else 3, came, sent.get(n), came + MINUTE)
        )
    db.execute("INSERT INTO event VALUES(3, ?, ?)", (int(EventKind.UNKNOWN), TEN + 2 * HOUR))
    where, params = compile_filter(text, _CONTEXT)
    return [row[0] for row in db.execute(f"SELECT o.id FROM orders o WHERE {where} ORDER BY o.id", params)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("came:2026-12-01T11:00Z+1h", [2]), ("came:2026-12-01T11:00Z", [2]), ("came:2026-12-01Z", [1, 2, 3, 4]),
        ("came<2026-12-01T11:00Z", [1]), ("came<=2026-12-01T11:00Z", [1, 2]), ("came>2026-12-01T11:00Z", [3, 4]),
        ("came>=2026-12-01T11:00Z", [2, 3, 4]), ("came!=2026-12-01T11:00Z", [1, 3, 4]),
        ("sent:2026-12-01T12:00Z+15m", [2]), ("-sent<2026-12-01T11:00Z", [2, 3, 4]),
        ("came<2026-12-01T11:30Z (stage<delivered or sent>=2026-12-01T11:30Z)", [2]),
        ("deadline<2026-12-01T11:00Z", [1]), ("error:2026-12-01T12:00Z+15m", [3]), ("error:2026-12-01T11:00Z+15m", []),
        ("age<24h or came<3d", [1, 2, 3, 4]),
    ],
)  # fmt: skip
def test_what_they_find(text: str, found: list[int]) -> None:
    assert _found(text.replace("age<24h or ", "")) == found


@pytest.mark.parametrize("text", ["deadline<2h", "left<2026-12-01", "came:2026-99-01", "sent:yesterday"])
def test_where_a_time_does_not_fit_is_said(text: str) -> None:
    with pytest.raises(FilterError, match="takes a time such as"):
        compile_filter(text, _CONTEXT)


_LOW, _HIGH = first_id(TEN), first_id(TEN + 15 * MINUTE + HOUR)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("came:2026-12-01T10:00Z+15m", (_LOW, _HIGH)), ('shop="a" came:2026-12-01T10:00Z+15m', (_LOW, _HIGH)),
        ("sent:2026-12-01T10:00Z+15m", (0, _HIGH)), ("error:2026-12-01T10:00Z+15m", (0, _HIGH)),
        ("came<2026-12-01T10:15Z (stage<delivered or sent>=2026-12-01T10:15Z)", (0, _HIGH)),
        ("came>=2026-12-01T10:00Z", (_LOW, ID_MAX)), ("sent>=2026-12-01T10:00Z", (0, ID_MAX)),
        ("-came:2026-12-01T10:00Z", (0, ID_MAX)), ("(came:2026-12-01T10:00Z)", (0, ID_MAX)),
        ("came:2026-12-01T10:00Z or tag:VIP", (0, ID_MAX)), ("came!=2026-12-01T10:00Z", (0, ID_MAX)), ("came<24h", (0, ID_MAX)),
    ],
)  # fmt: skip
def test_which_ids_they_leave(text: str, ids: tuple[int, int]) -> None:
    assert ids_of_times(tokens(text)) == Ids(*ids)
