"""Pick-up codes: only ours are read, each has one writing, and they survive messengers and SMS templates."""

import os

from hypothesis import given
from hypothesis import strategies as st

from core.service.throttle import Throttle, network
from core.vault.keyring import Keyring
from core.vault.pickup import LENGTH, PickupLinks

LINKS = PickupLinks(Keyring(bytes(range(32))), "https://keys.example.com/p/")


@given(st.integers(1, 2**63 - 1))
def test_a_code_is_read_back_and_is_plain(intent: int) -> None:
    code = LINKS.code(intent)
    assert LINKS.read(code) == intent
    assert len(code) == LENGTH <= 35
    assert code.isascii()
    assert code.isalnum()
    assert LINKS.link(intent) == f"https://keys.example.com/p/{code}"


@given(st.integers(1, 2**63 - 1), st.integers(0, LENGTH - 1), st.sampled_from("0Aaz9Z"))
def test_one_other_character_is_another_code(intent: int, place: int, char: str) -> None:
    code = LINKS.code(intent)
    other = code[:place] + char + code[place + 1 :]
    assert LINKS.read(other) == (intent if other == code else None)


@given(st.text(max_size=40))
def test_what_we_did_not_make_is_nothing(text: str) -> None:
    assert LINKS.read(text) is None


def test_a_number_too_large_for_its_bytes_is_no_second_writing_of_a_code() -> None:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for char in LINKS.code(5):
        number = number * 62 + digits.index(char)
    for more in (1 << 191, 1 << 192, 3 << 192):
        left, code = number + more, ""
        for _ in range(LENGTH):
            left, digit = divmod(left, 62)
            code = digits[digit] + code
        assert not left
        assert LINKS.read(code) is None


def test_another_master_key_reads_nothing_and_reprs_hold_no_key() -> None:
    other = PickupLinks(Keyring(os.urandom(32)), "https://x")
    assert other.read(LINKS.code(7)) is None
    assert repr(LINKS) == "PickupLinks('https://keys.example.com/p')"


def test_callers_are_counted_apart_and_forgotten_by_age() -> None:
    limit = Throttle(burst=2, per_minute=60, callers=2)
    assert [limit.allows("a", 0.0) for _ in range(3)] == [True, True, False]
    assert limit.allows("b", 0.0)
    assert limit.allows("a", 1.0)
    assert not limit.allows("a", 1.0)
    assert limit.allows("c", 1.0)
    assert limit.allows("b", 1.0), "of two remembered, the older one was forgotten"


def test_one_customer_is_one_caller() -> None:
    assert network("2001:db8:1:2:3::4") == network("[2001:db8:1:2:9::9]") != network("2001:db8:1:3::")
    assert network("::ffff:192.0.2.1") == network(" 192.0.2.1 ") == "192.0.2.1"
    assert network("evil, text") == ""
