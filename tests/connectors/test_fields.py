"""E-mail in a buyer's remark, and the checks that catch an amount in the wrong unit."""

import pytest

from connectors.fields import Drift, check_price, check_sum, email_in, is_email
from core.model.text import clean


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("foo@example.com", "foo@example.com"),
        ("邮箱:foo.bar+1@mail.example.co谢谢", "foo.bar+1@mail.example.co"),
        ("请发到 foo@example.com。", "foo@example.com"),
        ("mail foo@example.com.", "foo@example.com"),
        ("<foo@example.com>", "foo@example.com"),
        ("foo@example.com 或 FOO@EXAMPLE.COM", "foo@example.com"),
        ("", ""),
        ("no address", ""),
        ("foo@example.com or bar@example.com", ""),
        ("foo@@example.com", ""),
        ("foo@example", ""),
        ("foo@example..com", ""),
        ("foo..bar@example.com", ""),
        ("foo@example.com@evil.com", ""),
        ("foo@-example.com", ""),
        ("foo@example.c", ""),
        ("foo＠example.com", ""),
        ("foo@example.com bar＠example.com", ""),
        ("a@b.com and half@", ""),
        ("f oo@exam ple.com", ""),
        ("foo\u200bbar@example.com", ""),
        ("foo@example.com\u202e", ""),
        ("х@example.com", ""),
        ("foo@example.com\r\nBcc: evil@example.com", ""),
    ],
)
def test_only_an_undoubted_address_is_taken(text: str, found: str) -> None:
    assert email_in(clean(text)) == found


@pytest.mark.parametrize("text", ["foo@example.com\n", "a b@example.com", "<a@b.com>", "a@b.com,c@d.com", "x" * 260])
def test_an_address_is_nothing_but_an_address(text: str) -> None:
    assert not is_email(text)


@pytest.mark.parametrize(
    ("total", "parts", "count", "why"),
    [
        (1990, 1990, 1, None),
        (1991, 1990, 1, None),
        (1992, 1990, 1, "price_mismatch"),
        (1992, 1990, 2, None),
        (199_000, 1990, 1, "unit_suspect"),
        (20, 1990, 1, "unit_suspect"),
        (0, 1990, 1, "price_mismatch"),
        (0, 0, 1, None),
        (100, 2, 1, "price_mismatch"),
        (3780, 42, 1, "unit_suspect"),
    ],
)
def test_sums(total: int, parts: int, count: int, why: str | None) -> None:
    if why is None:
        check_sum(total, parts, count, "f")
    else:
        with pytest.raises(Drift, match=why):
            check_sum(total, parts, count, "f")


@pytest.mark.parametrize(
    ("amount", "price", "qty", "why"),
    [
        (1990, 1990, 1, None),
        (990, 1990, 1, None),
        (3980, 1990, 2, None),
        (7700, 1283, 6, None),
        (0, 1990, 1, None),
        (4000, 1990, 1, "price_mismatch"),
        (199_000, 1990, 1, "unit_suspect"),
        (1990, 199_000, 1, "unit_suspect"),
        (5, 0, 1, "price_mismatch"),
    ],
)
def test_prices(amount: int, price: int, qty: int, why: str | None) -> None:
    if why is None:
        check_price(amount, price, qty, "f")
    else:
        with pytest.raises(Drift, match=why):
            check_price(amount, price, qty, "f")
