"""Alipay's RSA2 (facts: B1). A notice and a request differ: only the request covers ``sign_type``."""

from collections.abc import Mapping

from connectors import rsa
from connectors.signing import Seen, joined, never


def sign(params: Mapping[str, str], private_key: str) -> str:
    """Base64 for a request. Raises ValueError for a key that is none."""
    return rsa.sign(private_key, request_text(params))


def request_text(params: Mapping[str, str]) -> str:
    """What a request's signature covers: all but ``sign`` and empty values."""
    return joined(params, ("sign",), empty=False)


def notice_text(params: Mapping[str, str], empty: bool = False) -> str:
    """What a notice's signature covers, its values url-decoded already."""
    return joined(params, ("sign", "sign_type"), empty)


def verify(params: Mapping[str, str], public_key: str, order: str | None = None, seen: Seen = never) -> bool:
    """Whether Alipay sent this notice, for the merchant's ``order`` where one is given.

    ``public_key`` is Alipay's, not the app's. No age: a notice is repeated for a day; ``seen`` is asked for its
    ``notify_id``. Raises ValueError for a key that is none.
    """
    if params.get("sign_type") != "RSA2" or (order is not None and params.get("out_trade_no") != order):
        return False
    if seen(params.get("notify_id", "")):
        return False
    # Alipay's rule drops empty values, some of its kits keep them; an empty value says nothing either way.
    texts = {notice_text(params), notice_text(params, empty=True)}
    return any(rsa.verify(public_key, text, params.get("sign", "")) for text in texts)
