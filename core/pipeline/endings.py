"""How orders end by the outside's word: cancelled with their keys back in stock, or closed with their keys burnt."""

from collections.abc import Collection, Sequence
from typing import Protocol

from core.desk.cases import CaseRow, close_cases, open_cases
from core.desk.holds import lift_holds
from core.model.lifecycle import CaseKind, EventKind, HoldReason, IntentState, KeyState, Stage
from core.model.order import PlatformState
from core.store.tx import Tx, as_json

_GONE = (PlatformState.CANCELLED, PlatformState.REFUNDED)
# What no longer needs a decision once an order has ended with its money returned.
_MOOT = frozenset(CaseKind) - {
    CaseKind.UNKNOWN_OUTCOME,
    CaseKind.REFUND_AFTER,
    CaseKind.LATE_PAYMENT,
    CaseKind.SUSPECT_KEY,
}


class Standing(Protocol):
    """What an ending is judged by."""

    @property
    def id(self) -> int: ...
    @property
    def shop(self) -> int: ...
    @property
    def stage(self) -> int: ...
    @property
    def pstate(self) -> int: ...
    @property
    def paid(self) -> int: ...
    @property
    def refunded(self) -> int: ...


class Endings:
    """Moves orders whose platform or money says that they are over."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def apply(self, rows: Sequence[Standing], gone: Collection[int] = ()) -> set[int]:
        """End what has ended; returns the ids of orders that were cancelled or closed here.

        ``gone``: orders that the platform has just ended. Before a key went out they end at once, even if money is
        still there; later only the money's return ends them.
        """
        cancel: list[Standing] = []
        close: list[Standing] = []
        maybe: list[Standing] = []
        for row in rows:
            no_money = row.paid <= row.refunded
            over = (row.pstate in _GONE and no_money) or (row.paid > 0 and no_money)
            dropped = over or row.id in gone
            if row.stage <= Stage.OPEN and dropped:
                cancel.append(row)
            elif row.stage == Stage.ALLOCATED and dropped:
                maybe.append(row)
            elif (row.stage in (Stage.DELIVERING, Stage.DELIVERED) and over) or (
                row.stage == Stage.DELIVERED and row.pstate == PlatformState.FINISHED
            ):
                close.append(row)
        if maybe:
            self._release([row.id for row in maybe])
            cancel += maybe
        if cancel:
            self._move(cancel, Stage.CANCELLED)
            self._lift_holds([row.id for row in cancel])
        if close:
            self._close(close)
        ended = cancel + close
        if ended:
            close_cases(self._tx, [row.id for row in cancel], _MOOT, "the order ended", "intake")
        return {row.id for row in ended}

    def _move(self, rows: Sequence[Standing], target: Stage) -> None:
        tx = self._tx
        tx.run(
            "UPDATE orders SET stage = ?, version = version + 1, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
            (int(target), tx.now, as_json(row.id for row in rows)),
        )
        for row in rows:
            tx.moved(row.shop, Stage(row.stage), target)
        tx.events(
            EventKind.MOVED,
            "intake",
            [(r.id, f'{{"from":"{Stage(r.stage).name}","to":"{target.name}"}}') for r in rows],
        )

    def _release(self, ids: Sequence[int]) -> None:
        """Keys of orders that were allocated but never attempted go back to stock; their intents are dropped."""
        tx = self._tx
        wanted = as_json(ids)
        tx.run(
            "UPDATE intent SET state = ?, changed_at = ? WHERE order_id IN (SELECT value FROM json_each(?)) AND tries = 0",
            (int(IntentState.DROPPED), tx.now, wanted),
        )
        freed = tx.all(
            "UPDATE key SET state = 0, order_id = NULL, line = NULL, slot = NULL, taken_at = NULL "
            "WHERE order_id IN (SELECT value FROM json_each(?)) AND state = 1 RETURNING product",
            (wanted,),
        )
        counts: dict[str, int] = {}
        for (product,) in freed:
            counts[str(product)] = counts.get(str(product), 0) + 1
        tx.many(
            "UPDATE stock SET free = free + ?, sold = sold - ? WHERE product = ?",
            [(n, n, p) for p, n in counts.items()],
        )
        tx.events(EventKind.RELEASED, "intake", [(order_id, "{}") for order_id in ids])
        tx.wake("stock")

    def _close(self, rows: Sequence[Standing]) -> None:
        """Finished, or refunded after keys may have gone out: such keys are burnt and a person looks at the loss."""
        tx = self._tx
        self._move(rows, Stage.CLOSED)
        lost = [row for row in rows if row.paid <= row.refunded]
        ids = as_json(row.id for row in lost)
        if not lost:
            return
        tx.run(
            "UPDATE intent SET state = ?, changed_at = ? WHERE order_id IN (SELECT value FROM json_each(?)) AND state IN (0, 5)",
            (int(IntentState.DROPPED), tx.now, ids),
        )
        burnt = tx.all(
            "UPDATE key SET state = ? WHERE order_id IN (SELECT value FROM json_each(?)) AND state = 1 RETURNING product",
            (int(KeyState.BURNT), ids),
        )
        counts: dict[str, int] = {}
        for (product,) in burnt:
            counts[str(product)] = counts.get(str(product), 0) + 1
        tx.many(
            "UPDATE stock SET sold = sold - ?, burnt = burnt + ? WHERE product = ?",
            [(n, n, p) for p, n in counts.items()],
        )
        open_cases(
            tx,
            [CaseRow(r.id, r.shop, CaseKind.REFUND_AFTER, "", {"paid": r.paid, "refunded": r.refunded}) for r in lost],
        )

    def _lift_holds(self, ids: Sequence[int]) -> None:

        lift_holds(self._tx, ids, set(HoldReason), "intake")
