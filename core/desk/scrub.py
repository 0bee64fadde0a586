"""Takes the keys of orders out of text that leaves the core: a platform may echo them, a person may have noted one."""

import base64
import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import quote

from core.desk.reads import Reads
from core.store.tx import as_json
from core.vault.pickup import LENGTH
from core.vault.seal import KeyRow

Opener = Callable[[KeyRow], str]  # gives the plain key; raises when the vault cannot
IsLink = Callable[[str], bool]  # whether a word is the code of a pick-up link of ours
REMOVED = "[removed]"
KEYS = (
    "SELECT k.id, k.product, k.batch, k.sealed, coalesce(b.dek, x'') FROM key k LEFT JOIN batch b ON b.id = k.batch "
    "WHERE k.order_id IN (SELECT value FROM json_each(?))"
)
_PART = re.compile(r"[\s,;|:\uff1a]+|-{3,}")
_GAPS = re.compile(r"[\s-]+")
_CODE = re.compile(rf"(?<![0-9A-Za-z])[0-9A-Za-z]{{{LENGTH}}}(?![0-9A-Za-z])")
_GAP = r"(?:[\s\-_.+]|%2[0dD])*+"  # however somebody groups a key
_SHORTEST = 6  # shorter pieces are words and years as often as secrets


class Scrub:
    """Replaces every writing of the given secrets, and codes of pick-up links, which are as good as the keys behind them.

    A secret counts whole, with other gaps or none, each longer part of it, and as base64 or percent-encoded.
    """

    def __init__(self, secrets: Iterable[str] = (), is_link: IsLink | None = None) -> None:
        self._is_link = is_link
        found = {piece for secret in secrets for piece in _writings(secret)}
        longest_first = sorted(found, key=len, reverse=True)
        self._pattern = re.compile("|".join(longest_first), re.IGNORECASE) if found else None

    def text(self, text: str) -> str:
        """The text without them."""
        if self._pattern is not None:
            text = self._pattern.sub(REMOVED, text)
        if self._is_link is not None and len(text) >= LENGTH:
            text = _CODE.sub(self._link, text)
        return text

    def _link(self, word: "re.Match[str]") -> str:
        return REMOVED if self._is_link is not None and self._is_link(word[0]) else word[0]

    def value(self, value: Any) -> Any:
        """The same for whatever JSON holds, names included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(name)): self.value(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, int) and not isinstance(value, bool) and self._pattern is not None:
            return REMOVED if self._pattern.fullmatch(str(value)) else value
        return value


def _writings(secret: str) -> Iterable[str]:
    """Patterns."""
    whole = secret.strip()
    for piece in (whole, *_PART.split(whole)):
        if len(piece) >= _SHORTEST or (piece == whole and len(piece) >= 4):
            yield re.escape(piece)
            data = piece.encode()
            yield re.escape(base64.b64encode(data).decode().rstrip("="))
            yield re.escape(base64.urlsafe_b64encode(data).decode().rstrip("="))
            yield re.escape(quote(piece, safe=""))
    bare = _GAPS.sub("", whole)
    if len(bare) >= _SHORTEST:
        yield _GAP.join(map(re.escape, bare))


async def scrub_of(reads: Reads, orders: Sequence[int], opener: Opener | None, is_link: IsLink | None = None) -> Scrub:
    """A scrub of the keys that are or were bound to these orders. A key that cannot be opened cannot be looked for; nor
    could anybody have read it."""
    secrets: list[str] = []
    if opener is not None and orders:
        for row in await reads.all(KEYS, (as_json(orders),)):
            with contextlib.suppress(Exception):  # the audit says what is wrong with it
                secrets.append(opener(KeyRow._make(row)))
    return Scrub(secrets, is_link)
