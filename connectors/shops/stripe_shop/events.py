"""Stripe's event list, read forward. It lists newest first, keeps 30 days, and has no cursor of its own but event ids."""

from collections import deque
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.shops.stripe_shop.client import StripeClient
from core.ports import ConnectorError

TYPES: Final = (
    "payment_intent.created",
    "payment_intent.processing",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
)
_TYPES: Final = [("types[]", one) for one in TYPES]
_PATH: Final = "/v1/events"
_OVERLAP, _DEEP_EVERY, _PAGES = 60, 30, 5  # seconds, seconds, pages a step
_HISTORY, _HISTORY_PAGES = 86_400, 20  # seconds and pages that a new process looks back


class Glance(Struct):
    """Any listed object."""

    id: str
    created: int


class _List(Struct):
    data: list[msgspec.Raw]
    has_more: bool = False


class _Mark(Struct, frozen=True):
    """The last event read, and one about a minute older from which the overlap starts. Times in UTC seconds."""

    last: str
    last_at: int
    anchor: str
    anchor_at: int
    turn: int = 0


class Step(Struct, frozen=True):
    """Events, oldest first, and the cursor after them."""

    events: list[msgspec.Raw]
    cursor: str | None
    more: bool


def listed(body: bytes) -> _List:
    """A list object. Raises ConnectorError."""
    try:
        return msgspec.json.decode(body, type=_List)
    except UNREADABLE as exc:
        raise ConnectorError("protocol", f"list: {exc}") from None


class EventList:
    """Walks the list of one account. ``start`` in UTC seconds: where to begin without a cursor."""

    def __init__(self, client: StripeClient, start: int) -> None:
        self._client, self._start = client, start
        self._recent: deque[tuple[int, str]] = deque()
        self._deep_at: int | None = None
        self._handed: str | None = None

    async def step(self, cursor: str | None, now: int) -> Step:
        """The events after ``cursor``; now and then the last minute again. Raises ConnectorError."""
        mark = None if cursor is None else _read(cursor)
        if mark is None or cursor != self._handed:
            # Another cursor than the one handed out: what this process remembers may be ahead of the core.
            self._recent.clear()
            self._deep_at = None
            if mark is not None:
                self._recent.append((mark.anchor_at, mark.anchor))
        if mark is None:
            oldest = await self._oldest()
            if oldest is None:
                return Step([], None, False)
            events, place, more = [oldest], _glance(oldest).id, True
        else:
            found = await self._forward(mark, now)
            if found is None:
                # The event is older than Stripe keeps: begin again with what there is.
                return Step([], None, True)
            events, place, more = found
        self._handed = self._after(events, mark, place)
        return Step(events, self._handed, more)

    async def before(self, cursor: str) -> list[msgspec.Raw]:
        """What a new process should know: events up to a day and 20 pages before the cursor, oldest first."""
        mark = _read(cursor)
        found: list[msgspec.Raw] = []
        place = mark.anchor
        for _ in range(_HISTORY_PAGES):
            reply = await self._client.get(_PATH, [("limit", "100"), ("starting_after", place), *_TYPES])
            if reply is None:
                break
            page = listed(reply.body)
            found += page.data
            if not page.has_more or not page.data or _glance(found[-1]).created < mark.anchor_at - _HISTORY:
                break
            place = _glance(found[-1]).id
        return found[::-1]

    async def _oldest(self) -> msgspec.Raw | None:
        """The oldest event since the start: the list can only be walked towards it."""
        oldest: msgspec.Raw | None = None
        while True:
            params = [("limit", "100"), ("created[gte]", str(self._start)), *_TYPES]
            if oldest is not None:
                params.append(("starting_after", _glance(oldest).id))
            reply = await self._client.get(_PATH, params)
            if reply is None:
                raise ConnectorError("platform", "there is no event list")
            page = listed(reply.body)
            oldest = page.data[-1] if page.data else oldest
            if not page.has_more or not page.data:
                return oldest

    async def _forward(self, mark: _Mark, now: int) -> tuple[list[msgspec.Raw], str, bool] | None:
        deep = self._deep_at is None or not 0 <= now - self._deep_at < _DEEP_EVERY
        place, events, more = (mark.anchor if deep else mark.last), list[msgspec.Raw](), True
        for _ in range(_PAGES):
            reply = await self._client.get(_PATH, [("limit", "100"), ("ending_before", place), *_TYPES])
            if reply is None:
                return None
            page = listed(reply.body)
            events += reversed(page.data)
            if page.data:
                place = _glance(page.data[0]).id
            more = page.has_more and bool(page.data)
            if not more:
                break
        if deep:
            self._deep_at = now
        return events, place, more

    def _after(self, events: list[msgspec.Raw], mark: _Mark | None, place: str) -> str:
        last_at = _glance(events[-1]).created if events else mark.last_at if mark else 0
        for raw in events:
            one = _glance(raw)
            if not self._recent or one.created > self._recent[-1][0]:
                self._recent.append((one.created, one.id))
        while len(self._recent) > 1 and self._recent[1][0] <= last_at - _OVERLAP:
            self._recent.popleft()
        anchor_at, anchor = self._recent[0] if self._recent else (last_at, place)
        turn = mark.turn + 1 if mark else 0
        return msgspec.json.encode(
            _Mark(last=place, last_at=last_at, anchor=anchor, anchor_at=anchor_at, turn=turn)
        ).decode()


def _glance(raw: msgspec.Raw) -> Glance:
    try:
        return msgspec.json.decode(raw, type=Glance)
    except UNREADABLE as exc:
        raise ConnectorError("protocol", f"event: {exc}") from None


def _read(cursor: str) -> _Mark:
    try:
        return msgspec.json.decode(cursor, type=_Mark)
    except UNREADABLE as exc:
        raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None
