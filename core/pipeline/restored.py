"""After a restore the world may know more than the database: what was on its way may have gone out, nothing is sent.

The restore leaves two marks in ``meta``: FRESH until the first core has turned what waited into open questions, HELD
until a person says go.
"""

from typing import Any, NamedTuple

import msgspec

from core.model.effects import Effect, Outcome, Result
from core.model.lifecycle import EventKind, IntentState, PurchaseState, Stage
from core.pipeline.ends import Came
from core.pipeline.outcomes import Record
from core.pipeline.setup import Setup
from core.store.tx import Tx, as_json

HELD = "sends_held"
FRESH = "restored"
# Whatever might have been opened after the copy was taken: bound keys, booked money that covers, no refund asked.
_WAITING = (
    "SELECT i.id, i.order_id, i.shop, i.tries, i.effect, o.stage FROM intent i CROSS JOIN orders o ON o.id = i.order_id "
    f"WHERE i.state IN ({int(IntentState.PENDING)}, {int(IntentState.BLOCKED)}) AND ((i.effect = {int(Effect.SEND)} "
    "AND o.stage IN (2, 3) AND o.refund_open = 0 AND o.due <= o.paid - o.refunded) "
    f"OR (i.effect = {int(Effect.SHIP)} AND o.stage IN (4, 5)))"
)
_WHY = "restored from a copy: it may have been done since the copy was taken"


class Go(NamedTuple):
    """A person's word that sending may begin again."""

    by: str
    reason: str


def reopen(tx: Tx, setup: Setup) -> int:
    """Once after a restore: every effect that waited in the copy becomes an attempt with an unknown outcome.

    Its class then decides as always: repeated where that is harmless, asked, or left to a person. Returns how many.
    """
    if tx.one("SELECT 1 FROM meta WHERE name = ?", (FRESH,)) is None:
        return 0
    rows = tx.all(_WAITING)
    tx.run(
        f"UPDATE intent SET state = {int(IntentState.SENDING)}, tries = tries + 1, opened_at = ?, epoch = ?, changed_at = ? "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (tx.now, tx.epoch, tx.now, as_json(row[0] for row in rows)),
    )
    first = [row for row in rows if row[4] == Effect.SEND and row[5] == Stage.ALLOCATED]
    tx.run(
        "UPDATE orders SET stage = 3, version = version + 1, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
        (tx.now, as_json(row[1] for row in first)),
    )
    for row in first:
        tx.moved(row[2], Stage.ALLOCATED, Stage.DELIVERING)
    outcome = Outcome(result=Result.UNKNOWN, why=_WHY, evidence={"restored": True})
    Record(setup).apply(tx, [Came(int(row[0]), int(row[3]) + 1, outcome) for row in rows])
    # What was to be bought may have been bought since: the supplier is asked about it first.
    bought = tx.run(
        f"UPDATE purchase SET state = {int(PurchaseState.UNKNOWN)}, next_at = ?, why = ?, changed_at = ? "
        f"WHERE closed_at IS NULL AND state = {int(PurchaseState.PLANNED)}",
        (tx.now, _WHY, tx.now),
    )
    tx.run("DELETE FROM meta WHERE name = ?", (FRESH,))
    return len(rows) + bought


def held(tx: Tx, items: list[None]) -> list[int]:
    """Writer handler: since when sends wait for a person's word (UTC us), 0 when they do not."""
    row = tx.one("SELECT value FROM meta WHERE name = ?", (HELD,))
    body: dict[str, Any] = msgspec.json.decode(row[0]) if row else {}
    return [int(body.get("at", 0))] * len(items)


def go(tx: Tx, items: list[Go]) -> list[bool]:
    """Writer handler: sends wait no longer; recorded with name and reason. False when they did not wait."""
    answers = []
    for item in items:
        waited = tx.run("DELETE FROM meta WHERE name = ?", (HELD,)) > 0
        if waited:
            tx.event(EventKind.HOLD_LIFTED, 0, item.by, {"reason": "restored", "why": item.reason})
        answers.append(waited)
    return answers
