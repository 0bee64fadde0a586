"""Kuaishou's signature and the cipher of its push (facts: Kuaishou 5.1 and 5.5).

Three secrets: the app secret (OAuth only), the sign secret (calls), the message key (push).
"""

import base64
from collections.abc import Mapping
from typing import Final

from connectors import aes
from connectors.signing import hmac_sha256, joined, key_of, md5

METHODS: Final = ("MD5", "HMAC_SHA256")
COVERED: Final = ("access_token", "appkey", "method", "param", "signMethod", "timestamp", "version")


def sign(params: Mapping[str, str], secret: str) -> str:
    """Over the seven common parameters; ``signMethod`` chooses: MD5 is lower-case hex, HMAC_SHA256 is base64.

    ``secret`` is the sign secret. Raises ValueError.
    """
    key_of(secret, "the sign secret")
    how = params.get("signMethod", "")
    text = joined({name: params[name] for name in COVERED if name in params}) + "&signSecret=" + secret
    if how == "MD5":
        return md5(text)
    if how == "HMAC_SHA256":
        return base64.b64encode(hmac_sha256(secret, text)).decode()
    raise ValueError(f"signMethod must be one of {', '.join(METHODS)}, not {how!r}")


def _key(key: str) -> bytes:
    try:
        found = base64.b64decode(key, validate=True)
    except ValueError:
        found = b""
    if len(found) not in (16, 24, 32):
        raise ValueError("the message key is not the base64 of 16, 24 or 32 bytes")
    return found


def seal_push(text: str, key: str) -> str:
    """A push body as Kuaishou makes it: AES-CBC with a zero iv. ``key``: the message key in base64. Raises ValueError."""
    return base64.b64encode(aes.seal(_key(key), text.encode(), bytes(16))).decode()


def open_push(body: str, key: str) -> str:
    """The JSON text of a push. There is no other signature: that it opens is the only sign of its origin, a weak one.

    CBC lets a forger turn bits, so what it says is a hint to read the order again. Raises ValueError.
    """
    try:
        return aes.unseal(_key(key), aes.raw(body), bytes(16)).decode()
    except UnicodeDecodeError:
        raise aes.Unopened from None
