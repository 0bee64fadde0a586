"""Outside text is harmless after ``clean``: nothing a terminal obeys, nothing that cannot be seen."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

from core.model import text as text_module
from core.model.text import REPLACEMENT, clean

texts = st.text(st.characters(), max_size=60)


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("游戏点卡 100 点", "游戏点卡 100 点"),
        ("plain", "plain"),
        ("a\x1b[31mb", f"a{REPLACEMENT}[31mb"),
        ("a\x00\x07\x9bb", f"a{REPLACEMENT}b"),
        ("user\u202egnp.exe", f"user{REPLACEMENT}gnp.exe"),
        ("a\u200bb\u2060c", f"a{REPLACEMENT}b{REPLACEMENT}c"),
        ("a\tb\r\nc", "a b c"),
        ("a\u2028b", "a b"),
        ("\u3164", REPLACEMENT),
        ("全角\u3000空格", "全角\u3000空格"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 3),
        ("a\u034fb\u17b4", f"a{REPLACEMENT}b{REPLACEMENT}"),
        ("\u2764\ufe0f", "\u2764"),
        ("1\ufe0f\u20e3", "1\u20e3"),
        ("\U0001f44d\U0001f3fd", "\U0001f44d"),
        ("\u845b\U000e0100", "\u845b"),
        ("e\u0301\u0301\u0301\ufe0f\u0301", "e\u0301\u0301\u0301"),
    ],
)
def test_examples(dirty: str, cleaned: str) -> None:
    assert clean(dirty) == cleaned


def test_lines_are_kept_where_asked_for() -> None:
    assert clean("a\nb\x1bc", lines=True) == f"a\nb{REPLACEMENT}c"


@given(texts, st.integers(1, 40))
def test_nothing_harmful_is_left_and_the_limit_holds(text: str, limit: int) -> None:
    out = clean(text, limit)
    assert len(out) <= limit
    for char in out:
        assert char in (REPLACEMENT, "\u3000") or unicodedata.category(char)[0] not in "CZ" or char == " "
    marks = 0
    for char in out:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        assert marks <= 3


@given(texts)
def test_all_counts_of_cells_agree(text: str) -> None:
    """Rich measures clusters, terminals mostly characters: after ``clean`` both come to the same, so columns stay straight."""
    out = clean(text)
    assert cell_len(out) == sum(map(get_character_cell_size, out))


@given(texts)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_the_fast_way_lets_through_only_what_the_rules_let_through() -> None:
    """Every character that the short cut takes unseen is one that the rules would keep as it is."""
    short_cut, odd = 0, []
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        char = chr(code)
        if char.isprintable() and text_module._USUAL.fullmatch(char):
            short_cut += 1
            marks = unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me")
            if marks or not text_module._keeps(char):
                odd.append(hex(code))
    assert odd == []
    assert short_cut > 40_000
