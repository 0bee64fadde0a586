"""Xiaohongshu's signatures (facts: Xiaohongshu 6.1 and 6.5). Neither covers the body.

So a push is a hint to read the order again, and calls rest on TLS.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from connectors.signing import Seen, fresh, header, key_of, md5, never, same

WINDOW: Final = 600  # seconds; the platform names none, this is our own


def sign(method: str, app_id: str, timestamp: str, version: str, secret: str) -> str:
    """Lower-case hex MD5 for a call; token and business parameters are not covered. Raises ValueError."""
    key_of(secret, "the app secret")
    return md5(f"{method}?appId={app_id}&timestamp={timestamp}&version={version}{secret}")


def sign_push(url: str, app_key: str, timestamp: str, secret: str) -> str:
    """Lower-case hex MD5 of our own address's path and query with key and time. Raises ValueError."""
    key_of(secret, "the app secret")
    parts = urlsplit(url)
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), ("app-key", app_key), ("timestamp", timestamp)]
    return md5(f"{parts.path}?{'&'.join(f'{name}={value}' for name, value in sorted(pairs))}{secret}")


def verify_push(headers: Mapping[str, str], url: str, app_key: str, secret: str, now: int, seen: Seen = never) -> bool:
    """Whether a push to ``url`` is the platform's, for this app, and recent. ``now`` in UTC seconds."""
    stamp, given = header(headers, "timestamp"), header(headers, "sign")
    if not secret.strip() or header(headers, "app-key") != app_key or not fresh(stamp, now, WINDOW) or seen(given):
        return False
    return same(sign_push(url, app_key, stamp, secret), given)
