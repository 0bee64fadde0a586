"""One order in full: money, keys (masked), intents with their attempts, holds, cases, history, and what may be done."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from core.desk.actions import availability
from core.desk.deeds import Deed
from core.desk.reads import Reads
from core.desk.refusals import not_found
from core.desk.rows import Frame, rows_by_id
from core.desk.standing import OrderState, states_of
from core.model import contact as contacts
from core.model.effects import Effect
from core.model.lifecycle import EventKind, IntentState, KeyState
from core.model.order import PaymentKind, PlatformState, RefundState
from core.model.text import clean
from core.vault.seal import KeyRow, mask

Opener = Callable[[KeyRow], str]  # gives the plain key; raises when the vault cannot
EVENTS_MAX = 200
_KEYS = (
    "SELECT k.id, k.product, k.batch, k.sealed, coalesce(b.dek, x''), k.line, k.slot, k.state, k.taken_at FROM key k "
    "LEFT JOIN batch b ON b.id = k.batch WHERE k.order_id = ? ORDER BY k.line, k.slot, k.id"
)


async def in_full(reads: Reads, order: int, frame: Frame, deed: Deed, opener: Opener | None) -> dict[str, Any]:
    """The answer of ``GET /v1/orders/{id}``. Raises Refused when there is no such order."""
    states = await states_of(reads, [order])
    rows = await rows_by_id(reads, [order], frame)
    if not states or not rows:
        raise not_found(f"order {order}")
    state, row = states[0], rows[0]
    extra = await reads.all("SELECT message, contact, pstate, seen_at, blocks FROM orders WHERE id = ?", (order,))
    message, contact, pstate, seen_at, blocks = extra[0]
    keys = await reads.all(_KEYS, (order,))
    cases = await _cases(reads, order)
    return {
        "row": row,
        "lines": await _named(reads, "line, sku, product, title, qty, amount", "line", order, "line"),
        "payments": await _payments(reads, order),
        "refunds": await _refunds(reads, order),
        "keys": [
            {
                "id": key[0],
                "line": key[5],
                "slot": key[6],
                "state": KeyState(key[7]).name.lower(),
                "mask": _mask(KeyRow._make(key[:5]), opener),
                "batch": key[2],
            }
            for key in keys
        ],
        "intents": await _intents(reads, order),
        "holds": await _named(
            reads, "reason, by, note, at, until, lifted_at, lifted_by", "hold", order, "lifted_at IS NOT NULL, id DESC"
        ),
        "cases": cases,
        "events": await _events(reads, order),
        "why_long": {
            "code": row["why"],
            "facts": _facts(state, row, seen_at, blocks, PlatformState(pstate).name.lower(), cases),
        },
        "actions": availability(state, deed),
        "message": message,
        "contact_mask": contacts.mask(contact),
    }


async def reveal(reads: Reads, order: int, opener: Opener) -> list[dict[str, Any]]:
    """The plain keys of an order, for the one answer that shows them; the caller has recorded it before."""
    rows = await reads.all(_KEYS, (order,))
    return [
        {
            "id": r[0],
            "line": r[5],
            "slot": r[6],
            "state": KeyState(r[7]).name.lower(),
            "key": opener(KeyRow._make(r[:5])),
        }
        for r in rows
    ]


def _mask(row: KeyRow, opener: Opener | None) -> str:
    if opener is None:
        return "****"
    try:
        return mask(opener(row))
    except Exception:  # a key that cannot be opened must not hide the order; the audit says what is wrong with it
        return "(unreadable)"


async def _named(reads: Reads, columns: str, table: str, order: int, sort: str) -> list[dict[str, Any]]:
    names = columns.split(", ")
    rows = await reads.all(f"SELECT {columns} FROM {table} WHERE order_id = ? ORDER BY {sort}", (order,))
    return [dict(zip(names, row, strict=True)) for row in rows]


async def _payments(reads: Reads, order: int) -> list[dict[str, Any]]:
    rows = await _named(reads, "account, txn_id, kind, amount, currency, at, seen_at", "payment", order, "at, id")
    return [{**row, "kind": PaymentKind(row["kind"]).name.lower()} for row in rows]


async def _refunds(reads: Reads, order: int) -> list[dict[str, Any]]:
    rows = await _named(reads, "refund_id, state, amount, reason, at, deadline", "refund", order, "at")
    return [{**row, "state": RefundState(row["state"]).name.lower()} for row in rows]


async def _intents(reads: Reads, order: int) -> list[dict[str, Any]]:
    attempts: dict[int, list[dict[str, Any]]] = {}
    for intent, n, opened, closed, result, why, evidence in await reads.all(
        "SELECT a.intent_id, a.n, a.opened_at, a.closed_at, a.result, a.why, a.evidence FROM intent i "
        "JOIN attempt a ON a.intent_id = i.id WHERE i.order_id = ?1 UNION ALL "
        "SELECT i.id, i.tries, i.opened_at, NULL, NULL, NULL, NULL FROM intent i WHERE i.order_id = ?1 AND i.state = 1 "
        "ORDER BY 1, 2",
        (order,),
    ):
        attempts.setdefault(intent, []).append(
            {
                "n": n,
                "opened_at": opened,
                "closed_at": closed,
                "result": result,
                "why": why,
                "evidence": _loads(evidence),
            }
        )
    return [
        {
            "id": number,
            "effect": Effect(effect).name.lower(),
            "via": via,
            "class": cls,
            "state": IntentState(state).name.lower(),
            "tries": tries,
            "next_at": next_at if next_at < 2**60 else None,  # further away means: waits for a person
            "recipient_mask": contacts.mask(recipient),
            "attempts": attempts.get(number, []),
        }
        for number, effect, via, cls, state, tries, next_at, recipient in await reads.all(
            "SELECT id, effect, via, cls, state, tries, next_at, recipient FROM intent WHERE order_id = ? "
            "ORDER BY effect, gen",
            (order,),
        )
    ]


async def _cases(reads: Reads, order: int) -> list[dict[str, Any]]:
    columns = "id, kind, subject, fact, opened_at, deadline, closed_at, verdict, by"
    rows = await _named(reads, columns, "case_", order, "closed_at IS NOT NULL, id DESC")
    return [{**row, "fact": _loads(row["fact"])} for row in rows]


async def _events(reads: Reads, order: int) -> list[dict[str, Any]]:
    rows = await reads.all(
        "SELECT seq, at, actor, kind, body FROM event WHERE order_id = ? ORDER BY seq DESC LIMIT ?", (order, EVENTS_MAX)
    )
    return [
        {"seq": seq, "at": at, "actor": actor, "kind": EventKind(kind).name.lower(), "body": _loads(body)}
        for seq, at, actor, kind, body in rows
    ]


def _facts(
    state: OrderState, row: dict[str, Any], seen_at: int, blocks: int, platform: str, cases: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """What stands behind the why code, for a person to judge."""
    facts: dict[str, Any] = {"due": state.due, "paid": state.paid, "refunded": state.refunded, "blocks": blocks}
    facts |= {"platform_state": platform, "seen_at": seen_at}
    if row["why"].startswith("case:"):
        kind = row["why"].partition(":")[2]
        facts |= next((case["fact"] for case in cases if case["kind"] == kind and case["closed_at"] is None), {})
    if state.send is not None:
        facts |= {"send_state": state.send.state.name.lower(), "tries": state.send.tries}
    return facts


def _loads(text: str | None) -> Any:
    try:
        return msgspec.json.decode(text) if text else {}
    except msgspec.DecodeError:
        return {"text": clean(json.dumps(text), 200)}
