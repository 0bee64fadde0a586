"""The gate: the one transaction that may bind keys to an order and record the intent to send them.

Everything that a key's departure depends on is checked here, in the statements themselves: leader epoch (by the
writer), stage, no block, no open refund, net paid >= due, a fresh enough platform snapshot, free keys for every slot.
One order, one pass: all its slots or none.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from core.desk.cases import CaseRow, open_cases
from core.model.effects import Effect
from core.model.lifecycle import CaseKind, EventKind, IntentState, Stage
from core.pipeline.setup import Setup
from core.store.tx import Tx, as_json

READY = "stage = 1 AND blocks = 0 AND refund_open = 0 AND paid - refunded >= due"
PICK = f"SELECT id, shop, contact FROM orders WHERE {READY} AND seen_at >= ? ORDER BY nprio, due_at, id LIMIT ?"
PICK_STALE = f"SELECT id, shop, ext_id FROM orders WHERE {READY} AND seen_at < ? ORDER BY nprio, due_at, id LIMIT ?"
LINES = "SELECT l.order_id, l.line, l.product, l.qty FROM json_each(?) j JOIN line l ON l.order_id = j.value ORDER BY j.key, l.line"
FREE_KEYS = "SELECT id FROM key WHERE product = ? AND state = 0 ORDER BY id LIMIT ?"
TAKE_KEY = "UPDATE key SET state = 1, order_id = ?, line = ?, slot = ?, taken_at = ? WHERE id = ? AND state = 0"
INSERT_INTENT = (
    "INSERT INTO intent(id, order_id, shop, effect, via, cls, state, tries, gen, recipient, next_at, epoch, created_at, changed_at) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)"
)
ALLOCATE = (
    "UPDATE orders SET stage = 2, version = version + 1, changed_at = ? "
    f"WHERE id IN (SELECT value FROM json_each(?)) AND {READY}"
)
STALE_MAX = 200  # re-reads asked for in one pass


class GateMismatch(RuntimeError):
    """A statement hit another number of rows than the gate had decided; the pass is rolled back whole."""


class GatePass(Struct, frozen=True):
    """What one pass did: orders allocated, orders to read again first (shop, ext_id, id), and whether more wait."""

    allocated: int
    stale: tuple[tuple[int, str, int], ...]
    more: bool


class Gate:
    """The handler. An item is how many orders the pass may take at most."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def apply(self, tx: Tx, items: list[int]) -> list[GatePass]:
        """One pass over the head of the queue."""
        limit = max(items)
        since = tx.now - self.setup.fresh_us
        picked = tx.all(PICK, (since, limit))
        stale = tx.all(PICK_STALE, (since, STALE_MAX))
        allocated = self._allocate(tx, picked) if picked else 0
        done = GatePass(allocated, tuple((int(s), str(x), int(i)) for i, s, x in stale), len(picked) == limit)
        return [done] * len(items)

    def _allocate(self, tx: Tx, picked: Sequence[tuple[Any, ...]]) -> int:
        setup = self.setup
        cases: list[CaseRow] = []
        shop_of: dict[int, tuple[int, str]] = {}
        for order_id, shop, contact in picked:
            if setup.shops[shop].needs_contact and not contact:
                cases.append(CaseRow(order_id, shop, CaseKind.BUYER_INPUT_INVALID, "", {"field": "contact"}))
            else:
                shop_of[order_id] = (shop, contact)
        taken = self._take(tx, shop_of, cases)
        if taken:
            self._record(tx, taken, shop_of)
        open_cases(tx, cases, "gate")
        if cases:
            tx.wake("cases")
        return len(taken)

    def _take(self, tx: Tx, shop_of: dict[int, tuple[int, str]], cases: list[CaseRow]) -> dict[int, list[int]]:
        """Choose keys in the queue's own order and bind them; returns key ids by order."""
        lines: dict[int, list[tuple[str, str, int]]] = {}
        need: dict[str, int] = {}
        for order_id, line, product, qty in tx.all(LINES, (as_json(shop_of),)):
            lines.setdefault(order_id, []).append((line, product, qty))
            need[product] = need.get(product, 0) + qty
        free = {p: [row[0] for row in reversed(tx.all(FREE_KEYS, (p, n)))] for p, n in need.items()}
        rows: list[tuple[Any, ...]] = []
        taken: dict[int, list[int]] = {}
        used: dict[str, int] = {}
        for order_id, wanted in lines.items():
            short = _shortage(wanted, free)
            if short is not None:
                product, qty, have = short
                fact = {"product": product, "wanted": qty, "free": have}
                cases.append(CaseRow(order_id, shop_of[order_id][0], CaseKind.NO_STOCK, product, fact))
                continue
            keys: list[int] = []
            for line, product, qty in wanted:
                pool = free[product]
                for slot in range(1, qty + 1):
                    key = pool.pop()
                    keys.append(key)
                    rows.append((order_id, line, slot, tx.now, key))
                used[product] = used.get(product, 0) + qty
            taken[order_id] = keys
        if tx.many(TAKE_KEY, rows) != len(rows):
            raise GateMismatch(f"wanted {len(rows)} keys; another number was free when taken")
        tx.many(
            "UPDATE stock SET free = free - ?, sold = sold + ? WHERE product = ?", [(n, n, p) for p, n in used.items()]
        )
        return taken

    def _record(self, tx: Tx, taken: dict[int, list[int]], shop_of: dict[int, tuple[int, str]]) -> None:
        setup, now = self.setup, tx.now
        pending, send = int(IntentState.PENDING), int(Effect.SEND)
        intents: list[tuple[Any, ...]] = []
        events: list[tuple[int, str]] = []
        moved: dict[int, int] = {}
        for (order_id, keys), intent_id in zip(taken.items(), tx.new_ids(len(taken)), strict=True):
            shop, contact = shop_of[order_id]
            info = setup.shops[shop]
            intents.append(
                (intent_id, order_id, shop, send, info.send_lane, info.send.cls.value, pending, 1)
                + (contact if info.needs_contact else "", now, tx.epoch, now, now)
            )
            events.append((order_id, f'{{"intent":{intent_id},"keys":[{",".join(map(str, keys))}]}}'))
            moved[shop] = moved.get(shop, 0) + 1
        tx.many(INSERT_INTENT, intents)
        if tx.run(ALLOCATE, (now, as_json(taken))) != len(taken):
            raise GateMismatch("an order changed between being picked and being allocated")
        for shop, count in moved.items():
            tx.moved(shop, Stage.OPEN, Stage.ALLOCATED, count)
        tx.events(EventKind.ALLOCATED, "gate", events)
        tx.touch(taken)
        tx.wake("effects")


def _shortage(wanted: Sequence[tuple[str, str, int]], free: dict[str, list[int]]) -> tuple[str, int, int] | None:
    """The first product of which this order wants more than is left: (product, wanted, left)."""
    if len(wanted) == 1:
        _, product, qty = wanted[0]
        return (product, qty, len(free[product])) if qty > len(free[product]) else None
    total: dict[str, int] = {}
    for _, product, qty in wanted:
        total[product] = total.get(product, 0) + qty
    return next(((p, n, len(free[p])) for p, n in total.items() if n > len(free[p])), None)
