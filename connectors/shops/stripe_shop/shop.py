"""An independent shop: orders are PaymentIntents, read as events; keys leave by a channel, write-back is metadata.

Events stay listed for 30 days (facts: payments). They are read forward from the last one seen; the last minute is
listed again every now and then, because an event may become visible late.
"""

import contextlib
import re
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, drift_of
from connectors.http import Http
from connectors.shops.base import ShopBase, all_of
from connectors.shops.stripe_shop.book import DELIVERED, Book, ChargeFacts, Intent, Known, decode_intent
from connectors.shops.stripe_shop.client import StripeClient
from connectors.shops.stripe_shop.events import EventList, Glance, listed
from connectors.shops.stripe_shop.money import (
    Before,
    Charge,
    Dispute,
    DisputeState,
    dispute_of,
    keeps_money,
    refunds_of,
)
from connectors.shops.stripe_shop.webhook import verify
from connectors.shops.windows import Seen
from core.model.clock import SECOND, Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Payment, Quarantined, Update
from core.model.text import clean
from core.ports import ConnectorError

_SEARCHABLE = re.compile(r"[A-Za-z0-9._:#-]{1,64}\Z")


class _Data(Struct):
    object: msgspec.Raw
    previous_attributes: msgspec.Raw = msgspec.Raw()  # only charges' are decoded


class _Event(Struct):
    id: str
    type: str
    created: int
    data: _Data


class StripeShop(ShopBase):
    """Implements core.ports.Shop. ``account`` names the payment account in every Payment."""

    platform = "stripe-shop"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.B,
            source="Stripe idempotent requests: a POST under the same Idempotency-Key is done once for at least 24 hours",
        )
    }

    def __init__(
        self,
        name: str,
        client: StripeClient,
        clock: Clock,
        http: Http,
        account: str,
        webhook_secret: str,
        deliver: str = "email",
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self.send_via = deliver
        self._client, self._account, self._webhook_secret = client, account, webhook_secret
        self._book, self._seen = Book(account), Seen()
        self._events = EventList(client, self._start)
        self._remembers = False

    async def pull(self, cursor: str | None) -> Batch:
        """The next events after ``cursor``, oldest first. Raises ConnectorError."""
        if cursor is not None and not self._remembers:
            for raw in await self._events.before(cursor):
                self._remember(raw)
        self._remembers = True
        self._seen.begin(cursor)
        step = await self._events.step(cursor, self._now())
        updates: list[Update] = []
        for raw in step.events:
            if self._seen.fresh(raw):
                updates += await self._event_as_of(raw)
        if step.cursor is not None:
            self._seen.end(step.cursor)
        return Batch(updates=tuple(updates), cursor=step.cursor, more=step.more)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order out of all its intents as they stand now. Raises ConnectorError."""
        known = await self._load(ext_id)
        if known is None:
            raise ConnectorError("platform", f"no PaymentIntent of order {clean(ext_id, 64)} was found")
        return self._book.update(ext_id, known, msgspec.json.encode(list(known.intents.values())), event=False)

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """An event goes the way of all events; of any other payload the order it belongs to is read. See core.ports."""
        try:
            msgspec.json.decode(kept.raw, type=_Event)
        except UNREADABLE:
            return (await self.read(kept.ext_id) if kept.ext_id else kept,)
        return tuple(await self._event_as_of(msgspec.Raw(kept.raw)))

    async def perform(self, call: Call) -> Outcome:
        """SHIP: mark the order's first intent as delivered. Never raises for the outside."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        try:
            known = self._book.get(call.ext_id) or await self._load(call.ext_id)
        except ConnectorError as error:
            wait = error.retry_after or 2.0
            return Outcome(result=Result.LATER, why=f"intent not found yet: {error.kind}", retry_after=wait)
        if known is None:
            return Outcome(result=Result.REJECTED, why="no PaymentIntent of this order")
        outcome = await self._client.mark(known.first().id, DELIVERED, call.reference)
        if outcome.result is Result.CONFIRMED:
            known.first().metadata[DELIVERED] = call.reference
        return outcome

    async def ask(self, call: Call) -> Outcome:
        """Whether the intent carries this call's mark."""
        try:
            known = await self._load(call.ext_id)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"not read: {error.kind}")
        marked = known is not None and known.first().metadata.get(DELIVERED) == call.reference
        return Outcome(result=Result.CONFIRMED if marked else Result.UNKNOWN, why="" if marked else "not marked")

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        """A webhook: its signature decides, its content is not used; the events are pulled."""
        return verify(headers, body, self._webhook_secret, self._now())

    async def _event_as_of(self, raw: msgspec.Raw) -> list[Update]:
        """An event tells how things stood when it was made: after an outage that may be long ago, and the next event,
        not pulled yet, may say that the money went back."""
        updates = await self._event(raw)
        try:
            created = msgspec.json.decode(raw, type=_Event).created * SECOND
        except UNREADABLE:
            return updates
        return [
            msgspec.structs.replace(update, as_of=created) if isinstance(update, OrderUpdate) else update
            for update in updates
        ]

    async def _event(self, raw: msgspec.Raw) -> list[Update]:
        try:
            event = msgspec.json.decode(raw, type=_Event)
        except UNREADABLE as exc:
            return [drift_of(exc).quarantined("", bytes(raw))]
        try:
            if event.type.startswith("payment_intent."):
                return [await self._intent(event, raw)]
            if event.type == "charge.refunded":
                return await self._refunded(event, raw)
            if event.type.startswith("charge.dispute."):
                return await self._disputed(event, raw)
        except UNREADABLE as exc:
            drift = drift_of(exc)
            return [Drift(f"data.object.{drift.field}", drift.why).quarantined("", bytes(raw))]
        except Drift as drift:
            return [drift.quarantined("", bytes(raw))]
        return []

    def _remember(self, raw: msgspec.Raw) -> None:
        """Take an old event into the book and say nothing of it: which intent of an order was the first must not be
        forgotten with the process. What it cannot use it leaves; the core was told of it when it was new."""
        with contextlib.suppress(*UNREADABLE, Drift):
            event = msgspec.json.decode(raw, type=_Event)
            if event.type.startswith("payment_intent."):
                intent = decode_intent(event.data.object)
                intent.check(self._client.live)
                self._book.add(intent, event.created)
            elif event.type == "charge.refunded":
                charge = msgspec.json.decode(event.data.object, type=Charge)
                known = self._book.get(self._book.order_of(charge.payment_intent or "") or "")
                if known is not None:
                    known.refunded[charge.id] = max(known.refunded.get(charge.id, 0), charge.amount_refunded)

    async def _intent(self, event: _Event, raw: msgspec.Raw) -> Update:
        intent = decode_intent(event.data.object)
        order_no = clean(intent.order_no, 64)
        try:
            intent.check(self._client.live)
        except Drift as drift:
            return Drift(f"data.object.{drift.field}", drift.why).quarantined(order_no, bytes(raw))
        if event.type != "payment_intent.created" and self._book.get(order_no) is None:
            # After a restart: this may be a further payment of an order that began before.
            await self._load(order_no, skip=intent.id)
        known = self._book.add(intent, event.created)
        return self._book.update(order_no, known, bytes(event.data.object), event=True)

    async def _refunded(self, event: _Event, raw: msgspec.Raw) -> list[Update]:
        charge = msgspec.json.decode(event.data.object, type=Charge)
        previous = msgspec.json.decode(bytes(event.data.previous_attributes) or b"null", type=Before | None)
        order_no = await self._order_no(charge.payment_intent)
        money = refunds_of(charge, previous, order_no, self._account, event.created)
        known = self._book.get(order_no)
        if known is None:
            return list(money)
        known.refunded[charge.id] = max(known.refunded.get(charge.id, 0), charge.amount_refunded)
        known.seen_at = max(known.seen_at, event.created)
        return [*money, self._book.update(order_no, known, bytes(raw), event=True)]

    async def _disputed(self, event: _Event, raw: msgspec.Raw) -> list[Update]:
        dispute = msgspec.json.decode(event.data.object, type=Dispute)
        order_no = await self._order_no(dispute.payment_intent)
        updates = dispute_of(dispute, order_no, self._account, event.created)
        known = self._book.get(order_no)
        if known is None:
            return list(updates)
        gone = keeps_money(dispute.status)
        known.dispute(dispute.charge, not gone, event.created, settled=gone)
        if any(isinstance(update, Payment) for update in updates):
            known.refunded[dispute.charge] = max(known.refunded.get(dispute.charge, 0), dispute.amount)
        known.seen_at = max(known.seen_at, event.created)
        return [*updates, self._book.update(order_no, known, bytes(raw), event=True)]

    async def _order_no(self, intent_id: str | None) -> str:
        """The order of a charge. Raises Drift when nothing ties it to one."""
        if not intent_id:
            raise Drift("data.object.payment_intent", "the charge belongs to no PaymentIntent")
        known = self._book.order_of(intent_id)
        if known is not None and self._book.get(known) is not None:
            return known
        found = await self._get(intent_id)
        if found is None:
            raise Drift("data.object.payment_intent", "the PaymentIntent does not exist")
        order_no = found[0].order_no
        await self._load(order_no, skip=intent_id)
        self._book.add(*found)
        return order_no

    async def _load(self, order_no: str, skip: str = "") -> Known | None:
        """All intents of an order, read now, into the book; None when there is none."""
        known = self._book.get(order_no)
        ids = set(known.intents) if known else set()
        if not ids and order_no.startswith("pi_"):
            ids = {order_no}
        elif not ids:
            ids = await self._search(order_no)
        found = await all_of([partial(self._get, one) for one in sorted(ids - {skip})])
        mine = [one for one in found if one is not None and one[0].order_no == order_no]
        latest = max((at for _, at in mine), default=known.seen_at if known else 0)
        charges = dict.fromkeys(known.disputed if known else (), latest)
        for one, at in mine:
            if isinstance(one.latest_charge, ChargeFacts) and one.latest_charge.disputed:
                charges[one.latest_charge.id] = at
        # All is asked before any of it is believed: a reading that breaks off half-way changes nothing.
        kept = {charge: at for charge, at in sorted(charges.items()) if await self._won(charge)}
        for one, at in mine:
            known = self._book.add(one, at)
        for charge, at in kept.items():
            if known is not None:
                known.dispute(charge, False, at, settled=True)
        return known

    async def _get(self, intent_id: str) -> tuple[Intent, int] | None:
        """An intent and the second, by Stripe's clock, at which it stood so. Raises ConnectorError."""
        path = f"/v1/payment_intents/{quote(intent_id, safe='')}"
        reply = await self._client.get(path, [("expand[]", "latest_charge")])
        if reply is None:
            return None
        try:
            intent = decode_intent(reply.body)
            intent.check(self._client.live)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"PaymentIntent: {drift_of(exc)}") from None
        except Drift as drift:
            raise ConnectorError("protocol", f"PaymentIntent: {drift}") from None
        return intent, reply.date() or intent.changed

    async def _won(self, charge: str) -> bool:
        """True when every dispute of the charge ended with the money kept; a charge says only that there was one."""
        reply = await self._client.get("/v1/disputes", [("charge", charge), ("limit", "100")])
        if reply is None:
            return False
        try:
            statuses = [msgspec.json.decode(raw, type=DisputeState).status for raw in listed(reply.body).data]
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"dispute: {drift_of(exc)}") from None
        return bool(statuses) and all(keeps_money(status) for status in statuses)

    async def _search(self, order_no: str) -> set[str]:
        """Ids by order number. Stripe's index lags by up to a minute and does not exist in every country."""
        if not _SEARCHABLE.match(order_no):
            return set()
        query = f"metadata['order_no']:'{order_no}'"
        reply = await self._client.get("/v1/payment_intents/search", [("query", query), ("limit", "100")])
        return {msgspec.json.decode(raw, type=Glance).id for raw in listed(reply.body).data} if reply else set()
