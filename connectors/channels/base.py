"""What every channel over HTTP does alike: one exchange, its proof, and what an answer nobody understands is worth.

An Outcome's ``why`` and evidence are kept in clear text, so a provider's own words pass ``said`` first: some echo the
message they refused.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.channels.message import CARRIES, Unsendable, parts_of
from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure, Reply
from connectors.options import Options, url_of
from core.model.clock import SECOND, Clock
from core.model.contact import ContactKind
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.text import clean
from core.ports import Channel

Evidence = dict[str, str | int | float | bool | None]
T = TypeVar("T")
# RFC 9110: the request as it stands was refused. 408, 409, 425 and the like leave open what became of it.
_REFUSALS: Final = frozenset({400, 401, 403, 404, 405, 406, 410, 411, 413, 414, 415, 417, 422, 431, 451})
JSON: Final = "application/json; charset=utf-8"
DEAD_S: Final = 5.0  # seconds until another try with credentials that were refused; a person mends them meanwhile


class Kind(Struct, frozen=True):
    """How to build one kind of channel: the keys it must have, those it may have, and the builder."""

    required: frozenset[str]
    optional: frozenset[str]
    build: Callable[[str, Options, Clock], Channel]


def sends(cls: EffectClass, source: str, askable: bool = False) -> Mapping[Effect, EffectSpec]:
    """The specs of a channel that can SEND and nothing else."""
    return {Effect.SEND: EffectSpec(effect=Effect.SEND, cls=cls, source=source, askable=askable)}


def rejected(why: str, evidence: Evidence | None = None) -> Outcome:
    """Refused, definitely, and nothing was done. ``why`` is for the person who mends it."""
    return Outcome(result=Result.REJECTED, why=why, evidence=evidence or {})


def later(why: str, seconds: float, evidence: Evidence | None = None) -> Outcome:
    """Refused for now, definitely not done; again in ``seconds``."""
    return Outcome(result=Result.LATER, why=why, retry_after=seconds, evidence=evidence or {})


def unknown(why: str, evidence: Evidence | None = None) -> Outcome:
    """Nothing proves that it was done, nothing that it was not."""
    return Outcome(result=Result.UNKNOWN, why=why, evidence=evidence or {})


def confirmed(remote_ref: str, evidence: Evidence | None = None) -> Outcome:
    """The provider's positive answer, with its own id of the message."""
    return Outcome(result=Result.CONFIRMED, remote_ref=clean(remote_ref, 120), evidence=evidence or {})


def dead(evidence: Evidence) -> Outcome:
    """Credentials were refused: nothing was sent, and it goes as soon as they are mended."""
    return later("token_dead", DEAD_S, evidence)


def said(call: Call | None, text: str, limit: int = 160) -> str:
    """A provider's words as they may be kept: cleaned, and withheld when a piece of a key is among them."""
    if call is not None and any(part in text.casefold() for part in parts_of(call)):
        return "(withheld: it repeats a key)"
    return clean(text, limit)


def outcome_of(failure: HttpFailure, label: str) -> Outcome:
    """What a call without an answer came to. ``label`` replaces the path, which holds the token at some providers."""
    evidence: Evidence = {**failure.evidence, "path": label}
    if failure.kind in ("open", "busy"):
        return later(failure.kind, failure.retry_after or 1.0, evidence)
    result = Result.NOT_SENT if failure.not_sent else Result.UNKNOWN
    return Outcome(result=result, why=failure.kind, evidence=evidence)


def read(reply: Reply, kind: type[T]) -> T | None:
    """The answer as ``kind``, None when it is not one."""
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except UNREADABLE:
        return None


def by_status(reply: Reply, label: str) -> Outcome:
    """What an answer without a word of the provider's is worth: its HTTP status alone. A 200 is no confirmation."""
    evidence: Evidence = {"status": reply.status, "path": label}
    if reply.status == 429:
        return later("rate limit", reply.retry_after() or 5.0, evidence)
    if reply.status in _REFUSALS:
        return rejected(f"refused with HTTP {reply.status}", evidence)
    return unknown(f"HTTP {reply.status} without an answer that can be read", evidence)


def base_url(options: Options, default: str) -> str:
    """The option ``url`` or the provider's own address, without a trailing slash. Raises ValueError."""
    return url_of({"url": options.get("url") or default}).rstrip("/")


def carries_of(options: Options) -> str:
    """What the buyer's message holds: "pickup" (the default) or "keys". Raises ValueError."""
    word = options.get("carries") or "pickup"
    if word not in CARRIES:
        raise ValueError(f"carries must be pickup or keys, not {word!r}")
    return word


class HttpChannel:
    """Implements core.ports.Channel but for ``_send``. Class C and not askable unless a subclass says otherwise."""

    kind = ""
    specs: Mapping[Effect, EffectSpec]
    reaches: frozenset[ContactKind] = frozenset()
    _carries = "pickup"

    def __init__(self, name: str, clock: Clock, http: Http) -> None:
        self.name, self._clock, self._http = name, clock, http

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def needs_pickup(self) -> bool:
        """Whether it sends the pick-up link in place of the keys."""
        return self._carries == "pickup"

    async def perform(self, call: Call) -> Outcome:
        """SEND alone. Never raises for what the provider or the network does."""
        if call.effect is not Effect.SEND:
            return rejected(f"{self.kind} cannot {call.effect.name.lower()}")
        try:
            return await self._send(call)
        except Unsendable as refusal:
            return rejected(str(refusal))
        except UnicodeEncodeError:  # raised while a request is built, so nothing of it has left
            return rejected("the message holds what is no text (half a surrogate pair)")

    async def ask(self, call: Call) -> Outcome:
        """Channels without a query by our reference cannot be asked."""
        return unknown("not askable")

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _send(self, call: Call) -> Outcome:
        raise NotImplementedError

    def _now(self) -> int:
        """UTC seconds."""
        return self._clock() // SECOND

    async def _post(
        self, label: str, url: str, body: bytes, headers: Mapping[str, str] | None = None, kind: str = JSON
    ) -> Reply | Outcome:
        """One POST of a ``kind`` of body, "" for none. ``label`` names the call in evidence in place of its path."""
        try:
            return await self._http.post(url, body, {**({"content-type": kind} if kind else {}), **(headers or {})})
        except HttpFailure as failure:
            return outcome_of(failure, label)
