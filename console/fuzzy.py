"""Finding names by pieces of them: letters, Chinese, or the initials of its pinyin (``yxdk`` finds 游戏点卡).

A character that words read in several ways is found by each: 重庆 by ``cq`` and by ``zq``.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

FIRST = 0x4E00  # where the table of pinyin begins
SPELLINGS_MAX = 16  # ways to read one name; characters further back then keep their commonest reading


def initials(text: str) -> str:
    """The text in lower case with each Chinese character as the first letter of its pinyin; blanks are left out."""
    return spellings(text)[0]


@lru_cache(4096)
def spellings(text: str) -> tuple[str, ...]:
    """The same for each way to read the text, the commonest first."""
    ways, count = [], 1
    for char in text.lower():
        if char.isspace():
            continue
        letters = _letters(char)
        if count * len(letters) > SPELLINGS_MAX:
            letters = letters[:1]
        count *= len(letters)
        ways.append(letters)
    return tuple("".join(one) for one in product(*ways))


def _letters(char: str) -> str:
    """All letters that a character's pinyin may begin with; itself when none is known."""
    if char.isascii():
        return char
    firsts, several = _table()
    at = ord(char) - FIRST
    known = firsts[at] if 0 <= at < len(firsts) else "-"
    return several.get(char) or (known if known != "-" else char)


@lru_cache(1)
def _table() -> tuple[str, dict[str, str]]:
    from console.pinyin_table import FIRSTS, SEVERAL  # 25 kB that a start needs not

    return FIRSTS, {one[0]: one[1:] for one in SEVERAL.split()}


def fits(typed: str, *names: str) -> bool:
    """Whether every word typed is in one of the names, or in their initials."""
    hay = [name.lower() for name in names] + [way for name in names for way in spellings(name)]
    return all(any(word in one for one in hay) for word in typed.lower().split())


def best(typed: str, named: Sequence[tuple[str, str]], limit: int = 20) -> list[str]:
    """The ids of ``(id, title)`` that begin with what was typed; when none does, those that fit it."""
    start = typed.lower().strip()

    def begins(one: str, title: str) -> bool:
        return any(text.startswith(start) for text in (one.lower(), title.lower(), *spellings(title)))

    first = [one for one, title in named if begins(one, title)]
    return (first or [one for one, title in named if fits(typed, one, title)])[:limit]
