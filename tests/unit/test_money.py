"""Amounts: decimal text to minor units and back, without a float and without rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.money import digits_of, format_minor, parse_decimal

amounts = st.integers(-(10**14) + 1, 10**14 - 1)


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("0", 0),
        ("12.30", 1230),
        ("12.3", 1230),
        ("12", 1200),
        ("-0.01", -1),
        ("0.07", 7),
        ("1.2300", 123),
        ("1.29", 129),
    ],
)
def test_parse(text: str, minor: int) -> None:
    assert parse_decimal(text) == minor


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1.", ".5", "+1", "1e3", "1,000", "1.005", "1.00001", "0x10", "１２", "١٢", "nan", "inf", "--1", "1\n",
     "1_000", "1" * 13],
)  # fmt: skip
def test_what_is_not_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a plain decimal|more precise"):
        parse_decimal(text)


def test_yen_has_no_minor_unit() -> None:
    assert digits_of("jpy") == 0
    assert digits_of("CNY") == 2
    assert parse_decimal("1200", digits_of("JPY")) == 1200
    assert parse_decimal("1200.00", 0) == 1200
    with pytest.raises(ValueError, match="more precise"):
        parse_decimal("12.5", 0)


@given(amounts, st.sampled_from((0, 2, 3)))
def test_what_is_printed_reads_back(minor: int, digits: int) -> None:
    if abs(minor) < 10 ** (12 + digits):
        assert parse_decimal(format_minor(minor, digits), digits) == minor


@given(amounts)
def test_grouping_only_adds_commas(minor: int) -> None:
    assert format_minor(minor, grouping=True).replace(",", "") == format_minor(minor)


def test_format() -> None:
    assert format_minor(-5) == "-0.05"
    assert format_minor(123450, grouping=True) == "1,234.50"
    assert format_minor(1200, 0) == "1200"
