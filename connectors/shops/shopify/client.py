"""Calls to a Shopify shop's Admin GraphQL API: its token, its cost limit, and what its errors mean (facts: A7)."""

import asyncio
from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure, Reply
from connectors.shops.base import error_of
from connectors.shops.marks import Skew
from connectors.signing import key_of
from connectors.tokens import Pair, Tokens
from core.model.clock import SECOND, Clock
from core.model.effects import Outcome, Result
from core.model.text import clean
from core.ports import ConnectorError

T = TypeVar("T")
VERSION: Final = "2026-07"
_KINDS: Final = {"rate": "rate", "auth": "auth", "garbled": "protocol", "refused": "protocol"}
# These stop a document before any field of it is resolved.
_NOT_BEGUN: Final = frozenset(
    {"INVALID_VARIABLE", "MAX_COST_EXCEEDED", "BAD_REQUEST", "undefinedField", "missingRequiredArguments"}
    | {"argumentNotAccepted", "argumentLiteralsIncompatible", "undefinedType", "variableMismatch"}
)
_PATIENCE: Final = 6  # how often a read waits for the cost bucket before it gives up


class _Throttle(Struct, rename="camel"):
    currently_available: float
    restore_rate: float


class _Cost(Struct, rename="camel"):
    requested_query_cost: float = 0
    throttle_status: _Throttle | None = None


class _Extensions(Struct):
    code: str = ""
    cost: _Cost | None = None


class _Error(Struct):
    message: str = ""
    extensions: _Extensions | None = None


class _Answer(Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[_Error] | str | None = None
    extensions: _Extensions | None = None


class _Token(Struct):
    access_token: str


class ShopifyFailure(Exception):
    """An error answer.

    ``kind``: rate, expired (401), auth, refused (stopped before it began), broken (outcome unknown), garbled. ``wait`` in seconds.
    """

    def __init__(self, kind: str, status: int = 200, code: str = "", wait: float | None = None) -> None:
        super().__init__(" ".join(part for part in (f"{kind}: HTTP {status}", code) if part))
        self.kind, self.status, self.code, self.wait = kind, status, code, wait

    def error(self) -> ConnectorError:
        """The same for a pull or a read."""
        return ConnectorError(_KINDS.get(self.kind, "platform"), str(self), self.wait)

    def outcome(self) -> Outcome:
        """The same for an effect."""
        evidence: dict[str, str | int | float | bool | None] = {"status": self.status, "code": self.code}
        if self.kind in ("rate", "auth", "expired"):
            why = "rate" if self.kind == "rate" else "token_dead"
            return Outcome(result=Result.LATER, why=why, retry_after=self.wait or 5.0, evidence=evidence)
        result = Result.REJECTED if self.kind == "refused" else Result.UNKNOWN
        return Outcome(result=result, why=str(self), evidence=evidence)


class Shopify:
    """Asks one shop. Holds its credentials; its repr does not show them.

    ``client_id`` "" for an app made in the shop's admin, whose token does not expire; otherwise tokens live a day and are
    had for the app's own id and secret (client credentials grant).
    """

    def __init__(
        self,
        url: str,
        http: Http,
        tokens: Tokens,
        clock: Clock,
        client_id: str = "",
        client_secret: str = "",
        version: str = VERSION,
    ) -> None:
        if client_id:
            key_of(client_secret, "client_secret")
        elif not tokens.access.strip():
            raise ValueError("either access_token, or client_id and client_secret, must be given")
        self.url, self._http = url.rstrip("/"), http
        self.tokens = self._tokens = tokens
        self._id, self._secret, self._version = client_id, client_secret, version
        self._clock, self._skew = clock, Skew()

    def __repr__(self) -> str:
        return f"Shopify({self.url!r})"

    def now(self) -> int:
        """UTC seconds by Shopify's clock."""
        return self._skew.there(self._clock() // SECOND)

    async def ask(self, document: str, variables: Mapping[str, object], kind: type[T]) -> T:
        """A query. Waits for the cost bucket where that takes seconds. Raises ConnectorError."""
        for left in range(_PATIENCE, -1, -1):
            try:
                return await self._call(document, variables, kind, again=True)
            except HttpFailure as failure:
                raise error_of(failure) from None
            except ShopifyFailure as failure:
                if failure.kind != "rate" or not left or (failure.wait or 1.0) > 5.0:
                    raise failure.error() from None
                await asyncio.sleep(failure.wait or 1.0)
        raise AssertionError("unreachable")

    async def change(self, document: str, variables: Mapping[str, object], kind: type[T]) -> T:
        """A mutation, sent once; only a token that had ended is renewed, as it stops a call at the door.

        Raises ShopifyFailure and HttpFailure.
        """
        return await self._call(document, variables, kind, again=False)

    async def _call(self, document: str, variables: Mapping[str, object], kind: type[T], again: bool) -> T:
        body = msgspec.json.encode({"query": document, "variables": variables})
        if not self._tokens.access:
            await self._renew("")
        for last in (False, True):
            used = self._tokens.access
            headers = {"x-shopify-access-token": used, "content-type": "application/json"}
            reply = await self._post(f"{self.url}/admin/api/{self._version}/graphql.json", body, headers, again)
            self._skew.learn(reply, self._clock() // SECOND)
            try:
                return _opened(reply, kind)
            except ShopifyFailure as failure:
                if failure.kind != "expired" or last or not self._id:
                    raise
            await self._renew(used)
        raise AssertionError("unreachable")

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], again: bool) -> Reply:
        try:
            return await self._http.post(url, body, headers)
        except HttpFailure as failure:
            if not again or failure.kind not in ("broken", "connect"):
                raise
        return await self._http.post(url, body, headers)

    async def _renew(self, used: str) -> None:
        """Once for all callers that were refused with ``used``. Raises ShopifyFailure; nothing was done then."""

        async def exchange(_: str) -> Pair:
            form = {"grant_type": "client_credentials", "client_id": self._id, "client_secret": self._secret}
            headers = {"content-type": "application/x-www-form-urlencoded"}
            reply = await self._http.post(f"{self.url}/admin/oauth/access_token", urlencode(form).encode(), headers)
            if reply.status == 429 or reply.status >= 500:
                raise ShopifyFailure("rate", reply.status, "token not renewed", reply.retry_after() or 1.0)
            try:
                token = msgspec.json.decode(reply.body, type=_Token).access_token if reply.status == 200 else ""
            except UNREADABLE:
                token = ""
            if not token:
                raise ShopifyFailure("auth", reply.status, "token not renewed")
            return Pair(token)

        try:
            await self._tokens.renew(used, exchange)
        except HttpFailure as failure:
            raise ShopifyFailure("rate", 0, f"token not renewed: {failure.kind}", 1.0) from None


def _opened(reply: Reply, kind: type[T]) -> T:
    if reply.status == 401:
        raise ShopifyFailure("expired", 401)
    if reply.status in (402, 403, 423):
        # A frozen, forbidden or locked shop.
        raise ShopifyFailure("auth", reply.status)
    if reply.status in (429, 430):
        raise ShopifyFailure("rate", reply.status, wait=reply.retry_after())
    if reply.status != 200:
        raise ShopifyFailure("refused" if 400 <= reply.status < 500 else "broken", reply.status)
    try:
        answer = msgspec.json.decode(reply.body, type=_Answer)
    except UNREADABLE:
        raise ShopifyFailure("garbled") from None
    if answer.errors:
        raise _failure(answer)
    if bytes(answer.data) == b"null":
        raise ShopifyFailure("garbled", code="no data")
    try:
        return msgspec.json.decode(answer.data, type=kind)
    except UNREADABLE as exc:
        raise ShopifyFailure("garbled", code=clean(str(exc), 120)) from None


def _failure(answer: _Answer) -> ShopifyFailure:
    errors = answer.errors if isinstance(answer.errors, list) else []
    codes = [error.extensions.code for error in errors if error.extensions]
    if "THROTTLED" in codes:
        return ShopifyFailure("rate", code="THROTTLED", wait=_wait(answer.extensions))
    if "ACCESS_DENIED" in codes:
        return ShopifyFailure("auth", code="ACCESS_DENIED")
    code = clean(codes[0] if codes else "", 60)
    return ShopifyFailure("refused" if code in _NOT_BEGUN else "broken", code=code)


def _wait(extensions: _Extensions | None) -> float:
    """Seconds until the bucket holds what was asked for."""
    cost = extensions.cost if extensions else None
    if cost is None or cost.throttle_status is None or cost.throttle_status.restore_rate <= 0:
        return 1.0
    lacking = cost.requested_query_cost - cost.throttle_status.currently_available
    return min(max(lacking / cost.throttle_status.restore_rate, 0.5), 60.0)
