"""What every shop connector does alike: outcomes of broken calls, cursors of two lists, gathering details."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Protocol, TypeVar

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
_ANSWERED = {"rate": "rate", "busy": "rate", "expired": "auth", "dead": "auth", "door": "auth", "garbled": "protocol"}


class Refused(ConnectorError):
    """The platform refused to show this one thing; asking again changes nothing."""

    def __init__(self, message: str) -> None:
        super().__init__("platform", message)


class PlatformFailure(Exception):
    """An error answer of a platform; a subclass names its kinds. ``wait`` in seconds.

    Alike wherever they occur: rate, expired and dead (token), door (turned away before anything was done), garbled (not
    understood). ``sub``: the platform's second code.
    """

    code_name: ClassVar[str] = "code"  # what the platform calls its code
    final: ClassVar[str] = "refused"  # the kind that asking again does not change
    passing: ClassVar[frozenset[str]] = frozenset()  # after these a renewal is tried again, as after rate
    ended: ClassVar[str] = "the refresh token was refused"

    def __init__(
        self, kind: str, code: int | str = 0, message: str = "", wait: float | None = None, sub: str = ""
    ) -> None:
        head = f"{kind}: {self.code_name} {code}" if code != "" else f"{kind}:"
        super().__init__(" ".join(part for part in (head, sub, message) if part))
        self.kind, self.code, self.wait, self.sub = kind, code, wait, sub

    def evidence(self) -> dict[str, str | int | float | bool | None]:
        """For an Outcome."""
        return {self.code_name: self.code, "kind": self.kind}


def outcome_of(failure: HttpFailure) -> Outcome:
    """What a call without an answer came to: not sent only when that is proven, otherwise unknown."""
    if failure.kind in ("open", "busy"):
        return Outcome(
            result=Result.LATER, why=failure.kind, retry_after=failure.retry_after or 1.0, evidence=failure.evidence
        )
    result = Result.NOT_SENT if failure.not_sent else Result.UNKNOWN
    return Outcome(result=result, why=failure.kind, evidence=failure.evidence)


def error_of(failure: HttpFailure | PlatformFailure) -> ConnectorError:
    """What an answer that did not come, or came as an error, is to a pull or a read."""
    if isinstance(failure, PlatformFailure):
        if failure.kind == failure.final:
            return Refused(str(failure))
        return ConnectorError(_ANSWERED.get(failure.kind, "platform"), str(failure), failure.wait)
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


class Renewing(Protocol):
    """A platform's client with a token that ends."""

    tokens: Tokens

    async def renew(self, used: str, http: Http) -> None:
        """Replace the token ``used``, once for all callers. Raises PlatformFailure, HttpFailure."""


async def with_renewal(
    client: Renewing, http: Http, failed: type[PlatformFailure], attempt: Callable[[], Awaitable[T]]
) -> T:
    """What ``attempt`` brings; once its token has ended, that is renewed and it is made again.

    An ended token stops a call at the door, so that nothing is in doubt. Raises ``failed``, HttpFailure.
    """
    if not client.tokens.access:
        await _renewed(client, http, failed, "")
    used = client.tokens.access
    try:
        return await attempt()
    except PlatformFailure as failure:
        if failure.kind != "expired":
            raise
    await _renewed(client, http, failed, used)
    return await attempt()


async def _renewed(client: Renewing, http: Http, failed: type[PlatformFailure], used: str) -> None:
    try:
        await client.renew(used, http)
    except HttpFailure as failure:
        raise failed("rate", message=f"token not renewed: {failure.kind}", wait=1.0) from None
    except PlatformFailure as failure:
        if failure.kind == "rate":
            raise
        if failure.kind in failed.passing:
            raise failed("rate", failure.code, "token not renewed", failure.wait or 1.0, failure.sub) from None
        raise failed("dead", failure.code, failed.ended, sub=failure.sub) from None


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

    @property
    def breaker(self) -> str:
        """See core.ports.Guarded."""
        return self._http.breaker.state

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
