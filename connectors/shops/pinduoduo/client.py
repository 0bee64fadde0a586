"""One call to Pinduoduo's router, its token, and what its error answers mean (facts: Pinduoduo errors)."""

from functools import cache
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, Reply
from connectors.shops.base import PlatformFailure
from connectors.shops.pinduoduo.sign import sign
from connectors.tokens import Pair, Tokens
from core.model.clock import SECOND, Clock
from core.model.text import clean

T = TypeVar("T", bound=Struct)
_RATE: Final = frozenset({52101, 52102, 52103, 70031, 70036})
_EXPIRED: Final = frozenset({10019, 10035})
_DEAD: Final = frozenset({10014, 20032})
_MAINTENANCE: Final = frozenset({70032, 70033})
# Refused by the router: signature, parameters, permission, retired methods, body size.
_ROUTER: Final = frozenset(
    {20004, 10016, 10010, 10017, 20034, 20035, 10000, 10001, 10002, 20007, 21001, 21002, 30000, 30001}
    | {20031, 20005, 10011, 70034, 70035, 50012, 52001, 52002, 52004}
)
_REFUSED: Final = frozenset({50001})
HEADERS: Final = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"}


class _Error(Struct):
    error_code: int
    error_msg: str | None = ""
    sub_code: str | int | None = None
    sub_msg: str | None = None


class _Token(Struct):
    access_token: str
    refresh_token: str | None = None


class PddFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, expired, dead (token), router (refused before the business saw it), refused (by the business),
    service (its own trouble, outcome unknown), garbled (not understood, unknown as well). ``wait`` in seconds.
    """

    code_name = "error_code"


class Pdd:
    """Signs, sends and opens. Holds the credentials; its repr does not show them."""

    def __init__(self, url: str, client_id: str, secret: str, tokens: Tokens, clock: Clock) -> None:
        self.url, self.tokens = url, tokens
        self._client_id, self._secret, self._clock = client_id, secret, clock
        sign({}, secret)  # refuses an empty secret at start

    def __repr__(self) -> str:
        return f"Pdd({self.url!r})"

    def body(self, method: str, params: dict[str, str]) -> bytes:
        """The form of one signed call, stamped with the time of now (ten minutes either way are allowed)."""
        form = {
            "type": method,
            "client_id": self._client_id,
            "timestamp": str(self._clock() // SECOND),
            "data_type": "JSON",
            **params,
        }
        if "refresh_token" not in params:
            form["access_token"] = self.tokens.access
        form["sign"] = sign(form, self._secret)
        return urlencode(form).encode()

    def open(self, reply: Reply, key: str, kind: type[T]) -> T:
        """The object under ``key``. Raises PddFailure for an error answer and for anything unreadable."""
        if reply.status == 429:
            raise PddFailure("rate", 429, "HTTP 429", reply.retry_after())
        if reply.status != 200:
            raise PddFailure("service", reply.status, f"HTTP {reply.status}")
        try:
            answer = _decoder(key, kind).decode(reply.body)
        except UNREADABLE as exc:
            raise PddFailure("garbled", message=f"answer is not what was expected: {exc}") from None
        if answer.error is not None:
            raise _failure(answer.error)
        if answer.found is None:
            raise PddFailure("garbled", message=f"answer lacks {key}")
        return cast(T, answer.found)

    async def renew(self, used: str, http: Http) -> None:
        """Replace the access token ``used``, once for all callers that were refused with it.

        Raises PddFailure when the platform refuses, HttpFailure when no answer came.
        """
        if not self.tokens.renewable:
            raise PddFailure("dead", message="no refresh token is configured")

        async def exchange(refresh: str) -> Pair:
            form = self.body("pdd.pop.auth.token.refresh", {"refresh_token": refresh})
            reply = await http.post(self.url, form, HEADERS)
            token = self.open(reply, "pop_auth_token_refresh_response", _Token)
            if not token.access_token:
                raise PddFailure("dead", message="an empty token came back")
            return Pair(token.access_token, token.refresh_token or "")

        await self.tokens.renew(used, exchange)


@cache
def _decoder(key: str, kind: type) -> msgspec.json.Decoder[Any]:
    """Reads an answer in one pass: a page of orders is too long to be looked through first."""
    either = [
        ("found", kind | None, msgspec.field(name=key, default=None)),
        ("error", _Error | None, msgspec.field(name="error_response", default=None)),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Answer", either))


def _failure(error: _Error) -> PddFailure:
    code = error.error_code
    message = clean(" ".join(str(part) for part in (error.error_msg, error.sub_code, error.sub_msg) if part), 200)
    for kind, codes in (("rate", _RATE), ("expired", _EXPIRED), ("dead", _DEAD), ("router", _ROUTER)):
        if code in codes:
            return PddFailure(kind, code, message)
    if code in _MAINTENANCE:
        return PddFailure("rate", code, message, 60.0)
    return PddFailure("refused" if code in _REFUSED else "service", code, message)
