"""Picking up: what is true of a pick-up link now, and the one transaction that lets keys be shown, as a recorded act.

A link shows the live keys of its order: never burnt or suspect ones, never some of n, never to an address that the
order's newest delivery does not go to any more. What stops an attempt to send stops this too, and like a send the first
showing wants fresh news of the order: the link may have lain about for days. Whoever has seen the keys may see them again.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from core.desk.cases import close_cases
from core.model.effects import Outcome, Result
from core.model.lifecycle import CaseKind, EventKind, IntentState, Stage
from core.pipeline.ends import Came
from core.pipeline.outcomes import Record
from core.pipeline.setup import Setup
from core.store.tx import Tx

ACTOR = "buyer"
LOOK = (
    "SELECT i.id, i.order_id, i.shop, i.state, i.tries, i.recipient, i.created_at, i.opened_at, o.ext_id, o.stage, "
    "o.blocks, o.refund_open, o.paid - o.refunded, o.due, "
    "(SELECT n.recipient FROM intent n WHERE n.order_id = i.order_id AND n.effect = 1 ORDER BY n.gen DESC LIMIT 1), "
    "(SELECT sum(l.qty) FROM line l WHERE l.order_id = o.id), "
    "(SELECT count(*) FROM key k WHERE k.order_id = o.id AND k.state = 1), "
    "(SELECT count(*) FROM key k WHERE k.order_id = o.id AND k.state = 3), "
    "(SELECT max(k.taken_at) FROM key k WHERE k.order_id = o.id AND k.state = 1), o.seen_at, "
    f"EXISTS(SELECT 1 FROM event e WHERE e.order_id = o.id AND e.kind = {int(EventKind.PICKED_UP)} "
    "AND e.body ->> '$.intent' = i.id) "
    "FROM intent i JOIN orders o ON o.id = i.order_id WHERE i.id = ? AND i.effect = 1"
)
KEYS = (
    "SELECT k.id, k.product, k.batch, k.sealed, b.dek, k.line, k.slot, l.title FROM key k JOIN batch b ON b.id = k.batch "
    "JOIN line l ON l.order_id = k.order_id AND l.line = k.line WHERE k.order_id = ? AND k.state = 1 ORDER BY k.line, k.slot"
)


class Answer(StrEnum):
    """What the page can say."""

    KEYS = "keys"
    GONE = "gone"  # unknown, expired, never sent: all alike
    REFUNDED = "refunded"
    REPLACED = "replaced"  # other keys, or another address, since
    WAITS = "waits"  # a person or a refund request stands before it
    STALE = "stale"  # the order is to be read again first


class Row(NamedTuple):
    """An intent to send with what decides about its link."""

    intent: int
    order: int
    shop: int
    state: int
    tries: int
    recipient: str
    created_at: int
    opened_at: int | None
    ext_id: str
    stage: int
    blocks: int
    refund_open: int
    net: int
    due: int
    newest: str  # where the newest intent of the order goes
    slots: int | None
    live: int
    burnt: int
    taken_at: int | None
    seen_at: int
    shown: int


class Bound(NamedTuple):
    """A live key as stored, with its place in the order."""

    id: int
    product: str
    batch: int
    sealed: bytes
    dek: bytes
    line: str
    slot: int
    title: str


class Picked(Struct, frozen=True):
    """What is to be shown. ``keys`` only with Answer.KEYS."""

    answer: Answer
    shop: int = 0
    ext_id: str = ""
    keys: tuple[Bound, ...] = ()


def answer_of(row: Row | None, now: int, lasts_us: int, fresh_us: int) -> Answer:
    """What a link is worth at ``now`` (UTC us); it ends ``lasts_us`` after the last attempt that sent it.

    ``fresh_us``: how old news of the order may be.
    """
    if row is None or not row.tries or row.opened_at is None or now - row.opened_at > lasts_us:
        return Answer.GONE
    if row.state == IntentState.REJECTED:  # proven: nobody was sent this link
        return Answer.GONE
    if row.stage == Stage.CANCELLED or (row.burnt and not row.live):
        return Answer.REFUNDED
    replaced = row.taken_at is not None and row.taken_at > row.created_at
    if row.state == IntentState.DROPPED or replaced or row.recipient != row.newest:
        return Answer.REPLACED
    over = row.stage in (Stage.DELIVERED, Stage.CLOSED)
    if row.blocks or row.refund_open or (row.net < row.due and not over):
        return Answer.WAITS
    if row.stage not in (Stage.DELIVERING, Stage.DELIVERED, Stage.CLOSED) or row.live != row.slots:
        return Answer.WAITS
    return Answer.KEYS if row.shown or row.seen_at >= now - fresh_us else Answer.STALE


def row_of(found: Any) -> Row | None:
    """From what LOOK found."""
    return None if found is None else Row._make(found)


class PickUp:
    """The handler. An item is an intent; the answer is Picked. Showing is recorded in the same transaction."""

    def __init__(self, setup: Setup, lasts_us: int) -> None:
        self.setup, self.lasts_us = setup, lasts_us

    def apply(self, tx: Tx, items: list[int]) -> list[Picked]:
        """Look once more, and record what will be shown before it is."""
        done: dict[int, Picked] = {}
        for intent in items:
            if intent not in done:
                done[intent] = self._one(tx, intent)
        return [done[intent] for intent in items]

    def _one(self, tx: Tx, intent: int) -> Picked:
        row = row_of(tx.one(LOOK, (intent,)))
        answer = answer_of(row, tx.now, self.lasts_us, self.setup.fresh_us)
        if row is None or answer is not Answer.KEYS:
            return Picked(answer)
        keys = tuple(Bound._make(found) for found in tx.all(KEYS, (row.order,)))
        if len(keys) != row.slots:  # a line changed under its keys: n of n, or nothing
            return Picked(Answer.WAITS)
        tx.event(EventKind.PICKED_UP, row.order, ACTOR, {"intent": intent, "shown": [key.id for key in keys]})
        tx.touch([row.order])
        if row.state == IntentState.UNKNOWN:
            self._settle(tx, row)
        return Picked(answer, row.shop, row.ext_id, keys)

    def _settle(self, tx: Tx, row: Row) -> None:
        """The buyer has the message, so what became of it is known after all."""
        outcome = Outcome(result=Result.CONFIRMED, why="picked up", evidence={"picked_up": True})
        Record(self.setup).apply(tx, [Came(row.intent, row.tries, outcome, asked=True)])
        close_cases(tx, [row.order], {CaseKind.UNKNOWN_OUTCOME}, "picked up", ACTOR, f"send:{row.intent}")
