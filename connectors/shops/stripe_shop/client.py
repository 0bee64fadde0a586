"""Calls to Stripe's API: reads, one idempotent write, and what its answers mean (facts: payments)."""

from typing import Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure, Reply
from connectors.shops.base import error_of, outcome_of
from core.model.effects import Outcome, Result
from core.model.text import clean
from core.ports import ConnectorError

# Pins the shape of answers; events keep the version of the account's own setting.
VERSION: Final = "2024-06-20"


class _Error(Struct):
    type: str = ""
    code: str | None = None
    message: str | None = None


class _Refusal(Struct):
    error: _Error


class StripeClient:
    """Holds the API key; its repr does not show it."""

    def __init__(self, url: str, api_key: str, http: Http) -> None:
        if not api_key:
            raise ValueError("api_key is empty")
        self.url, self._http = url.rstrip("/"), http
        self._headers = {"authorization": f"Bearer {api_key}", "stripe-version": VERSION}
        self.live = True if "_live_" in api_key else False if "_test_" in api_key else None

    def __repr__(self) -> str:
        return f"StripeClient({self.url!r})"

    async def get(self, path: str, params: list[tuple[str, str]]) -> Reply | None:
        """The answer, or None for 404 and for a cursor that no longer exists. Raises ConnectorError."""
        url = f"{self.url}{path}" + (f"?{urlencode(params)}" if params else "")
        for last in (False, True):
            try:
                reply = await self._http.get(url, self._headers)
                break
            except HttpFailure as failure:
                if last or failure.kind not in ("broken", "connect"):
                    raise error_of(failure) from None
        if reply.status == 200:
            return reply
        code, text = _error(reply)
        if reply.status == 404 or code == "resource_missing":
            return None
        kinds = {401: "auth", 403: "auth", 429: "rate"}
        raise ConnectorError(kinds.get(reply.status, "platform"), text, reply.retry_after())

    async def mark(self, intent_id: str, field: str, value: str) -> Outcome:
        """Set one metadata field under an idempotency key equal to the value."""
        headers = self._headers | {
            "idempotency-key": value,
            "content-type": "application/x-www-form-urlencoded",
        }
        body = urlencode({f"metadata[{field}]": value}).encode()
        try:
            reply = await self._http.post(f"{self.url}/v1/payment_intents/{quote(intent_id, safe='')}", body, headers)
        except HttpFailure as failure:
            return outcome_of(failure)
        evidence: dict[str, str | int | float | bool | None] = {"status": reply.status}
        if reply.status == 200:
            return Outcome(result=Result.CONFIRMED, remote_ref=reply.headers.get("request-id", ""), evidence=evidence)
        code, text = _error(reply)
        evidence["code"] = code
        if reply.status in (409, 429):
            # 409: another request under the same key is still running.
            wait = reply.retry_after() or 2.0
            return Outcome(result=Result.LATER, why=text, retry_after=wait, evidence=evidence)
        if reply.status in (401, 403):
            return Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=evidence)
        if 400 <= reply.status < 500:
            return Outcome(result=Result.REJECTED, why=text, evidence=evidence)
        return Outcome(result=Result.UNKNOWN, why=text, evidence=evidence)


def _error(reply: Reply) -> tuple[str, str]:
    try:
        error = msgspec.json.decode(reply.body, type=_Refusal).error
    except UNREADABLE:
        return "", f"HTTP {reply.status}"
    return clean(error.code or "", 60), clean(f"HTTP {reply.status} {error.type} {error.code or ''}", 200)
