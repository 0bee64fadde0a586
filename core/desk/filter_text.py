"""Reading the filter language: text -> tokens with positions. The meaning of fields is in ``filter``."""

import re
from typing import NamedTuple

LENGTH_MAX = 1000


class FilterError(ValueError):
    """The filter cannot be read. ``position`` counts characters from 0; ``nearest`` is the likely word or ""."""

    def __init__(self, position: int, message: str, nearest: str = "") -> None:
        super().__init__(message)
        self.position, self.message, self.nearest = position, message, nearest


class Token(NamedTuple):
    """``kind``: ``(`` ``)`` ``-`` ``or`` ``shop`` ``word`` ``term``; a term has a field and an operator."""

    kind: str
    position: int
    value: str
    field: str = ""
    op: str = ""


# What a Chinese input method types in place of the ASCII signs.
_WIDE = str.maketrans("（）：＝＞＜＠－　", "():=><@- ")
_TERM = re.compile(r"([A-Za-z_]+)(!=|>=|<=|=|>|<|:)")
_BARE = re.compile(r"[^\s()]+")


def tokens(text: str) -> list[Token]:
    """The tokens of a filter. Raises FilterError."""
    if len(text) > LENGTH_MAX:
        raise FilterError(LENGTH_MAX, f"a filter has at most {LENGTH_MAX} characters")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FilterError(error.start, "this character is not valid text") from None
    plain = _narrow(text)
    out: list[Token] = []
    at = 0
    while at < len(plain):
        char = plain[at]
        if char.isspace():
            at += 1
        elif char in "()":
            out.append(Token(char, at, char))
            at += 1
        elif char == "-" and at + 1 < len(plain) and not plain[at + 1].isspace() and plain[at + 1] != ")":
            out.append(Token("-", at, char))
            at += 1
        else:
            at = _one(plain, at, out)
    return out


def _narrow(text: str) -> str:
    """Wide signs become plain ones outside quotes; positions stay."""
    pieces = text.split('"')
    return '"'.join(piece if index % 2 else piece.translate(_WIDE) for index, piece in enumerate(pieces))


def _one(text: str, at: int, out: list[Token]) -> int:
    if text[at] == '"':
        value, end = _quoted(text, at)
        out.append(Token("word", at, value))
        return end
    if text[at] == "@":
        value, end = _value(text, at + 1)
        if not value:
            raise FilterError(at, "the name of a shop or platform belongs behind @")
        out.append(Token("shop", at, value))
        return end
    match = _TERM.match(text, at)
    if match is not None:
        value, end = _value(text, match.end())
        out.append(Token("term", at, value, match[1].lower(), match[2]))
        return end
    bare = _BARE.match(text, at)
    assert bare is not None
    word = bare[0]
    out.append(Token("or" if word in ("or", "OR") else "word", at, word))
    return bare.end()


def _value(text: str, at: int) -> tuple[str, int]:
    if at < len(text) and text[at] == '"':
        return _quoted(text, at)
    match = _BARE.match(text, at)
    return (match[0], match.end()) if match is not None else ("", at)


def _quoted(text: str, at: int) -> tuple[str, int]:
    end = text.find('"', at + 1)
    if end < 0:
        raise FilterError(at, "the quote is not closed")
    return text[at + 1 : end], end + 1
