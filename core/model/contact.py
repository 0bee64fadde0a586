"""Contacts: where a buyer can be reached, each kind in one writing, so that equal ones are equal as text.

An order keeps at most one contact of a kind, several with a space between. A doubtful contact is none: what was sent
to a stranger cannot be taken back.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final


class ContactKind(StrEnum):
    """What a contact is; the value is how a person names it."""

    EMAIL = "email"
    PHONE = "phone"
    TELEGRAM = "telegram"  # telegram:ID, the number of a private chat with the bot
    WECHAT = "wechat"  # wechat:OPENID, the buyer's with the merchant's official account
    WECOM = "wecom"  # wecom:USERID, a member of the merchant's enterprise


EMAIL_ONLY: Final = frozenset({ContactKind.EMAIL})
EXAMPLES: Final = {
    ContactKind.EMAIL: "name@example.com",
    ContactKind.PHONE: "13800138000 or +85291234567",
    ContactKind.TELEGRAM: "telegram:123456789",
    ContactKind.WECHAT: "wechat:OPENID",
    ContactKind.WECOM: "wecom:USERID",
}
_MAIL: Final = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s<>,;\".]+\Z")
_NAMED: Final = {
    ContactKind.TELEGRAM: re.compile(r"[1-9][0-9]{0,18}\Z"),
    ContactKind.WECHAT: re.compile(r"[A-Za-z0-9_\-]{20,40}\Z"),
    ContactKind.WECOM: re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-@.]{0,63}\Z"),
}
_MAINLAND: Final = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})\Z")
_ABROAD: Final = re.compile(r"\+(?!86)[1-9][0-9]{6,14}\Z")
_GAPS: Final = re.compile(r"(?<=[0-9])[ \-](?=[0-9])")
_IN_TEXT: Final = {
    ContactKind.PHONE: re.compile(r"(?<![0-9+])(?:(?:\+|00)?86[ \-]?)?1[3-9][0-9](?:[ \-]?[0-9]{4}){2}(?![0-9])|(?<![0-9+])\+(?!86)[1-9][0-9]{6,14}(?![0-9])"),
    ContactKind.TELEGRAM: re.compile(r"(?<![A-Za-z0-9])telegram:[0-9]+(?![A-Za-z0-9])"),
    ContactKind.WECHAT: re.compile(r"(?<![A-Za-z0-9])wechat:[A-Za-z0-9_\-]+"),
    ContactKind.WECOM: re.compile(r"(?<![A-Za-z0-9])wecom:[A-Za-z0-9][A-Za-z0-9_\-@.]*"),
}  # fmt: skip


def kind_of(contact: str) -> ContactKind | None:
    """The kind of one contact as an order keeps it; by its looks alone, cheap."""
    if ":" not in contact:
        if "@" in contact:
            return ContactKind.EMAIL
        return ContactKind.PHONE if contact.startswith("+") else None
    word = contact.partition(":")[0]
    return next((kind for kind in _NAMED if kind.value == word), None)


def normal(text: str) -> str:
    """One contact in its one writing. Raises ValueError, whose text holds no part of it."""
    plain = unicodedata.normalize("NFKC", text).strip()
    word, colon, rest = plain.partition(":")
    named = next((kind for kind in _NAMED if colon and kind.value == word.strip().lower()), None)
    if named is not None and _NAMED[named].match(rest.strip()):
        return f"{named.value}:{rest.strip()}"
    if named is None and _MAIL.match(plain) and plain.isascii() and plain.isprintable() and len(plain) <= 254:
        return plain
    digits = _GAPS.sub("", plain)
    if (mainland := _MAINLAND.match(digits)) is not None:
        return f"+86{mainland[1]}"
    if _ABROAD.match(digits):
        return digits
    raise ValueError("not a contact that is known")


def many(text: str) -> str:
    """One contact or several of different kinds, between ``,`` or ``;``, as an order keeps them. Raises ValueError."""
    found = [normal(part) for part in re.split(r"[,;,;]", text) if part.strip()]
    if not found or len({kind_of(one) for one in found}) != len(found):
        raise ValueError("one contact, or several of different kinds")
    return " ".join(found)


def part(contact: str, kinds: Collection[ContactKind]) -> str:
    """The one of an order's contacts that is of one of these kinds, "" without one. No kinds: nothing is needed."""
    if " " not in contact:
        return contact if contact and kind_of(contact) in kinds else ""
    return next((one for one in contact.split(" ") if kind_of(one) in kinds), "")


def address(contact: str, kinds: Collection[ContactKind]) -> str:
    """As a channel takes it: without the word of its kind where the channel knows only that kind."""
    word, colon, rest = contact.partition(":")
    return rest if colon and len(kinds) == 1 and word in kinds else contact


def gathered(contact: str, text: str, kinds: Iterable[ContactKind]) -> str:
    """What an order keeps for a shop that can use these kinds: what the platform gave, else what the buyer wrote.

    Of each kind the one that is given; of a kind that is written twice in two ways, none. E-mail addresses in a text are
    the connectors' affair: they know of all places where another one may stand.
    """
    found = []
    for kind in sorted(kinds):
        one = _given(contact, kind) or _written(text, kind)
        if one:
            found.append(one)
    return " ".join(found)


def _given(contact: str, kind: ContactKind) -> str:
    for words in (contact, *contact.split(" ")):  # a number may be written with gaps, several contacts stand with gaps
        try:
            one = normal(words)
        except ValueError:
            continue
        if kind_of(one) is kind:
            return one
    return ""


def _written(text: str, kind: ContactKind) -> str:
    if kind not in _IN_TEXT:
        return ""
    plain = unicodedata.normalize("NFKC", text)
    found = set()
    for hit in _IN_TEXT[kind].findall(plain):
        try:
            found.add(normal(hit))
        except ValueError:
            return ""
    one = found.pop() if len(found) == 1 else ""
    return one if kind_of(one) is kind else ""


def mask(contact: str) -> str:
    """Enough to recognise, too little to write to: ``ab***@example.org``, ``+86138****00``, ``telegram:12***``."""
    return " ".join(_mask(one) for one in contact.split(" ")) if contact else ""


def _mask(one: str) -> str:
    kind = kind_of(one)
    if kind is ContactKind.EMAIL:
        name, _, host = one.partition("@")
        return f"{name[: 2 if len(name) > 3 else 1]}***@{host}"
    if kind is ContactKind.PHONE:
        return f"{one[: 6 if one.startswith('+86') else 4]}****{one[-2:]}"
    word, colon, rest = one.partition(":")
    if kind is not None and colon:
        return f"{word}:{rest[: 2 if len(rest) > 3 else 1]}***"
    return one[:2] + "***" if one else ""
