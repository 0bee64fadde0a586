"""Every word on the screen, from the gettext catalogue of the language in use: ``locale/LANGUAGE/LC_MESSAGES/keydesk.mo``.

``t`` looks one up; a missing word shows its own key. Words are changed in the ``.po`` beside it, then ``make words``.
"""

import os
from functools import cache, lru_cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Final

from core.model.text import clean

LANGUAGES: Final = ("zh_CN", "en")  # the first is the trade's own
_MANY: Final = 1000
_language = LANGUAGES[0]
_words: GNUTranslations | None = None


def pick(wanted: str | None = None) -> str:
    """The language to use: the one that was asked for, else the locale's, else Chinese (the trade's own)."""
    for name in (wanted, os.environ.get("LC_ALL"), os.environ.get("LC_MESSAGES"), os.environ.get("LANG")):
        if not name or name.lower().startswith(("c.", "posix")) or name == "C":
            continue
        return next((one for one in LANGUAGES if name.lower().startswith(one.partition("_")[0])), "en")
    return LANGUAGES[0]


def compiled_path(language: str) -> Path:
    """The catalogue that is read at run time."""
    return Path(__file__).parent / "locale" / language / "LC_MESSAGES" / "keydesk.mo"


def use(language: str) -> None:
    """Switches the words. Raises KeyError for a language that has no catalogue."""
    global _words, _language
    if language not in LANGUAGES:
        raise KeyError(language)
    _words, _language = _read(language), language
    _plain.cache_clear()


@cache
def _read(language: str) -> GNUTranslations:
    with compiled_path(language).open("rb") as file:
        return GNUTranslations(file)


def language() -> str:
    """The language in use."""
    return _language


@lru_cache(2048)  # the same few hundred words are asked for at every frame
def _plain(key: str) -> str:
    """The words, as they are said of many where they count; the key when there are none."""
    words = _words or _read(_language)
    found = words.ngettext(key, key, _MANY)
    return words.gettext(key) if found == key else found


def _counted(key: str, n: int) -> str:
    """The words in the form for ``n``, where the catalogue knows several."""
    found = (_words or _read(_language)).ngettext(key, key, n)
    return _plain(key) if found == key else found


def has(key: str) -> bool:
    """Whether the catalogue has this word."""
    return _plain(key) != key


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def t(key: str, /, **facts: object) -> str:
    """The words for a key, with facts filled in; a fact that is missing shows as ``?`` and never raises.

    The fact ``n`` is what the words count: where the catalogue has plural forms, it picks one.
    """
    n = facts.get("n")
    words = _counted(key, n) if isinstance(n, int) else _plain(key)
    if words == key:  # keys end in codes of the core, and a newer core may know more of them
        return clean(key)
    if not facts and "{" not in words:
        return words
    try:
        return words.format_map(_Facts(facts))
    except ValueError:  # ``{n:,}`` of what is no number: "?", "-"
        return words.replace(":,}", "}").format_map(_Facts(facts))


def word(prefix: str, code: str) -> str:
    """The words for a code of the core; a code that is not known yet is shown by itself."""
    key = f"{prefix}.{code}"
    words = _plain(key)
    return clean(code) if words == key else words
