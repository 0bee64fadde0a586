"""Platform times as text: the fast way and strptime agree on everything that either of them takes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.clock import BEIJING, SECOND, from_text, to_text

FMT = "%Y-%m-%d %H:%M:%S"


def slow(text: str, zone: timezone) -> int | None:
    """What the format alone says; None when it does not fit."""
    try:
        return int(datetime.strptime(text, FMT).replace(tzinfo=zone).timestamp()) * SECOND
    except ValueError:
        return None


def fast(text: str, zone: timezone) -> int | None:
    try:
        return from_text(text, zone)
    except ValueError:
        return None


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),  # noqa: DTZ001 - local times
    st.sampled_from((BEIJING, UTC, timezone(timedelta(hours=-5)))),
)
def test_every_second_means_the_same_both_ways(at: datetime, zone: timezone) -> None:
    text = at.strftime(FMT)
    assert fast(text, zone) == slow(text, zone)
    assert to_text(from_text(text)) == text


@given(
    st.text("0123456789-: TWZ+.", min_size=19, max_size=19) | st.from_regex(r"\A20[0-9W]{2}-[0-9W-]{5}[ T][0-9:]{8}\Z")
)
def test_odd_text_is_judged_as_the_format_judges_it(text: str) -> None:
    assert fast(text, BEIJING) == slow(text, BEIJING)


@pytest.mark.parametrize(
    "text",
    [
        "2026-W01-1 03:04:05",
        "2026-01-02T03:04:05",
        "2026-13-02 03:04:05",
        "2026-02-30 03:04:05",
        "2026-01-02 24:00:00",
        "",
        "２０２６-01-02 03:04:05",
    ],
)
def test_what_does_not_fit_is_refused(text: str) -> None:
    assert fast(text, BEIJING) == slow(text, BEIJING)
