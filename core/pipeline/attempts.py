"""Every attempt, first or repeat, opens with its own short transaction that checks again what the gate checked.

An intent may have waited behind a rate limit, an outage or a restart; what was true at the gate may not be any more.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct

from core.desk.cases import CaseRow, open_cases
from core.model.clock import SECOND
from core.model.effects import Effect
from core.model.lifecycle import CaseKind, IntentState, Stage
from core.pipeline.bound_keys import SealedKey, in_order, keys_of, titles_of
from core.pipeline.setup import Setup
from core.store.tx import CHANNEL, Tx, as_json


class Opened(Struct, frozen=True):
    """An attempt that may now be made; the caller must make it at once and record its outcome."""

    intent: int
    order: int
    shop: int
    effect: Effect
    via: str
    attempt: int
    ext_id: str
    recipient: str
    keys: tuple[SealedKey, ...]
    lines: tuple[tuple[str, int], ...] = ()
    gen: int = 0  # generation of the intent, epoch of the core and time of the opening; 0: to be read again
    epoch: int = 0
    opened_at: int = 0
    product: str = ""  # of the order's first line; of what sends keys alone


class NotOpened(Struct, frozen=True):
    """No attempt may be made now, and why. With ``stale`` the order is to be read again first."""

    intent: int
    why: str
    shop: int = 0
    ext_id: str = ""


class _Row(NamedTuple):
    intent: int
    order: int
    shop: int
    effect: int
    via: str
    state: int
    tries: int
    recipient: str
    stage: int
    blocks: int
    refund_open: int
    net: int
    due: int
    contact: str
    ext_id: str
    title: str
    seen_at: int


# First attempts to send: the gate's conditions once more (``due`` on the left as there), the keys at hand.
FIRST = (
    "SELECT i.id, i.order_id, i.shop, i.via, i.gen, i.recipient, o.ext_id, o.contact, o.title, o.product, "
    "k.id, k.product, k.batch, k.sealed, b.dek, k.line, k.slot FROM intent i "
    "CROSS JOIN orders o ON o.id = i.order_id CROSS JOIN key k ON k.order_id = o.id AND k.order_id IS NOT NULL "
    "CROSS JOIN batch b ON b.id = k.batch WHERE i.state = 0 AND i.tries = 0 AND i.effect = 1 AND o.stage = 2 "
    "AND o.blocks = 0 AND o.refund_open = 0 AND o.due <= o.paid - o.refunded AND o.seen_at >= ? AND k.state = 1 "
    "AND i.id IN (:ids)"
)
SHIPS = (
    "SELECT i.id, i.order_id, i.shop, i.via, i.gen, i.tries, i.recipient, o.ext_id FROM intent i "
    "CROSS JOIN orders o ON o.id = i.order_id WHERE i.state = 0 AND i.effect = 2 AND o.stage IN (4, 5) AND i.id IN (:ids)"
)
OPEN = (
    "UPDATE intent SET state = 1, tries = tries + 1, epoch = ?, opened_at = ?, changed_at = ? "
    "WHERE state = 0 AND id IN (:ids)"
)
START = "UPDATE orders SET stage = 3, version = version + 1, changed_at = ? WHERE stage = 2 AND id IN (:ids)"
INTENTS = (
    "SELECT i.id, i.order_id, i.shop, i.effect, i.via, i.state, i.tries, i.recipient, o.stage, o.blocks, o.refund_open, "
    "o.paid - o.refunded, o.due, o.contact, o.ext_id, o.title, o.seen_at FROM json_each(?) j "
    "CROSS JOIN intent i ON i.id = j.value JOIN orders o ON o.id = i.order_id"
)
READDRESS = "UPDATE intent SET recipient = ? WHERE id = ?"
REROUTE = "UPDATE intent SET via = ?, cls = ?, recipient = ? WHERE id = ? AND tries = 0"
REREAD_US = SECOND // 2  # how long an attempt waits for its order to be read again, before it looks anew


def refusal(row: _Row) -> str:
    """Why this attempt may not be made, or ""."""
    if row.state != IntentState.PENDING:
        return "not pending"
    if row.effect == Effect.SHIP:
        return "" if row.stage in (Stage.DELIVERED, Stage.CLOSED) else "nothing delivered yet"
    if row.stage not in (Stage.ALLOCATED, Stage.DELIVERING):
        return "order is not waiting for keys"
    if row.blocks:
        return "blocked"
    if row.refund_open:
        return "refund open"
    if row.net < row.due:
        return "money no longer covers"
    return ""


class OpenAttempts:
    """The handler. An item is an intent's id; the answer is Opened or NotOpened."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def apply(self, tx: Tx, asked: list[int]) -> list[Opened | NotOpened]:
        """Open what may be opened; block what may not, so that it is not tried again until its block lifts.

        First attempts and write-backs are found by statements that hold the checks themselves; whatever does not fit
        them is looked at one by one.
        """
        items = list(dict.fromkeys(asked))
        opened = self._first(tx, items)
        if len(opened) < len(items):
            opened.update(self._ships(tx, [i for i in items if i not in opened]))
        if len(opened) < len(items):
            opened.update(self._one_by_one(tx, [i for i in items if i not in opened]))
        return [opened.get(i) or NotOpened(i, "no such intent") for i in asked]

    def _first(self, tx: Tx, items: Sequence[int]) -> dict[int, Opened | NotOpened]:
        found: dict[int, Opened | NotOpened] = {}
        orders: list[int] = []
        moved: dict[int, int] = {}
        readdress: list[tuple[str, int]] = []
        many: dict[int, list[SealedKey]] = {}
        shops, send = self.setup.shops, Effect.SEND
        for intent, order, shop, via, gen, recipient, ext_id, contact, title, first, *held in tx.all_in(
            FIRST, (tx.now - self.setup.fresh_us,), items
        ):
            number, product, batch, sealed, dek, line, slot = held
            key = SealedKey(number, product, batch, sealed, dek, line, slot, title)
            if intent in found:
                one = found[intent]
                assert isinstance(one, Opened)
                many.setdefault(intent, list(one.keys)).append(key)
                continue
            if recipient != contact:
                now_to = shops[shop].recipient(via, contact)
                if now_to is not None and now_to != recipient:
                    if not now_to:  # of another kind now, so it may go another way
                        continue
                    recipient = now_to
                    readdress.append((now_to, intent))
            found[intent] = Opened(
                intent, order, shop, send, via, 1, ext_id, recipient, (key,), (), gen, tx.epoch, tx.now, first
            )
            orders.append(order)
            moved[shop] = moved.get(shop, 0) + 1
        if not found:
            return found
        now = tx.now
        opened = tx.run_in(OPEN, (tx.epoch, now, now), list(found))
        if opened != len(found) or tx.run_in(START, (now,), orders) != len(found):
            raise RuntimeError("an order changed between being looked at and being opened")
        tx.many(READDRESS, readdress)
        for shop, count in moved.items():
            tx.moved(shop, Stage.ALLOCATED, Stage.DELIVERING, count)
        tx.touch(orders)
        if many:
            self._several(tx, found, many)
        return found

    def _several(self, tx: Tx, found: dict[int, Opened | NotOpened], many: Mapping[int, list[SealedKey]]) -> None:
        """Orders of more than one key: each with its own line's title, in the order of lines and slots."""
        order_of = {intent: held.order for intent, held in found.items() if isinstance(held, Opened) and intent in many}
        titles = titles_of(tx, order_of.values())
        for intent, keys in many.items():
            found[intent] = msgspec.structs.replace(found[intent], keys=in_order(order_of[intent], keys, titles))

    def _ships(self, tx: Tx, items: Sequence[int]) -> dict[int, Opened | NotOpened]:
        found: dict[int, Opened | NotOpened] = {
            intent: Opened(
                intent, order, shop, Effect.SHIP, via, tries + 1, ext_id, recipient, (), (), gen, tx.epoch, tx.now
            )
            for intent, order, shop, via, gen, tries, recipient, ext_id in tx.all_in(SHIPS, (), items)
        }
        if found and tx.run_in(OPEN, (tx.epoch, tx.now, tx.now), list(found)) != len(found):
            raise RuntimeError("an intent changed between being looked at and being opened")
        return found

    def _one_by_one(self, tx: Tx, items: Sequence[int]) -> dict[int, Opened | NotOpened]:
        rows = {int(r[0]): _Row._make(r) for r in tx.all(INTENTS, (as_json(dict.fromkeys(items)),))}
        opened: list[_Row] = []
        answers: dict[int, Opened | NotOpened] = {}
        cases: list[CaseRow] = []
        blocked: list[int] = []
        readdress: list[tuple[str, int]] = []
        reroute: list[tuple[str, str, str, int]] = []
        since = tx.now - self.setup.fresh_us
        stale: list[int] = []
        for intent, row in rows.items():
            why = refusal(row)
            if not why and row.effect == Effect.SEND and row.seen_at < since:
                answers[intent] = NotOpened(intent, "stale", row.shop, row.ext_id)
                stale.append(intent)
                continue
            if not why and row.effect == Effect.SEND:
                info = self.setup.shops[row.shop]
                now_to = info.recipient(row.via, row.contact)
                if now_to is None or now_to == row.recipient:
                    pass
                elif row.tries:
                    why = "recipient changed after an attempt"
                    fact = {"was": "changed after the first attempt"}
                    cases.append(CaseRow(row.order, row.shop, CaseKind.BUYER_INPUT_INVALID, "recipient", fact))
                elif now_to:
                    row = row._replace(recipient=now_to)
                    readdress.append((now_to, intent))
                elif (way := info.way_for(row.contact)) is not None:
                    answers[intent] = NotOpened(intent, "goes another way")
                    reroute.append((way[0].lane, way[0].send.cls.value, way[1], intent))
                    continue
                else:
                    why = "nobody to send to"
                    fact3 = {"field": "contact", "wanted": sorted(info.reaches)}
                    cases.append(CaseRow(row.order, row.shop, CaseKind.BUYER_INPUT_INVALID, "", fact3))
            if why:
                answers[intent] = NotOpened(intent, why)
                if row.state == IntentState.PENDING:
                    blocked.append(intent)
                if why == "money no longer covers":
                    fact2 = {"due": row.due, "net": row.net}
                    cases.append(CaseRow(row.order, row.shop, CaseKind.UNDERPAID, "", fact2))
            else:
                opened.append(row)
        tx.many(READDRESS, readdress)
        if reroute:
            tx.many(REROUTE, reroute)
            for lane, _, _, intent in reroute:
                tx.renamed(CHANNEL, rows[intent].via, lane)
            tx.wake("effects")
        if stale:
            tx.run(
                "UPDATE intent SET next_at = ?, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
                (tx.now + REREAD_US, tx.now, as_json(stale)),
            )
        if blocked:
            tx.run(
                f"UPDATE intent SET state = {int(IntentState.BLOCKED)}, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
                (tx.now, as_json(blocked)),
            )
        open_cases(tx, cases, "effects")
        if opened:
            answers.update(self._open(tx, opened))
        return answers

    def _open(self, tx: Tx, rows: Sequence[_Row]) -> dict[int, Opened]:
        now = tx.now
        if tx.run_in(OPEN, (tx.epoch, now, now), [r.intent for r in rows]) != len(rows):
            raise RuntimeError("an intent changed between being looked at and being opened")
        first = [r for r in rows if r.stage == Stage.ALLOCATED and r.effect == Effect.SEND]
        if first:
            tx.run_in(START, (now,), [r.order for r in first])
            for shop, count in Counter(r.shop for r in first).items():
                tx.moved(shop, Stage.ALLOCATED, Stage.DELIVERING, count)
        keys = keys_of(tx, {r.order: r.title for r in rows if r.effect == Effect.SEND})
        tx.touch(r.order for r in first)
        return {
            r.intent: Opened(
                r.intent,
                r.order,
                r.shop,
                Effect(r.effect),
                r.via,
                r.tries + 1,
                r.ext_id,
                r.recipient,
                tuple(keys.get(r.order, ())),
            )
            for r in rows
        }
