"""JD's signatures and cipher, for its three protocols: open platform (JOS), game cards, general trade (facts: JD 4.1-4.3).

JD names no tolerance for the time in its calls to merchants; repeats are harmless there because orders are kept by
JD's order number. ``now`` makes age count all the same.
"""

import base64
from collections.abc import Mapping
from typing import Final

from connectors import aes
from connectors.signing import Seen, beijing, fresh, joined, key_of, md5, never, run_together, same

WINDOW: Final = 600  # seconds; our own
_STAMP: Final = "%Y%m%d%H%M%S"
_VTP_OUT: Final = ("sign", "signType")


def sign(params: Mapping[str, str], secret: str) -> str:
    """JOS: upper-case hex MD5 of secret, names and values run together in ASCII order, secret. Raises ValueError."""
    key_of(secret, "the app secret")
    return md5(secret + run_together(params, empty=False) + secret).upper()


def sign_gamecard(params: Mapping[str, str], key: str) -> str:
    """Game cards: lower-case hex MD5 of ``k=v&`` for each, then the bare key. Raises ValueError."""
    return md5(joined(params, empty=False) + "&" + key_of(key, "the private key"))


def sign_trade(params: Mapping[str, str], key: str) -> str:
    """General trade: lower-case hex MD5 of names and values run together, then the key. Raises ValueError.

    Encrypted values are signed as they travel, line breaks included.
    """
    return md5(run_together(params, _VTP_OUT, empty=False) + key_of(key, "the private key"))


def verify_gamecard(params: Mapping[str, str], key: str, now: int | None = None, seen: Seen = never) -> bool:
    """Whether JD made this call; the order number is inside ``data``, which is covered."""
    return _near(params, now, seen) and bool(key.strip()) and same(sign_gamecard(params, key), params.get("sign", ""))


def verify_trade(
    params: Mapping[str, str], key: str, now: int | None = None, order: str | None = None, seen: Seen = never
) -> bool:
    """Whether JD made this call, and for ``order`` where one is given."""
    if order is not None and params.get("jdOrderNo") != order:
        return False
    return _near(params, now, seen) and bool(key.strip()) and same(sign_trade(params, key), params.get("sign", ""))


def _near(params: Mapping[str, str], now: int | None, seen: Seen) -> bool:
    if seen(params.get("sign", "")):
        return False
    at = beijing(params.get("timestamp", ""), _STAMP)
    return now is None or (at is not None and fresh(at, now, WINDOW))


def seal(text: str, key: str, lines: bool = False) -> str:
    """AES-ECB as base64; ``lines`` breaks it every 76 characters as JD's own samples do. Raises ValueError."""
    sealed = aes.seal(key.encode(), text.encode(), None)
    return base64.encodebytes(sealed).decode().rstrip("\n") if lines else base64.b64encode(sealed).decode()


def unseal(text: str, key: str) -> str:
    """The reverse, with or without line breaks. Raises ValueError."""
    return _utf8(aes.unseal(key.encode(), aes.raw(text), None))


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise aes.Unopened from None
