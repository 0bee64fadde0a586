"""Calls to a WooCommerce shop's REST API, and what its error answers mean (facts: A8)."""

import base64
from collections.abc import Mapping
from secrets import token_hex
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Reply
from connectors.shops.woocommerce.sign import signed_url
from connectors.signing import key_of
from core.model.clock import SECOND, Clock
from core.model.effects import Outcome, Result
from core.model.text import clean
from core.ports import ConnectorError

_KINDS: Final = {"rate": "rate", "auth": "auth", "garbled": "protocol"}


class _Error(Struct):
    code: str = ""


class WooFailure(Exception):
    """An error answer. ``kind``: rate, auth, gone (no such order), refused (4xx), broken (5xx), garbled. ``wait`` in seconds."""

    def __init__(self, kind: str, status: int = 0, code: str = "", wait: float | None = None) -> None:
        super().__init__(" ".join(part for part in (f"{kind}: HTTP {status}", code) if part))
        self.kind, self.status, self.code, self.wait = kind, status, code, wait

    def error(self) -> ConnectorError:
        """The same for a pull or a read."""
        return ConnectorError(_KINDS.get(self.kind, "platform"), str(self), self.wait)

    def outcome(self) -> Outcome:
        """The same for an effect. A server's own failure (5xx) and an answer that is not understood prove nothing."""
        evidence: dict[str, str | int | float | bool | None] = {"status": self.status, "code": self.code}
        if self.kind in ("rate", "auth"):
            why = "rate" if self.kind == "rate" else "token_dead"
            return Outcome(result=Result.LATER, why=why, retry_after=self.wait or 5.0, evidence=evidence)
        refused = self.kind in ("gone", "refused")
        return Outcome(result=Result.REJECTED if refused else Result.UNKNOWN, why=str(self), evidence=evidence)


class Woo:
    """Builds signed requests and opens answers. Holds the REST key; its repr does not show it.

    Over HTTPS the key goes as Basic authentication; over plain HTTP, which settings allow for this machine alone, each
    request is signed by OAuth 1.0a, because WooCommerce takes nothing else there.
    """

    def __init__(self, url: str, key: str, secret: str, clock: Clock) -> None:
        self.url = url.rstrip("/")
        self._key, self._secret, self._clock = key_of(key, "consumer_key"), key_of(secret, "consumer_secret"), clock
        self._signs = self.url.startswith("http://")

    def __repr__(self) -> str:
        return f"Woo({self.url!r})"

    def request(self, method: str, path: str, params: Mapping[str, str] | None = None) -> tuple[str, dict[str, str]]:
        """URL and headers of one call; ``path`` begins behind ``/wp-json/wc/v3``."""
        url = f"{self.url}/wp-json/wc/v3{path}" + (f"?{urlencode(params)}" if params else "")
        headers = {"accept": "application/json", "content-type": "application/json"}
        if self._signs:
            stamp = self._clock() // SECOND
            return signed_url(url, method, self._key, self._secret, stamp, token_hex(16)), headers
        pair = base64.b64encode(f"{self._key}:{self._secret}".encode()).decode()
        return url, headers | {"authorization": f"Basic {pair}"}

    @staticmethod
    def open(reply: Reply) -> bytes:
        """The body of a good answer. Raises WooFailure."""
        if reply.status in (200, 201):
            return reply.body
        try:
            code = clean(msgspec.json.decode(reply.body, type=_Error).code, 60)
        except UNREADABLE:
            code = ""
        if reply.status == 429:
            kind = "rate"
        elif reply.status in (401, 403):
            kind = "auth"
        elif reply.status == 404:
            # Without a code of its own it is the web server that knows no such page: a wrong url, not a missing order.
            kind = "gone" if code.startswith("woocommerce_rest_") else "refused"
        else:
            kind = "refused" if 400 <= reply.status < 500 else "broken"
        raise WooFailure(kind, reply.status, code, reply.retry_after())
