"""The desk's colours and style sheets. Meaning is never in colour alone, so each theme may be plain."""

from importlib import resources
from pathlib import Path

from textual.theme import Theme

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
)


def style_paths() -> list[Path]:
    """The style sheets: of the checkout that runs, else of the installed package."""
    beside = Path(__file__).resolve().parent.parent / "styles"
    if (beside / SHEETS[0]).is_file():
        return [beside / name for name in SHEETS]
    inside = resources.files("console") / "_data" / "styles"
    return [Path(str(inside / name)) for name in SHEETS]
