"""What may go out by which channel: the pick-up contract, and texts kept harmless and whole.

The pick-up contract, for every channel that must not carry keys (SMS above all): the core puts the buyer's own https
link into ``Call.pickup``; what follows its last ``/``, ``=`` or ``#`` is the pick-up code. A channel sends that link or
code. Without a link nothing is sent ("no pick-up page is configured"), and whatever a channel is about to send is
searched for the keys of the call first.
"""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from core.model.effects import Call
from core.model.text import clean

CARRIES: Final = ("pickup", "keys")
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LINK: Final = re.compile(r"https?://[!-~]{1,400}\Z")
_CODE: Final = re.compile(r"[A-Za-z0-9_\-]{4,64}\Z")
# Control characters and text direction: no messenger carries them whole. A tab and a line end are text.
_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SPLIT: Final = re.compile(r"\s+|-{3,}|[|,;]")


class Unsendable(Exception):
    """This message may not go this way. The text says why to a person and never holds a part of the message."""


class Pickup(Struct, frozen=True):
    """Where the buyer fetches the keys. ``code`` is "" when the link ends in none."""

    link: str
    code: str

    def __repr__(self) -> str:
        return "Pickup(***)"


class Rule(Struct, frozen=True):
    """What one provider makes of a plain text: its limit, how that is counted, and what it would read as markup."""

    where: str
    limit: int
    count: Callable[[str], int]
    markup: re.Pattern[str] | None = None
    unit: str = "bytes"


def utf8(text: str) -> int:
    """Length in bytes of UTF-8."""
    return len(text.encode())


def utf16(text: str) -> int:
    """Length in UTF-16 code units, as Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def parts_of(call: Call) -> tuple[str, ...]:
    """Each key of the call, and each piece of six characters or more of a key made of several, case folded."""
    found: set[str] = set()
    for slot in call.slots:
        secret = slot.secret.strip().casefold()
        found.update(part for part in (secret, *(p for p in _SPLIT.split(secret) if len(p) >= 6)) if part)
    return tuple(found)


def guard(call: Call, *pieces: str) -> None:
    """Raise Unsendable when a key of the call, or a piece of one, is in what is about to be sent."""
    parts = parts_of(call)
    for piece in pieces:
        for text in (piece.casefold(), unquote(piece).casefold()):
            if any(part in text for part in parts):
                raise Unsendable("the message would hold a key, which this channel must not carry")


def pickup_of(call: Call) -> Pickup:
    """The pick-up link and code of the call. Raises Unsendable."""
    link = call.pickup
    if not link:
        raise Unsendable("no pick-up page is configured")
    local = urlsplit(link).hostname in _LOCAL if _LINK.match(link) else False
    if not _LINK.match(link) or not (link.startswith("https://") or local):
        raise Unsendable("the pick-up link is not a plain https address")
    guard(call, link)
    code = re.split(r"[/=#]", link)[-1]
    return Pickup(link, code if _CODE.match(code) else "")


def body_of(call: Call, carries: str, rule: Rule) -> str:
    """The text to the buyer: the whole message with its keys, or the subject and the pick-up link.

    A text that would not arrive as it stands is not sent. Raises Unsendable.
    """
    if carries == "keys":
        text = _with_keys(call, rule)
    else:
        subject = _tame(clean(call.subject, 200), rule)
        link = pickup_of(call).link
        guard(call, subject)
        text = f"{subject}\n{link}" if subject else link
    size = rule.count(text)
    if size > rule.limit:
        raise Unsendable(f"the message has {size} {rule.unit}; {rule.where} takes {rule.limit}")
    return text


def alert_of(title: str, text: str, rule: Rule) -> str:
    """Title and text of an alert as one harmless plain text, cut to the provider's limit."""
    whole = _tame(f"{clean(title, 200)}\n{clean(text, 4000, lines=True)}".strip(), rule)
    if rule.count(whole) <= rule.limit:
        return whole
    low, high = 0, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if rule.count(whole[:middle]) <= rule.limit - 4 else (low, middle - 1)
    return whole[:low] + "…"


def _with_keys(call: Call, rule: Rule) -> str:
    if not call.text or not call.slots:
        raise Unsendable("there is no message with keys to send")
    for slot in call.slots:
        if _CONTROL.search(slot.secret):
            raise Unsendable(f"a key holds control characters, which {rule.where} does not carry whole")
        if rule.markup is not None and rule.markup.search(slot.secret):
            raise Unsendable(f"a key holds what {rule.where} reads as markup; send it another way")
    # No key holds any of what is replaced here, so every key stays byte for byte.
    return _tame(_CONTROL.sub("\ufffd", call.text), rule)


def _tame(text: str, rule: Rule) -> str:
    return text if rule.markup is None else rule.markup.sub(lambda hit: "＜" + hit[0][1:], text)
