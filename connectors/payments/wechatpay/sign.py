"""WeChat Pay API v3: signatures of requests and notices, and the cipher inside a notice (facts: B1)."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from connectors import aes, rsa
from connectors.signing import Seen, fresh, header, never

WINDOW: Final = 300  # seconds
KIND: Final = "WECHATPAY2-SHA256-RSA2048"


def authorization(
    method: str, path: str, body: str, timestamp: int | str, nonce: str, merchant: str, serial: str, private_key: str
) -> str:
    """The header of a request. ``path`` with its query, ``body`` as sent. Raises ValueError for a key that is none."""
    signature = rsa.sign(private_key, request_text(method, path, body, timestamp, nonce))
    return (
        f'{KIND} mchid="{merchant}",nonce_str="{nonce}",signature="{signature}",timestamp="{timestamp}",'
        f'serial_no="{serial}"'
    )


def request_text(method: str, path: str, body: str, timestamp: int | str, nonce: str) -> str:
    """What a request's signature covers."""
    return f"{method}\n{path}\n{timestamp}\n{nonce}\n{body}\n"


def verify(headers: Mapping[str, str], body: bytes, keys: Mapping[str, str], now: int, seen: Seen = never) -> bool:
    """Whether WeChat Pay signed this body lately; for notices and for answers.

    ``keys``: public keys or certificates by serial, a fixed list: an unknown serial is refused and nothing is
    fetched for it. ``seen`` is asked for the nonce. Raises ValueError for a key that is none.
    """
    stamp, nonce = header(headers, "wechatpay-timestamp"), header(headers, "wechatpay-nonce")
    key = keys.get(header(headers, "wechatpay-serial"))
    if key is None or not fresh(stamp, now, WINDOW) or seen(nonce):
        return False
    if header(headers, "wechatpay-signature-type") not in ("", KIND):
        return False
    text = f"{stamp}\n{nonce}\n".encode("utf-8", "replace") + body + b"\n"
    return rsa.verify(key, text, header(headers, "wechatpay-signature"))


def unseal(resource: Mapping[str, Any], api_key: str) -> str:
    """The JSON text inside a notice's ``resource``. ``api_key``: the APIv3 key of 32 letters. Raises ValueError."""
    if resource.get("algorithm") != "AEAD_AES_256_GCM":
        raise aes.Unopened
    nonce, bound = str(resource.get("nonce", "")), str(resource.get("associated_data") or "")
    data = aes.raw(str(resource.get("ciphertext", "")))
    try:
        return aes.gcm_unseal(api_key.encode(), nonce.encode(), data, bound.encode()).decode()
    except UnicodeDecodeError:
        raise aes.Unopened from None


def open_notice(body: bytes, api_key: str, order: str | None = None) -> str:
    """The JSON text inside a verified notice, if it is about ``order`` where one is given. Raises ValueError."""
    try:
        resource = msgspec.json.decode(body, type=dict[str, Any])["resource"]
        text = unseal(resource, api_key)
        about = msgspec.json.decode(text, type=dict[str, Any]).get("out_trade_no")
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError, RecursionError):
        raise ValueError("the notice is not one of WeChat Pay") from None
    if order is not None and about != order:
        raise ValueError("the notice is about another order")
    return text


def seal(text: str, api_key: str, nonce: str, bound: str) -> str:
    """``ciphertext`` as WeChat Pay makes it. Raises ValueError."""
    return base64.b64encode(aes.gcm_seal(api_key.encode(), nonce.encode(), text.encode(), bound.encode())).decode()
