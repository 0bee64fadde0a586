"""One call to ark's single address, its token, and what its error answers mean (facts: Xiaohongshu 6.1 and 6.4).

The platform publishes codes for parameters (-2000400), orders of another merchant (-2000101) and its own trouble
(-2000500), but none for signatures, tokens or limits. Tokens are therefore renewed by the clock; codes that a merchant
has met on a live shop can be named in the settings.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure, Reply
from connectors.shops.base import PlatformFailure
from connectors.shops.xiaohongshu.sign import sign
from connectors.tokens import Pair, Tokens
from core.model.clock import SECOND, Clock
from core.model.text import clean

log = logging.getLogger(__name__)
VERSION: Final = "2.0"
HEADERS: Final = {"content-type": "application/json;charset=utf-8"}
_REFUSED: Final = frozenset({-2000400, -2000101})
_SERVICE: Final = frozenset({-2000500})
# A token is exchanged only in its last 30 minutes; before that the same one comes back, with its end.
_EARLY: Final = 25 * 60
_AGAIN: Final = 60
_NONE: Final = msgspec.Raw(b"null")


class _Envelope(Struct):
    success: bool
    error_code: int
    error_msg: str | None = None
    data: msgspec.Raw = _NONE


class _Nested(Struct):
    """The newer after-sale methods put an answer of their own into ``data``."""

    success: bool
    code: int
    msg: str | None = None
    data: msgspec.Raw = _NONE


class _Token(Struct, rename="camel"):
    access_token: str
    access_token_expires_at: int  # Unix milliseconds
    refresh_token: str | None = None


class ArkFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, expired, dead (token), refused (known code), unnamed (a code nobody has explained), service (its own
    trouble, outcome unknown), garbled (not understood, unknown as well). ``wait`` in seconds.
    """

    code_name = "error_code"
    passing = frozenset({"service"})


class Ark:
    """Signs, sends and opens. Holds the credentials; its repr does not show them.

    ``token_codes`` and ``rate_codes``: error codes of an ended token and of a limit, as far as the merchant knows them.
    """

    def __init__(
        self,
        url: str,
        app_id: str,
        secret: str,
        tokens: Tokens,
        clock: Clock,
        token_codes: Collection[int] = (),
        rate_codes: Collection[int] = (),
    ) -> None:
        self.url, self.app_id, self.tokens = url, app_id, tokens
        self._secret, self._clock = secret, clock
        self._codes = dict.fromkeys(rate_codes, "rate") | dict.fromkeys(token_codes, "expired")
        self._codes |= dict.fromkeys(_REFUSED, "refused") | dict.fromkeys(_SERVICE, "service")
        self._look_at = 0  # UTC seconds when the token's end is to be looked at again
        self._looking = asyncio.Lock()
        sign("", app_id, "0", VERSION, secret)  # refuses an empty secret at start

    def __repr__(self) -> str:
        return f"Ark({self.url!r})"

    def body(self, method: str, params: Mapping[str, Any]) -> bytes:
        """One signed call, stamped with the time of now in seconds."""
        stamp = str(self._clock() // SECOND)
        call: dict[str, Any] = {
            "method": method,
            "appId": self.app_id,
            "timestamp": stamp,
            "version": VERSION,
            "sign": sign(method, self.app_id, stamp, VERSION, self._secret),
            **params,
        }
        if "refreshToken" not in params:
            call["accessToken"] = self.tokens.access
        return msgspec.json.encode(call)

    def open(self, reply: Reply) -> msgspec.Raw:
        """What the call brought. Raises ArkFailure for an error answer and for anything unreadable."""
        if reply.status == 429:
            raise ArkFailure("rate", 429, "HTTP 429", reply.retry_after())
        if reply.status != 200:
            raise ArkFailure("service", reply.status, f"HTTP {reply.status}")
        try:
            answer = msgspec.json.decode(reply.body, type=_Envelope)
        except UNREADABLE:
            raise ArkFailure("garbled", message="answer is not the JSON that was expected") from None
        return self._good(answer.success, answer.error_code, answer.error_msg, answer.data)

    def open_nested(self, data: msgspec.Raw) -> msgspec.Raw:
        """The same for the answer within ``data``."""
        try:
            answer = msgspec.json.decode(data, type=_Nested)
        except UNREADABLE as exc:
            raise ArkFailure("garbled", message=f"inner answer: {exc}") from None
        return self._good(answer.success, answer.code, answer.msg, answer.data)

    def _good(self, success: bool, code: int, message: str | None, data: msgspec.Raw) -> msgspec.Raw:
        if success and code == 0:
            return data
        if success or code == 0:
            # An answer that contradicts itself proves neither.
            raise ArkFailure("garbled", code, "success and error_code contradict each other")
        raise ArkFailure(self._codes.get(code, "unnamed"), code, clean(message or "", 200))

    async def look_after(self, http: Http) -> None:
        """Exchange the token near its end, once for all callers. Its failures are left to the calls that follow."""
        if not self.tokens.renewable or self._now() < self._look_at:
            return
        async with self._looking:
            if self._now() < self._look_at:
                return
            self._look_at = self._now() + _AGAIN
            try:
                await self.renew(self.tokens.access, http)
            except (HttpFailure, ArkFailure) as failure:
                log.warning("the token's end is not known: %s", failure.kind)

    async def renew(self, used: str, http: Http) -> None:
        """Replace the access token ``used``, once for all callers that were refused with it.

        Raises ArkFailure when the platform refuses, HttpFailure when no answer came.
        """
        if not self.tokens.renewable:
            raise ArkFailure("dead", message="no refresh token is configured")

        async def exchange(refresh: str) -> Pair:
            reply = await http.post(self.url, self.body("oauth.refreshToken", {"refreshToken": refresh}), HEADERS)
            try:
                token = msgspec.json.decode(self.open(reply), type=_Token)
            except UNREADABLE:
                raise ArkFailure("garbled", message="token answer not understood") from None
            if not token.access_token:
                raise ArkFailure("dead", message="an empty token came back")
            self._look_at = max(token.access_token_expires_at // 1000 - _EARLY, self._now() + _AGAIN)
            return Pair(token.access_token, token.refresh_token or "")

        await self.tokens.renew(used, exchange)

    def _now(self) -> int:
        return self._clock() // SECOND
