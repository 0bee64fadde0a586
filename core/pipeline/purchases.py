"""Purchases of keys as rows: planned, opened before the call, ended by what came of it. Runs inside the writer.

Buying is class C. A call goes out from PLANNED alone; whatever is not known for certain afterwards is asked about by
our own reference, or waits for a person. Keys become stock in the transaction that ends their purchase.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from core.model.clock import MINUTE, SECOND
from core.model.effects import Outcome, Result
from core.model.lifecycle import EventKind, PurchaseState
from core.model.restock import Restock
from core.pipeline.upkeep import restocked
from core.store.tx import Tx
from core.vault import imports

DAY = 24 * 60 * MINUTE
REST_US = 10 * MINUTE  # after a refusal, before the same product is tried again
ACTOR = "stock"
COLUMNS = "id, product, supplier, code, qty, price, state, tries, next_at, created_at, changed_at, got, batch, remote, why, evidence"
OPEN = f"SELECT {COLUMNS} FROM purchase INDEXED BY ux_purchase_open WHERE closed_at IS NULL ORDER BY id"
ONE = f"SELECT {COLUMNS} FROM purchase WHERE id = ?"
LATEST = f"SELECT {COLUMNS} FROM purchase ORDER BY id DESC LIMIT ?"
TODAY = "SELECT coalesce(sum(qty), 0) FROM purchase WHERE product = ? AND created_at > ? AND state != ?"
LAST = "SELECT closed_at, next_at FROM purchase WHERE product = ? ORDER BY created_at DESC LIMIT 1"
ADD = (
    "INSERT INTO purchase(id, product, supplier, code, qty, price, state, next_at, created_at, changed_at, by) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
TAKE = "UPDATE purchase SET state = ?, tries = tries + 1, changed_at = ? WHERE id = ? AND state = ?"
END = (
    "UPDATE purchase SET state = ?, next_at = ?, changed_at = ?, closed_at = ?, got = ?, batch = ?, remote = ?, why = ?, "
    "evidence = ? WHERE id = ? AND state IN (?, ?) AND closed_at IS NULL"
)
_encode = msgspec.json.Encoder(order="sorted").encode


class PurchaseRow(Struct, frozen=True):
    """A purchase as it stands. Times UTC us; ``evidence`` is JSON text."""

    id: int
    product: str
    supplier: str
    code: str
    qty: int
    price: str
    state: int
    tries: int
    next_at: int
    created_at: int
    changed_at: int
    got: int | None
    batch: int | None
    remote: str
    why: str
    evidence: str

    @property
    def reference(self) -> str:
        """Our number of it: its id is made of the time, so that a new database never makes it again."""
        return f"KD{self.id}"


class Ended(Struct, frozen=True):
    """What a call or a question came to. ``plan``: the sealed keys, of a confirmed one."""

    purchase: int
    outcome: Outcome
    plan: imports.Plan | None = None
    why: str = ""  # stands over the outcome's own
    waits: bool = False  # a person has to look, whatever the outcome says


def plan_purchases(tx: Tx, items: list[tuple[Restock, ...]]) -> list[int]:
    """Plan what is short now. One open purchase a product, a rest after a refusal, and no more a day than allowed."""
    planned = 0
    for wish in {one.product: one for item in items for one in item}.values():
        free = tx.one("SELECT free FROM stock WHERE product = ?", (wish.product,))
        if free is not None and int(free[0]) >= wish.below:
            continue
        last = tx.one(LAST, (wish.product,))
        if last is not None and (last[0] is None or int(last[1]) > tx.now):
            continue
        (spent,) = tx.one(TODAY, (wish.product, tx.now - DAY, int(PurchaseState.REFUSED))) or (0,)
        qty = min(wish.buy, wish.most_a_day - int(spent))
        if qty < 1:
            continue
        (number,) = tx.new_ids(1)
        row = (number, wish.product, wish.supplier, wish.code, qty, wish.price, int(PurchaseState.PLANNED))
        planned += tx.run(ADD, (*row, tx.now, tx.now, tx.now, ACTOR))
    return [planned] * len(items)


def open_purchases(tx: Tx, items: list[int]) -> list[bool]:
    """The record that stands before the call. False: it is not to be bought (any more)."""
    done = []
    for number in items:
        taken = tx.run(TAKE, (int(PurchaseState.BUYING), tx.now, number, int(PurchaseState.PLANNED))) == 1
        if taken:
            found = tx.one(ONE, (number,))
            assert found is not None
            row = PurchaseRow(*found)
            body = {"purchase": number, "product": row.product, "supplier": row.supplier, "qty": row.qty}
            tx.event(EventKind.BUYING, 0, ACTOR, body)
        done.append(taken)
    return done


def end_purchases(tx: Tx, items: list[Ended]) -> list[bool | Exception]:
    """Write down what came of them; keys and the end of their purchase are one transaction."""
    answers: list[bool | Exception] = []
    for one in items:
        try:
            answers.append(_end(tx, one))
        except imports.ImportRefused as refused:
            why = f"its keys were not taken in: {refused}"
            waits = Ended(one.purchase, one.outcome, why=why[:300], waits=True)
            answers.append(_end(tx, waits))
    return answers


def _end(tx: Tx, one: Ended) -> bool:
    result, why = one.outcome.result, one.why or one.outcome.why
    later = tx.now + round((one.outcome.retry_after or 0) * SECOND)
    state, next_at = PurchaseState.UNKNOWN, later  # of an ended one: when the product may be bought again
    closed, got, batch = None, None, None
    if one.waits or (result is Result.UNKNOWN and one.outcome.retry_after is None):
        state = PurchaseState.WAITS
    elif result is Result.CONFIRMED:
        assert one.plan is not None
        # Sealed before; written here, so that no stop of the core can come between the keys and the end.
        product = imports.write(tx, one.plan, ACTOR)
        restocked(tx, [product])
        state, closed, got, batch = PurchaseState.DONE, tx.now, one.plan.imported, one.plan.batch
    elif result is Result.REJECTED:
        state, closed, next_at = PurchaseState.REFUSED, tx.now, tx.now + REST_US
    elif result in (Result.NOT_SENT, Result.LATER):
        state, next_at = PurchaseState.PLANNED, max(later, tx.now + 5 * SECOND)
    evidence = _encode(one.outcome.evidence).decode() if one.outcome.evidence else "{}"
    values = (int(state), next_at, tx.now, closed, got, batch, one.outcome.remote_ref[:100], why[:300], evidence)
    took = tx.run(END, (*values, one.purchase, int(PurchaseState.BUYING), int(PurchaseState.UNKNOWN))) == 1
    if not took and one.plan is not None:
        raise RuntimeError("a purchase ended twice")  # rolls the keys back
    if took and (closed or state is PurchaseState.WAITS):
        _tell(tx, one.purchase, state, got, why, ACTOR)
    return took


def left_open(tx: Tx, items: list[None]) -> list[int]:
    """At a start: what the last core left open is asked about, never bought again."""
    sql = "UPDATE purchase SET state = ?, next_at = ?, why = ?, changed_at = ? WHERE closed_at IS NULL AND state = ?"
    why = "the core stopped between buying and recording"
    found = tx.run(sql, (int(PurchaseState.UNKNOWN), tx.now, why, tx.now, int(PurchaseState.BUYING)))
    return [found] * len(items)


class Verdict(Struct, frozen=True):
    """A person's word on a purchase that waits: ``bought`` (its keys were imported by hand) or not."""

    purchase: int
    bought: bool
    by: str
    reason: str


def decide(tx: Tx, items: list[Verdict]) -> list[bool]:
    """End what waits; False when it does not wait (any more)."""
    sql = (
        "UPDATE purchase SET state = ?, next_at = ?, closed_at = ?, changed_at = ?, why = ? "
        "WHERE id = ? AND state IN (?, ?) AND closed_at IS NULL"
    )
    answers = []
    for one in items:
        state = PurchaseState.DONE if one.bought else PurchaseState.REFUSED
        may = (int(PurchaseState.WAITS), int(PurchaseState.UNKNOWN))
        took = tx.run(sql, (int(state), tx.now, tx.now, tx.now, one.reason[:300], one.purchase, *may)) == 1
        if took:
            _tell(tx, one.purchase, state, None, one.reason, one.by)
        answers.append(took)
    return answers


def _tell(tx: Tx, purchase: int, state: PurchaseState, got: int | None, why: str, by: str) -> None:
    body: dict[str, Any] = {"purchase": purchase, "state": state.name.lower(), "got": got, "why": why[:200]}
    tx.event(EventKind.BOUGHT, 0, by, body)
    tx.wake("stock")


def rows_of(found: Sequence[Sequence[Any]]) -> list[PurchaseRow]:
    """Rows of ``COLUMNS``."""
    return [PurchaseRow(*row) for row in found]
