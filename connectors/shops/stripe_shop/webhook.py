"""Stripe-Signature (facts: payments; checked against a vector of Stripe's own SDK)."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

TOLERANCE: Final = 300  # seconds, either way: a stamp from the future is no better than an old one


def sign(body: bytes, secret: str, stamp: int | str) -> str:
    """The header's value for ``body`` sent at ``stamp`` (UTC seconds). Raises ValueError for a blank secret."""
    if not secret.strip():
        raise ValueError("the webhook secret is empty")
    return f"t={stamp},v1={_mac(str(stamp), body, secret)}"


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: int) -> bool:
    """True when one ``v1`` of the header is the HMAC of ``t.body`` and ``t`` is near ``now`` (UTC seconds).

    A blank secret verifies nothing. ``body`` is the raw request body; other schemes than v1 are ignored.
    """
    if not secret.strip():
        return False
    header = next((value for name, value in headers.items() if name.lower() == "stripe-signature"), "")
    parts = [part.partition("=") for part in header.split(",")]
    stamps = [value for key, _, value in parts if key.strip() == "t"]
    given = [value.strip() for key, _, value in parts if key.strip() == "v1"]
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit() and len(stamps[0]) <= 12):
        return False
    if abs(now - int(stamps[0])) > TOLERANCE:
        return False
    wanted = _mac(stamps[0], body, secret).encode()
    # No early way out: each candidate is compared, each in constant time.
    return sum(hmac.compare_digest(wanted, value.encode()) for value in given) > 0


def _mac(stamp: str, body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
