"""Outcomes: what one attempt came to, and what its effect class makes of an unknown one."""

from collections.abc import Sequence
from typing import Any

from core.desk.cases import CaseRow, open_cases
from core.model.clock import SECOND
from core.model.effects import Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.lifecycle import CaseKind, EventKind, IntentState, Stage
from core.pipeline import fallback
from core.pipeline.attempts import Opened
from core.pipeline.ends import ATTEMPT, Came, end_as_opened, ended, told_of, written_back
from core.pipeline.sent import INTENTS, IntentRow, confirm_sent
from core.pipeline.setup import Setup
from core.store.tx import CHANNEL, FAILED, PRODUCT, Tx

STOPPED = "the core stopped between sending and recording"
NEVER = 2**62  # next_at of what waits for a person
BACKOFF_US = (1 * SECOND, 2 * SECOND, 5 * SECOND, 15 * SECOND, 60 * SECOND)


CONFIRM = (
    f"UPDATE intent SET state = {int(IntentState.CONFIRMED)}, changed_at = ? "
    f"WHERE state = {int(IntentState.SENDING)} AND id IN (:ids)"
)
ANSWERED = "UPDATE attempt SET closed_at = ?, result = ?, why = ?, evidence = ? WHERE intent_id = ? AND n = ?"
# Once a start, over the whole table: an index for it would be written at every attempt, for years.
LEFT_OPEN = "SELECT id, tries FROM intent WHERE state = 1"
SET_INTENT = "UPDATE intent SET state = ?, next_at = ?, changed_at = ? WHERE id = ?"


def _answers(
    items: Sequence[Came], taken: dict[tuple[int, int], bool | Opened], others: dict[tuple[int, int, bool], bool]
) -> list[bool | Opened]:
    """An answer for each item; what was opened is handed out once, however often its outcome was told."""
    answers: list[bool | Opened] = []
    for c in items:
        told = others.get((c.intent, c.attempt, c.asked))
        answer = taken.get((c.intent, c.attempt), False) if told is None else told
        if isinstance(answer, Opened):
            taken[(c.intent, c.attempt)] = True
        answers.append(answer)
    return answers


class Record:
    """The handler. An item is a Came; the answer says whether it was taken (False: the attempt is not open any more).

    An answer that is an Opened means taken, and that telling the platform was opened at the place that was lent.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def apply(self, tx: Tx, items: list[Came]) -> list[bool | Opened]:
        """Write outcomes down and let each effect class decide what follows."""
        good = [c for c in items if c.outcome.result is Result.CONFIRMED and not c.asked]
        if len(good) == len(items):
            answers = end_as_opened(tx, self.setup, good)
            if answers is not None:
                return answers
            return _answers(items, self._confirmed(tx, good), {})
        rest = [c for c in items if c.outcome.result is not Result.CONFIRMED or c.asked]
        taken = self._confirmed(tx, good) if good else {}
        others = self._others(tx, rest)
        return _answers(items, taken, others)

    def _confirmed(self, tx: Tx, items: Sequence[Came]) -> dict[tuple[int, int], bool | Opened]:
        """The usual end of an attempt. An outcome of another attempt than the open one is not taken."""
        now = tx.now
        came = {c.intent: c for c in items}
        answers: dict[tuple[int, int], bool | Opened] = {}
        taken: list[IntentRow] = []
        attempts: list[tuple[Any, ...]] = []
        sending, send = int(IntentState.SENDING), int(Effect.SEND)
        ships = False
        for found in tx.all_in(INTENTS, (), list(came)):
            row = IntentRow(*found)
            one = came[row.intent]
            if row.state != sending or one.attempt != row.attempt:
                continue
            answers[(row.intent, row.attempt)] = True
            taken.append(row)
            ships = ships or row.effect != send
            attempts.append(ended(row, one.outcome, now))
        if tx.run_in(CONFIRM, (now,), [row.intent for row in taken]) != len(taken):
            raise RuntimeError("an intent changed between being looked at and being confirmed")
        tx.insert(ATTEMPT, attempts)
        sent = [r for r in taken if r.effect == send] if ships else taken
        if sent:
            places = {c.intent for c in items if c.place}
            for intent, ship in confirm_sent(tx, self.setup, sent, "effects", places).items():
                answers[(intent, came[intent].attempt)] = ship
        if ships:
            written_back(tx, [r for r in taken if r.effect != send])
        return answers

    def _others(self, tx: Tx, items: Sequence[Came]) -> dict[tuple[int, int, bool], bool]:
        rows = {int(r[0]): IntentRow(*r) for r in tx.all_in(INTENTS, (), [c.intent for c in items])}
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
            if row is None or row.state != expected or row.attempt != came.attempt or answers.get(key):
                answers.setdefault(key, False)
                continue
            answers[key] = True
            outcome = came.outcome
            result = outcome.result
            if not came.asked:
                attempts.append(ended(row, outcome, tx.now))
            elif result is not Result.UNKNOWN:
                answered.append((tx.now, result.value, outcome.why, told_of(outcome), row.intent, row.attempt))
            if result is Result.CONFIRMED:
                good.append(row)
                states.append((int(IntentState.CONFIRMED), tx.now, tx.now, row.intent))
            else:
                self._failed(tx, row, came, states, cases)
        tx.insert(ATTEMPT, attempts)
        tx.many(ANSWERED, answered)
        tx.many(SET_INTENT, states)
        sent = [r for r in good if r.effect == Effect.SEND]
        shipped = [r for r in good if r.effect != Effect.SEND]
        if sent:
            confirm_sent(tx, self.setup, sent, "effects")
        if shipped:
            written_back(tx, shipped)
        open_cases(tx, cases, "effects")
        return answers

    def _failed(
        self,
        tx: Tx,
        row: IntentRow,
        came: Came,
        states: list[tuple[int, int, int, int]],
        cases: list[CaseRow],
    ) -> None:
        outcome, now = came.outcome, tx.now
        spec = self._spec(tx, row)
        fact = {"why": outcome.why, "attempt": row.attempt, "class": row.cls, **outcome.evidence}
        subject = f"{Effect(row.effect).name.lower()}:{row.intent}"
        state, next_at, kind = self._follow(tx, row, spec, came)
        over = row.stage in (Stage.CLOSED, Stage.CANCELLED) and row.effect == Effect.SEND
        if over and state == IntentState.PENDING:
            state, next_at = IntentState.DROPPED, now  # nobody waits for it any more; it is not tried again
        states.append((int(state), next_at, now, row.intent))
        if kind is CaseKind.DELIVERY_REJECTED and (then := fallback.go_on(tx, self.setup, row)):
            kind, fact["then"] = None, then
        if kind is not None:
            cases.append(CaseRow(row.order, row.shop, kind, subject, fact))
        event = {
            Result.UNKNOWN: EventKind.UNKNOWN,
            Result.REJECTED: EventKind.SEND_FAILED if row.effect == Effect.SEND else EventKind.WRITEBACK_FAILED,
        }.get(outcome.result)
        if event is not None and not (came.asked and kind is None and outcome.result is Result.UNKNOWN):
            tx.event(event, row.order, "effects", {"intent": row.intent, **fact})
            tx.counted(row.shop, FAILED)
            tx.counted_by(PRODUCT, FAILED, (row.product,))
            if row.effect == Effect.SEND:
                tx.counted_by(CHANNEL, FAILED, (row.via,))
        tx.touch([row.order])

    def _given_up(self, tx: Tx, row: IntentRow, outcome: Outcome) -> bool:
        """Whether one more unknown outcome is too many.

        Earlier attempts that proved nothing was sent do not count. A core that stopped says nothing about the order
        whose attempt it cut off, so such attempts count a third: a repeat is harmless, but must end if it is this order
        that stops the core.
        """
        found = tx.one(
            "SELECT count(*), coalesce(sum(why = ?), 0) FROM attempt WHERE intent_id = ? AND result = 'unknown'",
            (STOPPED, row.intent),
        )
        unknown, cut = (int(found[0]), int(found[1])) if found else (0, 0)
        return (unknown - cut) * 3 + cut + (1 if outcome.why == STOPPED else 3) >= self.setup.tries_max * 3

    def _follow(self, tx: Tx, row: IntentRow, spec: EffectSpec, came: Came) -> tuple[IntentState, int, CaseKind | None]:
        """What the outcome and the effect class lead to: (intent state, next try at, case to open)."""
        outcome, now = came.outcome, tx.now
        wait = BACKOFF_US[min(row.attempt, len(BACKOFF_US)) - 1]
        if outcome.result is Result.REJECTED:
            if row.effect == Effect.SEND:
                return IntentState.REJECTED, NEVER, CaseKind.DELIVERY_REJECTED
            return IntentState.REJECTED, NEVER, CaseKind.WRITEBACK_REJECTED
        if outcome.result in (Result.NOT_SENT, Result.LATER):
            pause = int((outcome.retry_after or 0) * SECOND)
            return IntentState.PENDING, now + max(wait, pause), None
        if came.asked and outcome.retry_after:
            # The other side is at it, or could not be asked: it tells more then, and nothing is repeated meanwhile.
            return IntentState.UNKNOWN, now + int(outcome.retry_after * SECOND), None
        if row.cls == EffectClass.C or came.asked or self._given_up(tx, row, outcome):
            return IntentState.UNKNOWN, NEVER, CaseKind.UNKNOWN_OUTCOME
        if row.cls == EffectClass.B and spec.askable:
            return IntentState.UNKNOWN, now + wait, None
        return IntentState.PENDING, now + wait, None

    def _spec(self, tx: Tx, row: IntentRow) -> EffectSpec:
        info = self.setup.shops.get(row.shop)
        if info is None:  # its shop is not configured any more: a person decides
            return EffectSpec(Effect(row.effect), EffectClass.C, "no shop")
        spec = info.ship
        if row.effect == Effect.SEND:
            via = tx.one("SELECT via FROM intent WHERE id = ?", (row.intent,)) if len(info.ways) > 1 else None
            spec = info.spec(str(via[0])) if via else info.send
        return spec if spec is not None else EffectSpec(Effect(row.effect), EffectClass.C, "no spec")


def left_open(tx: Tx, setup: Setup) -> int:
    """At start: attempts that the last core opened and never recorded become unknown outcomes, with that as evidence."""
    rows = tx.all(LEFT_OPEN)
    outcome = Outcome(result=Result.UNKNOWN, why=STOPPED, evidence={"restart": True})
    Record(setup).apply(tx, [Came(int(i), int(n), outcome) for i, n in rows])
    return len(rows)
