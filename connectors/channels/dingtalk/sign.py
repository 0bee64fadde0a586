"""DingTalk robot's signature (facts: C2)."""

import base64
from urllib.parse import urlencode

from connectors.signing import hmac_sha256, key_of


def sign(millis: int | str, secret: str) -> str:
    """Base64 of HMAC-SHA256 over time in milliseconds, a line break, the secret. Raises ValueError."""
    return base64.b64encode(hmac_sha256(key_of(secret, "the robot's secret"), f"{millis}\n{secret}")).decode()


def query_text(millis: int | str, secret: str) -> str:
    """``timestamp=…&sign=…`` for the webhook's address, url-encoded. Raises ValueError."""
    return urlencode({"timestamp": str(millis), "sign": sign(millis, secret)})
