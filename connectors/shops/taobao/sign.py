"""TOP and TMC signatures (facts: TOP transport and sign; checked against vectors of published SDKs).

``hmac-sha256`` is listed by the platform; its shape is that of ``hmac`` by analogy and no vector has shown it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

METHODS: Final = ("md5", "hmac", "hmac-sha256")


def sign(params: Mapping[str, str], secret: str, method: str = "md5") -> str:
    """Upper-case hex over all parameters but ``sign``, keys in ASCII order, names and values run together.

    ``md5`` wraps the text in the secret; ``hmac`` is HMAC-MD5 with the secret as key alone. Raises ValueError for
    another method or an empty secret, with which anyone could sign.
    """
    if not secret:
        raise ValueError("the app secret is empty")
    text = "".join(f"{key}{params[key]}" for key in sorted(params) if key != "sign")
    if method == "md5":
        digest = hashlib.md5(f"{secret}{text}{secret}".encode(), usedforsecurity=False).hexdigest()
    elif method == "hmac":
        digest = hmac.new(secret.encode(), text.encode(), hashlib.md5).hexdigest()
    elif method == "hmac-sha256":
        digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    else:
        raise ValueError(f"sign_method must be one of {', '.join(METHODS)}, not {method!r}")
    return digest.upper()


def tmc(app_key: str, group: str, millis: int | str, secret: str) -> str:
    """The handshake of the message socket (TMC): MD5 over three fields, time in milliseconds. Raises ValueError."""
    return sign({"app_key": app_key, "group_name": group, "timestamp": str(millis)}, secret)
