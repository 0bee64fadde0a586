"""What every shop connector does alike: outcomes of broken calls, cursors of two lists, gathering details."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure, Reply
from connectors.shops.windows import Mark
from connectors.tokens import Tokens
from core.model.clock import SECOND, Clock
from core.model.effects import Call, Effect, EffectSpec, Outcome, Result
from core.model.order import OrderUpdate, Quarantined, Update
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


async def all_of(jobs: Sequence[Callable[[], Awaitable[T]]], width: int = 16) -> list[T]:
    """Results in order, ``width`` jobs at a time.

    After the first error no further job is begun; those under way are waited for, then the error is raised.
    """
    results: dict[int, T] = {}
    errors: list[BaseException] = []
    waiting = iter(enumerate(jobs))

    async def work() -> None:
        for index, job in waiting:
            if errors:
                return
            try:
                results[index] = await job()
            except Exception as error:
                errors.append(error)

    await asyncio.gather(*(work() for _ in range(min(width, len(jobs)))))
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(jobs))]


def read_again(kept: Quarantined, *ways: Callable[[bytes], Sequence[Update]]) -> tuple[Update, ...]:
    """What the first way makes of a kept payload that reads all of it; what the first says, where none does.

    A payload does not tell of which list it came. Each way is strict, and no platform's claim reads as its order.
    """
    made = [tuple(way(kept.raw)) for way in ways]
    return next((one for one in made if not any(isinstance(part, Quarantined) for part in one)), made[0])


class Refused(ConnectorError):
    """The platform refused to show this one thing; asking again changes nothing."""

    def __init__(self, message: str) -> None:
        super().__init__("platform", message)


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
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None

    def text(self) -> str:
        """As the core keeps it."""
        return msgspec.json.encode(self).decode()


class ShopBase:
    """Name, settings and defaults of one shop. Subclasses add ``pull``, ``read`` and their effects."""

    platform = ""
    send_via = "shop"
    specs: Mapping[Effect, EffectSpec]
    _tokens: Tokens | None = None

    def __init__(self, name: str, clock: Clock, http: Http, poll_seconds: float = 1.0, start_days: float = 1.0) -> None:
        self.name, self.poll_seconds = name, poll_seconds
        self._clock, self._http = clock, http
        self._kept: dict[str, OrderUpdate | Quarantined] = {}
        self._start = clock() // SECOND - int(start_days * 86_400)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def token_since(self) -> int | None:
        """See core.ports.Authorised."""
        return self._tokens.since if self._tokens is not None else None

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

    async def _looked_up(self, numbers: Sequence[str]) -> list[OrderUpdate | Quarantined]:
        """Each order as ``read`` shows it. What was read before one of them failed is kept for the next try.

        A page of a hundred such rows is a hundred calls: if any of them could throw the others away, a platform that
        fails now and then would never be read to the end.
        """

        async def look(number: str) -> OrderUpdate | Quarantined:
            if number not in self._kept:
                try:
                    self._kept[number] = await self.read(number)
                except Refused as refusal:
                    self._kept[number] = Quarantined(ext_id=number, field="$", why=str(refusal)[:200], raw=b"")
            return self._kept[number]

        found = await all_of([partial(look, number) for number in numbers])
        self._kept.clear()
        return found

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """One order as it stands now."""
        raise NotImplementedError

    @staticmethod
    def _asked_for(ext_id: str, update: OrderUpdate | Quarantined, field: str) -> OrderUpdate | Quarantined:
        """The answer, unless it is about another order than the one that was asked for."""
        if isinstance(update, OrderUpdate) and update.ext_id == ext_id:
            return update
        if isinstance(update, OrderUpdate):
            return Quarantined(ext_id=ext_id, field=field, why="answer is about another order", raw=update.raw)
        return Quarantined(ext_id=ext_id, field=update.field, why=update.why, raw=update.raw)

    def _unsupported(self, call: Call) -> Outcome:
        return Outcome(result=Result.REJECTED, why=f"{self.platform} cannot {call.effect.name.lower()}")

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        """No webhook is taken from this platform."""
        return False

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()
