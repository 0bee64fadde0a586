"""Shopify's webhook signature (facts: A7). No time is signed: repeats are told by the event's id, not here."""

import base64
from collections.abc import Mapping

from connectors.signing import header, hmac_sha256, key_of, same


def sign(body: bytes, secret: str) -> str:
    """Base64 of HMAC-SHA256 over the raw body; ``secret`` is the app's client secret. Raises ValueError."""
    return base64.b64encode(hmac_sha256(key_of(secret, "the client secret"), body)).decode()


def verify(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether a webhook is Shopify's for this app."""
    return bool(secret.strip()) and same(sign(body, secret), header(headers, "x-shopify-hmac-sha256"))
