"""What signatures of all platforms have in common: text of parameters, digests, comparing, age.

A scheme itself lives with its platform. MD5 appears because the platforms prescribe it, not because it is thought safe.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta, timezone
from typing import Final

BEIJING: Final = timezone(timedelta(hours=8))
Seen = Callable[[str], bool]  # whether a message with this mark has been handled already


def never(mark: str) -> bool:
    """No message has been handled: for protocols and places that drop repeats elsewhere."""
    return False


def key_of(secret: str, what: str = "the secret") -> str:
    """The secret, unless it is blank: with a blank one anyone could sign. Raises ValueError."""
    if not secret.strip():
        raise ValueError(f"{what} is empty")
    return secret


def md5(text: str | bytes) -> str:
    """Lower-case hex."""
    return hashlib.md5(_bytes(text), usedforsecurity=False).hexdigest()


def hmac_sha256(key: str | bytes, text: str | bytes) -> bytes:
    """Raw digest."""
    return hmac.new(_bytes(key), _bytes(text), hashlib.sha256).digest()


def _bytes(text: str | bytes) -> bytes:
    # Half of a surrogate pair gets in by JSON; it must fail to verify, not break the verifier.
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def chosen(params: Mapping[str, str], leave_out: Collection[str], empty: bool) -> list[tuple[str, str]]:
    """Pairs in ASCII order of their names, without ``leave_out`` and, unless ``empty``, without empty values."""
    return [(name, params[name]) for name in sorted(params) if name not in leave_out and (empty or params[name] != "")]


def run_together(params: Mapping[str, str], leave_out: Collection[str] = ("sign",), empty: bool = True) -> str:
    """``k1v1k2v2``."""
    return "".join(name + value for name, value in chosen(params, leave_out, empty))


def joined(params: Mapping[str, str], leave_out: Collection[str] = ("sign",), empty: bool = True) -> str:
    """``k1=v1&k2=v2``, values as they are, not url-encoded."""
    return "&".join(f"{name}={value}" for name, value in chosen(params, leave_out, empty))


def same(made: str, given: str) -> bool:
    """Compared in constant time; an empty signature equals nothing."""
    return bool(given) and hmac.compare_digest(_bytes(made), _bytes(given))


def header(headers: Mapping[str, str], name: str) -> str:
    """A header whatever its case; empty when it is missing."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def fresh(stamp: str | int, now: int, window: int) -> bool:
    """Whether a time in UTC seconds is near ``now``, either way: one from the future is no better than an old one."""
    text = str(stamp)
    return text.isascii() and text.isdigit() and len(text) <= 12 and abs(now - int(text)) <= window


def beijing(text: str, form: str) -> int | None:
    """UTC seconds of a time of day in Beijing; None when it is not of that form."""
    try:
        return int(datetime.strptime(text, form).replace(tzinfo=BEIJING).timestamp())
    except ValueError:
        return None
