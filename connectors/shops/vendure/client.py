"""Calls to a Vendure server's Admin API: its session or key, and what its errors mean (facts: A9; run against 3.7.3)."""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure, Reply
from connectors.shops.base import error_of, outcome_of
from connectors.shops.marks import Skew
from connectors.shops.vendure.queries import LOGIN
from connectors.signing import key_of
from connectors.tokens import Pair, Tokens
from core.model.clock import SECOND, Clock
from core.model.effects import Outcome, Result
from core.model.text import clean
from core.ports import ConnectorError

T = TypeVar("T")
_KINDS: Final = {"rate": "rate", "auth": "auth", "expired": "auth", "garbled": "protocol", "refused": "protocol"}
# These stop a document before any field of it is resolved.
_NOT_BEGUN: Final = frozenset({"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT", "BAD_REQUEST"})
_BARREN: Final = 30  # seconds without a login after a fresh session was refused: a permission is missing, not a session


class _Extensions(Struct):
    code: str = ""


class _Error(Struct):
    extensions: _Extensions | None = None


class _Answer(Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[_Error] | None = None


class VendureFailure(Exception):
    """An error answer.

    ``kind``: rate, expired (the session, or a permission is missing), auth, refused (stopped before it began), broken (outcome
    unknown), garbled. ``wait`` in seconds.
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


class Vendure:
    """Asks one server. Holds its credentials; its repr does not show them.

    Either ``api_key`` (Vendure 3.6 and later, where the server allows keys), or ``username`` and ``password``, for which a
    session is had anew when it has ended. ``channel``: token of the channel, "" for the default one.
    """

    def __init__(
        self,
        url: str,
        http: Http,
        clock: Clock,
        tokens: Tokens,
        api_key: str = "",
        username: str = "",
        password: str = "",
        channel: str = "",
    ) -> None:
        if not api_key.strip():
            key_of(username, "either api_key must be given, or username, which")
            key_of(password, "password")
        self.url, self._http, self._clock = url, http, clock
        self.tokens = self._tokens = tokens
        self._key, self._user, self._password = api_key.strip(), username, password
        self._channel = {"vendure-token": channel} if channel else {}
        self._barren_until = 0
        self.skew = Skew()

    def __repr__(self) -> str:
        return f"Vendure({self.url!r})"

    async def ask(self, document: str, variables: Mapping[str, object], kind: type[T]) -> T:
        """A query. Raises ConnectorError."""
        try:
            return await self._call(document, variables, kind, again=True)
        except HttpFailure as failure:
            raise error_of(failure) from None
        except VendureFailure as failure:
            raise failure.error() from None

    async def change(self, document: str, variables: Mapping[str, object], kind: type[T]) -> T | Outcome:
        """A mutation, sent once, or what it came to instead. Only a session that had ended is renewed: it stops a call
        before it began."""
        try:
            return await self._call(document, variables, kind, again=False)
        except HttpFailure as failure:
            return outcome_of(failure)
        except VendureFailure as failure:
            return failure.outcome()

    def now(self) -> int:
        """UTC seconds by the server's clock."""
        return self.skew.there(self._clock() // SECOND)

    async def _call(self, document: str, variables: Mapping[str, object], kind: type[T], again: bool) -> T:
        body = msgspec.json.encode({"query": document, "variables": variables})
        if not self._key and not self._tokens.access:
            await self._renew("")
        for last in (False, True):
            used = self._tokens.access
            headers = {"vendure-api-key": self._key} if self._key else {"authorization": f"Bearer {used}"}
            reply = await self._post(body, headers, again)
            self.skew.learn(reply, self._clock() // SECOND)
            try:
                return _opened(reply, kind)
            except VendureFailure as failure:
                now = self._clock() // SECOND
                if failure.kind != "expired" or self._key or now < self._barren_until:
                    raise
                if last:
                    self._barren_until = now + _BARREN
                    raise
            await self._renew(used)
        raise AssertionError("unreachable")

    async def _post(self, body: bytes, headers: Mapping[str, str], again: bool) -> Reply:
        whole = {"content-type": "application/json", **self._channel, **headers}
        try:
            return await self._http.post(self.url, body, whole)
        except HttpFailure as failure:
            if not again or failure.kind not in ("broken", "connect"):
                raise
        return await self._http.post(self.url, body, whole)

    async def _renew(self, used: str) -> None:
        """Once for all callers that were refused with ``used``. Raises VendureFailure; nothing was done then."""

        async def exchange(_: str) -> Pair:
            body = msgspec.json.encode(
                {"query": LOGIN, "variables": {"username": self._user, "password": self._password}}
            )
            reply = await self._post(body, {}, False)
            if reply.status == 429 or reply.status >= 500:
                raise VendureFailure("rate", reply.status, "no session", reply.retry_after() or 1.0)
            token = reply.headers.get("vendure-auth-token", "")
            if reply.status != 200 or not token:
                # Wrong credentials, or a server whose tokenMethod does not hold "bearer".
                raise VendureFailure("auth", reply.status, "no session")
            return Pair(token)

        try:
            await self._tokens.renew(used, exchange)
        except HttpFailure as failure:
            raise VendureFailure("rate", 0, f"no session: {failure.kind}", 1.0) from None


def _opened(reply: Reply, kind: type[T]) -> T:
    if reply.status == 429:
        raise VendureFailure("rate", 429, wait=reply.retry_after())
    if reply.status in (401, 403):
        raise VendureFailure("expired", reply.status)
    try:
        answer = msgspec.json.decode(reply.body, type=_Answer)
    except UNREADABLE:
        kind_of = "garbled" if reply.status == 200 else "refused" if 400 <= reply.status < 500 else "broken"
        raise VendureFailure(kind_of, reply.status) from None
    if answer.errors:
        codes = [error.extensions.code for error in answer.errors if error.extensions]
        code = clean(codes[0] if codes else "", 60)
        if "FORBIDDEN" in codes:
            raise VendureFailure("expired", reply.status, "FORBIDDEN")
        raise VendureFailure("refused" if code in _NOT_BEGUN else "broken", reply.status, code)
    if reply.status != 200:
        raise VendureFailure("broken", reply.status)
    try:
        return msgspec.json.decode(answer.data, type=kind)
    except UNREADABLE as exc:
        raise VendureFailure("garbled", code=clean(str(exc), 120)) from None
