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
from core.pipeline.gate import INTENT
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
    """An intent as its outcome finds it, with what its order decides."""

    intent: int
    order: int
    shop: int
    effect: int
    cls: str
    state: int
    tries: int
    gen: int
    epoch: int
    opened_at: int
    stage: int
    writeback: int


CONFIRM = (
    f"UPDATE intent SET state = {int(IntentState.CONFIRMED)}, changed_at = ? "
    f"WHERE state = {int(IntentState.SENDING)} AND id IN (:ids)"
)
INTENTS = (
    "SELECT i.id, i.order_id, i.shop, i.effect, i.cls, i.state, i.tries, i.gen, i.epoch, i.opened_at, o.stage, o.writeback "
    "FROM intent i CROSS JOIN orders o ON o.id = i.order_id WHERE i.id IN (:ids)"
)
DELIVERED = (
    "UPDATE orders SET stage = 4, delivered_at = coalesce(delivered_at, ?), writeback = ?, version = version + 1, changed_at = ? "
    f"WHERE stage = 3 AND writeback = {int(WriteBack.NONE)} AND id IN (:ids)"
)
DELIVERED_LATE = (
    "UPDATE orders SET stage = CASE stage WHEN 3 THEN 4 ELSE stage END, delivered_at = coalesce(delivered_at, ?), "
    "writeback = max(writeback, ?), version = version + 1, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))"
)
WRITTEN_BACK = (
    f"UPDATE orders SET writeback = {int(WriteBack.DONE)}, version = version + 1, changed_at = ? WHERE id IN (:ids)"
)
ATTEMPT = "attempt(intent_id, n, order_id, opened_at, epoch, closed_at, result, why, evidence)"
ANSWERED = "UPDATE attempt SET closed_at = ?, result = ?, why = ?, evidence = ? WHERE intent_id = ? AND n = ?"
SET_INTENT = "UPDATE intent SET state = ?, next_at = ?, changed_at = ? WHERE id = ?"


def confirm_sent(tx: Tx, setup: Setup, rows: Sequence[IntentRow], actor: str) -> None:
    """These SEND intents, confirmed already, reached their buyers: move their orders on and plan the write-back."""
    now = tx.now
    shops = setup.shops
    plain: list[IntentRow] = []
    shipped: list[IntentRow] = []
    for r in rows:
        info = shops[r.shop]
        (shipped if info.send.ships or info.ship is None else plain).append(r)
    moved: Counter[int] = Counter()
    for group, writeback in ((plain, WriteBack.DUE), (shipped, WriteBack.DONE)):
        if group:
            _delivered(tx, group, int(writeback), moved)
    due = [r for r in plain if r.stage == Stage.DELIVERING and r.writeback in (WriteBack.NONE, WriteBack.FAILED)]
    for shop, count in moved.items():
        tx.moved(shop, Stage.DELIVERING, Stage.DELIVERED, count)
    for shop, count in Counter([r.shop for r in rows]).items():
        tx.counted(shop, 1, count)
    tx.events(EventKind.SENT, actor, [(r.order, f'{{"intent":{r.intent},"attempt":{r.tries}}}') for r in rows])
    intents: list[tuple[Any, ...]] = []
    effect, pending, epoch = int(Effect.SHIP), int(IntentState.PENDING), tx.epoch
    for r, number in zip(due, tx.new_ids(len(due)), strict=True):
        info = shops[r.shop]
        assert info.ship is not None
        intents.append(
            (number, r.order, r.shop, effect, info.name, info.ship.cls.value, pending, r.gen, "", now, epoch, now, now)
        )
    tx.insert(INTENT, intents)
    for r in rows:
        if r.tries > 1:  # its own case only: another effect of the order may be unknown too
            close_cases(tx, [r.order], {CaseKind.UNKNOWN_OUTCOME}, "confirmed", actor, f"send:{r.intent}")
    tx.touch([r.order for r in rows])
    if intents:
        tx.wake("effects")


def _delivered(tx: Tx, group: Sequence[IntentRow], writeback: int, moved: Counter[int]) -> None:
    """Orders on their way are delivered; those that a person or a refund moved meanwhile keep their stage."""
    now = tx.now
    usual = [r for r in group if r.stage == Stage.DELIVERING and r.writeback == WriteBack.NONE]
    if usual and tx.run_in(DELIVERED, (now, writeback, now), [r.order for r in usual]) != len(usual):
        raise RuntimeError("an order changed between being looked at and being delivered")
    if len(usual) < len(group):
        late = [r for r in group if r.stage != Stage.DELIVERING or r.writeback != WriteBack.NONE]
        tx.run(DELIVERED_LATE, (now, writeback, now, as_json(r.order for r in late)))
        usual = usual + [r for r in late if r.stage == Stage.DELIVERING]
    moved.update([r.shop for r in usual])


class Record:
    """The handler. An item is a Came; the answer says whether it was taken (False: the attempt is not open any more)."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def apply(self, tx: Tx, items: list[Came]) -> list[bool]:
        """Write outcomes down and let each effect class decide what follows."""
        good = [c for c in items if c.outcome.result is Result.CONFIRMED and not c.asked]
        answers = self._confirmed(tx, good) if good else {}
        rest = (
            [c for c in items if c.outcome.result is not Result.CONFIRMED or c.asked] if len(good) < len(items) else []
        )
        if rest:
            answers.update(self._others(tx, rest))
        return [answers[(c.intent, c.attempt, c.asked)] for c in items]

    def _confirmed(self, tx: Tx, items: Sequence[Came]) -> dict[tuple[int, int, bool], bool]:
        """The usual end of an attempt. An outcome of another attempt than the open one is not taken."""
        now = tx.now
        came = {c.intent: c for c in items}
        rows = map(IntentRow._make, tx.all_in(INTENTS, (), list(came)))
        answers = {(c.intent, c.attempt, False): False for c in items}
        taken: list[IntentRow] = []
        attempts: list[tuple[Any, ...]] = []
        confirmed, sending, send = Result.CONFIRMED.value, int(IntentState.SENDING), int(Effect.SEND)
        ships = False
        for row in rows:
            one = came[row.intent]
            if row.state != sending or one.attempt != row.tries:
                continue
            answers[(row.intent, row.tries, False)] = True
            taken.append(row)
            ships = ships or row.effect != send
            outcome = one.outcome
            attempts.append(
                (row.intent, row.tries, row.order, row.opened_at, row.epoch, now, confirmed, outcome.why)
                + (_encode(outcome.evidence).decode() if outcome.evidence else "{}",)
            )
        if tx.run_in(CONFIRM, (now,), [r.intent for r in taken]) != len(taken):
            raise RuntimeError("an intent changed between being looked at and being confirmed")
        tx.insert(ATTEMPT, attempts)
        self._moved_on(
            tx,
            [r for r in taken if r.effect == send] if ships else taken,
            [r for r in taken if r.effect != send] if ships else [],
        )
        return answers

    def _moved_on(self, tx: Tx, sent: Sequence[IntentRow], shipped: Sequence[IntentRow]) -> None:
        if sent:
            confirm_sent(tx, self.setup, sent, "effects")
        if shipped:
            self._written_back(tx, shipped)

    def _others(self, tx: Tx, items: Sequence[Came]) -> dict[tuple[int, int, bool], bool]:
        rows = {int(r[0]): IntentRow._make(r) for r in tx.all_in(INTENTS, (), [c.intent for c in items])}
        good: list[IntentRow] = []
        attempts: list[tuple[Any, ...]] = []
        answered: list[tuple[Any, ...]] = []
        states: list[tuple[int, int, int, int]] = []
        cases: list[CaseRow] = []
        answers: dict[tuple[int, int, bool], bool] = {}
        for came in items:
            row = rows.get(came.intent)
            expected = IntentState.UNKNOWN if came.asked else IntentState.SENDING
            key = (came.intent, came.attempt, came.asked)
            if row is None or row.state != expected or row.tries != came.attempt or answers.get(key):
                answers.setdefault(key, False)
                continue
            answers[key] = True
            outcome = came.outcome
            result, evidence = outcome.result, _encode(outcome.evidence).decode()
            if not came.asked:
                attempts.append(
                    (
                        row.intent,
                        row.tries,
                        row.order,
                        row.opened_at,
                        row.epoch,
                        tx.now,
                        result.value,
                        outcome.why,
                        evidence,
                    )
                )
            elif result is not Result.UNKNOWN:
                answered.append((tx.now, result.value, outcome.why, evidence, row.intent, row.tries))
            if result is Result.CONFIRMED:
                good.append(row)
                states.append((int(IntentState.CONFIRMED), tx.now, tx.now, row.intent))
            else:
                self._failed(tx, row, came, states, cases)
        tx.insert(ATTEMPT, attempts)
        tx.many(ANSWERED, answered)
        tx.many(SET_INTENT, states)
        self._moved_on(tx, [r for r in good if r.effect == Effect.SEND], [r for r in good if r.effect != Effect.SEND])
        open_cases(tx, cases, "effects")
        return answers

    def _written_back(self, tx: Tx, rows: Sequence[IntentRow]) -> None:
        tx.run_in(WRITTEN_BACK, (tx.now,), [r.order for r in rows])
        tx.events(EventKind.WRITTEN_BACK, "effects", [(r.order, f'{{"intent":{r.intent}}}') for r in rows])
        for r in rows:
            if r.tries > 1:
                kinds = {CaseKind.UNKNOWN_OUTCOME, CaseKind.WRITEBACK_REJECTED}
                close_cases(tx, [r.order], kinds, "confirmed", "effects", f"ship:{r.intent}")
        tx.touch([r.order for r in rows])

    def _failed(
        self,
        tx: Tx,
        row: IntentRow,
        came: Came,
        states: list[tuple[int, int, int, int]],
        cases: list[CaseRow],
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
