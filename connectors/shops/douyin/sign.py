"""Douyin's signatures: calls, calls that Douyin makes to the merchant (SPI), push (facts: Douyin 3.1, 3.3, 3.5)."""

import json
from collections.abc import Mapping
from typing import Final

from connectors.signing import Seen, beijing, fresh, header, hmac_sha256, key_of, md5, never, run_together, same

METHODS: Final = ("hmac-sha256", "md5")
WINDOW: Final = 600  # seconds; Douyin names none for SPI, this is our own


class _Number(str):
    """A number as it was written: 1.0 must not become 1, nor 1e3 become 1000.0."""


def canonical(param_json: str) -> str:
    """The JSON text that is signed and sent: keys in order at every depth, no blanks, no escaping of what needs none.

    Raises ValueError when it is not JSON.
    """
    return _text(json.loads(param_json or "{}", parse_float=_Number, parse_int=_Number))


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(str(key))}:{_text(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_text(item) for item in value) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def sign(
    app_key: str,
    method: str,
    param_json: str,
    timestamp: str,
    secret: str,
    v: str = "2",
    how: str = "hmac-sha256",
    exact: bool = False,
) -> str:
    """Lower-case hex for a call. ``method`` is the path with dots; the body must be ``canonical(param_json)``.

    ``exact``: ``param_json`` is signed, and must be sent, as it is. Access token and sign method are not covered.
    Raises ValueError.
    """
    text = param_json if exact else canonical(param_json)
    return _sign(
        {"app_key": app_key, "method": method, "param_json": text, "timestamp": timestamp, "v": v}, secret, how
    )


def sign_spi(app_key: str, param_json: str, timestamp: str, secret: str, how: str, exact: bool = False) -> str:
    """Lower-case hex for a call from Douyin: neither method nor version is covered. Raises ValueError."""
    text = param_json if exact else canonical(param_json)
    return _sign({"app_key": app_key, "param_json": text, "timestamp": timestamp}, secret, how)


def _sign(parts: Mapping[str, str], secret: str, how: str) -> str:
    key_of(secret, "the app secret")
    text = secret + run_together(parts) + secret
    if how == "hmac-sha256":
        return hmac_sha256(secret, text).hex()
    if how == "md5":
        return md5(text)
    raise ValueError(f"sign_method must be one of {', '.join(METHODS)}, not {how!r}")


def verify_spi(query: Mapping[str, str], param_json: str, secret: str, now: int, seen: Seen = never) -> bool:
    """Whether Douyin made this call lately. ``query``: app_key, timestamp, sign, sign_method (md5 when missing)."""
    stamp, given = query.get("timestamp", ""), query.get("sign", "")
    at = beijing(stamp, "%Y-%m-%d %H:%M:%S")
    if not secret.strip() or not fresh(stamp if at is None else at, now, WINDOW) or seen(given):
        return False
    app, how = query.get("app_key", ""), query.get("sign_method", "md5")
    try:
        # Douyin's own kits put the keys in order before they sign; the text as it came is no less vouched for.
        made = [sign_spi(app, param_json, stamp, secret, how, exact) for exact in (False, True)]
    except ValueError:
        return False
    return sum(same(one, given) for one in made) > 0


def sign_push(app_key: str, body: bytes, secret: str) -> str:
    """Lower-case hex of a push over its raw body. Raises ValueError."""
    return md5(app_key.encode() + body + key_of(secret, "the app secret").encode())


def verify_push(headers: Mapping[str, str], body: bytes, app_key: str, secret: str) -> bool:
    """Whether a push is Douyin's and for this app. No time is signed: repeats are told by ``msg_id``."""
    if not secret.strip() or header(headers, "app-id") != app_key:
        return False
    return same(sign_push(app_key, body, secret), header(headers, "event-sign"))
