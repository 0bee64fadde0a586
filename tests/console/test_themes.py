"""Every text colour of every theme is readable on every ground it may stand on (WCAG 2 contrast ratio)."""

import pytest
from textual.color import Color
from textual.theme import Theme

from console.themes import THEMES

TEXTS = ("foreground", "accent", "warning", "error", "success")
GROUNDS = ("background", "surface", "panel")


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1, of an sRGB colour."""
    parts = [part / 255 for part in Color.parse(colour).rgb]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_ratio_is_the_known_one() -> None:
    assert ratio("#000000", "#ffffff") == pytest.approx(21.0)
    assert ratio("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_text_is_readable_on_every_ground(theme: Theme) -> None:
    least = 7.0 if theme.name == "keydesk-contrast" else 4.5
    poor = {
        (text, ground): round(found, 2)
        for text in TEXTS
        for ground in GROUNDS
        if (found := ratio(getattr(theme, text), getattr(theme, ground))) < least
    }
    assert not poor
