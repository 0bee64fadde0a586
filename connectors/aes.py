"""AES as the platforms use it: CBC, ECB and GCM, text in base64. Pure; keys are bytes of 16, 24 or 32."""

import base64
import binascii
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK: Final = 16


class Unopened(ValueError):
    """A cipher text that does not open. Always the same words: what exactly was wrong helps only an attacker."""

    def __init__(self) -> None:
        super().__init__("the cipher text does not open with this key")


def raw(text: str) -> bytes:
    """From base64, line breaks allowed, but no second spelling of the same bytes. Raises Unopened."""
    text = "".join(text.split())
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Unopened from None
    if base64.b64encode(data).decode() != text:
        raise Unopened
    return data


def pad(data: bytes, block: int = BLOCK) -> bytes:
    """PKCS #7; ``block`` is 16, or 32 where a platform counts so."""
    short = block - len(data) % block
    return data + bytes([short]) * short


def unpad(data: bytes, block: int = BLOCK) -> bytes:
    """Raises Unopened when the padding is not one that ``pad`` makes."""
    short = data[-1] if data else 0
    if not 1 <= short <= block or data[-short:] != bytes([short]) * short:
        raise Unopened
    return data[:-short]


def seal(key: bytes, data: bytes, iv: bytes | None, block: int = BLOCK) -> bytes:
    """CBC with ``iv``, ECB without. Raises ValueError for a key or iv of a wrong length."""
    work = Cipher(algorithms.AES(key), modes.ECB() if iv is None else modes.CBC(iv)).encryptor()  # noqa: S305
    return work.update(pad(data, block)) + work.finalize()


def unseal(key: bytes, data: bytes, iv: bytes | None, block: int = BLOCK) -> bytes:
    """The reverse. Raises Unopened, or ValueError for a key or iv of a wrong length."""
    work = Cipher(algorithms.AES(key), modes.ECB() if iv is None else modes.CBC(iv)).decryptor()  # noqa: S305
    if not data or len(data) % BLOCK:
        raise Unopened
    return unpad(work.update(data) + work.finalize(), block)


def gcm_unseal(key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes:
    """GCM with the tag at the end and ``bound`` as associated data. Raises Unopened."""
    try:
        return AESGCM(key).decrypt(nonce, data, bound)
    except (InvalidTag, ValueError):
        raise Unopened from None


def gcm_seal(key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes:
    """The reverse. Raises ValueError for a key or nonce of a wrong length."""
    return AESGCM(key).encrypt(nonce, data, bound)
