"""One call to Douyin's open platform, its token, and what its error answers mean (facts: Douyin transport, errors)."""

from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, Reply
from connectors.shops.base import PlatformFailure
from connectors.shops.douyin.sign import canonical, sign
from connectors.tokens import Pair, Tokens
from core.model.clock import SECOND, Clock
from core.model.text import clean

HEADERS: Final = {"content-type": "application/json;charset=utf-8", "x-open-no-old-err-code": "1"}
_OK: Final = 10000
_EXPIRED: Final = frozenset({"isv.access-token-expired", "isv.access-token-no-existed"})
_DEAD: Final = ("isv.access-token-missing", "dop.token-generate-failed", "dop.authorization")
_ROUTER: Final = frozenset({40001, 40002, 40003, 30001})  # signature, parameters of the call, permission
_REFUSED: Final = frozenset({40004, 50002})  # by the business behind the gateway
BUSY: Final = 10013  # "concurrent request, try again later"
# Its own trouble while it was at work, though it wears a business code: order could not be looked up, system busy.
_TROUBLE: Final = frozenset({20007, 30004})


class _Answer(Struct):
    code: int | None = None
    err_no: int | None = None  # the token endpoints' older form
    msg: str | None = None
    message: str | None = None
    sub_code: str | None = None
    sub_msg: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Token(Struct):
    access_token: str
    refresh_token: str | None = None


class DouyinFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, expired, dead (token), router (refused before the business saw it), refused (by the business),
    service (its own trouble, outcome unknown), garbled (not understood, unknown as well). ``wait`` in seconds.
    """

    @property
    def number(self) -> int:
        """The business's own code behind the sub-code, 0 when there is none."""
        tail = self.sub.rpartition(":")[2]
        return int(tail) if ":" in self.sub and tail.isascii() and tail.isdigit() and len(tail) < 10 else 0

    def evidence(self) -> dict[str, str | int | float | bool | None]:
        """For an Outcome."""
        return {self.code_name: self.code, "sub_code": self.sub, "kind": self.kind}


class Douyin:
    """Signs, sends and opens. Holds the app's credentials; its repr does not show them."""

    def __init__(self, url: str, app_key: str, secret: str, tokens: Tokens, clock: Clock) -> None:
        self.url, self.app_key, self.tokens = url.rstrip("/"), app_key, tokens
        self.secret, self._clock = secret, clock
        sign(app_key, "order.searchList", "{}", "0", secret)  # refuses an empty secret at start

    def __repr__(self) -> str:
        return f"Douyin({self.url!r})"

    def call(self, path: str, params: object, token: bool = True) -> tuple[str, bytes]:
        """URL and body of one signed call, stamped with the time of now. ``path`` like ``order/searchList``."""
        body = canonical(msgspec.json.encode(params).decode())
        method, stamp = path.replace("/", "."), str(self._clock() // SECOND)
        query = {
            "app_key": self.app_key,
            "method": method,
            "timestamp": stamp,
            "v": "2",
            "sign_method": "hmac-sha256",
            "sign": sign(self.app_key, method, body, stamp, self.secret),
        }
        if token:
            query["access_token"] = self.tokens.access
        return f"{self.url}/{path}?{urlencode(query)}", body.encode()

    def open(self, reply: Reply) -> msgspec.Raw:
        """What stands under ``data``. Raises DouyinFailure for an error answer and for anything unreadable."""
        if reply.status == 429:
            raise DouyinFailure("rate", 429, message="HTTP 429", wait=reply.retry_after())
        if reply.status != 200:
            raise DouyinFailure("service", reply.status, message=f"HTTP {reply.status}")
        try:
            answer = msgspec.json.decode(reply.body, type=_Answer)
        except UNREADABLE:
            raise DouyinFailure("garbled", message="answer is not the JSON that was expected") from None
        if answer.code == _OK or (answer.code is None and answer.err_no == 0):
            return answer.data
        raise _failure(answer)

    async def renew(self, used: str, http: Http) -> None:
        """Replace the access token ``used``, once for all callers that were refused with it.

        Raises DouyinFailure when the platform refuses, HttpFailure when no answer came.
        """
        if not self.tokens.renewable:
            raise DouyinFailure("dead", message="no refresh token is configured")

        async def exchange(refresh: str) -> Pair:
            url, body = self.call(
                "token/refresh", {"grant_type": "refresh_token", "refresh_token": refresh}, token=False
            )
            data = self.open(await http.post(url, body, HEADERS))
            try:
                token = msgspec.json.decode(data, type=_Token)
            except UNREADABLE:
                raise DouyinFailure("garbled", message="token answer not understood") from None
            if not token.access_token:
                raise DouyinFailure("dead", message="an empty token came back")
            return Pair(token.access_token, token.refresh_token or "")

        await self.tokens.renew(used, exchange)


def _failure(answer: _Answer) -> DouyinFailure:
    code = answer.code if answer.code is not None else answer.err_no or 0
    sub = clean(answer.sub_code or "", 100)
    message = clean(" ".join(part for part in (answer.msg or answer.message, answer.sub_msg) if part), 200)
    failure = DouyinFailure("service", code, message, sub=sub)
    if code == 60000 or failure.number == BUSY:
        return DouyinFailure("rate", code, message, 1.0 if failure.number == BUSY else None, sub)
    if code == 70000:
        return DouyinFailure("rate", code, message, 60.0, sub)  # the method is switched off for everybody
    if sub in _EXPIRED:
        return DouyinFailure("expired", code, message, sub=sub)
    if sub.startswith(_DEAD):
        return DouyinFailure("dead", code, message, sub=sub)
    if code in _ROUTER:
        return DouyinFailure("router", code, message, sub=sub)
    if code in _REFUSED and failure.number not in _TROUBLE:
        return DouyinFailure("refused", code, message, sub=sub)
    return failure
