"""What every shop connector does alike: outcomes of broken calls, cursors of two lists, gathering details."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from connectors.http import Http, HttpFailure, Reply
from connectors.shops.windows import Mark
from core.model.clock import SECOND, Clock
from core.model.effects import Call, Effect, EffectSpec, Outcome, Result
from core.ports import ConnectorError

T = TypeVar("T")
_KINDS = {"connect": "network", "broken": "network", "busy": "network", "open": "network", "timeout": "timeout"}


def outcome_of(failure: HttpFailure) -> Outcome:
    """What a call without an answer came to: not sent only when that is proven, otherwise unknown."""
    if failure.kind in ("open", "busy"):
        return Outcome(
            result=Result.LATER, why=failure.kind, retry_after=failure.retry_after or 1.0, evidence=failure.evidence
        )
    result = Result.NOT_SENT if failure.not_sent else Result.UNKNOWN
    return Outcome(result=result, why=failure.kind, evidence=failure.evidence)


def error_of(failure: HttpFailure) -> ConnectorError:
    """The same for a pull or a read."""
    return ConnectorError(_KINDS.get(failure.kind, "protocol"), str(failure), failure.retry_after)


async def all_of(jobs: Sequence[Awaitable[T]]) -> list[T]:
    """Results in order. Waits for all of them, then raises the first error, so that none is left running behind."""
    results = await asyncio.gather(*jobs, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


class Cursor(Struct, frozen=True):
    """How far a shop's orders and refunds have been read; its JSON text is what the core keeps."""

    orders: Mark
    refunds: Mark

    @classmethod
    def read(cls, text: str | None, start: int) -> "Cursor":
        """From text; without text both lists start at ``start`` (UTC seconds). Raises ConnectorError."""
        if text is None:
            return cls(Mark(high=start), Mark(high=start))
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as exc:
            raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None

    def text(self) -> str:
        """As the core keeps it."""
        return msgspec.json.encode(self).decode()


class ShopBase:
    """Name, settings and defaults of one shop. Subclasses add ``pull``, ``read`` and their effects."""

    platform = ""
    send_via = "shop"
    specs: Mapping[Effect, EffectSpec]

    def __init__(self, name: str, clock: Clock, http: Http, poll_seconds: float = 1.0, start_days: float = 1.0) -> None:
        self.name, self.poll_seconds = name, poll_seconds
        self._clock, self._http = clock, http
        self._start = clock() // SECOND - int(start_days * 86_400)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def _now(self) -> int:
        return self._clock() // SECOND

    async def _fetch(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """An exchange that changes nothing, so a connection that broke is tried once more. Raises ConnectorError."""
        for last in (False, True):
            try:
                return await self._http.call(method, url, headers=headers, content=body)
            except HttpFailure as failure:
                if last or failure.kind not in ("broken", "connect"):
                    raise error_of(failure) from None
        raise AssertionError("unreachable")

    def _unsupported(self, call: Call) -> Outcome:
        return Outcome(result=Result.REJECTED, why=f"{self.platform} cannot {call.effect.name.lower()}")

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        """No webhook is taken from this platform."""
        return False

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()
