"""The registry of what a person may do with orders, and what each kind of case may be answered with."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.desk.deeds import NOTHING_FAILED, Action, Deed, log, no_args
from core.desk.endings import ENDINGS
from core.desk.simple import SIMPLE
from core.desk.standing import OrderState
from core.desk.verdicts import VERDICTS
from core.model.lifecycle import CaseKind, EventKind
from core.store.tx import Tx


def _may_reveal(state: OrderState, _: Deed) -> str:
    return "" if state.keys else "no_keys"


def _reveal(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    """Only the record of it: the keys themselves are answered to the one who asked, by the service."""
    log(tx, deed, EventKind.REVEALED, states, {"keys": sum(s.keys for s in states)})
    tx.touch(s.id for s in states)
    return NOTHING_FAILED


REVEAL = Action("reveal", "supervisor", _may_reveal, _reveal, no_args, needs_reason=True)
ACTIONS: Mapping[str, Action] = {action.name: action for action in (*SIMPLE, *VERDICTS, *ENDINGS, REVEAL)}


class Decision(NamedTuple):
    """One way to answer a case. An argument whose value is "" is to be asked for."""

    action: str
    label: str
    args: Mapping[str, Any] = {}


_MAP = Decision("map_sku", "map to a product", {"product": ""})
_CLOSE = Decision("close", "close the order")
_BY_HAND = Decision("close", "handed over outside: close", {"by_hand": True})
_AS_IS = Decision("close", "end as it is, send no more", {"as_is": True})
_WAS_SENT = Decision("was_sent", "it was sent")
_NOT_SENT = Decision("not_sent", "it was not sent")
_RETRY = Decision("retry", "try again")
_REPLACE = Decision("replace_key", "replace with a new key")


def _accept(kind: CaseKind, label: str = "accept as it is") -> Decision:
    return Decision("accept_case", label, {"kind": kind.value})


# The first of each is what the machine proposes, where it may propose at all.
DECISIONS: Mapping[CaseKind, tuple[Decision, ...]] = {
    CaseKind.NO_STOCK: (_RETRY, _CLOSE),
    CaseKind.PRICE_MISMATCH: (_accept(CaseKind.PRICE_MISMATCH), _CLOSE),
    CaseKind.UNIT_SUSPECT: (_accept(CaseKind.UNIT_SUSPECT), _CLOSE),
    CaseKind.SKU_UNMAPPED: (_MAP, _CLOSE),
    CaseKind.BUYER_INPUT_INVALID: (Decision("fix_contact", "enter the address", {"contact": ""}), _WAS_SENT, _CLOSE),
    CaseKind.LATE_PAYMENT: (Decision("accept_late", "deliver after all"), Decision("return_late", "return the money")),
    CaseKind.UNDERPAID: (_WAS_SENT, _NOT_SENT, _AS_IS, _BY_HAND, _CLOSE, _accept(CaseKind.UNDERPAID)),
    CaseKind.OVERPAID: (_accept(CaseKind.OVERPAID),),
    CaseKind.ZERO_AMOUNT: (_CLOSE,),
    CaseKind.UNKNOWN_OUTCOME: (_WAS_SENT, _NOT_SENT, _REPLACE),
    CaseKind.DELIVERY_REJECTED: (
        _RETRY, Decision("fix_contact", "enter another address", {"contact": ""}), _REPLACE,
    ),
    CaseKind.WRITEBACK_REJECTED: (_RETRY, _accept(CaseKind.WRITEBACK_REJECTED)),
    CaseKind.REFUND_BEFORE: (_CLOSE, _accept(CaseKind.REFUND_BEFORE)),
    CaseKind.REFUND_AFTER: (_accept(CaseKind.REFUND_AFTER),),
    CaseKind.DISPUTE: (_accept(CaseKind.DISPUTE),),
    CaseKind.POISON_PAYLOAD: (_accept(CaseKind.POISON_PAYLOAD),),
    CaseKind.TOKEN_DEAD: (_accept(CaseKind.TOKEN_DEAD),),
    CaseKind.SUSPECT_KEY: (_REPLACE, _accept(CaseKind.SUSPECT_KEY)),
    CaseKind.ALREADY_SHIPPED: (_accept(CaseKind.ALREADY_SHIPPED, "shipped elsewhere: close"), _CLOSE),
    CaseKind.OTHER: (_accept(CaseKind.OTHER), _CLOSE),
}  # fmt: skip
# Kinds whose first decision follows from the facts alone; the rest is left to judgement without a nudge.
PROPOSES = frozenset(
    (CaseKind.SKU_UNMAPPED, CaseKind.BUYER_INPUT_INVALID, CaseKind.WRITEBACK_REJECTED, CaseKind.NO_STOCK)
)


def decisions(
    kind: CaseKind, state: OrderState | None, deed: Deed
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """How a case of this kind may be answered now, and what else answers such a case but would be refused, with why.

    Each is ``{"action", "args", "label"}``, with ``why`` (a code) where refused. ``state`` is None for a case without
    an order: nothing that acts on orders answers it.
    """
    offered: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for one in DECISIONS[kind]:
        action = ACTIONS[one.action]
        shown = {"action": one.action, "args": dict(one.args), "label": one.label}
        if not deed.may(action.role):
            refused.append({**shown, "why": f"needs_{action.role}"})
        elif state is not None:
            why = action.check(state, deed._replace(args={k: v for k, v in one.args.items() if v != ""}))
            if why:
                refused.append({**shown, "why": why})
            else:
                offered.append(shown)
    return offered, refused


def availability(state: OrderState, deed: Deed) -> list[dict[str, Any]]:
    """Every action for one order: ``{"action", "enabled", "why"}``; ``why`` is "" or a code."""
    out = []
    for action in ACTIONS.values():
        probe = deed._replace(args={})
        why = action.check(state, probe) if deed.may(action.role) else f"needs_{action.role}"
        out.append({"action": action.name, "enabled": not why, "why": why})
    return out
