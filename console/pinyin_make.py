"""Makes console/pinyin_table.py anew: ``pip install pypinyin==0.55.0``, then ``python -m console.pinyin_make``.

pypinyin is no dependency: its two dictionaries (Unicode's Unihan readings, the commonest first, and 47,000 words with
theirs) are read once, here. A second letter is kept for a character when words really use it: of all readings that any
dictionary ever had, most would only find what nobody meant.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

FIRST, LAST = 0x4E00, 0x9FA5
USED = 2  # words in which a further reading must stand
WIDTH = 100


def letter(reading: str) -> str:
    """The letter that a syllable begins with, without its accent."""
    return unicodedata.normalize("NFD", reading)[0].lower()


def table() -> tuple[str, str]:
    """A letter for each character from FIRST to LAST (``-`` for none); then characters with all letters of those with several."""
    readings: dict[int, str] = import_module("pypinyin.pinyin_dict").pinyin_dict
    words: dict[str, list[list[str]]] = import_module("pypinyin.phrases_dict").phrases_dict
    used: dict[str, Counter[str]] = defaultdict(Counter)
    for word, syllables in words.items():
        for char, syllable in zip(word, syllables, strict=False):
            used[char][letter(syllable[0])] += 1
    firsts, several = [], []
    for code in range(FIRST, LAST + 1):
        char = chr(code)
        letters = list(dict.fromkeys(letter(one) for one in readings.get(code, "-").split(",")))
        kept = [letters[0], *(one for one in letters[1:] if used[char][one] >= USED)]
        firsts.append(kept[0])
        if len(kept) > 1:
            several.append(char + "".join(kept))
    return "".join(firsts), " ".join(several)


def written(name: str, text: str) -> Iterable[str]:
    """A constant over as many lines as it takes."""
    yield f"{name} = ("
    yield from (f'    "{text[at : at + WIDTH]}"' for at in range(0, len(text), WIDTH))
    yield ")"


def main() -> None:
    """Writes the module, under the notice that stands in it."""
    path = Path(__file__).with_name("pinyin_table.py")
    notice = path.read_text(encoding="utf-8").partition("FIRSTS = ")[0]
    firsts, several = table()
    lines = [*written("FIRSTS", firsts), *written("SEVERAL", several)]
    path.write_text(notice + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
