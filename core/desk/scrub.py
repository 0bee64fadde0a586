"""Takes the keys of orders out of text that leaves the core: a platform may echo them, a person may have noted one."""

import base64
import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import quote

from core.desk.reads import Reads
from core.store.tx import as_json
from core.vault.seal import KeyRow

Opener = Callable[[KeyRow], str]  # gives the plain key; raises when the vault cannot
REMOVED = "[removed]"
KEYS = (
    "SELECT k.id, k.product, k.batch, k.sealed, coalesce(b.dek, x'') FROM key k LEFT JOIN batch b ON b.id = k.batch "
    "WHERE k.order_id IN (SELECT value FROM json_each(?))"
)
_PART = re.compile(r"[\s,;|:\uff1a]+|-{3,}")
_GAPS = re.compile(r"[\s-]+")
_GAP = r"(?:[\s\-_.+]|%2[0dD])*+"  # however somebody groups a key
_SHORTEST = 6  # shorter pieces are words and years as often as secrets


class Scrub:
    """Replaces every writing of the given secrets: whole, with other gaps or none, each longer part, and as base64 or
    percent-encoded."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        found = {piece for secret in secrets for piece in _writings(secret)}
        longest_first = sorted(found, key=len, reverse=True)
        self._pattern = re.compile("|".join(longest_first), re.IGNORECASE) if found else None

    def text(self, text: str) -> str:
        """The text without them."""
        return self._pattern.sub(REMOVED, text) if self._pattern is not None else text

    def value(self, value: Any) -> Any:
        """The same for whatever JSON holds, names included."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(name)): self.value(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10 ** (_SHORTEST - 1):
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


async def scrub_of(reads: Reads, orders: Sequence[int], opener: Opener | None, more: Iterable[str] = ()) -> Scrub:
    """A scrub of the keys that are or were bound to these orders, and of ``more``. A key that cannot be opened cannot
    be looked for; nor could anybody have read it."""
    secrets = list(more)
    if opener is None or not orders:
        return Scrub(secrets)
    for row in await reads.all(KEYS, (as_json(orders),)):
        with contextlib.suppress(Exception):  # the audit says what is wrong with it
            secrets.append(opener(KeyRow._make(row)))
    return Scrub(secrets)
