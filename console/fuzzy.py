"""Finding names by pieces of them: letters, Chinese, or the initials of its pinyin (``yxdk`` finds 游戏点卡).

The 3,755 characters of GB 2312's first level stand there in the order of their pinyin, so a table of where each letter
begins gives initials without a dictionary. Rarer characters have none; they are found by themselves.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

_STARTS = (
    0xB0A1, 0xB0C5, 0xB2C1, 0xB4EE, 0xB6EA, 0xB7A2, 0xB8C1, 0xB9FE, 0xBBF7, 0xBFA6, 0xC0AC, 0xC2E8, 0xC4C3, 0xC5B6,
    0xC5BE, 0xC6DA, 0xC8BB, 0xC8F6, 0xCBFA, 0xCDDA, 0xCEF4, 0xD1B9, 0xD4D1,
)  # fmt: skip
_LETTERS = "abcdefghjklmnopqrstwxyz"
_END = 0xD7F9


@lru_cache(4096)
def initials(text: str) -> str:
    """The text in lower case with each Chinese character as the first letter of its pinyin; blanks are left out."""
    return "".join(_initial(char) for char in text.lower() if not char.isspace())


def _initial(char: str) -> str:
    if char.isascii():
        return char
    try:
        code = int.from_bytes(char.encode("gb2312"), "big")
    except UnicodeEncodeError:
        return char
    return _LETTERS[bisect_right(_STARTS, code) - 1] if _STARTS[0] <= code <= _END else char


def fits(typed: str, *names: str) -> bool:
    """Whether every word typed is in one of the names, or in their initials."""
    hay = [name.lower() for name in names] + [initials(name) for name in names]
    return all(any(word in one for one in hay) for word in typed.lower().split())


def best(typed: str, named: Sequence[tuple[str, str]], limit: int = 20) -> list[str]:
    """The ids of ``(id, title)`` that begin with what was typed; when none does, those that fit it."""
    start = typed.lower().strip()

    def begins(one: str, title: str) -> bool:
        return any(text.startswith(start) for text in (one.lower(), title.lower(), initials(title)))

    first = [one for one, title in named if begins(one, title)]
    return (first or [one for one, title in named if fits(typed, one, title)])[:limit]
