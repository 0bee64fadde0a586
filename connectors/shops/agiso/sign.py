"""Agiso's signatures (facts: A4). The push covers ``json`` and ``timestamp`` alone: kind and shop are not vouched for."""

from collections.abc import Mapping
from typing import Final

from connectors.signing import Seen, fresh, key_of, md5, never, run_together, same

WINDOW: Final = 600  # seconds: what Agiso grants calls; it names none for its push


def sign(params: Mapping[str, str], secret: str) -> str:
    """Lower-case hex MD5 of secret, names and values in ASCII order, secret; time in seconds. Raises ValueError."""
    key_of(secret, "the app secret")
    return md5(secret + run_together(params) + secret)


def sign_push(text: str, timestamp: str, secret: str) -> str:
    """Lower-case hex for a push whose form field ``json`` is ``text``. Raises ValueError."""
    return sign({"json": text, "timestamp": timestamp}, secret)


def verify_push(query: Mapping[str, str], text: str, secret: str, now: int | None = None, seen: Seen = never) -> bool:
    """Whether a push is Agiso's; hex of either case. ``now`` (UTC seconds) makes its age count."""
    stamp, given = query.get("timestamp", ""), query.get("sign", "").lower()
    if not secret.strip() or seen(given) or (now is not None and not fresh(stamp, now, WINDOW)):
        return False
    return same(sign_push(text, stamp, secret), given)
