"""One call to JD's open platform, its token, and what its error answers mean (facts: JD 4.1)."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, Reply
from connectors.shops.base import PlatformFailure
from connectors.shops.jd.sign import sign
from connectors.tokens import Pair, Tokens
from core.model.clock import Clock, to_text
from core.model.text import clean

T = TypeVar("T")
HEADERS: Final = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"}
_LIMIT, _TOKEN = "2", "19"
# Turned away by the gateway: version, timestamp, signature, method, app key, permission.
_ROUTER: Final = frozenset({"4", "5", "7", "8", "11", "12", "14", "15", "21", "24", "2001"})


class _Error(Struct):
    code: str | int
    zh_desc: str | None = None
    en_desc: str | None = None


class _Code(Struct):
    code: str | int = "0"


class _Token(Struct):
    access_token: str = ""
    refresh_token: str | None = None
    code: str | int = 0
    msg: str | None = None


class JosFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, expired, dead (token), router (refused before the business saw it), refused (by the business), service
    (its own trouble, outcome unknown), garbled (not understood, unknown as well). ``wait`` in seconds.
    """


class Jos:
    """Builds signed requests and opens answers. Holds the app's credentials; its repr does not show them.

    ``oauth``: where tokens are renewed, without the last part of the path.
    """

    def __init__(self, url: str, oauth: str, app_key: str, secret: str, tokens: Tokens, clock: Clock) -> None:
        self.url, self.tokens = url, tokens
        self._oauth, self._app_key, self._secret, self._clock = oauth.rstrip("/"), app_key, secret, clock
        sign({}, secret)  # refuses an empty secret at start, not at the first order

    def __repr__(self) -> str:
        return f"Jos({self.url!r})"

    def body(self, method: str, params: Mapping[str, Any]) -> bytes:
        """The form of one signed call, stamped with the time of now (JD allows six minutes either way)."""
        form = {
            "method": method,
            "app_key": self._app_key,
            "access_token": self.tokens.access,
            "timestamp": to_text(self._clock()),
            "v": "2.0",
            "format": "json",
            "360buy_param_json": msgspec.json.encode(params).decode(),
        }
        form["sign"] = sign(form, self._secret)
        return urlencode(form).encode()

    def open(self, reply: Reply, method: str) -> msgspec.Raw:
        """The object that answers ``method``. Raises JosFailure for an error answer and for anything unreadable."""
        if reply.status == 429:
            raise JosFailure("rate", "429", "HTTP 429", reply.retry_after())
        if reply.status != 200:
            raise JosFailure("service", str(reply.status), f"HTTP {reply.status}")
        try:
            parts = msgspec.json.decode(reply.body, type=dict[str, msgspec.Raw])
            if "error_response" in parts:
                raise _failure(msgspec.json.decode(parts["error_response"], type=_Error))
            name = method.replace(".", "_")
            found = parts.get(f"{name}_responce", parts.get(f"{name}_response"))  # JD's own spelling first
            if found is None:
                raise JosFailure("garbled", message="answer lacks what was asked for")
            code = str(msgspec.json.decode(found, type=_Code).code)
        except UNREADABLE:
            raise JosFailure("garbled", message="answer is not the JSON that was expected") from None
        if code != "0":
            raise _failure(_Error(code))
        return found

    async def renew(self, used: str, http: Http) -> None:
        """Replace the access token ``used``, once for all callers that were refused with it.

        Raises JosFailure when JD refuses, HttpFailure when no answer came. JD renews in a token's last day; one that
        has been refused before its time is not renewed, and the shop has to be authorised again.
        """
        if not self.tokens.renewable:
            raise JosFailure("dead", message="the token has ended and no refresh token is configured")

        async def exchange(refresh: str) -> Pair:
            form = {
                "app_key": self._app_key,
                "app_secret": self._secret,
                "grant_type": "refresh_token",
                "refresh_token": refresh,
            }
            reply = await http.get(f"{self._oauth}/refresh_token?{urlencode(form)}")
            if reply.status == 429 or reply.status >= 500:
                raise JosFailure("rate", str(reply.status), "token not renewed", reply.retry_after() or 1.0)
            try:
                token = msgspec.json.decode(reply.body, type=_Token)
            except UNREADABLE:
                raise JosFailure("garbled", message="token answer not understood") from None
            if str(token.code) != "0" or not token.access_token:
                raise JosFailure("dead", clean(str(token.code), 20), clean(token.msg or "", 200))
            return Pair(token.access_token, token.refresh_token or "")

        await self.tokens.renew(used, exchange)


def _failure(error: _Error) -> JosFailure:
    code = clean(str(error.code), 20)
    message = clean(error.zh_desc or error.en_desc or "", 200)
    if code == _LIMIT:
        return JosFailure("rate", code, message)
    if code == _TOKEN:
        return JosFailure("expired", code, message)
    return JosFailure("router" if code in _ROUTER else "service", code, message)
