"""One call to WeChat's shop interfaces, its lent token, and what its error answers mean (facts: A3).

Nothing is signed: a call is as good as its token and TLS. Error answers come with HTTP 200.
"""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, Reply
from connectors.shops.base import PlatformFailure
from connectors.signing import key_of
from connectors.tokens import Pair, Tokens
from core.model.text import clean

HEADERS: Final = {"content-type": "application/json"}
_TOKEN: Final = frozenset({40001, 40014, 42001})
_DEAD: Final = frozenset(
    {40013, 40125, 40164, 48001}
)  # app, secret, this machine's address, the right to the interface
_RATE: Final = frozenset({45009, 45011})
_BUSY: Final = -1


class _Error(Struct):
    errcode: int = 0
    errmsg: str = ""


class _Lent(Struct):
    access_token: str


class WechatFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, expired, dead (token), refused (a code of the interface itself), service (busy, outcome unknown),
    garbled (not understood, unknown as well). ``wait`` in seconds.
    """

    code_name = "errcode"
    passing = frozenset({"service", "garbled"})
    ended = "the app secret was refused"


class Wechat:
    """Addresses and opens. Holds the secret; its repr does not show it. ``url`` without a path in production."""

    def __init__(self, url: str, app_id: str, secret: str) -> None:
        self.url, self.app_id = url.rstrip("/"), app_id
        # The secret buys tokens again and again, which is what a refresh token does elsewhere.
        self.tokens = Tokens("", key_of(secret, "the app secret"))

    def __repr__(self) -> str:
        return f"Wechat({self.url!r})"

    def address(self, path: str, token: str) -> str:
        """The URL of one call."""
        return f"{self.url}{path}?access_token={token}"

    async def renew(self, used: str, http: Http) -> None:
        """Replace the token ``used``, once for all callers. Raises WechatFailure, or HttpFailure without an answer."""

        async def fetch(secret: str) -> Pair:
            # The stable token does not void the one that another program of the merchant holds.
            body = {"grant_type": "client_credential", "appid": self.app_id, "secret": secret, "force_refresh": False}
            data = self.open(await http.post(f"{self.url}/cgi-bin/stable_token", msgspec.json.encode(body), HEADERS))
            try:
                token = msgspec.json.decode(data, type=_Lent).access_token
            except UNREADABLE:
                raise WechatFailure("garbled", message="token answer not understood") from None
            if not (token.isascii() and token.isprintable() and token and "&" not in token and "#" not in token):
                raise WechatFailure("garbled", message="the token is no token")
            return Pair(token)

        await self.tokens.renew(used, fetch)

    def open(self, reply: Reply) -> bytes:
        """What a call brought. Raises WechatFailure for an error answer and for anything unreadable."""
        if reply.status == 429:
            raise WechatFailure("rate", 429, "HTTP 429", reply.retry_after())
        if reply.status != 200:
            raise WechatFailure("service", reply.status, f"HTTP {reply.status}")
        try:
            answer = msgspec.json.decode(reply.body, type=_Error)
        except UNREADABLE:
            raise WechatFailure("garbled", message="answer is not the JSON that was expected") from None
        code = answer.errcode
        if code == 0:
            return reply.body
        kind = "refused"
        for name, codes in (("expired", _TOKEN), ("dead", _DEAD), ("rate", _RATE), ("service", (_BUSY,))):
            kind = name if code in codes else kind
        raise WechatFailure(kind, code, clean(answer.errmsg, 200))
