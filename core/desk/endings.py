"""Decisions about the order as a whole: map a SKU, late money, accepting a case, closing by hand."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from core.desk.alike import ONE_ARTICLE
from core.desk.cases import close_cases
from core.desk.deeds import NOTHING_FAILED, Action, Args, BadArgs, Deed, log, move, no_args
from core.desk.holds import lift_holds
from core.desk.standing import OrderState
from core.model.lifecycle import ENDED, CaseKind, EventKind, IntentState, KeyState, Stage
from core.pipeline.named import products_of, recount
from core.store.tx import Tx, as_json

# Cases that a person may close as they are. An unknown outcome, a missing product or money that is not there are not
# among them: those need the decision that answers them. Too little money is, once the order has what it gets.
ACCEPTABLE = frozenset(
    (
        CaseKind.OVERPAID,
        CaseKind.UNDERPAID,
        CaseKind.REFUND_AFTER,
        CaseKind.REFUND_BEFORE,
        CaseKind.PRICE_MISMATCH,
        CaseKind.UNIT_SUSPECT,
        CaseKind.DISPUTE,
        CaseKind.ALREADY_SHIPPED,
        CaseKind.SUSPECT_KEY,
        CaseKind.WRITEBACK_REJECTED,
        CaseKind.POISON_PAYLOAD,
        CaseKind.TOKEN_DEAD,
        CaseKind.OTHER,
    )
)


def _ids(states: Sequence[OrderState]) -> list[int]:
    return [state.id for state in states]


# ---- SKU


def _product_arg(args: Args) -> dict[str, Any]:
    value = args.get("product")
    if set(args) != {"product"} or not isinstance(value, str) or not re.fullmatch(r"[\w.-]{1,64}", value):
        raise BadArgs("this action takes product: the id of a product")
    return {"product": value}


def _may_map(state: OrderState, _: Deed) -> str:
    if state.stage is not Stage.RECEIVED or not state.unmapped:
        return "nothing_unmapped"
    return "" if state.unmapped == 1 else "several_articles"  # one product for all of them would sell the wrong keys


def _map(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    product = deed.args["product"]
    if tx.one("SELECT 1 FROM product WHERE id = ?", (product,)) is None:
        return dict.fromkeys(_ids(states), "no_such_product")
    ids, before = as_json(_ids(states)), products_of(tx, _ids(states))
    tx.run(
        "UPDATE line SET product = ? WHERE product = '' AND order_id IN (SELECT value FROM json_each(?))",
        (product, ids),
    )
    tx.run(
        "UPDATE orders SET product = (SELECT l.product FROM line l WHERE l.order_id = orders.id ORDER BY l.line LIMIT 1) "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (ids,),
    )
    recount(tx, before)
    log(tx, deed, EventKind.VERDICT, states, {"verdict": "map_sku", "product": product})
    # An order that owes nothing stays where it is: it is refused or closed, never opened.
    move(tx, [s for s in states if s.due > 0], Stage.OPEN, deed.by)
    close_cases(tx, _ids(states), [CaseKind.SKU_UNMAPPED], "mapped", deed.by)
    tx.wake("gate")
    return NOTHING_FAILED


# ---- late money


def _may_accept_late(state: OrderState, _: Deed) -> str:
    if state.stage is not Stage.CANCELLED:
        return "not_cancelled"
    if CaseKind.LATE_PAYMENT not in state.cases:
        return "no_late_money"
    if state.refund_open:
        return "refund_open"
    return "" if state.net >= state.due > 0 else "money_does_not_cover"


def _accept_late(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    log(tx, deed, EventKind.VERDICT, states, {"verdict": "accept_late"})
    move(tx, states, Stage.OPEN, deed.by)
    close_cases(tx, _ids(states), [CaseKind.LATE_PAYMENT], "accepted", deed.by)
    tx.wake("gate")
    return NOTHING_FAILED


def _may_return_late(state: OrderState, _: Deed) -> str:
    return "" if CaseKind.LATE_PAYMENT in state.cases else "no_late_money"


def _return_late(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    log(tx, deed, EventKind.VERDICT, states, {"verdict": "return_late"})
    close_cases(tx, _ids(states), [CaseKind.LATE_PAYMENT], "returned by hand", deed.by)
    return NOTHING_FAILED


# ---- accept


def _kind_arg(args: Args) -> dict[str, Any]:
    value = args.get("kind", "")
    if set(args) - {"kind"} or (value and value not in {k.value for k in ACCEPTABLE}):
        raise BadArgs(f"this action takes kind, one of: {' '.join(sorted(k.value for k in ACCEPTABLE))}; or nothing")
    return {"kind": value}


def _accepted(state: OrderState, deed: Deed) -> list[CaseKind]:
    wanted = [CaseKind(deed.args["kind"])] if deed.args.get("kind") else list(ACCEPTABLE)
    over = state.stage in (Stage.DELIVERED, *ENDED)
    return [kind for kind in wanted if kind in state.cases and (over or kind is not CaseKind.UNDERPAID)]


def _may_accept(state: OrderState, deed: Deed) -> str:
    kinds = _accepted(state, deed)
    if not kinds:
        return "needs_another_decision" if state.cases else "no_open_case"
    if CaseKind.ALREADY_SHIPPED in kinds and state.stage in (Stage.RECEIVED, Stage.ALLOCATED):
        return "use_close"  # letting it through would send keys for goods that somebody else has sent
    return ""


def _accept(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    log(tx, deed, EventKind.VERDICT, states, {"verdict": "accept_case"})
    by_hand = [s for s in states if s.stage is Stage.OPEN and CaseKind.ALREADY_SHIPPED in _accepted(s, deed)]
    move(tx, by_hand, Stage.CLOSED, deed.by)
    by_kind: dict[CaseKind, list[int]] = {}
    for state in states:
        for kind in _accepted(state, deed):
            by_kind.setdefault(kind, []).append(state.id)
    for kind, ids in by_kind.items():
        close_cases(tx, ids, [kind], "accepted", deed.by)
    tx.touch(_ids(states))
    return NOTHING_FAILED


# ---- close


def _close_args(args: Args) -> dict[str, Any]:
    by_hand, as_is = args.get("by_hand", False), args.get("as_is", False)
    if set(args) - {"by_hand", "as_is"} or not isinstance(by_hand, bool) or not isinstance(as_is, bool):
        raise BadArgs(
            "this action takes by_hand: true when the goods were handed over outside Keydesk; or as_is: true to end an "
            "order that was tried and whose money does not cover it any more; or nothing"
        )
    return {"by_hand": by_hand, "as_is": as_is}


def _may_end_as_is(state: OrderState) -> str:
    """Tried, and not to be tried again: the money that went back forbids it."""
    if state.stage is not Stage.DELIVERING:
        return "nothing_sent" if state.stage < Stage.DELIVERING else "order_ended"
    if state.sending(IntentState.SENDING):
        return "sending_now"
    if state.sending(IntentState.UNKNOWN):
        return "verdict_first"
    if state.refund_open:
        return "refund_open"
    return "" if state.net < state.due else "money_kept"


def _may_close(state: OrderState, deed: Deed) -> str:
    if deed.args.get("as_is"):
        return _may_end_as_is(state)
    if state.sent or state.stage not in (Stage.RECEIVED, Stage.OPEN, Stage.ALLOCATED):
        return "sent_already" if state.sent else "order_ended"
    if deed.args.get("by_hand"):
        return "" if state.stage is not Stage.RECEIVED else "not_mapped"
    # Money that stays with an order that gets nothing would be lost from sight.
    return "money_kept" if state.net > 0 else ""


def _close(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    by_hand = bool(deed.args.get("by_hand"))
    if deed.args.get("as_is"):
        return _end_as_is(tx, deed, states)
    log(tx, deed, EventKind.VERDICT, states, {"verdict": "close", "by_hand": by_hand})
    bound = [s for s in states if s.stage is Stage.ALLOCATED]
    if bound:
        _free_keys(tx, deed, bound)
        move(tx, bound, Stage.OPEN, deed.by)
    now_open = [s._replace(stage=Stage.OPEN) if s.stage is Stage.ALLOCATED else s for s in states]
    lift_holds(tx, _ids(states), None, deed.by)
    close_cases(tx, _ids(states), set(CaseKind), "closed", deed.by)
    move(tx, now_open, Stage.CLOSED if by_hand else Stage.CANCELLED, deed.by)
    return NOTHING_FAILED


def _end_as_is(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    """Nothing more is sent; the keys may have been seen and are burnt; the log names the money that stays."""
    for state in states:
        log(tx, deed, EventKind.VERDICT, [state], {"verdict": "close", "as_is": True, "net": state.net})
    ids = as_json(_ids(states))
    tx.run(
        f"UPDATE intent SET state = {int(IntentState.DROPPED)}, changed_at = ? WHERE state IN (0, 3, 5) "
        "AND order_id IN (SELECT value FROM json_each(?))",
        (tx.now, ids),
    )
    burnt = tx.all(
        f"UPDATE key SET state = {int(KeyState.BURNT)} WHERE state = 1 "
        "AND order_id IN (SELECT value FROM json_each(?)) RETURNING product",
        (ids,),
    )
    tx.many(
        "UPDATE stock SET sold = sold - ?, burnt = burnt + ? WHERE product = ?",
        [(n, n, p) for p, n in Counter(str(product) for (product,) in burnt).items()],
    )
    lift_holds(tx, _ids(states), None, deed.by)
    close_cases(tx, _ids(states), set(CaseKind), "closed as it is", deed.by)
    move(tx, states, Stage.CLOSED, deed.by)
    tx.wake("stock")
    return NOTHING_FAILED


def _free_keys(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> None:
    """Keys of orders that were never attempted go back to stock (the schema refuses it for any other)."""
    ids = as_json(_ids(states))
    tx.run(
        f"UPDATE intent SET state = {int(IntentState.DROPPED)}, changed_at = ? WHERE tries = 0 "
        "AND order_id IN (SELECT value FROM json_each(?))",
        (tx.now, ids),
    )
    freed = tx.all(
        "UPDATE key SET state = 0, order_id = NULL, line = NULL, slot = NULL, taken_at = NULL "
        "WHERE state = 1 AND order_id IN (SELECT value FROM json_each(?)) RETURNING product",
        (ids,),
    )
    tx.many(
        "UPDATE stock SET free = free + ?, sold = sold - ? WHERE product = ?",
        [(n, n, p) for p, n in Counter(str(product) for (product,) in freed).items()],
    )
    log(tx, deed, EventKind.RELEASED, states, {})
    tx.wake("stock")
    tx.wake("gate")


ENDINGS = (
    Action("map_sku", "supervisor", _may_map, _map, _product_arg, alike=ONE_ARTICLE),
    Action("accept_late", "supervisor", _may_accept_late, _accept_late, no_args),
    Action("return_late", "supervisor", _may_return_late, _return_late, no_args),
    Action("accept_case", "operator", _may_accept, _accept, _kind_arg),
    Action("close", "supervisor", _may_close, _close, _close_args, needs_reason=True),
)
