"""A Shopify shop: the list says which orders changed, each is then read by its id; write-back is a fulfilment (facts: A7).

The list comes from a search index that lags behind writes, by minutes at times, so it is asked again for the last minutes
every now and then; an order read by its id is as it stands. Keys leave by the channel named in ``deliver``, to the address
of the order; Shopify's own mail, sent with the fulfilment, carries none.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift
from connectors.http import Http, HttpFailure
from connectors.shops.base import Refused, ShopBase, outcome_of, read_again
from connectors.shops.shopify.client import Shopify, ShopifyFailure
from connectors.shops.shopify.mapping import UTC, number_of, order_of
from connectors.shops.shopify.place import Place
from connectors.shops.shopify.queries import CHANGED, FULFIL, OPEN, ORDER, PAGE
from connectors.shops.shopify.sign import verify
from connectors.shops.windows import Seen
from core.model.clock import SECOND, Clock, from_text, iso
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Quarantined, Update
from core.model.text import clean
from core.ports import ConnectorError

# Two changes within a second leave the same row, so one is settled only once its second is over; seconds.
_YOUNG = 2
_OPEN = ("OPEN", "IN_PROGRESS")
_WAITING = ("SCHEDULED", "INCOMPLETE")
_HOLD = 20.0  # seconds until an order that is on hold is looked at again


class _PageInfo(Struct, rename="camel"):
    has_next_page: bool
    end_cursor: str | None = None


class _Rows(Struct, rename="camel"):
    nodes: list[msgspec.Raw]
    page_info: _PageInfo


class _Changed(Struct):
    orders: _Rows


class _Row(Struct, rename="camel"):
    id: str
    updated_at: str


class _Whole(Struct):
    order: msgspec.Raw


class _Location(Struct):
    id: str


class _Assigned(Struct):
    location: _Location | None


class _Part(Struct, rename="camel"):
    id: str
    status: str
    assigned_location: _Assigned


class _Parts(Struct, rename="camel"):
    nodes: list[_Part]
    page_info: _PageInfo


class _Standing(Struct, rename="camel"):
    id: str
    cancelled_at: str | None
    display_fulfillment_status: str
    fulfillment_orders: _Parts


class _Open(Struct):
    order: _Standing | None


class _UserError(Struct):
    message: str = ""


class _Fulfillment(Struct):
    id: str
    status: str


class _Created(Struct, rename="camel"):
    fulfillment: _Fulfillment | None
    user_errors: list[_UserError]


class _Fulfilled(Struct, rename="camel"):
    fulfillment_create: _Created


class ShopifyShop(ShopBase):
    """Implements core.ports.Shop. ``overlap``, ``deep`` and ``deep_every`` in seconds."""

    platform = "shopify"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.A,
            source="Shopify fulfillmentCreate closes the fulfilment orders it fulfils, and a closed one cannot be fulfilled "
            "again; the open ones are read before each try",
        )
    }

    def __init__(
        self,
        name: str,
        shopify: Shopify,
        clock: Clock,
        http: Http,
        webhook_secret: str = "",
        deliver: str = "email",
        notify: bool = True,
        takes_tests: bool = False,
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 10,
        deep: int = 600,
        deep_every: int = 30,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._tokens = shopify.tokens
        self.send_via = deliver
        self._shopify, self._webhook_secret, self._notify, self._tests = shopify, webhook_secret, notify, takes_tests
        self._overlap, self._deep, self._deep_every = overlap, deep, deep_every
        self._seen, self._deep_at = Seen(), 0

    async def pull(self, cursor: str | None) -> Batch:
        """The next page of changes after ``cursor``. Raises ConnectorError."""
        place, now = Place.read(cursor, self._start), self._now()
        self._seen.begin(cursor)
        goes_back = not place.after and not 0 <= now - self._deep_at < self._deep_every
        place = place.opened(self._deep if goes_back else self._overlap)
        asked = {"first": PAGE, "after": place.after or None, "query": f"updated_at:>='{iso(place.start * SECOND)}'"}
        rows = (await self._shopify.ask(CHANGED, asked, _Changed)).orders
        latest, fresh, there = 0, dict[str, None](), self._shopify.now()
        for raw in rows.nodes:
            number, changed = _row(raw)
            latest = max(latest, changed)
            young = b"" if there - changed >= _YOUNG else str(place.turn).encode()
            if self._seen.fresh(bytes(raw) + young):
                fresh[number] = None
        if rows.page_info.has_next_page and not rows.page_info.end_cursor:
            raise ConnectorError("protocol", "a further page without a cursor")
        updates: list[Update] = [*await self._looked_up(list(fresh))]
        if goes_back:
            self._deep_at = now
        after = place.passed(latest, rows.page_info.end_cursor or "" if rows.page_info.has_next_page else "")
        text = after.text()
        self._seen.end(text)
        return Batch(updates=tuple(updates), cursor=text, more=rows.page_info.has_next_page)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as it stands now. Raises ConnectorError."""
        found = await self._shopify.ask(ORDER, {"id": _gid(ext_id)}, _Whole)
        if bytes(found.order) == b"null":
            raise Refused("there is no such order")
        return self._asked_for(ext_id, order_of(found.order, self.name, self._tests), "id")

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        return read_again(kept, lambda raw: [order_of(raw, self.name, self._tests)])

    async def perform(self, call: Call) -> Outcome:
        """SHIP: fulfil what is open, location by location. Never raises for what Shopify or the network does."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        try:
            standing = await self._standing(call.ext_id)
        except Refused as refusal:
            return Outcome(result=Result.REJECTED, why=str(refusal))
        except ConnectorError as error:
            # Nothing was changed yet.
            return Outcome(
                result=Result.LATER, why=f"order not read: {error.kind}", retry_after=error.retry_after or 2.0
            )
        if standing.cancelled_at is not None:
            return Outcome(result=Result.REJECTED, why="order is cancelled")
        places: dict[str, list[str]] = {}
        for part in standing.fulfillment_orders.nodes:
            if part.status == "ON_HOLD":
                # Staff keeps it back; what is not said yet is said when they let it go.
                return Outcome(result=Result.LATER, why="fulfilment is on hold", retry_after=_HOLD)
            if part.status in _WAITING:
                return Outcome(result=Result.REJECTED, why=f"fulfilment is {part.status}")
            if part.status in _OPEN:
                location = part.assigned_location.location
                places.setdefault(location.id if location else "", []).append(part.id)
        if not places:
            return _done(standing)
        remote = ""
        for parts in places.values():
            made = await self._fulfil(call, parts)
            if isinstance(made, Outcome):
                return made
            remote = made
        return Outcome(result=Result.CONFIRMED, remote_ref=remote)

    async def ask(self, call: Call) -> Outcome:
        """Whether the order is fulfilled by now; says nothing about who did it."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        try:
            outcome = _done(await self._standing(call.ext_id))
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"not read: {error.kind}")
        if outcome.result is Result.CONFIRMED:
            return outcome
        return Outcome(result=Result.UNKNOWN, why=outcome.why)

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        """A webhook: its signature decides, its content is not used; the orders are pulled."""
        return verify(headers, body, self._webhook_secret)

    async def _fulfil(self, call: Call, parts: list[str]) -> str | Outcome:
        """The fulfilment's id, or what the try came to instead."""
        wanted = {"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": part} for part in parts]}
        variables = {"fulfillment": {**wanted, "notifyCustomer": self._notify}}
        try:
            created = (await self._shopify.change(FULFIL, variables, _Fulfilled)).fulfillment_create
        except HttpFailure as failure:
            return outcome_of(failure)
        except ShopifyFailure as failure:
            return failure.outcome()
        if created.user_errors:
            return await self._settled(call, clean(created.user_errors[0].message, 200))
        if created.fulfillment is None or created.fulfillment.status not in ("SUCCESS", "OPEN", "PENDING"):
            return Outcome(result=Result.UNKNOWN, why="the answer holds no fulfilment")
        return clean(created.fulfillment.id, 100)

    async def _settled(self, call: Call, why: str) -> Outcome:
        """A refusal settled by the order itself: another hand may have been quicker."""
        try:
            now = _done(await self._standing(call.ext_id))
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"{why}; order unread: {error.kind}")
        return now if now.result is Result.CONFIRMED else Outcome(result=Result.REJECTED, why=why)

    async def _standing(self, ext_id: str) -> _Standing:
        standing = (await self._shopify.ask(OPEN, {"id": _gid(ext_id)}, _Open)).order
        if standing is None:
            raise Refused("there is no such order")
        if standing.id != _gid(ext_id):
            raise ConnectorError("protocol", "answer is about another order")
        if standing.fulfillment_orders.page_info.has_next_page:
            raise Refused("more fulfilment orders than are read at once")
        return standing


def _done(standing: _Standing) -> Outcome:
    state = standing.display_fulfillment_status
    if state == "FULFILLED":
        return Outcome(result=Result.CONFIRMED, why="already fulfilled", evidence={"state": state})
    return Outcome(result=Result.REJECTED, why=f"nothing open to fulfil: {clean(state, 40)}", evidence={"state": state})


def _gid(ext_id: str) -> str:
    """Raises Refused for what is no order's number."""
    if not (ext_id.isascii() and ext_id.isdigit()):
        raise Refused("no order of this shop has such a number")
    return f"gid://shopify/Order/{ext_id}"


def _row(raw: msgspec.Raw) -> tuple[str, int]:
    """An order's number and the UTC second of its last change."""
    try:
        row = msgspec.json.decode(raw, type=_Row)
        return number_of(row.id, "Order"), from_text(row.updated_at, UTC, "%Y-%m-%dT%H:%M:%SZ") // SECOND
    except (*UNREADABLE, Drift, ValueError) as exc:
        raise ConnectorError("protocol", f"row of the list: {exc}") from None
