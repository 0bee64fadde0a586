"""dujiao-next's signature for calls upstream and callbacks (facts: A10). The query string is not covered."""

from collections.abc import Mapping
from typing import Final

from connectors.signing import Seen, fresh, header, hmac_sha256, key_of, md5, never, same

WINDOW: Final = 60  # seconds, the server's own


def sign(method: str, path: str, timestamp: int | str, body: bytes, secret: str) -> str:
    """Lower-case hex HMAC-SHA256 of method, path without query, UTC seconds, MD5 of the body. Raises ValueError."""
    return hmac_sha256(key_of(secret, "the api secret"), f"{method}\n{path}\n{timestamp}\n{md5(body)}").hex()


def verify(
    headers: Mapping[str, str], method: str, path: str, body: bytes, secret: str, now: int, seen: Seen = never
) -> bool:
    """Whether a call or callback is signed by the other side and recent. ``now`` in UTC seconds."""
    stamp = header(headers, "dujiao-next-timestamp")
    given = header(headers, "dujiao-next-signature")
    if not secret.strip() or not fresh(stamp, now, WINDOW) or seen(given):
        return False
    return same(sign(method, path, stamp, body, secret), given)
