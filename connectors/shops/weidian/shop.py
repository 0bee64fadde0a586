"""A Weidian shop: orders by update windows, keys by a channel, write-back without parcel (facts: A2).

Weidian has no field for a key. They leave by the channel named in ``deliver``, to the address that the buyer put into the
note or into a field that the goods ask for. List rows hold no goods, so every changed order is looked up.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure
from connectors.shops.base import Refused, ShopBase, error_of, outcome_of, read_again, with_renewal
from connectors.shops.weidian.client import HEADERS, Weidian, WeidianFailure
from connectors.shops.weidian.mapping import order_of
from connectors.shops.weidian.push import receive
from connectors.shops.weidian.shape import number_of
from connectors.shops.windows import PAGE, Mark, Page, Seen, Walker
from connectors.strikes import Strikes
from core.model.clock import SECOND, Clock, to_text
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError, Inbound, Received

T = TypeVar("T")
_SHIPPED: Final = (PlatformState.SHIPPED, PlatformState.FINISHED)
_LIST: Final = ("vdian.order.list.get", "1.5")
_DETAIL: Final = ("vdian.order.get", "2.0")
_DELIVER: Final = ("vdian.order.deliver", "1.0")
_NO_PARCEL: Final = "999"
_HALF: Final = 50  # rows a page, the most that version 1.5 gives; a page of the walker is two of them
_PATIENCE: Final = 6  # refusals without an explanation that a write-back may meet before a person looks


class _Orders(Struct):
    total_num: int
    orders: list[msgspec.Raw] | None = None


class WeidianShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``overlap`` and ``deep`` in seconds, see connectors.shops.windows."""

    platform = "weidian"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.B,
            source="vdian.order.deliver with express_type 999 (no logistics); vdian.order.get tells whether the order is "
            "shipped; what a repeat on a shipped order does is not documented, so it is asked first",
            askable=True,
        )
    }

    def __init__(
        self,
        name: str,
        weidian: Weidian,
        clock: Clock,
        http: Http,
        deliver: str = "email",
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 240,
        formed: Collection[str] = (),
        push_key: str = "",
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = weidian.tokens
        self.send_via = deliver
        self._weidian, self._formed, self._push_key = weidian, formed, push_key
        # Every row is looked up, so a pull is one page of them: what it brought is kept before much can go wrong.
        self._orders, self._seen = Walker(overlap, deep, budget=PAGE), Seen()
        self._strikes = Strikes()

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders after ``cursor``. Raises ConnectorError."""
        place = self._place(cursor)
        self._seen.begin(cursor)
        rows, mark, more = await self._orders.step(place, self._now(), self._order_page)
        updates: list[Update] = []
        numbers: dict[str, None] = {}
        for raw in rows:
            if not self._seen.fresh(raw):
                continue
            number = number_of(raw)
            if number:
                numbers[number] = None
            else:
                updates.append(Quarantined(ext_id="", field="orders.order_id", why="unreadable", raw=bytes(raw)))
        updates += await self._looked_up(list(numbers))
        after = msgspec.json.encode(mark).decode()
        self._seen.end(after)
        return Batch(updates=tuple(updates), cursor=after, more=more)

    def _place(self, cursor: str | None) -> Mark:
        if cursor is None:
            return Mark(high=self._start)
        try:
            return msgspec.json.decode(cursor, type=Mark)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as ``vdian.order.get`` shows it now. Raises ConnectorError.

        After some refusals in a row that nobody has explained the order is left to a person.
        """
        asked_at = self._clock()
        try:
            detail = await self._query(_DETAIL, {"order_id": ext_id}, msgspec.Raw)
        except _Unexplained as error:
            if not self._strikes.another(ext_id):
                raise
            raise Refused(str(error)) from None
        self._strikes.shown(ext_id)
        return self._asked_for(ext_id, order_of(detail, self.name, asked_at, self._formed), "order_id")

    async def receive(self, request: Inbound) -> Received:
        """A push: unsigned, never believed, only a reason to pull at once."""
        return receive(request, self._push_key)

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        return read_again(kept, lambda raw: [order_of(raw, self.name, at, self._formed)])

    async def perform(self, call: Call) -> Outcome:
        """SHIP: "no logistics". Never raises for the outside."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        if call.attempt > 1:
            # The attempts before may have done it, or somebody at the counter.
            settled = await self._settled(call, None)
            if settled is not None:
                return settled
        params = {"order_id": call.ext_id, "express_type": _NO_PARCEL, "express_no": "", "express_custom": ""}
        try:
            await self._authorised(_DELIVER, params, once=True)
        except HttpFailure as failure:
            return outcome_of(failure)
        except WeidianFailure as failure:
            return await self._refused(call, failure)
        return Outcome(result=Result.CONFIRMED)

    async def ask(self, call: Call) -> Outcome:
        """Whether the order is shipped by now; "not sent" while it waits, so that it may be told again."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        settled = await self._settled(call, WeidianFailure("service", message="asked"))
        return settled or Outcome(result=Result.NOT_SENT, why="the order still waits to be shipped")

    async def _settled(self, call: Call, failure: WeidianFailure | None) -> Outcome | None:
        """What the order itself says; None while it waits to be shipped."""
        evidence = failure.evidence() if failure else {}
        try:
            update = await self.read(call.ext_id)
        except ConnectorError as error:
            # Before a call nothing was done by it; after it nobody knows.
            result = Result.UNKNOWN if failure else Result.LATER
            why = f"{failure}; order unread: {error.kind}" if failure else f"order unread: {error.kind}"
            return Outcome(result=result, why=why, retry_after=error.retry_after or 5.0, evidence=evidence)
        if isinstance(update, Quarantined):
            return Outcome(result=Result.UNKNOWN, why=f"order not understood: {update.field}", evidence=evidence)
        evidence["state"] = update.state.name
        if update.state in _SHIPPED:
            return Outcome(result=Result.CONFIRMED, why="already shipped", evidence=evidence)
        if update.state is PlatformState.PAID:
            return None
        if update.state is PlatformState.FORBIDDEN:
            return Outcome(result=Result.LATER, why=f"forbidden: {update.forbid}", retry_after=30.0, evidence=evidence)
        return Outcome(result=Result.REJECTED, why=f"the order is {update.state.name.lower()}", evidence=evidence)

    async def _refused(self, call: Call, failure: WeidianFailure) -> Outcome:
        evidence = failure.evidence()
        if failure.kind == "rate":
            return Outcome(result=Result.LATER, why="rate", retry_after=failure.wait or 5.0, evidence=evidence)
        if failure.kind in ("expired", "dead"):
            return Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=evidence)
        settled = await self._settled(call, failure)
        if settled is not None:
            return settled
        if failure.kind != "refused":
            return Outcome(result=Result.UNKNOWN, why=str(failure), evidence=evidence)
        if call.attempt < _PATIENCE:
            # It may be a limit: the platform said no, and the order shows that nothing was done.
            return Outcome(result=Result.LATER, why=str(failure), retry_after=5.0, evidence=evidence)
        return Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)

    async def _order_page(self, start: int, end: int, page: int, count: bool) -> Page:
        """Two of the platform's pages, the later one first: what leaves the window meanwhile moves rows forward only."""
        if count:
            alone = await self._half(start, end, 2 * page - 1)
            if alone.total_num <= _HALF:
                return _page(alone.orders or [], alone.total_num)
        second = await self._half(start, end, 2 * page)
        first = await self._half(start, end, 2 * page - 1)
        rows = [*(first.orders or []), *(second.orders or [])]
        return _page(rows, first.total_num) if count else Page(rows, first.total_num)

    async def _half(self, start: int, end: int, page: int) -> _Orders:
        times = {"update_start": to_text(start * SECOND), "update_end": to_text(end * SECOND)}
        # Groups that are not complete stay out (group_type 1, which is also what the platform does unasked).
        params = {**times, "page_num": page, "page_size": _HALF, "order_type": "", "group_type": "1"}
        return await self._query(_LIST, params, _Orders)

    async def _query(self, api: tuple[str, str], params: dict[str, Any], kind: type[T]) -> T:
        try:
            data = await self._authorised(api, params, once=False)
            return data if isinstance(data, kind) else msgspec.json.decode(data, type=kind)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"{api[0]}: {exc}") from None
        except (HttpFailure, WeidianFailure) as failure:
            if isinstance(failure, WeidianFailure) and failure.kind == "refused":
                raise _Unexplained("platform", str(failure)) from None
            raise error_of(failure) from None

    async def _authorised(self, api: tuple[str, str], params: dict[str, Any], once: bool) -> msgspec.Raw:
        """Call; when the token has ended renew it and call again, as an ended token stops a call at the door."""

        async def attempt() -> msgspec.Raw:
            body = self._weidian.body(*api, params)
            if once:
                reply = await self._http.post(self._weidian.url, body, HEADERS)
            else:
                reply = await self._fetch("POST", self._weidian.url, HEADERS, body)
            return self._weidian.open(reply)

        return await with_renewal(self._weidian, self._http, WeidianFailure, attempt)


def _page(rows: list[msgspec.Raw], total: int) -> Page:
    if total and not rows:
        raise ConnectorError("protocol", f"{total} rows were counted and none came")
    return Page(rows, total)


class _Unexplained(ConnectorError):
    """A refusal with a code that is in no document."""
