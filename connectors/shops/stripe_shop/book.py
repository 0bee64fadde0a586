"""PaymentIntents grouped into orders: ``metadata.order_no`` names the order, its first intent says what is owed.

Amounts are minor units already (Stripe), times Unix seconds. A buyer who pays twice, or pays the rest, makes a further
intent with the same order number; it adds money and never changes what is owed.
"""

import re
from collections import OrderedDict
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import Drift, check_lines, check_sum, hundredfold, is_email
from core.model.clock import SECOND
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined
from core.model.text import clean

_CURRENCY = re.compile(r"[a-z]{3}\Z")
_PENDING: Final = frozenset({"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"})
_PROGRESS: Final = dict.fromkeys(_PENDING, 0) | {"processing": 1, "succeeded": 2, "canceled": 2}
# Events of one second carry one time; the later stage has the higher revision.
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.CANCELLED: 1,
    PlatformState.PAID: 2,
    PlatformState.FORBIDDEN: 2,
    PlatformState.SHIPPED: 3,
    PlatformState.REFUNDED: 4,
}
DELIVERED: Final = "keydesk_delivered"


class ChargeFacts(Struct):
    """What an intent's expanded ``latest_charge`` adds."""

    id: str
    amount_refunded: int
    disputed: bool = False
    created: int = 0


class Intent(Struct):
    """A PaymentIntent; what we do not use is not decoded."""

    id: str
    amount: int
    amount_received: int
    currency: str
    status: str
    created: int
    metadata: dict[str, str]
    livemode: bool | None = None
    receipt_email: str | None = None
    description: str | None = None
    latest_charge: ChargeFacts | str | None = None

    @property
    def order_no(self) -> str:
        """The order it belongs to; an intent without a number is an order of its own."""
        return self.metadata.get("order_no", "") or self.id

    @property
    def changed(self) -> int:
        """The latest second that the object itself names, for answers without a Date header."""
        charge = self.latest_charge
        return max(self.created, charge.created) if isinstance(charge, ChargeFacts) else self.created

    def check(self, live: bool | None) -> None:
        """Raise Drift for anything that no intent can be."""
        if self.status not in _PROGRESS:
            raise Drift("status", f"unknown value {clean(self.status, 40)}")
        if not _CURRENCY.match(self.currency):
            raise Drift("currency", "not a three-letter code")
        if live is not None and self.livemode is not None and self.livemode is not live:
            raise Drift("livemode", "test and live mode are mixed")
        if not 0 <= self.amount_received <= self.amount:
            suspect = hundredfold(self.amount_received, self.amount)
            raise Drift("amount_received", "unit_suspect" if suspect else "price_mismatch")
        if hundredfold(self.amount_received, self.amount):
            raise Drift("amount_received", "unit_suspect")
        if self.status == "succeeded" and self.amount and not self.amount_received:
            raise Drift("amount_received", "nothing received although succeeded")
        if self.order_no != clean(self.order_no, 64):
            raise Drift("metadata.order_no", "not plain text of at most 64 characters")


class Known(Struct):
    """One order as far as this process has seen it."""

    intents: dict[str, Intent] = {}
    paid_at: dict[str, int] = {}  # intent id -> UTC seconds
    refunded: dict[str, int] = {}  # charge id -> minor units given back so far
    disputed: set[str] = set()  # charge ids
    settled: set[str] = set()  # charge ids whose dispute ended with the money kept
    heard_at: dict[str, int] = {}  # charge id -> UTC seconds of the latest word about its disputes
    seen_at: int = 0  # UTC seconds, by Stripe's clock, of the latest event or read

    def first(self) -> Intent:
        """The intent that carries the order. Of two in the same second the dearer one: nothing leaves for less."""
        return min(self.intents.values(), key=lambda one: (one.created, -one.amount, one.id))

    def add(self, intent: Intent, at: int) -> None:
        """Take a snapshot of ``at`` (UTC seconds) in; an older stage never replaces a later one, in whatever order."""
        have = self.intents.get(intent.id)
        if have is None or _PROGRESS[intent.status] >= _PROGRESS[have.status]:
            if have is not None and DELIVERED in have.metadata:
                intent.metadata.setdefault(DELIVERED, have.metadata[DELIVERED])
            self.intents[intent.id] = intent
        self.seen_at = max(self.seen_at, at)
        charge = intent.latest_charge
        if intent.status == "succeeded":
            taken = charge.created if isinstance(charge, ChargeFacts) and charge.created else at or intent.created
            self.paid_at.setdefault(intent.id, taken)
        if isinstance(charge, ChargeFacts):
            self.refunded[charge.id] = max(self.refunded.get(charge.id, 0), charge.amount_refunded)
            # ``disputed`` stays true on a charge for ever, also after the dispute was won.
            self.dispute(charge.id, charge.disputed and charge.id not in self.settled, at)

    def dispute(self, charge: str, blocks: bool, at: int, settled: bool = False) -> None:
        """Note whether a dispute of this charge stood in the way ``at`` (UTC seconds), or ended with the money kept.

        What is told of an earlier moment than is known already changes nothing: events come again after a restart.
        """
        if at < self.heard_at.get(charge, 0):
            return
        self.heard_at[charge] = at
        (self.disputed.add if blocks else self.disputed.discard)(charge)
        if settled:
            self.settled.add(charge)
        elif blocks:
            self.settled.discard(charge)


class Book:
    """The latest ``size`` orders, and which order each intent belongs to."""

    def __init__(self, account: str, size: int = 20_000) -> None:
        self._account, self._size = account, size
        self._orders: OrderedDict[str, Known] = OrderedDict()
        self._of: OrderedDict[str, str] = OrderedDict()

    def get(self, order_no: str) -> Known | None:
        """What is known of an order."""
        return self._orders.get(order_no)

    def order_of(self, intent_id: str) -> str | None:
        """The order number of an intent."""
        return self._of.get(intent_id)

    def add(self, intent: Intent, at: int) -> Known:
        """Take an intent in and return its order."""
        known = self._orders.setdefault(intent.order_no, Known())
        known.add(intent, at)
        self._orders.move_to_end(intent.order_no)
        self._of[intent.id] = intent.order_no
        while len(self._orders) > self._size:
            self._orders.popitem(last=False)
        while len(self._of) > 2 * self._size:
            self._of.popitem(last=False)
        return known

    def update(self, order_no: str, known: Known, raw: bytes, event: bool) -> OrderUpdate | Quarantined:
        """The order's snapshot out of all its intents; Quarantined when the first one does not describe goods.

        ``event``: an event brought it. Of one second and stage it outranks a read, which may have come before it.
        """
        first = known.first()
        try:
            return self._update(order_no, known, first, raw, event)
        except Drift as drift:
            return drift.quarantined(order_no, raw)

    def _update(self, order_no: str, known: Known, first: Intent, raw: bytes, event: bool) -> OrderUpdate:
        data = first.metadata
        lines = (_line(first),)
        check_lines(lines, "metadata")
        for other in known.intents.values():
            if other.currency != first.currency:
                raise Drift("currency", "differs between payments of one order")
        state, forbid = _state(known, first)
        payments = tuple(
            self.payment(intent, order_no, known.paid_at.get(intent.id, intent.created))
            for intent in known.intents.values()
            if intent.status == "succeeded" and intent.amount_received > 0
        )
        contact = data.get("email") or first.receipt_email or ""
        return OrderUpdate(
            ext_id=order_no,
            rev=max(known.seen_at, first.created) * SECOND + 2 * _RANK[state] + event,
            state=state,
            created_at=first.created * SECOND,
            total=first.amount,
            currency=first.currency.upper(),
            lines=lines,
            buyer=clean(data.get("buyer", ""), 100),
            buyer_name=clean(data.get("name", ""), 100),
            contact=contact if is_email(contact) else "",
            message=clean(data.get("message", "")),
            paid_at=min(payment.at for payment in payments) if payments else None,
            forbid=forbid,
            payments=payments,
            raw=raw,
        )

    def payment(self, intent: Intent, order_no: str, at: int) -> Payment:
        """The money of one succeeded intent; ``at`` in UTC seconds."""
        return Payment(
            account=self._account,
            txn_id=intent.id,
            ext_id=order_no,
            kind=PaymentKind.CHARGE,
            amount=intent.amount_received,
            currency=intent.currency.upper(),
            at=at * SECOND,
        )


def _line(first: Intent) -> Line:
    data = first.metadata
    qty = _whole(data, "qty")
    if "unit_amount" in data:
        # The shop's own unit price in minor units, where it gives one, vouches for quantity and amount together.
        check_sum(first.amount, _whole(data, "unit_amount") * qty, qty, "metadata.unit_amount")
    sku = clean(data.get("sku", ""), 100)
    if not sku:
        raise Drift("metadata.sku", "missing")
    title = clean(data.get("title") or first.description or sku)
    return Line(line="1", sku=sku, title=title, qty=qty, amount=first.amount)


def _whole(data: dict[str, str], key: str) -> int:
    text = data.get(key, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Drift(f"metadata.{key}", "missing" if key not in data else "not a whole number")
    return int(text)


def _state(known: Known, first: Intent) -> tuple[PlatformState, str]:
    taken = [intent for intent in known.intents.values() if intent.status == "succeeded"]
    if not taken:
        gone = all(intent.status == "canceled" for intent in known.intents.values())
        return (PlatformState.CANCELLED if gone else PlatformState.UNPAID), ""
    back = sum(known.refunded.values())
    net = sum(intent.amount_received for intent in taken) - back
    if back and net <= 0:
        return PlatformState.REFUNDED, ""
    if known.disputed:
        return PlatformState.FORBIDDEN, "disputed"
    if net < first.amount:
        return (PlatformState.FORBIDDEN, "refunded in part") if back else (PlatformState.UNPAID, "")
    return (PlatformState.SHIPPED if DELIVERED in first.metadata else PlatformState.PAID), ""


_INTENT = msgspec.json.Decoder(Intent)


def decode_intent(raw: bytes | msgspec.Raw) -> Intent:
    """Raises one of UNREADABLE for a missing, retyped or null field."""
    return _INTENT.decode(raw)
