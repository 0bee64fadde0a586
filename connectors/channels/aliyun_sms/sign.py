"""Alibaba Cloud's ACS3-HMAC-SHA256 (facts: C2; reproduces the sample of its documentation)."""

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from connectors.signing import hmac_sha256, key_of

KIND: Final = "ACS3-HMAC-SHA256"


def query_text(query: Mapping[str, str]) -> str:
    """The query string that is signed and must be sent as it is: in order, RFC 3986 encoded."""
    return "&".join(f"{_code(name)}={_code(query[name])}" for name in sorted(query))


def sign(
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
    key_id: str,
    secret: str,
) -> str:
    """The Authorization header over host, content-type and all ``x-acs-`` headers.

    ``x-acs-content-sha256`` must be among them. Raises ValueError when it is missing or not the body's.
    """
    key_of(secret, "the access key secret")
    digest = hashlib.sha256(body).hexdigest()
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    if lower.get("x-acs-content-sha256") != digest:
        raise ValueError("x-acs-content-sha256 is not the digest of the body")
    covered = {k: lower[k] for k in sorted(lower) if k in ("host", "content-type") or k.startswith("x-acs-")}
    names = ";".join(covered)
    lines = "".join(f"{name}:{value}\n" for name, value in covered.items())
    request = "\n".join((method, quote(path, safe="/~"), query_text(query), lines, names, digest))
    signature = hmac_sha256(secret, f"{KIND}\n{hashlib.sha256(request.encode()).hexdigest()}").hex()
    return f"{KIND} Credential={key_id},SignedHeaders={names},Signature={signature}"


def _code(text: str) -> str:
    return quote(text, safe="")
