"""The payment provider's objects: PaymentIntents with their charge and dispute, and the log of events about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from connectors.practice.world import SECOND, Order, RefundStatus, World

API_VERSION = "2026-10-28.endive"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Intent:
    """One PaymentIntent; amounts in fen (the currency's minor unit), ``created`` in Unix seconds."""

    __slots__ = ("amount", "created", "disputed", "extra", "n", "order", "received", "refunded", "status")

    def __init__(self, n: int, order: Order, amount: int, created: int) -> None:
        self.n, self.order, self.amount, self.created = n, order, amount, created
        self.received = self.refunded = 0
        self.status = "requires_payment_method"
        self.disputed = ""  # "", or the dispute's status
        self.extra: dict[str, str] = {}

    @property
    def id(self) -> str:
        """The provider's id."""
        return f"pi_{self.n:024x}"


class Event(NamedTuple):
    """What happened to an intent, with the figures as they were then."""

    kind: str
    created: int
    intent: Intent
    status: str
    received: int
    refunded: int
    disputed: str


class Provider:
    """Creates and changes intents, and writes the event log; ``webhook`` hears each event's number."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.intents: dict[str, Intent] = {}
        self.events: list[Event] = []
        self.webhook: Callable[[int], None] | None = None
        self._typed: dict[int, str] = {}  # the address as the buyer typed it, where it differs from a good one
        world.on_change = self._order_changed

    def open(self, order: Order, typed_email: str) -> None:
        """The order's first intent; its amount is what the buyer owes."""
        order.pis = []
        if typed_email != order.email:
            self._typed[order.n] = typed_email
        self._create(order, order.due)

    def succeed(self, order: Order, amount: int) -> str:
        """The first intent succeeds with ``amount`` received; returns its id."""
        return self._succeed(self.of(order)[0], amount)

    def again(self, order: Order, amount: int) -> str:
        """One more intent of the same order, paid at once; returns its id."""
        return self._succeed(self._create(order, amount), amount)

    def cancel(self, order: Order) -> None:
        """The buyer leaves without paying."""
        intent = self.of(order)[0]
        if intent.status == "requires_payment_method":
            intent.status = "canceled"
            self._tell("payment_intent.canceled", intent)

    def of(self, order: Order) -> list[Intent]:
        """The order's intents, oldest first."""
        return [intent for intent in order.pis or () if isinstance(intent, Intent)]

    def metadata(self, intent: Intent) -> dict[str, str]:
        """What the shop wrote on the intent, and what the desk added; the provider keeps no empty values."""
        order = intent.order
        given = {
            "order_no": order.ext_id,
            "sku": order.product.sku("IN-"),
            "qty": str(order.qty),
            "email": self._typed.get(order.n, order.email),
            "buyer": order.buyer,
            "name": order.nick,
            "message": order.message,
        }
        return {key: value for key, value in {**given, **intent.extra}.items() if value}

    def _create(self, order: Order, amount: int) -> Intent:
        n = (self._world.seed % 1000) << 64 | (len(self.intents) + 1)
        intent = Intent(n, order, amount, self._world.now() // SECOND)
        assert order.pis is not None
        order.pis.append(intent)
        self.intents[intent.id] = intent
        self._tell("payment_intent.created", intent)
        return intent

    def _succeed(self, intent: Intent, amount: int) -> str:
        intent.status, intent.received = "succeeded", amount
        self._tell("payment_intent.succeeded", intent)
        return intent.id

    def _order_changed(self, order: Order, what: str) -> None:
        if order.pis is None or what not in ("refund_open", "refunded", "refund_gone"):
            return
        paid = [intent for intent in self.of(order) if intent.status == "succeeded"]
        if what == "refund_open":
            paid[0].disputed = "needs_response"
            self._tell("charge.dispute.created", paid[0])
        elif what == "refund_gone":
            paid[0].disputed = "won"
            self._tell("charge.dispute.closed", paid[0])
        else:
            if order.refund is not None and order.refund.status is RefundStatus.DONE and paid[0].disputed:
                paid[0].disputed = "lost"
            for intent in paid:
                intent.refunded = intent.received
                self._tell("charge.refunded", intent)
            if paid[0].disputed == "lost":
                self._tell("charge.dispute.closed", paid[0])

    def _tell(self, kind: str, intent: Intent) -> None:
        at = self._world.now() // SECOND
        self.events.append(Event(kind, at, intent, intent.status, intent.received, intent.refunded, intent.disputed))
        if self.webhook is not None:
            self.webhook(len(self.events) - 1)

    def event(self, number: int) -> dict[str, Any]:
        """The event as the API shows it."""
        event = self.events[number]
        if event.kind.startswith("charge.dispute"):
            shown = dispute(event.intent, event.disputed)
        elif event.kind.startswith("charge."):
            shown = self.charge(event.intent, event.refunded)
        else:
            shown = self.payment_intent(event.intent, event.status, event.received)
        return {
            "id": event_id(number), "object": "event", "api_version": API_VERSION, "created": event.created,
            "type": event.kind, "livemode": True, "pending_webhooks": 0, "request": {"id": None, "idempotency_key": None},
            "data": {"object": shown},
        }  # fmt: skip

    def payment_intent(self, intent: Intent, status: str, received: int, expand: bool = False) -> dict[str, Any]:
        """The PaymentIntent as the API shows it; with ``expand`` its latest charge in full."""
        charge: str | dict[str, Any] | None = None
        if received:
            charge = self.charge(intent, intent.refunded) if expand else charge_id(intent)
        return {
            "id": intent.id, "object": "payment_intent", "amount": intent.amount, "amount_capturable": 0,
            "amount_received": received, "canceled_at": intent.created if status == "canceled" else None,
            "cancellation_reason": "abandoned" if status == "canceled" else None, "capture_method": "automatic",
            "created": intent.created, "currency": "cny", "customer": None, "description": intent.order.product.title,
            "last_payment_error": None, "latest_charge": charge, "livemode": True, "metadata": self.metadata(intent),
            "payment_method_types": ["alipay"], "receipt_email": None, "status": status,
        }  # fmt: skip

    def charge(self, intent: Intent, refunded: int) -> dict[str, Any]:
        """The charge as the API shows it, with ``refunded`` fen given back so far."""
        return {
            "id": charge_id(intent), "object": "charge", "amount": intent.received, "amount_captured": intent.received,
            "amount_refunded": refunded, "captured": True, "created": intent.created, "currency": "cny",
            "disputed": bool(intent.disputed), "livemode": True, "metadata": self.metadata(intent), "paid": True,
            "payment_intent": intent.id, "refunded": refunded >= intent.received, "status": "succeeded",
        }  # fmt: skip


def dispute(intent: Intent, status: str) -> dict[str, Any]:
    """The dispute as the API shows it. Its metadata is its own and empty: the order is found through the intent."""
    return {
        "id": f"dp_{intent.n:024x}", "object": "dispute", "amount": intent.received, "charge": charge_id(intent),
        "created": intent.created, "currency": "cny", "livemode": True, "metadata": {}, "payment_intent": intent.id,
        "reason": "product_not_received", "status": status,
        "evidence_details": {"due_by": intent.created + 7 * 86_400, "has_evidence": False, "past_due": False},
    }  # fmt: skip


def refund(intent: Intent) -> dict[str, Any]:
    """The one full refund of an intent as the API shows it."""
    return {
        "id": f"re_{intent.n:024x}", "object": "refund", "amount": intent.refunded, "charge": charge_id(intent),
        "created": intent.created, "currency": "cny", "metadata": {}, "payment_intent": intent.id,
        "reason": "requested_by_customer", "status": "succeeded",
    }  # fmt: skip


def charge_id(intent: Intent) -> str:
    """The id of the intent's only charge."""
    return f"ch_{intent.n:024x}"


def event_id(number: int) -> str:
    """The id of the event at that place of the log."""
    digits = ""
    rest = number + 1
    while rest:
        rest, digit = divmod(rest, 36)
        digits = _DIGITS[digit] + digits
    return "evt_" + digits.rjust(20, "0")


def event_number(text: str) -> int | None:
    """The place in the log of an event id; None for text that is none."""
    if not text.startswith("evt_") or len(text) != 24 or any(char not in _DIGITS for char in text[4:]):
        return None
    return int(text[4:], 36) - 1
