"""What a person decides about deliveries: was it sent, send again, replace a key, re-arm. None of it can be undone."""

from collections.abc import Mapping, Sequence

from core.desk.cases import close_cases
from core.desk.deeds import NOTHING_FAILED, Action, Deed, log, move, no_args
from core.desk.standing import Intent, OrderState
from core.model.effects import Effect, Outcome, Result
from core.model.lifecycle import CaseKind, EventKind, IntentState, KeyState, Stage, WriteBack
from core.pipeline.ends import Came
from core.pipeline.gate import INTENT, TAKE_KEYS, UNOPENED, GateMismatch
from core.pipeline.outcomes import Record
from core.store.tx import CHANNEL, RECEIVED, Tx, as_json

# Cases that a decision about the delivery itself answers.
_DELIVERY = (CaseKind.UNKNOWN_OUTCOME, CaseKind.DELIVERY_REJECTED)
_STOPPING = (CaseKind.UNDERPAID, CaseKind.BUYER_INPUT_INVALID)


# ---- was it sent?


def _unknown(state: OrderState) -> Intent | None:
    """The intent whose outcome a person may decide: the sending first, then the write-back."""
    for intent in (state.send, state.ship):
        if intent is not None and intent.state is IntentState.UNKNOWN:
            return intent
    return None


def _stopped(state: OrderState) -> Intent | None:
    """A send that was tried and may not be tried again now: the buyer may have the key all the same."""
    send = state.send
    return (
        send if state.stage is Stage.DELIVERING and send and send.state is IntentState.BLOCKED and send.tries else None
    )


def _may_say_sent(state: OrderState, deed: Deed) -> str:
    return "" if _stopped(state) else _may_judge(state, deed)


def _may_judge(state: OrderState, _: Deed) -> str:
    return "" if _unknown(state) is not None else "nothing_unknown"


def _judge(tx: Tx, deed: Deed, states: Sequence[OrderState], outcome: Outcome, verdict: str) -> Mapping[int, str]:
    came: dict[int, Came] = {}
    for state in states:
        intent = _unknown(state) or _stopped(state)
        assert intent is not None  # checked in this transaction
        came[state.id] = Came(intent.id, intent.tries, outcome, asked=True)
    log(tx, deed, EventKind.VERDICT, states, {"verdict": verdict})
    taken = Record(deed.setup).apply(tx, list(came.values()))
    for state in states:
        # The question about this one effect; another effect of the order may be unknown too.
        name = "send" if state.send is not None and state.send.id == came[state.id].intent else "ship"
        subject = f"{name}:{came[state.id].intent}"
        close_cases(tx, [state.id], [CaseKind.UNKNOWN_OUTCOME], verdict, deed.by, subject)
    tx.touch(came)
    tx.wake("effects")
    return {order: "changed_meanwhile" for order, ok in zip(came, taken, strict=True) if not ok}


def _was_sent(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    outcome = Outcome(result=Result.CONFIRMED, why="verdict", evidence={"by": deed.by})
    stopped = [state for state in states if _unknown(state) is None]
    if stopped:
        intents = as_json(intent.id for intent in map(_stopped, stopped) if intent)
        tx.run(
            f"UPDATE intent SET state = {int(IntentState.UNKNOWN)} WHERE state = {int(IntentState.BLOCKED)} "
            "AND id IN (SELECT value FROM json_each(?))",
            (intents,),
        )
        # What stopped the next attempt is answered: there is none to come.
        close_cases(tx, [state.id for state in stopped], _STOPPING, "was_sent", deed.by)
    return _judge(tx, deed, states, outcome, "was_sent")


def _not_sent(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    outcome = Outcome(result=Result.NOT_SENT, why="verdict", evidence={"by": deed.by})
    return _judge(tx, deed, states, outcome, "not_sent")


# ---- send again


def _may_send_keys(state: OrderState) -> str:
    """What stands before any new way out of keys: the promise about money holds for people too."""
    if state.blocks:
        return "blocked"
    if state.refund_open:
        return "refund_open"
    return "" if state.net >= state.due else "money_does_not_cover"


def _may_resend(state: OrderState, _: Deed) -> str:
    if state.stage in (Stage.ALLOCATED, Stage.DELIVERING):
        return "verdict_first" if state.sending(IntentState.UNKNOWN) else "being_sent"
    if state.stage is not Stage.DELIVERED or not state.sending(IntentState.CONFIRMED):
        return "not_delivered"
    return _may_send_keys(state) if state.keys else "no_keys"


def _new_intents(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> None:
    """A further generation of the intent to send, and the orders back to delivering."""
    now = tx.now
    rows = []
    for state, number in zip(states, tx.new_ids(len(states)), strict=True):
        info = deed.setup.shops[state.shop]
        gen = state.send.gen + 1 if state.send else 1
        # By the first way again. If nobody can be reached, the attempt finds that out and asks a person.
        way, recipient = info.way_for(state.contact) or (info.ways[0], "")
        rows.append(
            (number, state.id, state.shop, int(Effect.SEND), way.lane, way.send.cls.value, int(IntentState.PENDING))
            + (gen, recipient, now, tx.epoch, now, now, *UNOPENED)
        )
    tx.insert(INTENT, rows)
    tx.counted_by(CHANNEL, RECEIVED, [row[4] for row in rows])
    move(tx, [s for s in states if s.stage in (Stage.DELIVERED, Stage.CLOSED)], Stage.DELIVERING, deed.by)
    tx.touch(s.id for s in states)
    tx.wake("effects")


def _resend(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    log(tx, deed, EventKind.VERDICT, states, {"verdict": "resend"})
    _new_intents(tx, deed, states)
    return NOTHING_FAILED


# ---- replace keys


_OWN_CASES = (CaseKind.SUSPECT_KEY,)


def _may_replace(state: OrderState, _: Deed) -> str:
    if state.stage not in (Stage.DELIVERING, Stage.DELIVERED, Stage.CLOSED) or not state.sent:
        return "nothing_sent"
    if state.sending(IntentState.SENDING):
        return "sending_now"
    if not state.keys:
        return "no_keys"
    why = _may_send_keys(state)
    # Its own case blocks the order, and replacing is the answer to it.
    own = sum(kind in _OWN_CASES for kind in state.cases)
    return "" if why == "blocked" and state.blocks == own and state.net >= state.due and not state.refund_open else why


def _replace(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    failed: dict[int, str] = {}
    done = []
    for state in states:
        if _swap_keys(tx, state):
            done.append(state)
        else:
            failed[state.id] = "no_stock"
    if done:
        ids = as_json(s.id for s in done)
        # Whatever of the old keys is still on its way must not go out beside the new ones.
        tx.run(
            "UPDATE intent SET state = ?, changed_at = ? WHERE effect = 1 AND state <> 2 "
            "AND order_id IN (SELECT value FROM json_each(?))",
            (int(IntentState.DROPPED), tx.now, ids),
        )
        log(tx, deed, EventKind.VERDICT, done, {"verdict": "replace_key"})
        _new_intents(tx, deed, done)
        close_cases(tx, [s.id for s in done], (*_DELIVERY, *_OWN_CASES), "replace_key", deed.by)
    return failed


def _swap_keys(tx: Tx, state: OrderState) -> bool:
    """Old keys become suspect, new ones take their slots; False (and nothing changed) when stock is short."""
    old = tx.all(
        "SELECT id, product, line, slot FROM key WHERE order_id = ? AND state = 1 ORDER BY line, slot", (state.id,)
    )
    pools: dict[str, list[int]] = {}
    wanted: dict[str, int] = {}
    for _, product, _, _ in old:
        wanted[product] = wanted.get(product, 0) + 1
    for product, count in wanted.items():
        free = tx.all("SELECT id FROM key WHERE product = ? AND state = 0 ORDER BY id LIMIT ?", (product, count))
        if len(free) < count:
            return False
        pools[product] = [row[0] for row in reversed(free)]
    tx.many(
        f"UPDATE key SET state = {int(KeyState.SUSPECT)}, gone = id WHERE id = ? AND state = 1",
        [(row[0],) for row in old],
    )
    rows = [(state.id, line, slot, tx.now, pools[product].pop()) for _, product, line, slot in old]
    if tx.update(TAKE_KEYS[0], rows, TAKE_KEYS[1]) != len(rows):
        raise GateMismatch(f"wanted {len(rows)} keys; another number was free when taken")
    tx.many(
        "UPDATE stock SET free = free - ?, suspect = suspect + ? WHERE product = ?",
        [(n, n, p) for p, n in wanted.items()],
    )
    keys = {"old": [row[0] for row in old], "keys": [row[4] for row in rows]}
    tx.event(EventKind.ALLOCATED, state.id, "desk", keys)
    tx.wake("stock")
    return True


# ---- re-arm


_ARMED = (IntentState.BLOCKED, IntentState.REJECTED)


def _may_retry(state: OrderState, _: Deed) -> str:
    if state.sending(IntentState.UNKNOWN):
        return "verdict_first"
    if CaseKind.NO_STOCK in state.cases:
        return ""
    if state.stage in (Stage.ALLOCATED, Stage.DELIVERING) and state.sending(*_ARMED):
        return _may_send_keys(state)
    if state.stage >= Stage.DELIVERED and state.ship is not None and state.ship.state in _ARMED:
        return ""
    return "nothing_to_retry"


def _retry(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    sends, ships = [], []
    for state in states:
        if state.stage in (Stage.ALLOCATED, Stage.DELIVERING) and state.sending(*_ARMED):
            sends.append(state)
        elif state.stage >= Stage.DELIVERED and state.ship is not None and state.ship.state in _ARMED:
            ships.append(state)
    # Where the shop has several ways, what all of them refused goes by the first again.
    anew = [s for s in sends if s.sending(IntentState.REJECTED) and len(deed.setup.shops[s.shop].ways) > 1]
    _new_intents(tx, deed, anew)
    intents = [s.send.id for s in sends if s.send and s not in anew] + [s.ship.id for s in ships if s.ship]
    tx.run(
        "UPDATE intent SET state = 0, next_at = ?, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
        (tx.now, tx.now, as_json(intents)),
    )
    tx.run(
        "UPDATE orders SET writeback = ?, version = version + 1, changed_at = ? "
        "WHERE writeback = ? AND id IN (SELECT value FROM json_each(?))",
        (int(WriteBack.DUE), tx.now, int(WriteBack.FAILED), as_json(s.id for s in ships)),
    )
    log(tx, deed, EventKind.VERDICT, states, {"verdict": "retry"})
    close_cases(tx, [s.id for s in sends], [CaseKind.DELIVERY_REJECTED], "retry", deed.by)
    close_cases(tx, [s.id for s in ships], [CaseKind.WRITEBACK_REJECTED], "retry", deed.by)
    close_cases(tx, [s.id for s in states], [CaseKind.NO_STOCK], "retry", deed.by)
    tx.touch(s.id for s in states)
    tx.wake("effects")
    return NOTHING_FAILED


VERDICTS = (
    Action("was_sent", "operator", _may_say_sent, _was_sent, no_args),
    Action("not_sent", "supervisor", _may_judge, _not_sent, no_args, needs_reason=True),
    Action("resend", "operator", _may_resend, _resend, no_args),
    Action("replace_key", "supervisor", _may_replace, _replace, no_args, needs_reason=True),
    Action("retry", "operator", _may_retry, _retry, no_args),
)
