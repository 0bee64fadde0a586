"""WooCommerce's webhook signature, and OAuth 1.0a for shops on plain HTTP (facts: A8)."""

import base64
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from connectors.signing import header, hmac_sha256, key_of, same

# What wp_specialchars_decode(…, ENT_QUOTES) knows, and nothing else: other entities of a secret stay as they are.
_ENTITIES: Final = {
    **dict.fromkeys(("&amp;", "&#038;", "&#x26;"), "&"),
    **dict.fromkeys(("&lt;", "&#060;", "&#x3c;"), "<"),
    **dict.fromkeys(("&gt;", "&#062;", "&#x3e;"), ">"),
    **dict.fromkeys(("&quot;", "&#034;", "&#x22;"), '"'),
    **dict.fromkeys(("&#039;", "&#x27;"), "'"),
}
_ENTITY: Final = re.compile("|".join(map(re.escape, _ENTITIES)))


def sign(body: bytes, secret: str) -> str:
    """Base64 of HMAC-SHA256 over the raw body, the secret freed of HTML entities once. Raises ValueError."""
    key = _ENTITY.sub(lambda found: _ENTITIES[found.group()], key_of(secret, "the webhook secret"))
    return base64.b64encode(hmac_sha256(key, body)).decode()


def verify(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether a webhook is this shop's. No time is signed: repeats are told by the delivery id and the order."""
    return bool(secret.strip()) and same(sign(body, secret), header(headers, "x-wc-webhook-signature"))


def signed_url(url: str, method: str, key: str, secret: str, timestamp: int | str, nonce: str) -> str:
    """``url`` with its query re-encoded and the five parameters of OAuth 1.0a (HMAC-SHA256). Raises ValueError.

    Only for plain HTTP; over HTTPS Basic authentication is used. Time in UTC seconds.
    """
    key_of(secret, "the consumer secret")
    base, parts = url.partition("?")[0], urlsplit(url)
    pairs = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("oauth_consumer_key", key),
        ("oauth_timestamp", str(timestamp)),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA256"),
    ]
    coded = sorted((_code(name), _code(value)) for name, value in pairs)
    text = "&".join((method.upper(), _code(base), _code("&".join(f"{name}={value}" for name, value in coded))))
    signature = base64.b64encode(hmac_sha256(secret + "&", text)).decode()
    return f"{base}?{urlencode([*pairs, ('oauth_signature', signature)])}"


def _code(text: str) -> str:
    return quote(text, safe="")
