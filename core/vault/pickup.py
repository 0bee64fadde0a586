"""Pick-up links: nothing is stored; a link is the intent's number with a MAC of it under a key of the vault's.

A link holds 63 bits that number the intent to send and 128 bits that nobody can guess or make without the master key.
Letters and digits alone, so that no messenger cuts it: some drop a ``-`` or ``_`` at a link's end. 33 of them, within
the 35 that SMS templates allow a variable.
"""

import hmac
import string
from typing import Final

from core.vault.keyring import Keyring

LENGTH: Final = 33
_MAC: Final = 16  # bytes
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUE: Final = {char: value for value, char in enumerate(_ALPHABET)}


class PickupLinks:
    """Makes links under ``url`` (without a trailing slash) and reads their codes."""

    __slots__ = ("_key", "_url")

    def __init__(self, keyring: Keyring, url: str) -> None:
        self._key, self._url = keyring.link_key, url.rstrip("/")

    def __repr__(self) -> str:
        return f"PickupLinks({self._url!r})"

    def link(self, intent: int) -> str:
        """The buyer's own link to what this intent delivers. A secret: whoever has it may have the keys."""
        return f"{self._url}/{self.code(intent)}"

    def code(self, intent: int) -> str:
        """The part behind the last slash."""
        number = int.from_bytes(intent.to_bytes(8) + self._mac(intent))
        digits = []
        for _ in range(LENGTH):
            number, digit = divmod(number, 62)
            digits.append(_ALPHABET[digit])
        return "".join(reversed(digits))

    def read(self, code: str) -> int | None:
        """The intent, or None for what we did not make. Takes the same time for every code of the right form."""
        if len(code) != LENGTH or any(char not in _VALUE for char in code):
            return None
        number = 0
        for char in code:
            number = number * 62 + _VALUE[char]
        whole = (number & (1 << 192) - 1).to_bytes(24)
        intent = int.from_bytes(whole[:8])
        good = hmac.compare_digest(self._mac(intent), whole[8:])
        return intent if good and not number >> 191 else None

    def _mac(self, intent: int) -> bytes:
        return hmac.digest(self._key, b"pickup/1|" + intent.to_bytes(8), "sha256")[:_MAC]
