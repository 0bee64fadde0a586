"""Epay's signatures: MD5 (v1) and RSA with a time (v2) (facts: B1, B2).

The MD5 key is shared with the gateway and often leaks there: a notice alone must never release a key.
"""

from collections.abc import Mapping
from typing import Final

from connectors import rsa
from connectors.signing import Seen, fresh, joined, key_of, md5, never, same

WINDOW: Final = 300  # seconds, v2 alone
_OUT: Final = ("sign", "sign_type")


def text(params: Mapping[str, str]) -> str:
    """What is signed: sorted, without ``sign``, ``sign_type`` and empty values."""
    return joined(params, _OUT, empty=False)


def sign(params: Mapping[str, str], key: str) -> str:
    """v1: lower-case hex MD5, the key appended bare. Raises ValueError."""
    return md5(text(params) + key_of(key, "the merchant key"))


def verify(params: Mapping[str, str], key: str, order: str | None = None, seen: Seen = never) -> bool:
    """v1: whether a notice is the gateway's, for ``order`` where one is given. No time is signed."""
    if not key.strip() or not _about(params, order) or seen(params.get("sign", "")):
        return False
    return same(sign(params, key), params.get("sign", ""))


def sign_rsa(params: Mapping[str, str], private_key: str) -> str:
    """v2: base64 of SHA256withRSA. Raises ValueError for a key that is none."""
    return rsa.sign(private_key, text(params))


def verify_rsa(
    params: Mapping[str, str], public_key: str, now: int, order: str | None = None, seen: Seen = never
) -> bool:
    """v2: the same with the gateway's public key, and recent. Raises ValueError for a key that is none."""
    if not _about(params, order) or not fresh(params.get("timestamp", ""), now, WINDOW) or seen(params.get("sign", "")):
        return False
    return rsa.verify(public_key, text(params), params.get("sign", ""))


def _about(params: Mapping[str, str], order: str | None) -> bool:
    return order is None or params.get("out_trade_no") == order
