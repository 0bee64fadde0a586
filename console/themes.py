"""The desk's colours. Meaning is never in colour alone, so each theme may be plain."""

from textual.theme import Theme

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
        warning="#875f00",
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
        error="#ff5f5f",
        success="#00ff00",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#303030",
        dark=True,
    ),
)
