"""One call to Weidian, its token, and what its error answers mean (facts: A2).

There is no signature: calls carry a token in the body. Codes are known for tokens alone (10013, 10016, 10026 ended,
10023 the refresh token dead), from the behaviour of published integrations; limits that a merchant has met can be named
in the settings.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, Reply
from connectors.shops.base import PlatformFailure
from connectors.signing import key_of
from connectors.tokens import Pair, Tokens
from core.model.text import clean

HEADERS: Final = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"}
_EXPIRED: Final = frozenset({10013, 10016, 10026})
_DEAD: Final = frozenset({10023})
_NONE: Final = msgspec.Raw(b"null")


class _Status(Struct):
    status_code: int
    status_reason: str | None = None


class _Answer(Struct):
    status: _Status
    result: msgspec.Raw = _NONE


class _Token(Struct):
    access_token: str
    refresh_token: str | None = None


class WeidianFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, expired, dead (token), refused (a code that nobody has explained: the platform said no), service (its
    own trouble, outcome unknown), garbled (not understood, unknown as well). ``wait`` in seconds.
    """

    code_name = "status_code"
    passing = frozenset({"service"})
    ended = "no token is given any more"


class Weidian:
    """Builds calls and opens answers. Holds the credentials; its repr does not show them.

    An application of the merchant's own gets its tokens for key and secret at ``url``; one of a service provider
    renews by the refresh token in ``tokens`` at ``oauth_url``.
    """

    def __init__(
        self,
        url: str,
        oauth_url: str,
        app_key: str,
        secret: str,
        tokens: Tokens,
        rate_codes: Collection[int] = (),
    ) -> None:
        self._base, self._oauth, self._app_key, self.tokens = url.rstrip("/"), oauth_url.rstrip("/"), app_key, tokens
        self._secret, self._rate = key_of(secret, "the app secret"), frozenset(rate_codes)

    def __repr__(self) -> str:
        return f"Weidian({self._base!r})"

    @property
    def url(self) -> str:
        """Where calls go."""
        return f"{self._base}/api"

    def body(self, method: str, version: str, params: Mapping[str, Any]) -> bytes:
        """The form of one call: what is asked for, and by whom, each as JSON text."""
        public = {"method": method, "access_token": self.tokens.access, "version": version, "format": "json"}
        texts = {"public": public, "param": params}
        return urlencode({name: msgspec.json.encode(value).decode() for name, value in texts.items()}).encode()

    def open(self, reply: Reply) -> msgspec.Raw:
        """What the call brought. Raises WeidianFailure for an error answer and for anything unreadable."""
        if reply.status == 429:
            raise WeidianFailure("rate", 429, "HTTP 429", reply.retry_after())
        if reply.status != 200:
            raise WeidianFailure("service", reply.status, f"HTTP {reply.status}")
        try:
            answer = msgspec.json.decode(reply.body, type=_Answer)
        except UNREADABLE:
            raise WeidianFailure("garbled", message="answer is not the JSON that was expected") from None
        code = answer.status.status_code
        if code == 0:
            return answer.result
        kind = (
            "expired" if code in _EXPIRED else "dead" if code in _DEAD else "rate" if code in self._rate else "refused"
        )
        raise WeidianFailure(kind, code, clean(answer.status.status_reason or "", 200))

    async def renew(self, used: str, http: Http) -> None:
        """Replace the access token ``used``, once for all callers that were refused with it.

        Raises WeidianFailure when the platform refuses, HttpFailure when no answer came.
        """

        async def exchange(refresh: str) -> Pair:
            if refresh:
                query = {"appkey": self._app_key, "refresh_token": refresh, "grant_type": "refresh_token"}
                address = f"{self._oauth}/oauth2/refresh_token"
            else:
                query = {"grant_type": "client_credential", "appkey": self._app_key, "secret": self._secret}
                address = f"{self._base}/token"
            # A GET with the secret in its query, as the platform prescribes: for the transport alone, never for a log.
            reply = await http.get(f"{address}?{urlencode(query)}")
            try:
                token = msgspec.json.decode(self.open(reply), type=_Token)
            except UNREADABLE:
                raise WeidianFailure("garbled", message="token answer not understood") from None
            if not token.access_token:
                raise WeidianFailure("dead", message="an empty token came back")
            return Pair(token.access_token, (token.refresh_token or "") if refresh else "")

        await self.tokens.renew(used, exchange)
