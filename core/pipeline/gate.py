"""The gate: the one transaction that may bind keys to an order and record the intent to send them.

Everything that a key's departure depends on is checked here, in the statements themselves: leader epoch (by the
writer), stage, no block, no open refund, net paid >= due, a fresh enough platform snapshot, free keys for every slot.
One order, one pass: all its slots or none.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from core.desk.cases import CaseRow, open_cases
from core.model.effects import Effect
from core.model.lifecycle import CaseKind, EventKind, IntentState, Stage
from core.pipeline.bound_keys import SealedKey
from core.pipeline.setup import Setup, Way
from core.pipeline.silence import held_back
from core.store.tx import CHANNEL, RECEIVED, Tx, as_json

# ``due`` stands on the left here and in the index: SQLite turns a comparison round to have the column there, and then
# no longer sees that the partial index covers it.
READY = "stage = 1 AND blocks = 0 AND refund_open = 0 AND due <= paid - refunded AND due > 0"
PICK = f"SELECT id, shop, contact FROM orders o WHERE {READY} AND o.seen_at >= ? ORDER BY nprio, due_at, id LIMIT ?"
PICK_STALE = f"SELECT id, shop, ext_id FROM orders o WHERE {READY} AND o.seen_at < ? ORDER BY nprio, due_at, id LIMIT ?"
LINES = "SELECT l.order_id, l.line, l.product, l.qty, l.title FROM json_each(?) j CROSS JOIN line l ON l.order_id = j.value ORDER BY j.key, l.line"
FREE_KEYS = "SELECT id, batch, sealed FROM key WHERE product = ? AND state = 0 ORDER BY id LIMIT ?"
DEKS = "SELECT id, dek FROM batch WHERE id IN (:ids)"
TAKE_KEYS = (
    "UPDATE key NOT INDEXED SET state = 1, order_id = v.column1, line = v.column2, slot = v.column3, taken_at = v.column4 FROM",
    "AS v WHERE key.id = v.column5 AND key.state = 0",
)
INTENT = (
    "intent(id, order_id, shop, effect, via, cls, state, gen, recipient, next_at, epoch, created_at, changed_at, "
    "tries, opened_at)"
)
UNOPENED: tuple[int, int | None] = (0, None)  # the last two of an intent that waits
ALLOCATE = (
    "UPDATE orders SET stage = 2, version = version + 1, changed_at = ? "
    f"WHERE id IN (SELECT value FROM json_each(?)) AND {READY}"
)
Wanted = list[tuple[str, str, int, str]]  # (line, product, qty, title) of one order
ANYONE = f"SELECT 1 FROM orders WHERE {READY} LIMIT 1"
LAST_GEN = (
    "SELECT i.order_id, max(i.gen) FROM json_each(?) j CROSS JOIN intent i ON i.order_id = j.value AND i.effect = 1 "
    "GROUP BY j.key"
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
        if setup.stopped:
            picked = held_back(tx, setup.stopped, picked)
        cases: list[CaseRow] = []
        shop_of: dict[int, int] = {}
        ways: dict[int, tuple[Way, str]] = {}
        for order_id, shop, contact in picked:
            way = setup.shops[shop].way_for(contact)
            if way is None:
                fact = {"field": "contact", "wanted": sorted(setup.shops[shop].reaches)}
                cases.append(CaseRow(order_id, shop, CaseKind.BUYER_INPUT_INVALID, "", fact))
            else:
                shop_of[order_id], ways[order_id] = shop, way
        wanted: dict[int, Wanted] = {}
        for order_id, line, product, qty, title in tx.all(LINES, (as_json(shop_of),)):
            wanted.setdefault(order_id, []).append((line, product, qty, title))
        taken = take_keys(tx, wanted, shop_of, cases)
        if taken:
            if tx.run(ALLOCATE, (tx.now, as_json(taken))) != len(taken):
                raise GateMismatch("an order changed between being picked and being allocated")
            # Keys of an order may have gone back to stock once; its next intent is a new one.
            gens = {int(order): int(gen) for order, gen in tx.all(LAST_GEN, (as_json(taken),))}
            intents = plan_sends(tx, taken, shop_of, ways, gens)
            tx.events(
                EventKind.ALLOCATED,
                "gate",
                [
                    (order, f'{{"intent":{intents[order]},"keys":{[key.id for key in keys]}}}')
                    for order, keys in taken.items()
                ],
            )
            for shop, count in Counter(shop_of[order] for order in taken).items():
                tx.moved(shop, Stage.OPEN, Stage.ALLOCATED, count)
        open_cases(tx, cases, "gate")
        if cases:
            tx.wake("cases")
        return len(taken)


def take_keys(
    tx: Tx, wanted: Mapping[int, Wanted], shop_of: Mapping[int, int], cases: list[CaseRow]
) -> dict[int, list[SealedKey]]:
    """Bind keys to the slots of these orders, in the mapping's order, all slots of an order or none.

    Returns the keys by order; an order that cannot be filled gets a case in ``cases`` instead.
    """
    need: dict[str, int] = {}
    for lines in wanted.values():
        for _, product, qty, _ in lines:
            need[product] = need.get(product, 0) + qty
    free = {p: tx.all(FREE_KEYS, (p, n))[::-1] for p, n in need.items()}
    deks = dict(tx.all_in(DEKS, (), list({batch for pool in free.values() for _, batch, _ in pool})))
    rows: list[tuple[Any, ...]] = []
    taken: dict[int, list[SealedKey]] = {}
    used: dict[str, int] = {}
    now = tx.now
    for order_id, lines in wanted.items():
        short = _shortage(lines, free)
        if short is not None:
            product, qty, have = short
            fact = {"product": product, "wanted": qty, "free": have}
            cases.append(CaseRow(order_id, shop_of[order_id], CaseKind.NO_STOCK, product, fact))
            continue
        keys: list[SealedKey] = []
        for line, product, qty, title in lines:
            pool = free[product]
            for slot in range(1, qty + 1):
                number, batch, sealed = pool.pop()
                keys.append(SealedKey(number, product, batch, sealed, deks[batch], line, slot, title))
                rows.append((order_id, line, slot, now, number))
            used[product] = used.get(product, 0) + qty
        taken[order_id] = keys
    if tx.update(TAKE_KEYS[0], rows, TAKE_KEYS[1]) != len(rows):
        raise GateMismatch(f"wanted {len(rows)} keys; another number was free when taken")
    tx.many("UPDATE stock SET free = free - ?, sold = sold + ? WHERE product = ?", [(n, n, p) for p, n in used.items()])
    return taken


def plan_sends(
    tx: Tx,
    taken: Mapping[int, list[SealedKey]],
    shop_of: Mapping[int, int],
    ways: Mapping[int, tuple[Way, str]],
    gens: Mapping[int, int] = MappingProxyType({}),
    opened: Collection[int] = (),
) -> dict[int, int]:
    """Record the intent to send of orders that were just allocated; returns the intents by order.

    ``ways``: by which way each goes, and to whom. ``gens``: the last generation of those that had an intent before. ``opened``: orders whose first attempt opens
    here, because its lane has a free place for it. Counters and events are the caller's.
    """
    now, epoch = tx.now, tx.epoch
    send = int(Effect.SEND)
    waits, opens = (int(IntentState.PENDING), UNOPENED), (int(IntentState.SENDING), (1, now))
    planned = dict(zip(taken, tx.new_ids(len(taken)), strict=True))
    intents: list[tuple[Any, ...]] = []
    for order_id, intent_id in planned.items():
        way, recipient = ways[order_id]
        shop, lane, cls, gen = shop_of[order_id], way.lane, way.send.cls._value_, gens.get(order_id, 0) + 1
        state, attempt = opens if order_id in opened else waits
        intents.append(
            (intent_id, order_id, shop, send, lane, cls, state, gen, recipient, now, epoch, now, now, *attempt)
        )
    tx.insert(INTENT, intents)
    tx.counted_by(CHANNEL, RECEIVED, [ways[order_id][0].lane for order_id in planned])
    tx.touch(taken)
    if len(opened) < len(taken):
        tx.wake("effects")
    return planned


def _shortage(wanted: Wanted, free: Mapping[str, Sequence[Any]]) -> tuple[str, int, int] | None:
    """The first product of which this order wants more than is left: (product, wanted, left)."""
    if len(wanted) == 1:
        _, product, qty, _ = wanted[0]
        return (product, qty, len(free[product])) if qty > len(free[product]) else None
    total: dict[str, int] = {}
    for _, product, qty, _ in wanted:
        total[product] = total.get(product, 0) + qty
    return next(((p, n, len(free[p])) for p, n in total.items() if n > len(free[p])), None)
