"""Pinduoduo's signatures (facts: Pinduoduo transport and sign, message service; checked against published SDKs)."""

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import quote


def sign(params: Mapping[str, str], secret: str) -> str:
    """Upper-case hex MD5 of secret, all parameters but ``sign`` in ASCII order of their names, secret.

    Nested values must be JSON text already, exactly as they will be sent. Raises ValueError for an empty secret.
    """
    if not secret:
        raise ValueError("the client secret is empty")
    text = "".join(f"{key}{params[key]}" for key in sorted(params) if key != "sign")
    return hashlib.md5(f"{secret}{text}{secret}".encode(), usedforsecurity=False).hexdigest().upper()


def pmc(client_id: str, millis: int | str, secret: str) -> str:
    """The message socket's digest: base64 of the lower-case hex text of an MD5. Raises ValueError."""
    if not secret:
        raise ValueError("the client secret is empty")
    digest = hashlib.md5(f"{client_id}{millis}{secret}".encode(), usedforsecurity=False).hexdigest()
    return base64.b64encode(digest.encode()).decode()


def pmc_path(client_id: str, millis: int | str, secret: str) -> str:
    """Path of the message socket, the digest url-encoded. Raises ValueError."""
    return f"/message/{quote(client_id, safe='')}/{millis}/{quote(pmc(client_id, millis, secret), safe='')}"
