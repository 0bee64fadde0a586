"""RSA keys of the world's providers and merchants, and the line of sorted fields that most of them sign."""

import base64
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_PAD, _HASH = padding.PKCS1v15(), SHA256()


class Seal:
    """One party's key. Made anew in every world: nothing that is signed here is ever to be made again."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)

    def sign(self, text: str | bytes) -> str:
        """Base64 of SHA256withRSA."""
        data = text if isinstance(text, bytes) else text.encode()
        return base64.b64encode(self._key.sign(data, _PAD, _HASH)).decode()

    def check(self, text: str | bytes, signature: str) -> bool:
        """Whether this party signed the text."""
        data = text if isinstance(text, bytes) else text.encode()
        try:
            self._key.public_key().verify(base64.b64decode(signature, validate=True), data, _PAD, _HASH)
        except (InvalidSignature, ValueError):
            return False
        return True

    def private(self) -> str:
        """PEM, for the party itself."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def public(self) -> str:
        """PEM, for the other side."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def line(fields: Mapping[str, str], *left_out: str) -> str:
    """``a=1&b=2``: sorted, without empty values and what is left out."""
    return "&".join(f"{k}={fields[k]}" for k in sorted(fields) if k not in left_out and fields[k] != "")
