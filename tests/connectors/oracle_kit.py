"""What the tests against vendors' own SDKs share: key pairs and texts of any kind."""

from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import settings
from hypothesis import strategies as st

FEW = settings(max_examples=40)
# No half of a surrogate pair: no SDK can encode it. What ours does with one is in test_signing.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
WORDS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=1, max_size=40)
STAMPS = st.integers(1_500_000_000, 4_000_000_000)


@cache
def pair(which: int = 0) -> tuple[str, str]:
    """A private key (PKCS #8) and its public key, as PEM; another ``which``, another pair."""
    key = generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
