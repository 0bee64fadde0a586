"""The desk's colours and style sheets. Meaning is never in colour alone, so each theme may be plain."""

import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from textual.theme import Theme

from console.terminal import colours

SHEETS = ("base.tcss", "desk.tcss", "modal.tcss", "office.tcss", "wall.tcss", "inspect.tcss")

THEMES = (
    Theme(
        name="keydesk-dark",
        primary="#3b78c2",
        secondary="#5f87af",
        accent="#5fafd7",
        warning="#d7af00",
        error="#ff5f5f",
        success="#5faf5f",
        foreground="#d0d0d0",
        background="#121212",
        surface="#1c1c1c",
        panel="#262626",
        dark=True,
    ),
    Theme(
        name="keydesk-light",
        primary="#5f87d7",
        secondary="#87afd7",
        accent="#005f87",
        warning="#755200",
        error="#af0000",
        success="#005f00",
        foreground="#1c1c1c",
        background="#ffffff",
        surface="#eeeeee",
        panel="#dadada",
        dark=False,
    ),
    Theme(
        name="keydesk-contrast",
        primary="#005fff",
        secondary="#00d7ff",
        accent="#00ffff",
        warning="#ffff00",
        error="#ffb3b3",
        success="#00ff00",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#303030",
        dark=True,
    ),
    # Orange, sky blue and yellow stay apart for red-green and blue-yellow colour blindness alike.
    Theme(
        name="keydesk-colour-blind",
        primary="#3b78c2",
        secondary="#5f87af",
        accent="#d99bbd",
        warning="#f0e442",
        error="#ff8a3c",
        success="#56b4e9",
        foreground="#e0e0e0",
        background="#121212",
        surface="#1c1c1c",
        panel="#262626",
        dark=True,
    ),
    # For terminals of 16 colours: names instead of mixtures, so nothing is rounded into its ground, and black under all of
    # it, so that it is readable whatever the terminal's own colours are. The Linux console has no bright grounds.
    Theme(
        name="keydesk-ansi",
        ansi=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        accent="ansi_bright_cyan",
        warning="ansi_bright_yellow",
        error="ansi_bright_red",
        success="ansi_bright_green",
        foreground="ansi_white",
        background="ansi_black",
        surface="ansi_black",
        panel="ansi_black",
        dark=True,
        variables={
            "surface": "ansi_black",
            "panel": "ansi_black",
            "ansi-background": "ansi_black",
            "ansi-foreground": "ansi_white",
            "text": "ansi_bright_white",
            "text-muted": "ansi_white",
            "text-disabled": "ansi_bright_black",
            "surface-lighten-2": "ansi_white",
            "input-cursor-foreground": "ansi_black",
            "input-cursor-background": "ansi_white",
            "input-cursor-text-style": "none",
            "input-selection-foreground": "ansi_bright_white",
            "input-selection-background": "ansi_blue",
        },
    ),
)


def theme_for(wanted: str | None, env: Mapping[str, str] = os.environ) -> str:
    """The theme that was asked for, else the one that suits what the terminal can show."""
    return wanted or ("keydesk-ansi" if colours(env) == "16" else "keydesk-dark")


def style_paths() -> list[Path]:
    """The style sheets: of the checkout that runs, else of the installed package."""
    beside = Path(__file__).resolve().parent.parent / "styles"
    if (beside / SHEETS[0]).is_file():
        return [beside / name for name in SHEETS]
    inside = resources.files("console") / "_data" / "styles"
    return [Path(str(inside / name)) for name in SHEETS]
