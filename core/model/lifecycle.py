"""The order's life as data: stages, the only legal moves between them, holds, case kinds, and the derived axes."""

from enum import IntEnum, StrEnum

from msgspec import Struct


class Stage(IntEnum):
    """The one stored stage of an order. Paid, written back and refunded are axes, not stages."""

    RECEIVED = 0  # seen, not yet understood (an unmapped SKU, a zero amount)
    OPEN = 1  # understood; waits for money or for the gate
    ALLOCATED = 2  # keys are bound and an intent to send is recorded; nothing has gone out
    DELIVERING = 3  # at least one attempt was opened; its outcome may be unknown
    DELIVERED = 4  # the buyer has the keys
    CLOSED = 5  # finished, or refunded after keys went out
    CANCELLED = 6  # ended before any key went out


WORKING = (Stage.RECEIVED, Stage.OPEN, Stage.ALLOCATED, Stage.DELIVERING)
ENDED = (Stage.CLOSED, Stage.CANCELLED)


class Move(Struct, frozen=True):
    """One legal transition with its trigger and guard, in words; printed in the docs and checked by tests."""

    source: Stage | None
    target: Stage
    trigger: str
    guard: str


MOVES: tuple[Move, ...] = (
    Move(None, Stage.RECEIVED, "a connector or an import saw it", "unique (shop, ext_id)"),
    Move(Stage.RECEIVED, Stage.OPEN, "every line is mapped to a product", "due > 0"),
    Move(Stage.RECEIVED, Stage.CANCELLED, "closed, refunded or refused", "no key bound"),
    Move(Stage.OPEN, Stage.ALLOCATED, "gate", "no block, no open refund, net paid >= due, fresh snapshot, keys free"),
    Move(Stage.OPEN, Stage.CANCELLED, "closed by buyer, platform or desk, or refunded in full", "no key bound"),
    Move(Stage.OPEN, Stage.CLOSED, "the platform says shipped or finished, or delivered by hand", "recorded as such"),
    Move(Stage.ALLOCATED, Stage.OPEN, "keys released", "no attempt ever opened"),
    Move(Stage.ALLOCATED, Stage.DELIVERING, "first attempt opened", "money still covers, no block, same recipient"),
    Move(
        Stage.ALLOCATED,
        Stage.CANCELLED,
        "closed by the platform, or refunded in full",
        "no attempt ever opened; keys go back to stock",
    ),
    Move(Stage.DELIVERING, Stage.DELIVERED, "confirmed, or the verdict 'was sent'", "every slot filled"),
    Move(
        Stage.DELIVERING,
        Stage.CLOSED,
        "refunded in full, or ended by the desk after a part refund",
        "keys are burnt, never back to stock",
    ),
    Move(Stage.DELIVERED, Stage.DELIVERING, "replacement or resend by the desk", "case or reason recorded"),
    Move(Stage.DELIVERED, Stage.CLOSED, "platform finished it, or refunded in full", "none"),
    Move(Stage.CLOSED, Stage.DELIVERING, "replacement by the desk", "case or reason recorded"),
    Move(Stage.CANCELLED, Stage.OPEN, "late money accepted by the desk", "net paid >= due"),
)
LEGAL: frozenset[tuple[Stage | None, Stage]] = frozenset((m.source, m.target) for m in MOVES)


def may_move(source: Stage | None, target: Stage) -> bool:
    """Whether the table allows this move. Staying is always allowed."""
    return source == target or (source, target) in LEGAL


class HoldReason(StrEnum):
    """Why the gate is blocked by a hold; a hold is lifted by the person or event that its reason names."""

    MANUAL = "manual"  # an operator said wait
    CONFIRM = "confirm"  # a rule wants a person to confirm
    RULE = "rule"  # a rule holds it
    RULE_ERROR = "rule_error"  # a rule failed on it; never let through
    FORBIDDEN = "forbidden"  # the platform says: do not ship
    SHOP_GONE = "shop_gone"  # its shop is not configured any more; lifted when the shop is back
    SILENT = "shop_silent"  # its shop's paid orders had stopped; lifted by a person, or when they come again
    AUDIT = "audit_violation"


class CaseKind(StrEnum):
    """The closed list of things a person must decide. ``other`` counts as stuck."""

    NO_STOCK = "no_stock"
    PRICE_MISMATCH = "price_mismatch"
    UNIT_SUSPECT = "unit_suspect"
    SKU_UNMAPPED = "sku_unmapped"
    BUYER_INPUT_INVALID = "buyer_input_invalid"
    LATE_PAYMENT = "late_payment"
    UNDERPAID = "underpaid"
    OVERPAID = "overpaid"
    ZERO_AMOUNT = "zero_amount"
    UNKNOWN_OUTCOME = "unknown_outcome"
    DELIVERY_REJECTED = "delivery_rejected"
    WRITEBACK_REJECTED = "writeback_rejected"
    REFUND_BEFORE = "refund_before"
    REFUND_AFTER = "refund_after"
    DISPUTE = "dispute"
    POISON_PAYLOAD = "poison_payload"
    TOKEN_DEAD = "token_dead"
    SUSPECT_KEY = "suspect_key"
    ALREADY_SHIPPED = "already_shipped"
    OTHER = "other"


# Cases that stop the gate and every attempt of their order until they are closed.
BLOCKING = frozenset(CaseKind) - {
    CaseKind.OVERPAID,
    CaseKind.REFUND_AFTER,
    CaseKind.WRITEBACK_REJECTED,
    CaseKind.DELIVERY_REJECTED,
    CaseKind.UNKNOWN_OUTCOME,
}


class Money(StrEnum):
    """Derived from sums, never stored."""

    UNPAID = "unpaid"
    PART_PAID = "part_paid"
    PAID = "paid"
    OVERPAID = "overpaid"
    REFUND_OPEN = "refund_open"
    PART_REFUNDED = "part_refunded"
    REFUNDED = "refunded"


def money_axis(due: int, paid: int, refunded: int, refund_open: bool) -> Money:
    """Where the money of an order stands. All amounts in minor units of one currency."""
    if refunded and refunded >= paid:
        return Money.REFUNDED
    if refund_open:
        return Money.REFUND_OPEN
    if refunded:
        return Money.PART_REFUNDED
    if not paid:
        return Money.UNPAID
    if paid < due:
        return Money.PART_PAID
    return Money.PAID if paid == due else Money.OVERPAID


class WriteBack(IntEnum):
    """The write-back axis, kept on the order by the recorder of effects."""

    NONE = 0
    DUE = 1
    DONE = 2
    FAILED = 3


class Lateness(StrEnum):
    """The time axis against the platform's own deadline."""

    NONE = "none"
    OK = "ok"
    WARN = "warn"  # less than a fifth of the time is left
    LATE = "late"


def time_axis(now: int, created_at: int, deadline: int | None, done_at: int | None) -> Lateness:
    """Lateness at ``now`` (UTC us). A delivered order is judged by its delivery time."""
    if deadline is None:
        return Lateness.NONE
    at = done_at if done_at is not None else now
    if at > deadline:
        return Lateness.LATE
    left, whole = deadline - at, max(deadline - created_at, 1)
    return Lateness.WARN if done_at is None and left * 5 < whole else Lateness.OK


class KeyState(IntEnum):
    """A key's own life. It is FREE again only from SOLD with no attempt ever opened."""

    FREE = 0
    SOLD = 1  # bound to a slot
    SUSPECT = 2  # was sent or may have been; replaced; never back to stock
    BURNT = 3  # went out and was refunded
    WITHDRAWN = 4  # its import was undone while unused


class PurchaseState(IntEnum):
    """Where a purchase of keys from a supplier stands. It is bought from PLANNED alone, and never twice."""

    PLANNED = 0  # to be bought; nothing of it has reached the supplier
    BUYING = 1  # a call is out
    UNKNOWN = 2  # the supplier is asked what became of it
    WAITS = 3  # nobody can be asked, or the answer is not clear: a person looks
    DONE = 4  # its keys are stock
    REFUSED = 5  # nothing was bought


class IntentState(IntEnum):
    """An outbox row's state."""

    PENDING = 0
    SENDING = 1  # an attempt is open
    CONFIRMED = 2
    REJECTED = 3  # refused for good; a case is open
    UNKNOWN = 4  # its class decides: asked again, repeated, or parked with a case
    BLOCKED = 5  # a check failed before an attempt; re-armed when the block lifts
    DROPPED = 6  # superseded or no longer wanted; never went out


class EventKind(IntEnum):
    """Kinds of event-log rows; the number is stored, the name is shown."""

    RECEIVED = 1
    UPDATED = 2
    PAYMENT = 3
    REFUND = 4
    ALLOCATED = 5
    RELEASED = 6
    SENT = 7
    SEND_FAILED = 8
    UNKNOWN = 9
    WRITTEN_BACK = 10
    WRITEBACK_FAILED = 11
    HELD = 12
    HOLD_LIFTED = 13
    CASE_OPENED = 14
    CASE_CLOSED = 15
    MOVED = 16
    RANKED = 17
    NOTE = 18
    KEYS_IMPORTED = 19
    IMPORT_UNDONE = 20
    JOB = 21
    REVEALED = 22
    VERDICT = 23
    CLAIMED = 24
    STARTED = 25
    QUARANTINED = 26
    PICKED_UP = 27  # the buyer was shown the keys on the pick-up page
    REPLAYED = 28  # an item that had been set aside as unreadable was read and taken in
    EXPORTED = 29  # somebody took orders, a timeline or an evidence pack out of the core as a file
    SKIPPED = 31  # an operator gave the order back unworked, with a reason
    CLAIM_BROKEN = 32  # a supervisor took an operator's claim away, with a reason
    BUYING = 40  # keys are about to be bought from a supplier
    BOUGHT = 41  # a purchase ended: its keys are stock, it was refused, or a person has to look


# An attempt was refused for good, or nobody knows what became of it: what the error rate counts.
WRONG = (int(EventKind.SEND_FAILED), int(EventKind.UNKNOWN), int(EventKind.WRITEBACK_FAILED))
