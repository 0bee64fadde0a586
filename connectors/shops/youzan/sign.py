"""Youzan's signatures (facts: A1). Today's calls carry a token and no signature; only the push is signed."""

from collections.abc import Mapping

from connectors.signing import header, key_of, md5, run_together, same


def sign_push(client_id: str, body: bytes, secret: str) -> str:
    """Lower-case hex MD5 of client id, raw body, client secret. Raises ValueError."""
    return md5(client_id.encode() + body + key_of(secret, "the client secret").encode())


def verify_push(headers: Mapping[str, str], body: bytes, client_id: str, secret: str) -> bool:
    """Whether a push is Youzan's. No time is signed: repeats are told by ``msg_id``, old ones by ``version``."""
    return bool(secret.strip()) and same(sign_push(client_id, body, secret), header(headers, "event-sign"))


def sign_legacy(params: Mapping[str, str], secret: str) -> str:
    """The gateway of 2016 (kdt.*): lower-case hex MD5 of secret, names and values, secret. Raises ValueError."""
    key_of(secret, "the app secret")
    return md5(secret + run_together(params) + secret)
