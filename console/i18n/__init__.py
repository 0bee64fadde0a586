"""Every word on the screen, in Chinese and English. ``t`` looks one up; a missing word shows its own key."""

import os
from collections.abc import Mapping

from console.i18n import en, flow_en, flow_zh_CN, zh_CN
from core.model.text import clean

LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "zh_CN": {**zh_CN.WORDS, **flow_zh_CN.WORDS},
    "en": {**en.WORDS, **flow_en.WORDS},
}
_words: Mapping[str, str] = LANGUAGES["zh_CN"]
_language = "zh_CN"


def pick(wanted: str | None = None) -> str:
    """The language to use: the one that was asked for, else the locale's, else Chinese (the trade's own)."""
    for name in (wanted, os.environ.get("LC_ALL"), os.environ.get("LC_MESSAGES"), os.environ.get("LANG")):
        if not name or name.lower().startswith(("c.", "posix")) or name == "C":
            continue
        return "zh_CN" if name.lower().startswith("zh") else "en"
    return "zh_CN"


def use(language: str) -> None:
    """Switches the words. Raises KeyError for a language that has no catalogue."""
    global _words, _language
    _words, _language = LANGUAGES[language], language


def language() -> str:
    """The language in use."""
    return _language


def has(key: str) -> bool:
    """Whether the catalogue has this word."""
    return key in _words


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def t(key: str, /, **facts: object) -> str:
    """The words for a key, with facts filled in; a fact that is missing shows as ``?`` and never raises."""
    words = (
        _words[key] if key in _words else clean(key)
    )  # keys end in codes of the core, and a newer core may know more of them
    return words.format_map(_Facts(facts)) if facts or "{" in words else words


def word(prefix: str, code: str) -> str:
    """The words for a code of the core; a code that is not known yet is shown by itself."""
    key = f"{prefix}.{code}"
    return _words[key] if key in _words else clean(code)
