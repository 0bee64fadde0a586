"""``clean``: what every string from outside passes before it is stored or shown."""

import re
import unicodedata

REPLACEMENT = "�"
# Zero-width and bidirectional controls are "printable" to nobody but can make one name look like another.
_INVISIBLE = frozenset(chr(c) for c in (0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, 0x2800))
# They choose how the sign before them looks, and terminals disagree about the width of what comes of it (a red heart
# takes one cell or two): a row would be shifted. The sign alone means the same.
_STYLES = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]")


# Scripts and signs of which no printable character is a combining mark or invisible: what nearly all text is made of.
# A test holds the ranges against the rules below, character by character.
_USUAL = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2100-\u27ff\u2900-\u2bff"
    "\u3001-\u3029\u3030-\u3098\u309b-\u3163\u3165-\ua66e\uac00-\ud7a3\uff01-\uff9f\U0001f300-\U0001f3fa\U0001f400-\U0001faff]*"
)


def _keeps(char: str) -> bool:
    return char.isprintable() and char not in _INVISIBLE


def clean(text: str, limit: int = 500, lines: bool = False) -> str:
    """Outside text made harmless for terminals, logs and tables.

    Control, format (bidi, zero-width), surrogate, private and unassigned characters become a visible ``�`` (runs
    collapse to one); tabs and newlines become a space, or stay newlines with ``lines=True``. Combining marks beyond
    three in a row are dropped, and so is what only changes a sign's style (variation selectors, skin tones). The result has at most ``limit`` characters.
    """
    if text.isprintable() and (text.isascii() or _USUAL.fullmatch(text)):
        return text[:limit]
    out: list[str] = []
    marks = 0
    for char in text[: limit * 4]:
        if char == "\n" and lines:
            out.append(char)
        elif char in "\t\n\r\v\f\u2028\u2029\x85":
            if out and out[-1] != " ":
                out.append(" ")
        elif _STYLES.match(char):
            continue
        elif char not in _INVISIBLE and (unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me")):
            marks += 1
            if marks <= 3:
                out.append(char)
            continue
        elif _keeps(char) or char == "\u3000":
            out.append(char)
        elif not out or out[-1] != REPLACEMENT:
            out.append(REPLACEMENT)
        marks = 0
        if len(out) >= limit:
            break
    return "".join(out)[:limit]
