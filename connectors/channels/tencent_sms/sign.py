"""Tencent Cloud's TC3-HMAC-SHA256 (facts: C2; reproduces the sample of its documentation)."""

import hashlib
from datetime import UTC, datetime
from typing import Final

from connectors.signing import hmac_sha256, key_of

KIND: Final = "TC3-HMAC-SHA256"


def signature(
    method: str, host: str, content_type: str, body: bytes, timestamp: int, service: str, secret: str, query: str = ""
) -> str:
    """Lower-case hex over method, path ``/``, query, content-type, host and body; time in UTC seconds.

    Raises ValueError for a blank secret.
    """
    key_of(secret, "the secret key")
    request = "\n".join(
        (method, "/", query, f"content-type:{content_type}\nhost:{host}\n", "content-type;host", _digest(body))
    )
    day = _day(timestamp)
    text = "\n".join((KIND, str(timestamp), f"{day}/{service}/tc3_request", _digest(request.encode())))
    key: str | bytes = "TC3" + secret
    for part in (day, service, "tc3_request"):
        key = hmac_sha256(key, part)
    return hmac_sha256(key, text).hex()


def sign(
    method: str,
    host: str,
    content_type: str,
    body: bytes,
    timestamp: int,
    key_id: str,
    secret: str,
    service: str = "",
    query: str = "",
) -> str:
    """The Authorization header; ``service`` is the host's first label unless given. Raises ValueError."""
    service = service or host.partition(".")[0]
    made = signature(method, host, content_type, body, timestamp, service, secret, query)
    scope = f"{_day(timestamp)}/{service}/tc3_request"
    return f"{KIND} Credential={key_id}/{scope}, SignedHeaders=content-type;host, Signature={made}"


def _day(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
