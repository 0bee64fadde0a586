"""Weidian's cipher for buyers' fields (facts: A2). Its calls carry a token and no signature, its push nothing at all."""

import base64
import binascii

from connectors import aes

_BLOCK = 32  # Weidian pads to 32 bytes although AES counts 16


def _key(aes_key: str) -> tuple[bytes, bytes]:
    """Key and iv: the key is the hex, the iv the first bytes of the same text read as base64."""
    try:
        key, iv = bytes.fromhex(aes_key), base64.b64decode(aes_key, validate=True)[:16]
    except (ValueError, binascii.Error):
        raise ValueError("the aesKey is not hex") from None
    if len(key) != 16:
        raise ValueError(f"the aesKey names {len(key)} bytes, not 16")
    return key, iv


def seal(text: str, aes_key: str) -> str:
    """AES-128-CBC as base64. Raises ValueError."""
    key, iv = _key(aes_key)
    return base64.b64encode(aes.seal(key, text.encode(), iv, _BLOCK)).decode()


def unseal(text: str, aes_key: str) -> str:
    """A buyer's field. ``aes_key`` as ``open.secret.list`` gives it. Raises ValueError."""
    key, iv = _key(aes_key)
    try:
        return aes.unseal(key, aes.raw(text), iv, _BLOCK).decode()
    except UnicodeDecodeError:
        raise aes.Unopened from None
