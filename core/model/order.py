"""Normalised updates: what a connector says a platform said. Strict, immutable, already cleaned text.

They hold nothing that could lead back to them, so the cyclic collector need not look at them (``gc=False``).
"""

from enum import IntEnum

from msgspec import Struct


class PlatformState(IntEnum):
    """The platform's word on an order, in our words."""

    UNPAID = 0
    PAID = 1  # paid, waiting for us to ship
    SHIPPED = 2
    FINISHED = 3
    CANCELLED = 4  # closed without (kept) money: never paid, or refunded in full before shipping
    REFUNDED = 5  # refunded in full
    FORBIDDEN = 6  # paid, but the platform says: do not ship (risk review, group not formed, forbidden)


class RefundState(IntEnum):
    """An open refund blocks the gate; the others only move money."""

    OPEN = 0
    DONE = 1
    GONE = 2  # refused, withdrawn or closed without money


class PaymentKind(IntEnum):
    """Direction of the money."""

    CHARGE = 0
    REFUND = 1


class Line(Struct, frozen=True, kw_only=True, gc=False):
    """One goods line. ``amount`` is what the buyer owes for the whole line, minor units; ``qty`` 1-999."""

    line: str  # the platform's own line id, "1" when it has none
    sku: str  # the merchant's code if given, else the platform's sku id
    title: str
    qty: int
    amount: int


class Payment(Struct, frozen=True, kw_only=True, gc=False):
    """A confirmed fact about money. ``account`` + ``txn_id`` is unique for ever; ``amount`` > 0, minor units."""

    account: str  # payment account that saw it, or the shop's name for platform-held money
    txn_id: str
    ext_id: str  # the order it names
    kind: PaymentKind
    amount: int
    currency: str
    at: int


class Refund(Struct, frozen=True, kw_only=True, gc=False):
    """A buyer's refund request as it stands now; the money itself comes as a Payment of kind REFUND."""

    refund_id: str
    ext_id: str
    state: RefundState
    amount: int
    reason: str
    at: int
    deadline: int | None = None


class OrderUpdate(Struct, frozen=True, kw_only=True, gc=False):
    """A snapshot of one order as the platform shows it. ``rev`` orders snapshots: UTC us of the last change there."""

    ext_id: str
    rev: int
    state: PlatformState
    created_at: int
    total: int  # what the buyer owes for the order, minor units
    currency: str
    lines: tuple[Line, ...]
    buyer: str = ""  # stable buyer id, "" where the platform gives none
    buyer_name: str = ""
    contact: str = ""  # where keys can go if not through the platform: contacts (core.model.contact), spaces between
    message: str = ""
    paid_at: int | None = None
    deadline: int | None = None
    forbid: str = ""  # why the platform forbids shipping, with FORBIDDEN
    as_of: int | None = None  # UTC us; set when this is told by a message about the past, not read just now
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    raw: bytes = b""


class Quarantined(Struct, frozen=True, kw_only=True, gc=False):
    """One item that could not be understood; nothing of it is guessed. Kept with its raw bytes for replay."""

    ext_id: str  # "" when even that is unreadable
    field: str  # dotted path in the payload
    why: str
    raw: bytes


Update = OrderUpdate | Payment | Refund | Quarantined


class Batch(Struct, frozen=True, kw_only=True):
    """What one pull brought, and the cursor that makes it repeatable: both are committed together."""

    updates: tuple[Update, ...]
    cursor: str | None
    more: bool  # call again at once
