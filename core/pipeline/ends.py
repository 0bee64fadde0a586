"""How attempts usually end: as they were opened, with the buyer served or the platform told."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from core.desk.cases import close_cases
from core.model.effects import Effect, Outcome
from core.model.lifecycle import CaseKind, EventKind, IntentState, Stage, WriteBack
from core.pipeline.attempts import Opened
from core.pipeline.sent import ARRIVED, Sent, by_way, tell
from core.pipeline.setup import Setup
from core.store.tx import Tx

_encode = msgspec.json.Encoder(order="sorted").encode


class Came(Struct, frozen=True):
    """The outcome of one attempt (or of asking about it, with ``asked``).

    ``place``: the shop's own lane has lent a free place, so that telling the platform may open at once. ``opened``: the
    attempt as it was opened, where the caller still has it; it saves reading the attempt again.
    """

    intent: int
    attempt: int
    outcome: Outcome
    asked: bool = False
    place: bool = False
    opened: Opened | None = None


CONFIRM_FIRST = (
    f"UPDATE intent SET state = {int(IntentState.CONFIRMED)}, changed_at = ? "
    f"WHERE state = {int(IntentState.SENDING)} AND tries = 1 AND id IN (:ids)"
)
WRITTEN_BACK = (
    f"UPDATE orders SET writeback = {int(WriteBack.DONE)}, version = version + 1, changed_at = ? WHERE id IN (:ids)"
)
ATTEMPT = "attempt(intent_id, n, order_id, opened_at, epoch, closed_at, result, why, evidence)"


def told_of(outcome: Outcome) -> str:
    """The evidence as it is kept."""
    return _encode(outcome.evidence).decode() if outcome.evidence else "{}"


def ended(one: Sent, outcome: Outcome, now: int) -> tuple[Any, ...]:
    """The row of ATTEMPT for an attempt that came to this ``now`` (UTC µs)."""
    opened = (one.intent, one.attempt, one.order, one.opened_at, one.epoch)
    return (*opened, now, outcome.result._value_, outcome.why, told_of(outcome))  # .value is a call


def end_as_opened(tx: Tx, setup: Setup, items: Sequence[Came]) -> list[bool | Opened] | None:
    """First attempts that end as nearly all do, with nothing changed since they opened: no row is read again.

    The statements' own counts prove it; if one differs, all of it is undone and answered by None.
    """
    opened = [c.opened for c in items if c.opened is not None and c.attempt == c.opened.attempt == 1 and c.opened.gen]
    if len(opened) < len(items) or len({one.intent for one in opened}) < len(items):
        return None
    now = tx.now
    sent = [one for one in opened if one.effect is Effect.SEND]
    ships = [one for one in opened if one.effect is not Effect.SEND] if len(sent) < len(opened) else []
    plain, shipped = by_way(setup, sent)
    tx.run("SAVEPOINT as_opened")
    whole = tx.run_in(CONFIRM_FIRST, (now,), [one.intent for one in opened]) == len(opened) and all(
        tx.run_in(ARRIVED, (now, int(writeback), now), [one.order for one in group]) == len(group)
        for group, writeback in ((plain, WriteBack.DUE), (shipped, WriteBack.DONE))
    )
    if not whole:
        tx.run("ROLLBACK TO as_opened")
    tx.run("RELEASE as_opened")
    if not whole:
        return None
    tx.insert(ATTEMPT, [ended(one, c.outcome, now) for one, c in zip(opened, items, strict=True)])
    told: dict[int, Opened] = {}
    if sent:
        for shop, count in Counter([one.shop for one in sent]).items():
            tx.moved(shop, Stage.DELIVERING, Stage.DELIVERED, count)
        told = tell(tx, setup, sent, plain, "effects", {c.intent for c in items if c.place})
    if ships:
        written_back(tx, ships)
    return [told.get(c.intent, True) for c in items]


def written_back(tx: Tx, rows: Sequence[Sent]) -> None:
    """The platform knows now."""
    tx.run_in(WRITTEN_BACK, (tx.now,), [r.order for r in rows])
    tx.events(EventKind.WRITTEN_BACK, "effects", [(r.order, f'{{"intent":{r.intent}}}') for r in rows])
    for r in rows:
        if r.attempt > 1:
            kinds = {CaseKind.UNKNOWN_OUTCOME, CaseKind.WRITEBACK_REJECTED}
            close_cases(tx, [r.order], kinds, "confirmed", "effects", f"ship:{r.intent}")
    tx.touch([r.order for r in rows])
