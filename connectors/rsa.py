"""SHA256withRSA (PKCS #1 v1.5) with keys as merchants have them: PEM, a certificate, or the bare base64 of either."""

import base64
import binascii
from functools import lru_cache
from textwrap import wrap

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key


def _pem(text: str, labels: tuple[str, ...]) -> list[bytes]:
    text = text.strip()
    if text.startswith("-----BEGIN "):
        return [text.encode()]
    body = "\n".join(wrap("".join(text.split()), 64))
    return [f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode() for label in labels]


@lru_cache(maxsize=64)
def private_key(text: str) -> RSAPrivateKey:
    """PKCS #8 or PKCS #1. Raises ValueError that does not quote the key."""
    for pem in _pem(text, ("PRIVATE KEY", "RSA PRIVATE KEY")):
        try:
            key = load_pem_private_key(pem, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if isinstance(key, RSAPrivateKey):
            return key
    raise ValueError("not an RSA private key without a password")


@lru_cache(maxsize=64)
def public_key(text: str) -> RSAPublicKey:
    """A public key or a certificate. Raises ValueError."""
    for pem in _pem(text, ("PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE")):
        try:
            found = x509.load_pem_x509_certificate(pem).public_key() if b" CERT" in pem else load_pem_public_key(pem)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if isinstance(found, RSAPublicKey):
            return found
    raise ValueError("not an RSA public key or certificate")


def sign(key: str, text: str) -> str:
    """Base64. Raises ValueError for a key that is none."""
    return base64.b64encode(private_key(key).sign(text.encode(), PKCS1v15(), SHA256())).decode()


def verify(key: str, text: str | bytes, signature: str) -> bool:
    """False for anything but the signature of exactly this text. Raises ValueError for a key that is none."""
    public = public_key(key)
    try:
        given = base64.b64decode(signature.encode(), validate=True)
        public.verify(
            given, text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text, PKCS1v15(), SHA256()
        )
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    # Base64 text has spare bits: two texts may name the same bytes. Only the one that a signer writes is taken.
    return base64.b64encode(given).decode() == signature
