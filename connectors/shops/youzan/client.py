"""One call to Youzan's gateway, its token, and what its error answers mean (facts: A1).

There is no signature: the token stands in the query, the only place where the gateway takes it. Three envelopes carry
errors, all with HTTP 200: the gateway's, the business's, and that of calls from before 2019.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, Reply
from connectors.shops.base import PlatformFailure
from connectors.signing import key_of
from connectors.tokens import Pair, Tokens
from core.model.text import clean

HEADERS: Final = {"content-type": "application/json"}
_RATE: Final = frozenset({4101, 500100004, 123000042, 141500203})
_EXPIRED: Final = frozenset({4201, 4202, 4203})
# Refused by the gateway: path, content, unknown API, method or address, permission, types of parameters.
_ROUTER: Final = frozenset({4001, 4004, 4005, 4007, 4008, 4009, 4010, 4204, 5001})
_SERVICE: Final = frozenset({-100, 5002, 5003, 106000001, 106000003, 106100118})
_BUSY: Final = frozenset({102510001})  # the same shipment is being made at this moment
# Documented back-off is 3, 6, 12, 24, 48 s; the core's own steps take over after the first.
_WAIT: Final = 3.0
_NONE: Final = msgspec.Raw(b"null")


class _Gateway(Struct):
    err_code: int
    err_msg: str | None = None


class _Old(Struct):
    code: int
    msg: str | None = None


class _Answer(Struct):
    code: int | str | None = None
    success: bool | None = None
    message: str | None = None
    msg: str | None = None
    data: msgspec.Raw = _NONE
    gw_err_resp: _Gateway | None = None
    error_response: _Old | None = None


class _Token(Struct):
    access_token: str
    refresh_token: str | None = None


class YouzanFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, busy, expired, dead (token), router (refused before the business saw it), refused (by the business),
    service (its own trouble, outcome unknown), garbled (not understood, unknown as well). ``wait`` in seconds.
    """

    passing = frozenset({"service"})
    ended = "no token is given any more"


class Youzan:
    """Builds calls and opens answers. Holds the credentials; its repr does not show them.

    A shop's own application ("自用型") gets its tokens for ``kdt_id``, the shop's number, and needs no other; an
    application of the market ("工具型") renews by the refresh token in ``tokens``.
    """

    def __init__(self, url: str, client_id: str, secret: str, kdt_id: str, tokens: Tokens, market: bool) -> None:
        self._base, self.client_id, self.tokens = url.rstrip("/"), client_id, tokens
        self._secret, self._kdt_id, self._market = key_of(secret, "the client secret"), kdt_id, market

    def __repr__(self) -> str:
        return f"Youzan({self._base!r})"

    def url(self, name: str, version: str) -> str:
        """Where a call goes, token included: for the transport alone, never for a log."""
        return f"{self._base}/api/{name}/{version}?access_token={quote(self.tokens.access, safe='')}"

    def open(self, reply: Reply) -> msgspec.Raw:
        """What the call brought. Raises YouzanFailure for an error answer and for anything unreadable."""
        if reply.status == 429:
            raise YouzanFailure("rate", 429, "HTTP 429", reply.retry_after() or _WAIT)
        if reply.status != 200:
            raise YouzanFailure("service", reply.status, f"HTTP {reply.status}")
        try:
            answer = msgspec.json.decode(reply.body, type=_Answer)
        except UNREADABLE:
            raise YouzanFailure("garbled", message="answer is not the JSON that was expected") from None
        if answer.gw_err_resp is not None:
            raise _failure(answer.gw_err_resp.err_code, answer.gw_err_resp.err_msg)
        if answer.error_response is not None:
            raise _failure(answer.error_response.code, answer.error_response.msg)
        code = str(answer.code)
        if not code.lstrip("-").isdecimal():
            raise YouzanFailure("garbled", message="answer without a code")
        if int(code) != 200:
            raise _failure(int(code), answer.message or answer.msg)
        if answer.success is not True:
            # An answer that contradicts itself proves neither.
            raise YouzanFailure("garbled", 200, "code 200 without success")
        return answer.data

    async def renew(self, used: str, http: Http) -> None:
        """Replace the access token ``used``, once for all callers that were refused with it.

        Raises YouzanFailure when the platform refuses, HttpFailure when no answer came.
        """

        async def exchange(refresh: str) -> Pair:
            if self._market:
                return await self._exchange(http, {"authorize_type": "refresh_token", "refresh_token": refresh})
            # Asked politely it gives the token that lives, which may be one that another program has fetched. Only when
            # that is the very one that was refused is a new one made, for this may end the other program's.
            for anew in (False, True):
                wish = {"authorize_type": "silent", "grant_id": self._kdt_id, "refresh": anew}
                pair = await self._exchange(http, wish)
                if pair.access != used:
                    return pair
            raise YouzanFailure("dead", message="the token that was refused came back")

        await self.tokens.renew(used, exchange)

    async def _exchange(self, http: Http, wish: Mapping[str, Any]) -> Pair:
        body = msgspec.json.encode({"client_id": self.client_id, "client_secret": self._secret, **wish})
        try:
            token = msgspec.json.decode(
                self.open(await http.post(f"{self._base}/auth/token", body, HEADERS)), type=_Token
            )
        except UNREADABLE:
            raise YouzanFailure("garbled", message="token answer not understood") from None
        if not token.access_token:
            raise YouzanFailure("dead", message="an empty token came back")
        return Pair(token.access_token, token.refresh_token or "" if self._market else "")


def _failure(code: int, message: str | None) -> YouzanFailure:
    text = clean(message or "", 200)
    if code in _RATE:
        return YouzanFailure("rate", code, text, _WAIT)
    for kind, codes in (("expired", _EXPIRED), ("router", _ROUTER), ("service", _SERVICE), ("busy", _BUSY)):
        if code in codes:
            return YouzanFailure(kind, code, text)
    return YouzanFailure("refused", code, text)
