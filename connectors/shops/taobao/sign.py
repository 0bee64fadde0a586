"""TOP signatures (facts: TOP transport and sign; checked against vectors of two published SDKs)."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

METHODS: Final = ("md5", "hmac")


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
    else:
        raise ValueError(f"sign_method must be one of {', '.join(METHODS)}, not {method!r}")
    return digest.upper()
