"""One call to Kuaishou's open platform, its token, and what its error answers mean (facts: Kuaishou 5.1, 5.4)."""

from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, Reply
from connectors.shops.base import PlatformFailure
from connectors.shops.kuaishou.sign import sign
from connectors.tokens import Pair, Tokens
from core.model.clock import Clock
from core.model.text import clean

FORM: Final = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"}
_OK: Final = 1
_RATE: Final = frozenset({2, 8, 9, 15, 16, 17, 1016, 1017, 802000})
_EXPIRED: Final = 24
# Sources disagree on 21: "token" in one, "parameter invalid" in another; its own message decides.
_UNSURE: Final = 21
_ROUTER: Final = frozenset({21, 22, 25, 26, 27, 28})
_SERVER: Final = 11


class _Answer(Struct):
    result: int
    code: str | int | None = None
    msg: str | None = None
    error_msg: str | None = None
    sub_code: str | int | None = None
    sub_msg: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Token(Struct):
    result: int
    access_token: str = ""
    refresh_token: str | None = None
    error: str | int | None = None
    error_msg: str | None = None


class KuaishouFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, expired, dead (token), router (refused before the business saw it), refused (by the business),
    service (its own trouble, outcome unknown), garbled (not understood, unknown as well). ``wait`` in seconds.
    """

    code_name = "result"
    ended = "the token could not be renewed"

    def evidence(self) -> dict[str, str | int | float | bool | None]:
        """For an Outcome."""
        return {self.code_name: self.code, "sub_code": self.sub, "kind": self.kind}


class Secrets(Struct, frozen=True):
    """Three of them: ``app`` renews the token ("" where it is not given), ``signing`` signs, ``message`` opens pushes."""

    signing: str
    app: str = ""
    message: str = ""

    def __repr__(self) -> str:
        return "Secrets(***)"


class Kuaishou:
    """Signs, sends and opens. Holds the app's credentials; its repr does not show them."""

    def __init__(
        self, url: str, app_key: str, secrets: Secrets, tokens: Tokens, clock: Clock, how: str = "HMAC_SHA256"
    ) -> None:
        self.url, self.app_key, self.tokens, self.secrets = url.rstrip("/"), app_key, tokens, secrets
        self._clock, self._how = clock, how
        sign({"signMethod": how}, secrets.signing)  # refuses an empty secret and an unknown method at start

    def __repr__(self) -> str:
        return f"Kuaishou({self.url!r})"

    def call(self, method: str, params: object, write: bool) -> tuple[str, str, bytes | None]:
        """HTTP method, URL and body of one signed call: reads are GET with everything in the query, writes a form."""
        form = {
            "appkey": self.app_key,
            "method": method,
            "version": "1",
            "param": msgspec.json.encode(params).decode(),
            "access_token": self.tokens.access,
            "timestamp": str(self._clock() // 1000),
            "signMethod": self._how,
        }
        form["sign"] = sign(form, self.secrets.signing)
        url, text = f"{self.url}/{method.replace('.', '/')}", urlencode(form)
        return ("POST", url, text.encode()) if write else ("GET", f"{url}?{text}", None)

    def open(self, reply: Reply) -> msgspec.Raw:
        """What stands under ``data``. Raises KuaishouFailure for an error answer and for anything unreadable."""
        _check_status(reply)
        try:
            answer = msgspec.json.decode(reply.body, type=_Answer)
        except UNREADABLE:
            raise KuaishouFailure("garbled", message="answer is not the JSON that was expected") from None
        if answer.result != _OK:
            raise _failure(answer)
        return answer.data

    async def renew(self, used: str, http: Http) -> None:
        """Replace the access token ``used``, once for all callers that were refused with it.

        Raises KuaishouFailure when the platform refuses, HttpFailure when no answer came.
        """
        if not (self.tokens.renewable and self.secrets.app):
            raise KuaishouFailure("dead", message="renewing needs both refresh_token and app_secret")

        async def exchange(refresh: str) -> Pair:
            form = {"app_id": self.app_key, "app_secret": self.secrets.app}
            form |= {"grant_type": "refresh_token", "refresh_token": refresh}
            reply = await http.post(f"{self.url}/oauth2/refresh_token", urlencode(form).encode(), FORM)
            _check_status(reply)
            try:
                token = msgspec.json.decode(reply.body, type=_Token)
            except UNREADABLE:
                raise KuaishouFailure("garbled", message="token answer not understood") from None
            if token.result != _OK or not token.access_token:
                raise KuaishouFailure("dead", token.result, sub=clean(str(token.error or ""), 60))
            return Pair(token.access_token, token.refresh_token or "")

        await self.tokens.renew(used, exchange)


def _check_status(reply: Reply) -> None:
    if reply.status == 429:
        raise KuaishouFailure("rate", 429, message="HTTP 429", wait=reply.retry_after())
    if reply.status != 200:
        raise KuaishouFailure("service", reply.status, message=f"HTTP {reply.status}")


def _failure(answer: _Answer) -> KuaishouFailure:
    code, sub = answer.result, clean(str(answer.sub_code or ""), 100)
    message = clean(" ".join(part for part in (answer.error_msg or answer.msg, answer.sub_msg) if part), 200)
    if code in _RATE:
        return KuaishouFailure("rate", code, message, sub=sub)
    if code == _EXPIRED or (code == _UNSURE and "token" in message.lower()):
        return KuaishouFailure("expired", code, message, sub=sub)
    if code in _ROUTER:
        return KuaishouFailure("router", code, message, sub=sub)
    # Without a business code of its own nothing says that the business decided, and so did nothing.
    return KuaishouFailure("refused" if sub and code != _SERVER else "service", code, message, sub=sub)
