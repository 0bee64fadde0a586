"""WeChat's secure callback: its signature and its cipher (facts: A3). The shop and official accounts share it."""

import base64
import hashlib
import os
from collections.abc import Mapping

from connectors import aes
from connectors.signing import Seen, fresh, key_of, never, same

_BLOCK = 32
WINDOW = 600  # seconds; WeChat names none, this is our own


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Lower-case hex SHA-1 of the four texts in order. Raises ValueError for a blank token."""
    key_of(token, "the callback token")
    text = "".join(sorted((token, timestamp, nonce, encrypted)))
    return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def verify(query: Mapping[str, str], encrypted: str, token: str, now: int | None = None, seen: Seen = never) -> bool:
    """Whether WeChat sent ``Encrypt``; ``now`` (UTC seconds) makes its age count, ``seen`` is asked for the nonce."""
    stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    if not token.strip() or seen(nonce) or (now is not None and not fresh(stamp, now, WINDOW)):
        return False
    return same(sign(token, stamp, nonce, encrypted), query.get("msg_signature", ""))


def _key(encoding_key: str) -> bytes:
    try:
        key = base64.b64decode(encoding_key + "=", validate=True)  # its spare bits are anything
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError("the EncodingAESKey is not 43 letters and digits")
    return key


def seal(text: str, encoding_key: str, app_id: str, start: bytes | None = None) -> str:
    """``Encrypt`` for a message; ``start`` are 16 random bytes, made here unless given. Raises ValueError."""
    key, data = _key(encoding_key), text.encode()
    plain = (start or os.urandom(16)) + len(data).to_bytes(4, "big") + data + app_id.encode()
    return base64.b64encode(aes.seal(key, plain, key[:16], _BLOCK)).decode()


def unseal(encrypted: str, encoding_key: str, app_id: str) -> str:
    """The message inside ``Encrypt``, if it is for this app. Raises ValueError."""
    key = _key(encoding_key)
    plain = aes.unseal(key, aes.raw(encrypted), key[:16], _BLOCK)
    size = int.from_bytes(plain[16:20], "big")
    if len(plain) < 20 or plain[20 + size :] != app_id.encode():
        raise aes.Unopened
    try:
        return plain[20 : 20 + size].decode()
    except UnicodeDecodeError:
        raise aes.Unopened from None
