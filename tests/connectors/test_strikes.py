"""Patience ends, and begins anew once the thing was shown."""

from connectors.strikes import Strikes


def test_refusals_in_a_row() -> None:
    strikes = Strikes(limit=3)
    assert [strikes.another("a") for _ in range(4)] == [False, False, True, True]
    assert not strikes.another("b"), "each thing has its own count"
    strikes.shown("a")
    assert not strikes.another("a")
    strikes.shown("never refused")


def test_it_does_not_grow_without_end() -> None:
    strikes = Strikes(limit=2)
    for n in range(10_001):
        strikes.another(str(n))
    assert not strikes.another("0"), "the oldest is forgotten"
    assert strikes.another("10000")
