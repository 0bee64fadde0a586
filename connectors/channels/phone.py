"""Phone numbers as SMS providers take them. A doubtful number is no number: a stranger's SMS cannot be taken back."""

import re
from typing import Final

from connectors.channels.message import Unsendable

_MAINLAND: Final = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})\Z")
_ABROAD: Final = re.compile(r"\+(?!86)[1-9][0-9]{6,14}\Z")


def e164(text: str) -> str:
    """``+8613800138000`` or ``+85291234567``; a number abroad must come with its + (E.164). Raises Unsendable."""
    if (mainland := _MAINLAND.match(text)) is not None:
        return f"+86{mainland[1]}"
    if _ABROAD.match(text):
        return text
    raise Unsendable("recipient_invalid: not a phone number")
