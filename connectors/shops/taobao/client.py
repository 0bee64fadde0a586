"""One call to the TOP router, and what its error answers mean (facts: TOP errors)."""

import re
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, Reply
from connectors.shops.base import PlatformFailure
from connectors.shops.taobao.sign import sign
from connectors.tokens import Pair, Tokens
from core.model.clock import Clock, to_text
from core.model.text import clean

_SECONDS = re.compile(r"(\d{1,5})\s*(?:more\s+)?(?:s\b|second|秒)")
# Codes whose request never reached the business behind the router.
_ROUTER_REFUSED: Final = frozenset({21, 22, 23, 24, 25, 28, 29, 30, 31, 32, 33, 34, 40, 41, 43, 11, 12, 13, 42})


class _Error(Struct):
    code: int
    msg: str = ""
    sub_code: str = ""
    sub_msg: str = ""


class _Renewed(Struct):
    token_result: str


class _Token(Struct):
    access_token: str
    refresh_token: str | None = None


class TopFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, expired, dead (session), router (refused before the business saw it), isv (refused by it), isp (its own trouble, so
    the outcome is unknown), garbled (not understood, unknown as well). ``wait`` in seconds, from a rate answer.
    """

    final = "isv"
    ended = "the session has ended"

    def evidence(self) -> dict[str, str | int | float | bool | None]:
        """For an Outcome."""
        return {self.code_name: self.code, "sub_code": self.sub}


class Top:
    """Builds signed requests and opens answers. Holds the app's credentials; its repr does not show them."""

    def __init__(
        self, url: str, app_key: str, secret: str, tokens: Tokens, clock: Clock, sign_method: str = "md5"
    ) -> None:
        self.url, self.tokens = url, tokens
        self._app_key, self._secret = app_key, secret
        self._clock, self._method = clock, sign_method
        sign({}, secret, sign_method)  # refuses an empty secret and an unknown method at start, not at the first order

    def __repr__(self) -> str:
        return f"Top({self.url!r})"

    headers: Final = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"}

    def body(self, method: str, params: dict[str, str]) -> bytes:
        """The form of one signed call, stamped with the time of now (TOP allows ten minutes either way)."""
        form = {
            "method": method,
            "app_key": self._app_key,
            "timestamp": to_text(self._clock()),
            "format": "json",
            "v": "2.0",
            "sign_method": self._method,
            **params,
        }
        if "refresh_token" not in params:
            form["session"] = self.tokens.access
        form["sign"] = sign(form, self._secret, self._method)
        return urlencode(form).encode()

    def open(self, reply: Reply, key: str) -> msgspec.Raw:
        """The object under ``key``. Raises TopFailure for an error answer and for anything unreadable."""
        if reply.status == 429:
            raise TopFailure("rate", 429, message="HTTP 429", wait=reply.retry_after())
        if reply.status != 200:
            raise TopFailure("isp", reply.status, message=f"HTTP {reply.status}")
        try:
            parts = msgspec.json.decode(reply.body, type=dict[str, msgspec.Raw])
            if "error_response" in parts:
                raise self._failure(msgspec.json.decode(parts["error_response"], type=_Error))
        except UNREADABLE:
            raise TopFailure("garbled", message="answer is not the JSON that was expected") from None
        if key not in parts:
            raise TopFailure("garbled", message=f"answer lacks {key}")
        return parts[key]

    async def renew(self, used: str, http: Http) -> None:
        """Replace the session ``used``, once for all callers that were refused with it.

        Only apps of the service market get refresh tokens; a session without one lives until its fixed end. Raises
        TopFailure when TOP refuses, HttpFailure when no answer came.
        """
        if not self.tokens.renewable:
            raise TopFailure("dead", message="the session has ended and no refresh token is configured")

        async def exchange(refresh: str) -> Pair:
            body = self.body("taobao.top.auth.token.refresh", {"refresh_token": refresh})
            answer = self.open(await http.post(self.url, body, self.headers), "top_auth_token_refresh_response")
            try:
                # The result is JSON inside a JSON string.
                token = msgspec.json.decode(msgspec.json.decode(answer, type=_Renewed).token_result, type=_Token)
            except UNREADABLE:
                raise TopFailure("garbled", message="token answer not understood") from None
            if not token.access_token:
                raise TopFailure("dead", message="an empty session came back")
            return Pair(token.access_token, token.refresh_token or "")

        await self.tokens.renew(used, exchange)

    @staticmethod
    def _failure(error: _Error) -> TopFailure:
        sub, message = clean(error.sub_code, 100), clean(f"{error.msg} {error.sub_msg}", 200)
        if error.code == 7 or sub.startswith("accesscontrol.limited") or "call-limited" in sub:
            wait = _SECONDS.search(error.sub_msg)
            return TopFailure("rate", error.code, message, float(wait[1]) if wait else None, sub)
        if error.code in (26, 27):
            return TopFailure("expired" if error.code == 27 else "dead", error.code, message, sub=sub)
        if error.code in _ROUTER_REFUSED:
            return TopFailure("router", error.code, message, sub=sub)
        if error.code == 10 or sub.startswith("isp.") or not sub:
            return TopFailure("isp", error.code, message, sub=sub)
        return TopFailure("isv", error.code, message, sub=sub)
