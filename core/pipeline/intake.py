"""Intake: one transaction upserts whatever the connectors brought, with money, rule results, events and cursors."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.desk.cases import CaseRow, close_cases, open_cases
from core.model.contact import EMAIL_ONLY, gathered
from core.model.lifecycle import CaseKind, EventKind
from core.model.order import Batch, OrderUpdate, Payment, Quarantined, Refund, RefundState
from core.pipeline.attempts import Opened
from core.pipeline.known import KnownOrders, Row
from core.pipeline.ledger import Ledger, Sums
from core.pipeline.newcomers import Newcomers
from core.pipeline.setup import Setup
from core.store.tx import Tx


class IntakeItem(Struct, frozen=True):
    """One batch of one shop. ``keep_cursor`` False for reads of single orders, which move no cursor.

    ``places``: free places by lane that are lent for first attempts; whoever lends them makes what comes back opened.
    """

    shop: int
    batch: Batch
    seen_at: int
    keep_cursor: bool = True
    places: tuple[tuple[str, int], ...] = ()


class IntakeDone(Struct, frozen=True):
    """What became of a batch: orders first seen, orders changed, items quarantined, attempts opened at lent places."""

    new: int
    changed: int
    quarantined: int
    opened: tuple[Opened, ...] = ()


class Intake:
    """The handler. One instance a core; call ``apply`` through the writer."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def apply(self, tx: Tx, items: list[IntakeItem]) -> list[IntakeDone]:
        """Commit the batches of ``items`` together with their cursors."""
        orders: dict[tuple[int, str], tuple[OrderUpdate, int]] = {}
        payments: dict[tuple[str, str], tuple[int, Payment]] = {}
        refunds: dict[tuple[int, str], tuple[int, Refund]] = {}
        broken: list[tuple[int, Quarantined]] = []
        twice: list[tuple[int, Payment]] = []
        # Shops whose channels reach other contacts than e-mail: these may stand in what the buyer wrote.
        wanted = {n: i.reaches for n, i in self.setup.shops.items() if i.reaches and i.reaches != EMAIL_ONLY}
        for item in items:
            shop = item.shop
            for update in item.batch.updates:
                if isinstance(update, OrderUpdate):
                    if shop in wanted:
                        contact = gathered(update.contact, update.message, wanted[shop])
                        update = replace(update, contact=contact)
                    key = (shop, update.ext_id)
                    held = orders.get(key)
                    if held is None or update.rev >= held[0].rev:
                        # What an event tells is known as of the event, however late it is heard.
                        seen_at = item.seen_at if update.as_of is None else min(update.as_of, item.seen_at)
                        orders[key] = (update, seen_at)
                    for payment in update.payments:
                        _once(payments, shop, payment, twice)
                    for refund in update.refunds:
                        _newest(refunds, shop, refund)
                elif isinstance(update, Payment):
                    _once(payments, shop, update, twice)
                elif isinstance(update, Refund):
                    _newest(refunds, shop, update)
                else:
                    broken.append((shop, update))
        known = self._known(tx, orders, payments, refunds)
        ledger = Ledger(tx)
        new = [key for key in orders if key not in known] if known else list(orders)
        fresh = [(key[0], *orders[key]) for key in new]
        ids = dict(zip(new, tx.new_ids(len(new)), strict=True))
        sums = Sums()
        ledger.adopt(ids, sums)
        owner = {**{key: row.id for key, row in known.items()}, **ids} if known else ids
        ledger.book(payments, owner, sums)
        ledger.book_refunds(refunds, owner, sums)
        places: Counter[str] = Counter()
        for item in items:
            places.update(dict(item.places))
        opened = Newcomers(tx, self.setup).insert(fresh, list(ids.values()), sums, places)
        changed = KnownOrders(tx, self.setup).update(orders, known, sums)
        self._refuse_replays(tx, twice + sums.replayed, owner)
        if broken:
            self._quarantine(tx, broken)
        if orders:
            self._heal(tx, orders)
        self._cursors(tx, items)
        done = IntakeDone(len(fresh), changed, len(broken))
        return _shared_out(done, items, opened) if opened else [done] * len(items)

    def _refuse_replays(
        self, tx: Tx, replayed: list[tuple[int, Payment]], owner: Mapping[tuple[int, str], int]
    ) -> None:
        """One payment named by a second order pays only the first; the second one meets a person before it meets a key."""
        open_cases(
            tx,
            [
                CaseRow(
                    owner[(shop, p.ext_id)],
                    shop,
                    CaseKind.PRICE_MISMATCH,
                    "payment",
                    {"txn": p.txn_id, "why": "used by another order"},
                )
                for shop, p in replayed
                if (shop, p.ext_id) in owner
            ],
        )

    def _known(
        self,
        tx: Tx,
        orders: dict[tuple[int, str], Any],
        payments: dict[tuple[str, str], tuple[int, Payment]],
        refunds: dict[tuple[int, str], tuple[int, Refund]],
    ) -> dict[tuple[int, str], Row]:
        keys = set(orders)
        keys.update([(shop, payment.ext_id) for shop, payment in payments.values()])
        keys.update([(shop, refund.ext_id) for shop, refund in refunds.values()])
        wanted: dict[int, set[str]] = {}
        for shop, ext in keys:
            wanted.setdefault(shop, set()).add(ext)
        return KnownOrders.load(tx, wanted)

    def _quarantine(self, tx: Tx, broken: list[tuple[int, Quarantined]]) -> None:
        rows, drift = [], []
        for (shop, q), number in zip(broken, tx.new_ids(len(broken)), strict=True):
            raw = q.raw[:1_000_000]
            rows.append((number, shop, q.ext_id, q.field, q.why, raw, hashlib.sha256(q.raw).digest()[:16], tx.now))
            drift.append((shop, q.field, tx.now))
        tx.many(
            "INSERT INTO quarantine(id, shop, ext_id, field, why, raw, print, at, seen) VALUES(?, ?, ?, ?, ?, ?, ?, ?, 1) "
            "ON CONFLICT(shop, ext_id, field, print) DO UPDATE SET seen = seen + 1, resolved_at = NULL",
            rows,
        )
        tx.many(
            "INSERT INTO drift(shop, field, n, at) VALUES(?, ?, 1, ?) "
            "ON CONFLICT(shop, field) DO UPDATE SET n = n + 1, at = excluded.at",
            drift,
        )
        wanted: dict[int, set[str]] = {}
        for shop, q in broken:
            wanted.setdefault(shop, set()).add(q.ext_id)
        known = KnownOrders.load(tx, wanted)
        cases = []
        for shop, q in broken:
            row = known.get((shop, q.ext_id))
            if row is not None:
                kind = CaseKind(q.why) if q.why in ("unit_suspect", "price_mismatch") else CaseKind.POISON_PAYLOAD
                cases.append(CaseRow(int(row[0]), shop, kind, "", {"field": q.field, "why": q.why}))
        open_cases(tx, cases)
        tx.events(EventKind.QUARANTINED, "intake", [(0, f'{{"n":{len(broken)}}}')])
        tx.wake("cases")

    def _heal(self, tx: Tx, orders: dict[tuple[int, str], Any]) -> None:
        """A readable snapshot answers what was quarantined of the same order before."""
        if tx.one("SELECT 1 FROM quarantine WHERE resolved_at IS NULL LIMIT 1") is None:
            return
        healed = [
            key
            for key in orders
            if tx.run(
                "UPDATE quarantine SET resolved_at = ? WHERE shop = ? AND ext_id = ? AND resolved_at IS NULL",
                (tx.now, *key),
            )
        ]
        if healed:
            wanted: dict[int, set[str]] = {}
            for shop, ext in healed:
                wanted.setdefault(shop, set()).add(ext)
            ids = [int(row[0]) for row in KnownOrders.load(tx, wanted).values()]
            kinds = {CaseKind.POISON_PAYLOAD, CaseKind.UNIT_SUSPECT, CaseKind.PRICE_MISMATCH}
            close_cases(tx, ids, kinds, "readable again", "intake")

    def _cursors(self, tx: Tx, items: list[IntakeItem]) -> None:
        newest = {item.shop: item.batch.cursor for item in items if item.keep_cursor}
        tx.many(
            "INSERT INTO cursor(shop, value, at) VALUES(?, ?, ?) "
            "ON CONFLICT(shop) DO UPDATE SET value = excluded.value, at = excluded.at",
            [(shop, cursor, tx.now) for shop, cursor in newest.items()],
        )


def _shared_out(done: IntakeDone, items: list[IntakeItem], opened: list[Opened]) -> list[IntakeDone]:
    """Each lender gets back as many attempts as it lent places in their lanes."""
    waiting: dict[str, list[Opened]] = {}
    for one in opened:
        waiting.setdefault(one.via, []).append(one)
    answers = []
    for item in items:
        mine: list[Opened] = []
        for lane, count in item.places:
            held = waiting.get(lane, [])
            mine += held[:count]
            del held[:count]
        answers.append(IntakeDone(done.new, done.changed, done.quarantined, tuple(mine)))
    return answers


def _once(
    payments: dict[tuple[str, str], tuple[int, Payment]], shop: int, payment: Payment, twice: list[tuple[int, Payment]]
) -> None:
    key = (payment.account, payment.txn_id)
    held = payments.get(key)
    if held is None:
        payments[key] = (shop, payment)
    elif (held[0], held[1].ext_id) != (shop, payment.ext_id):
        twice.append((shop, payment))


def _newest(refunds: dict[tuple[int, str], tuple[int, Refund]], shop: int, refund: Refund) -> None:
    held = refunds.get((shop, refund.refund_id))
    # The store's own rule: of two words of one instant, a finished request never opens again.
    if held is None or (refund.at, refund.state != RefundState.OPEN) >= (held[1].at, held[1].state != RefundState.OPEN):
        refunds[(shop, refund.refund_id)] = (shop, refund)
