"""Sealing: AES-256-GCM, a data key a batch, wrapped by the keyring; a seal is bound to key id, product, version."""

import hashlib
import hmac
import os
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.vault.keyring import Keyring, VaultError

VERSION = 1
NONCE = 12  # bytes, random; a batch has at most 200,000 seals, far below the 2**32 that random nonces allow
PRINT = 16  # bytes: at 10**9 keys the chance of two different keys sharing a print is below 10**-20
_OPEN_BATCHES = 256


class KeyRow(NamedTuple):
    """What opening a key needs: columns of ``key`` joined with its ``batch``."""

    id: int
    product: str
    batch: int
    sealed: bytes
    dek: bytes


class BatchSeal:
    """Seals the keys of one new batch. ``dek`` is the wrapped data key that the batch row keeps."""

    __slots__ = ("_cipher", "_product", "dek")

    def __init__(self, wrapper: AESGCM, batch: int, product: str) -> None:
        data_key = AESGCM.generate_key(256)
        nonce = os.urandom(NONCE)
        self.dek = bytes([VERSION]) + nonce + wrapper.encrypt(nonce, data_key, _batch_aad(batch, product))
        self._cipher, self._product = AESGCM(data_key), product

    def seal(self, key_id: int, text: str) -> bytes:
        """version | nonce | ciphertext and tag."""
        nonce = os.urandom(NONCE)
        return bytes([VERSION]) + nonce + self._cipher.encrypt(nonce, text.encode(), _key_aad(key_id, self._product))


class Vault:
    """Opens and seals with one keyring. Safe for several threads: ciphers hold no state, the cache is only a cache."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self._wrapper = AESGCM(keyring.wrap_key)
        self._print = hmac.new(keyring.index_key, digestmod=hashlib.sha256)
        self._open: OrderedDict[tuple[int, bytes], AESGCM] = OrderedDict()

    def new_batch(self, batch: int, product: str) -> BatchSeal:
        """A fresh data key for a batch of this id and product."""
        return BatchSeal(self._wrapper, batch, product)

    def open_key(self, row: KeyRow) -> str:
        """The plain key. Raises VaultError naming the row when the seal does not belong there, or was changed."""
        cipher = self._batch_cipher(row)
        sealed = bytes(row.sealed)
        if not sealed or sealed[0] != VERSION:
            raise VaultError(f"key {row.id}: sealed in a format that this version does not know")
        nonce, body = sealed[1 : 1 + NONCE], sealed[1 + NONCE :]
        try:
            return cipher.decrypt(nonce, body, _key_aad(row.id, row.product)).decode()
        except (InvalidTag, ValueError):
            raise VaultError(
                f"key {row.id} (batch {row.batch}): the seal does not fit this row; the row was changed or swapped. "
                "Nothing is sent; run keydesk audit"
            ) from None

    def print_of(self, product: str, text: str) -> bytes:
        """The blind index: equal for equal keys of a product (after NFKC and trimming), useless without the keyring."""
        return self.prints(product, (text,))[0]

    def prints(self, product: str, texts: Iterable[str]) -> list[bytes]:
        """``print_of`` for many keys of one product; 100,000 in about a third of a second."""
        start = self._print.copy()
        start.update(product.encode() + b"\0")
        out: list[bytes] = []
        for text in texts:
            mac = start.copy()
            mac.update(normal(text).encode())
            out.append(mac.digest()[:PRINT])
        return out

    def _batch_cipher(self, row: KeyRow) -> AESGCM:
        wrapped = bytes(row.dek)
        cached = self._open.get((row.batch, wrapped))
        if cached is not None:
            return cached
        if not wrapped or wrapped[0] != VERSION:
            raise VaultError(f"batch {row.batch}: wrapped in a format that this version does not know")
        try:
            data_key = self._wrapper.decrypt(
                wrapped[1 : 1 + NONCE], wrapped[1 + NONCE :], _batch_aad(row.batch, row.product)
            )
        except (InvalidTag, ValueError):
            raise VaultError(
                f"batch {row.batch}: cannot be opened with this master key (mark {self.keyring.mark}); either the key "
                "is another one, or the batch row was changed"
            ) from None
        cipher = AESGCM(data_key)
        self._open[(row.batch, wrapped)] = cipher
        while len(self._open) > _OPEN_BATCHES:
            self._open.popitem(last=False)
        return cipher


def normal(text: str) -> str:
    """The form in which two keys count as the same: NFKC, without surrounding white space. Case matters."""
    return text.strip() if text.isascii() else unicodedata.normalize("NFKC", text).strip()


def mask(text: str) -> str:
    """What a screen or log may show: ``AB12-****-78M``. At most 4 characters of 8, 7 of 20 and longer, none of 3.

    The stars always number four, so that the length is not told.
    """
    core = text.strip()
    length = len(core)
    if length < 4:
        return "****"
    if length < 8:
        head, tail = 1, 0
    elif length < 12:
        head, tail = 2, 2
    else:
        head, tail = (4, 3) if length >= 20 else (2, 2)
    shown = core[:head].rstrip("-") + "-****"
    return f"{shown}-{core[-tail:].lstrip('-')}" if tail else shown


def _key_aad(key_id: int, product: str) -> bytes:
    return f"key|{key_id}|{product}|{VERSION}".encode()


def _batch_aad(batch: int, product: str) -> bytes:
    return f"batch|{batch}|{product}|{VERSION}".encode()
