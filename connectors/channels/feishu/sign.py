"""Feishu robot's signature (facts: C2)."""

import base64

from connectors.signing import hmac_sha256, key_of


def sign(seconds: int | str, secret: str) -> str:
    """Base64 of HMAC-SHA256 over nothing, keyed by UTC seconds, a line break, the secret. Raises ValueError."""
    key_of(secret, "the robot's secret")
    return base64.b64encode(hmac_sha256(f"{seconds}\n{secret}", b"")).decode()
