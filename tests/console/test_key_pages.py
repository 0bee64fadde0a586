"""Pages about keys say what the registry says; the card fits one page; what the guide points at is there."""

import re
from pathlib import Path

import pytest

from console import i18n
from console.actions import BY_ID, key_sign
from console.key_pages import reference
from console.keymap import Keymap
from console.quick_card import FILTERS, GROUPS, card
from core.desk.filter import Context, compile_filter
from tests.console.sources import ROOT

DOCS = ROOT / "docs"
CARDS = {"en": DOCS / "quick-card.md", "zh_CN": DOCS / "quick-card.zh.md"}


def test_keys_of_the_page_are_the_keys_of_the_registry() -> None:
    """When this fails: ``python -m console.key_pages reference`` prints what docs/desk.md must end with."""
    page = (DOCS / "desk.md").read_text(encoding="utf-8")
    assert page[page.index("## All keys") :] == reference()
    assert "| `retry` | `a y` |" in reference()
    assert "| `hold` | `h` | `a h` |" in reference()


@pytest.mark.parametrize("language", CARDS)
def test_the_card_is_what_the_registry_says_and_fits_a_page(language: str) -> None:
    """When this fails: ``python -m console.key_pages card LANGUAGE`` prints what the page must be."""
    text = CARDS[language].read_text(encoding="utf-8")
    assert text == card(language)
    lines = text.splitlines()
    assert len(lines) <= 60
    assert {line.count("|") for line in lines if line.startswith("|")} == {6}, "as many cells in each line"
    keymap = Keymap()
    i18n.use(language)
    for leader in ("menu", "goto"):
        for key, name in keymap.after(leader).items():
            assert f"`{key_sign(key)}` {BY_ID[name].label} |" in text, name
    assert {a.id for a in BY_ID.values() if a.footer and a.scope == "queue"} <= {
        *(one for group in GROUPS for one in group[2]), *keymap.after("menu").values(), "menu",
    }  # fmt: skip


def test_printing_a_page_leaves_the_language_as_it_was() -> None:
    i18n.use("en")
    card("zh_CN")
    reference()
    assert i18n.language() == "en"


@pytest.mark.parametrize("text", [one[0] for one in FILTERS])
def test_filters_of_the_card_are_filters(text: str) -> None:
    assert compile_filter(text, Context(1_000_000_000_000, "amei", 1)).where


@pytest.mark.parametrize("page", ["docs/desk.md", "docs/README.md", "docs/quick-card.md", "docs/quick-card.zh.md",
                                  "README.md", "README.zh.md"])  # fmt: skip
def test_what_a_page_points_at_is_there(page: str) -> None:
    path = ROOT / page
    pointed = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    missing = [one for one in pointed if "://" not in one and not (path.parent / Path(one)).exists()]
    assert missing == []


def test_the_guide_has_pictures_of_the_main_screens_and_links_to_the_card() -> None:
    page = (DOCS / "desk.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[([^\]]+)\]\(([^)]+\.svg)\)", page)
    assert len(pictures) >= 10
    assert all(told for told, _ in pictures), "each says what it shows"
    for linked in ("README.md", "README.zh.md", "docs/README.md", "docs/desk.md"):
        text = (ROOT / linked).read_text(encoding="utf-8")
        assert "quick-card" in text, linked
