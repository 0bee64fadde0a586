"""Outcomes: what one attempt came to, and what its effect class makes of an unknown one."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from core.desk.cases import CaseRow, close_cases, open_cases
from core.model.clock import SECOND
from core.model.effects import Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.lifecycle import CaseKind, EventKind, IntentState, Stage, WriteBack
from core.pipeline.gate import INSERT_INTENT
from core.pipeline.setup import Setup
from core.store.tx import Tx, as_json

_encode = msgspec.json.Encoder(order="sorted").encode
NEVER = 2**62  # next_at of what waits for a person
BACKOFF_US = (1 * SECOND, 2 * SECOND, 5 * SECOND, 15 * SECOND, 60 * SECOND)


class Came(Struct, frozen=True):
    """The outcome of one attempt (or of asking about it, with ``asked``)."""

    intent: int
    attempt: int
    outcome: Outcome
    asked: bool = False


class IntentRow(NamedTuple):
    """An intent with what its order decides."""

    intent: int
    order: int
    shop: int
    effect: int
    cls: str
    state: int
    tries: int
    gen: int
    stage: int
    writeback: int


INTENTS = (
    "SELECT i.id, i.order_id, i.shop, i.effect, i.cls, i.state, i.tries, i.gen, o.stage, o.writeback FROM json_each(?) j "
    "CROSS JOIN intent i ON i.id = j.value CROSS JOIN orders o ON o.id = i.order_id"
)
CLOSE_ATTEMPT = "UPDATE attempt SET closed_at = ?, result = ?, why = ?, evidence = ? WHERE intent_id = ? AND n = ?"
SET_INTENT = "UPDATE intent SET state = ?, next_at = ?, changed_at = ? WHERE id = ?"


def confirm_sent(tx: Tx, setup: Setup, rows: Sequence[IntentRow], actor: str) -> None:
    """These SEND intents reached their buyers: close them, move their orders on, and plan the write-back."""
    now = tx.now
    ids = as_json(r.intent for r in rows)
    tx.run(
        f"UPDATE intent SET state = {int(IntentState.CONFIRMED)}, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
        (now, ids),
    )
    plain: list[IntentRow] = []
    shipped: list[IntentRow] = []
    for r in rows:
        info = setup.shops[r.shop]
        (shipped if info.send.ships or info.ship is None else plain).append(r)
    for group, writeback in ((plain, WriteBack.DUE), (shipped, WriteBack.DONE)):
        if group:
            tx.run(
                "UPDATE orders SET stage = CASE stage WHEN 3 THEN 4 ELSE stage END, delivered_at = coalesce(delivered_at, ?), "
                "writeback = max(writeback, ?), version = version + 1, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
                (now, int(writeback), now, as_json(r.order for r in group)),
            )
    for shop, count in Counter(r.shop for r in rows if r.stage == Stage.DELIVERING).items():
        tx.moved(shop, Stage.DELIVERING, Stage.DELIVERED, count)
    for shop, count in Counter(r.shop for r in rows).items():
        tx.counted(shop, 1, count)
    tx.events(EventKind.SENT, actor, [(r.order, f'{{"intent":{r.intent},"attempt":{r.tries}}}') for r in rows])
    due = [r for r in plain if r.stage == Stage.DELIVERING and r.writeback in (WriteBack.NONE, WriteBack.FAILED)]
    intents: list[tuple[Any, ...]] = []
    for r, number in zip(due, tx.new_ids(len(due)), strict=True):
        ship = setup.shops[r.shop].ship
        assert ship is not None
        intents.append(
            (
                number,
                r.order,
                r.shop,
                int(Effect.SHIP),
                setup.shops[r.shop].name,
                ship.cls.value,
                int(IntentState.PENDING),
            )
            + (r.gen, "", now, tx.epoch, now, now)
        )
    tx.many(INSERT_INTENT, intents)
    for r in rows:
        if r.tries > 1:  # its own case only: another effect of the order may be unknown too
            close_cases(tx, [r.order], {CaseKind.UNKNOWN_OUTCOME}, "confirmed", actor, f"send:{r.intent}")
    tx.touch(r.order for r in rows)
    if intents:
        tx.wake("effects")


class Record:
    """The handler. An item is a Came; the answer says whether it was taken (False: the attempt is not open any more)."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def apply(self, tx: Tx, items: list[Came]) -> list[bool]:
        """Write outcomes down and let each effect class decide what follows."""
        rows = {int(r[0]): IntentRow._make(r) for r in tx.all(INTENTS, (as_json(c.intent for c in items),))}
        sent: list[IntentRow] = []
        shipped: list[IntentRow] = []
        attempts: list[tuple[Any, ...]] = []
        states: list[tuple[int, int, int, int]] = []
        cases: list[CaseRow] = []
        answers: list[bool] = []
        for came in items:
            row = rows.get(came.intent)
            expected = IntentState.UNKNOWN if came.asked else IntentState.SENDING
            if row is None or row.state != expected or row.tries != came.attempt:
                answers.append(False)
                continue
            answers.append(True)
            result = came.outcome.result
            if not came.asked or result is not Result.UNKNOWN:
                attempts.append(
                    (
                        tx.now,
                        result.value,
                        came.outcome.why,
                        _encode(came.outcome.evidence).decode(),
                        row.intent,
                        row.tries,
                    )
                )
            if result is Result.CONFIRMED:
                (sent if row.effect == Effect.SEND else shipped).append(row)
            else:
                self._failed(tx, row, came, states, cases)
        tx.many(CLOSE_ATTEMPT, attempts)
        tx.many(SET_INTENT, states)
        if sent:
            confirm_sent(tx, self.setup, sent, "effects")
        if shipped:
            self._written_back(tx, shipped)
        open_cases(tx, cases, "effects")
        return answers

    def _written_back(self, tx: Tx, rows: Sequence[IntentRow]) -> None:
        tx.run(
            f"UPDATE intent SET state = {int(IntentState.CONFIRMED)}, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
            (tx.now, as_json(r.intent for r in rows)),
        )
        tx.run(
            f"UPDATE orders SET writeback = {int(WriteBack.DONE)}, version = version + 1, changed_at = ? "
            "WHERE id IN (SELECT value FROM json_each(?))",
            (tx.now, as_json(r.order for r in rows)),
        )
        tx.events(EventKind.WRITTEN_BACK, "effects", [(r.order, f'{{"intent":{r.intent}}}') for r in rows])
        for r in rows:
            if r.tries > 1:
                kinds = {CaseKind.UNKNOWN_OUTCOME, CaseKind.WRITEBACK_REJECTED}
                close_cases(tx, [r.order], kinds, "confirmed", "effects", f"ship:{r.intent}")
        tx.touch(r.order for r in rows)

    def _failed(
        self, tx: Tx, row: IntentRow, came: Came, states: list[tuple[int, int, int, int]], cases: list[CaseRow]
    ) -> None:
        outcome, now = came.outcome, tx.now
        spec = self._spec(row)
        fact = {"why": outcome.why, "attempt": row.tries, "class": row.cls, **outcome.evidence}
        subject = f"{Effect(row.effect).name.lower()}:{row.intent}"
        state, next_at, kind = self._follow(tx, row, spec, came)
        over = row.stage in (Stage.CLOSED, Stage.CANCELLED) and row.effect == Effect.SEND
        if over and state == IntentState.PENDING:
            state, next_at = IntentState.DROPPED, now  # nobody waits for it any more; it is not tried again
        states.append((int(state), next_at, now, row.intent))
        if kind is not None:
            cases.append(CaseRow(row.order, row.shop, kind, subject, fact))
        event = {
            Result.UNKNOWN: EventKind.UNKNOWN,
            Result.REJECTED: EventKind.SEND_FAILED if row.effect == Effect.SEND else EventKind.WRITEBACK_FAILED,
        }.get(outcome.result)
        if event is not None:
            tx.event(event, row.order, "effects", {"intent": row.intent, **fact})
            tx.counted(row.shop, 2)
        tx.touch([row.order])

    def _unknown_before(self, tx: Tx, row: IntentRow) -> int:
        """Earlier attempts with an unknown outcome: those that proved nothing was sent do not count against it."""
        found = tx.one("SELECT count(*) FROM attempt WHERE intent_id = ? AND result = 'unknown'", (row.intent,))
        return int(found[0]) if found else 0

    def _follow(self, tx: Tx, row: IntentRow, spec: EffectSpec, came: Came) -> tuple[IntentState, int, CaseKind | None]:
        """What the outcome and the effect class lead to: (intent state, next try at, case to open)."""
        outcome, now = came.outcome, tx.now
        wait = BACKOFF_US[min(row.tries, len(BACKOFF_US)) - 1]
        if outcome.result is Result.REJECTED:
            if row.effect == Effect.SEND:
                return IntentState.REJECTED, NEVER, CaseKind.DELIVERY_REJECTED
            return IntentState.REJECTED, NEVER, CaseKind.WRITEBACK_REJECTED
        if outcome.result in (Result.NOT_SENT, Result.LATER):
            pause = int((outcome.retry_after or 0) * SECOND)
            return IntentState.PENDING, now + max(wait, pause), None
        if row.cls == EffectClass.C or came.asked or self._unknown_before(tx, row) + 1 >= self.setup.tries_max:
            return IntentState.UNKNOWN, NEVER, CaseKind.UNKNOWN_OUTCOME
        if row.cls == EffectClass.B and spec.askable:
            return IntentState.UNKNOWN, now + wait, None
        return IntentState.PENDING, now + wait, None

    def _spec(self, row: IntentRow) -> EffectSpec:
        info = self.setup.shops.get(row.shop)
        if info is None:  # its shop is not configured any more: a person decides
            return EffectSpec(Effect(row.effect), EffectClass.C, "no shop")
        spec = info.send if row.effect == Effect.SEND else info.ship
        return spec if spec is not None else EffectSpec(Effect(row.effect), EffectClass.C, "no spec")


def left_open(tx: Tx, setup: Setup) -> int:
    """At start: attempts that the last core opened and never recorded become unknown outcomes, with that as evidence."""
    rows = tx.all("SELECT id, tries FROM intent WHERE state = 1")
    outcome = Outcome(
        result=Result.UNKNOWN, why="the core stopped between sending and recording", evidence={"restart": True}
    )
    Record(setup).apply(tx, [Came(int(i), int(n), outcome) for i, n in rows])
    return len(rows)
