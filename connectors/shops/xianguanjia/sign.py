"""Xianguanjia's signatures: open platform, and the protocol in which it calls the merchant (facts: A5).

Both reproduce the samples of its documentation. Time is signed in seconds and good for five minutes.
"""

from collections.abc import Mapping
from typing import Final

from connectors.signing import Seen, fresh, key_of, md5, never, same

WINDOW: Final = 300  # seconds


def sign(body: bytes, timestamp: int | str, app_key: str, secret: str, seller: str = "") -> str:
    """Lower-case hex for a call, or a push, of the open platform. ``body`` as sent, ``{}`` when empty.

    ``seller`` where a service provider acts for a shop. Raises ValueError.
    """
    key_of(secret, "the app secret")
    parts = [app_key, md5(body), str(timestamp), *([seller] if seller else []), secret]
    return md5(",".join(parts))


def verify(query: Mapping[str, str], body: bytes, app_key: str, secret: str, now: int, seen: Seen = never) -> bool:
    """Whether a push is the platform's, for this app, and recent. ``now`` in UTC seconds."""
    stamp, given = query.get("timestamp", ""), query.get("sign", "")
    if not secret.strip() or query.get("appid", app_key) != app_key or not fresh(stamp, now, WINDOW) or seen(given):
        return False
    return same(sign(body, stamp, app_key, secret, query.get("seller_id", "")), given)


def sign_supply(body: bytes, timestamp: int | str, app: tuple[str, str], merchant: tuple[str, str]) -> str:
    """Lower-case hex for virtual supply. ``app`` and ``merchant``: id and secret each. Raises ValueError."""
    key_of(app[1], "the app secret")
    key_of(merchant[1], "the merchant secret")
    return md5(",".join((app[0], app[1], md5(body), str(timestamp), merchant[0], merchant[1])))


def verify_supply(
    query: Mapping[str, str],
    body: bytes,
    app: tuple[str, str],
    merchant: tuple[str, str],
    now: int,
    seen: Seen = never,
) -> bool:
    """Whether the platform calls us, for this merchant, and recently (its own code for stale is 408)."""
    stamp, given = query.get("timestamp", ""), query.get("sign", "")
    if not (app[1].strip() and merchant[1].strip()) or query.get("mch_id") != merchant[0]:
        return False
    return fresh(stamp, now, WINDOW) and not seen(given) and same(sign_supply(body, stamp, app, merchant), given)
