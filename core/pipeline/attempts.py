"""Every attempt, first or repeat, opens with its own short transaction that checks again what the gate checked.

An intent may have waited behind a rate limit, an outage or a restart; what was true at the gate may not be any more.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from core.desk.cases import CaseRow, open_cases
from core.model.clock import SECOND
from core.model.effects import Effect
from core.model.lifecycle import CaseKind, IntentState, Stage
from core.pipeline.setup import Setup
from core.store.tx import Tx, as_json


class SealedKey(NamedTuple):
    """A key as stored, with what the vault needs to open it."""

    id: int
    product: str
    batch: int
    sealed: bytes
    dek: bytes
    line: str
    slot: int
    title: str


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
    lines: tuple[tuple[str, int], ...]


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
    seen_at: int


INTENTS = (
    "SELECT i.id, i.order_id, i.shop, i.effect, i.via, i.state, i.tries, i.recipient, o.stage, o.blocks, o.refund_open, "
    "o.paid - o.refunded, o.due, o.contact, o.ext_id, "
    "o.seen_at FROM json_each(?) j CROSS JOIN intent i ON i.id = j.value "
    "JOIN orders o ON o.id = i.order_id"
)
KEYS = (
    "SELECT k.order_id, k.id, k.product, k.batch, k.sealed, b.dek, k.line, k.slot, l.title FROM json_each(?) j "
    "CROSS JOIN key k ON k.order_id = j.value AND k.order_id IS NOT NULL CROSS JOIN batch b ON b.id = k.batch "
    "CROSS JOIN line l ON l.order_id = k.order_id AND l.line = k.line WHERE k.state = 1 ORDER BY k.order_id, k.line, k.slot"
)
REREAD_US = SECOND // 2  # how long an attempt waits for its order to be read again, before it looks anew
OPEN = "UPDATE intent SET state = 1, tries = tries + 1, epoch = ?, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))"
INSERT_ATTEMPT = "INSERT INTO attempt(intent_id, n, order_id, opened_at, epoch) VALUES(?, ?, ?, ?, ?)"


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

    def apply(self, tx: Tx, items: list[int]) -> list[Opened | NotOpened]:
        """Open what may be opened; block what may not, so that it is not tried again until its block lifts."""
        rows = {int(r[0]): _Row._make(r) for r in tx.all(INTENTS, (as_json(dict.fromkeys(items)),))}
        opened: list[_Row] = []
        answers: dict[int, NotOpened] = {}
        cases: list[CaseRow] = []
        blocked: list[int] = []
        readdress: list[tuple[str, int]] = []
        since = tx.now - self.setup.fresh_us
        stale: list[int] = []
        for intent, row in rows.items():
            why = refusal(row)
            if not why and row.effect == Effect.SEND and row.seen_at < since:
                answers[intent] = NotOpened(intent, "stale", row.shop, row.ext_id)
                stale.append(intent)
                continue
            if not why and row.effect == Effect.SEND and self.setup.shops[row.shop].needs_contact:
                if row.recipient != row.contact and row.tries == 0:
                    row = row._replace(recipient=row.contact)
                    readdress.append((row.contact, intent))
                elif row.recipient != row.contact:
                    why = "recipient changed after an attempt"
                    fact = {"was": "changed after the first attempt"}
                    cases.append(CaseRow(row.order, row.shop, CaseKind.BUYER_INPUT_INVALID, "recipient", fact))
            if why:
                answers[intent] = NotOpened(intent, why)
                if row.state == IntentState.PENDING:
                    blocked.append(intent)
                if why == "money no longer covers":
                    fact2 = {"due": row.due, "net": row.net}
                    cases.append(CaseRow(row.order, row.shop, CaseKind.UNDERPAID, "", fact2))
            else:
                opened.append(row)
        tx.many("UPDATE intent SET recipient = ? WHERE id = ?", readdress)
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
        done = self._open(tx, opened) if opened else {}
        return [done.get(i) or answers.get(i) or NotOpened(i, "no such intent") for i in items]

    def _open(self, tx: Tx, rows: Sequence[_Row]) -> dict[int, Opened]:
        now = tx.now
        tx.run(OPEN, (tx.epoch, now, as_json(r.intent for r in rows)))
        tx.many(INSERT_ATTEMPT, [(r.intent, r.tries + 1, r.order, now, tx.epoch) for r in rows])
        first = [r for r in rows if r.stage == Stage.ALLOCATED and r.effect == Effect.SEND]
        if first:
            tx.run(
                "UPDATE orders SET stage = 3, version = version + 1, changed_at = ? "
                "WHERE id IN (SELECT value FROM json_each(?)) AND stage = 2",
                (now, as_json(r.order for r in first)),
            )
            for shop, count in Counter(r.shop for r in first).items():
                tx.moved(shop, Stage.ALLOCATED, Stage.DELIVERING, count)
        keys = self._keys(tx, [r.order for r in rows if r.effect == Effect.SEND])
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
                (),
            )
            for r in rows
        }

    def _keys(self, tx: Tx, orders: Sequence[int]) -> dict[int, list[SealedKey]]:
        found: dict[int, list[SealedKey]] = {}
        if orders:
            for order, *rest in tx.all(KEYS, (as_json(orders),)):
                found.setdefault(int(order), []).append(SealedKey._make(rest))
        return found
