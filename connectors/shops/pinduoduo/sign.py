"""Pinduoduo's signature (facts: Pinduoduo transport and sign; checked against vectors of a published SDK)."""

import hashlib
from collections.abc import Mapping


def sign(params: Mapping[str, str], secret: str) -> str:
    """Upper-case hex MD5 of secret, all parameters but ``sign`` in ASCII order of their names, secret.

    Nested values must be JSON text already, exactly as they will be sent. Raises ValueError for an empty secret.
    """
    if not secret:
        raise ValueError("the client secret is empty")
    text = "".join(f"{key}{params[key]}" for key in sorted(params) if key != "sign")
    return hashlib.md5(f"{secret}{text}{secret}".encode(), usedforsecurity=False).hexdigest().upper()
