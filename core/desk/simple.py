"""The daily actions: confirm, hold, release, priority, tag, note, and the repair of a contact.

All can be undone, except where the act itself lets the key go to the buyer: then that is said before.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.desk.alike import ONE_BUYER
from core.desk.cases import CaseRow, close_cases, open_cases
from core.desk.deeds import NOTHING_FAILED, Action, Args, BadArgs, Deed, log, no_args, set_column, text_arg
from core.desk.holds import HoldRow, lift_holds, open_holds
from core.desk.standing import OrderState
from core.model.contact import EXAMPLES, many
from core.model.lifecycle import ENDED, CaseKind, EventKind, HoldReason, IntentState, Stage
from core.model.text import clean
from core.pipeline.setup import Setup
from core.store.tx import CHANNEL, Tx, as_json

_RELEASABLE = (HoldReason.MANUAL, HoldReason.RULE, HoldReason.RULE_ERROR, HoldReason.SILENT)


def _ids(states: Sequence[OrderState]) -> list[int]:
    return [state.id for state in states]


# ---- confirm, hold, release


def _lets_go(state: OrderState, freed: int) -> bool:
    """Whether an order from which ``freed`` blocks are taken goes to the buyer at once: no undo would come in time."""
    if state.sent or state.stage in ENDED:
        return True
    ready = state.stage in (Stage.OPEN, Stage.ALLOCATED, Stage.DELIVERING) and not state.refund_open
    return ready and state.blocks <= freed and state.net >= state.due > 0


def _may_confirm(state: OrderState, _: Deed) -> str:
    return "" if HoldReason.CONFIRM in state.holds else "not_waiting_for_confirmation"


def _confirm(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    lift_holds(tx, _ids(states), [HoldReason.CONFIRM], deed.by)
    return NOTHING_FAILED


def _confirm_lets_go(state: OrderState, _: Deed) -> bool:
    return _lets_go(state, 1)


def _unconfirm(tx: Tx, deed: Deed, state: OrderState, _: Mapping[str, Any]) -> str:
    if state.sent:
        return "sent_already"
    if state.stage in ENDED:
        return "order_ended"
    open_holds(tx, [HoldRow(state.id, HoldReason.CONFIRM, deed.by, "undone")])
    return ""


def _may_hold(state: OrderState, _: Deed) -> str:
    if state.stage in ENDED:
        return "order_ended"
    if state.stage is Stage.DELIVERED:
        return "delivered_already"
    return "held_already" if HoldReason.MANUAL in state.holds else ""


def _hold(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    note = deed.args["note"] or deed.reason
    open_holds(tx, [HoldRow(state.id, HoldReason.MANUAL, deed.by, note) for state in states])
    return NOTHING_FAILED


def _unhold(tx: Tx, deed: Deed, state: OrderState, _: Mapping[str, Any]) -> str:
    return "" if lift_holds(tx, [state.id], [HoldReason.MANUAL], deed.by) else "lifted_since"


def _releasable(state: OrderState, deed: Deed) -> list[HoldReason]:
    # What the audit found needs more than an operator's word; what the platform forbids, only the platform lifts.
    kinds = (*_RELEASABLE, HoldReason.AUDIT) if deed.may("supervisor") else _RELEASABLE
    return [reason for reason in kinds if reason in state.holds]


def _may_release(state: OrderState, deed: Deed) -> str:
    if not state.holds:
        return "not_held"
    if _releasable(state, deed):
        return ""
    if HoldReason.CONFIRM in state.holds:
        return "use_confirm"
    return "forbidden_by_platform" if HoldReason.FORBIDDEN in state.holds else "needs_supervisor"


def _release(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    by_reason: dict[HoldReason, list[int]] = {}
    for state in states:
        for reason in _releasable(state, deed):
            by_reason.setdefault(reason, []).append(state.id)
    for reason, ids in by_reason.items():
        lift_holds(tx, ids, [reason], deed.by)
    return NOTHING_FAILED


def _release_lets_go(state: OrderState, deed: Deed) -> bool:
    return _lets_go(state, len(_releasable(state, deed)))


def _unrelease(tx: Tx, deed: Deed, state: OrderState, before: Mapping[str, Any]) -> str:
    if state.sent:
        return "sent_already"
    if state.stage in ENDED:
        return "order_ended"
    held = [HoldReason(reason) for reason in before["holds"] if reason not in state.holds]
    open_holds(tx, [HoldRow(state.id, reason, deed.by, "undone") for reason in held])
    return ""


# ---- priority, tag, note


def _any_time(_: OrderState, __: Deed) -> str:
    return ""


def _not_ended(state: OrderState, _: Deed) -> str:
    return "order_ended" if state.stage in ENDED else ""


def _priority_arg(args: Args) -> dict[str, Any]:
    value = args.get("priority")
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]", value):
        value = int(value)
    if set(args) != {"priority"} or not isinstance(value, int) or isinstance(value, bool) or not -9 <= value <= 9:
        raise BadArgs("this action takes priority: a whole number from -9 to 9")
    return {"priority": value}


def _priority(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    set_column(tx, "nprio", -deed.args["priority"], states)
    log(tx, deed, EventKind.RANKED, states, {"priority": deed.args["priority"]})
    return NOTHING_FAILED


def _unpriority(tx: Tx, deed: Deed, state: OrderState, before: Mapping[str, Any]) -> str:
    if state.nprio != -deed.args["priority"]:
        return "changed_since"
    set_column(tx, "nprio", before["nprio"], [state])
    tx.event(EventKind.RANKED, state.id, deed.by, {"priority": -before["nprio"], "undone": True})
    return ""


def _tag(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    set_column(tx, "tag", deed.args["tag"], states)
    log(tx, deed, EventKind.RANKED, states, {"tag": deed.args["tag"]})
    return NOTHING_FAILED


def _untag(tx: Tx, deed: Deed, state: OrderState, before: Mapping[str, Any]) -> str:
    if state.tag != deed.args["tag"]:
        return "changed_since"
    set_column(tx, "tag", before["tag"], [state])
    tx.event(EventKind.RANKED, state.id, deed.by, {"tag": before["tag"], "undone": True})
    return ""


def _note(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    set_column(tx, "note", deed.args["note"], states)
    log(tx, deed, EventKind.NOTE, states, {"note": deed.args["note"]})
    return NOTHING_FAILED


def _unnote(tx: Tx, deed: Deed, state: OrderState, before: Mapping[str, Any]) -> str:
    if state.note != deed.args["note"]:
        return "changed_since"
    set_column(tx, "note", before["note"], [state])
    tx.event(EventKind.NOTE, state.id, deed.by, {"note": before["note"], "undone": True})
    return ""


# ---- the buyer's address

# Keys of these may still go to another address: nothing of them has left, or a refusal proved that nothing did.
_ADDRESSABLE = (IntentState.PENDING, IntentState.BLOCKED, IntentState.REJECTED)


def _contact_arg(args: Args) -> dict[str, Any]:
    value = args.get("contact")
    try:
        if set(args) != {"contact"} or not isinstance(value, str):
            raise ValueError
        return {"contact": many(clean(value, 600))}
    except ValueError:
        known = ", ".join(EXAMPLES.values())
        raise BadArgs(f"this action takes contact: {known}; several of different kinds with commas") from None


def _may_fix_contact(state: OrderState, deed: Deed) -> str:
    info = deed.setup.shops.get(state.shop)
    if "contact" in deed.args and info is not None and info.way_for(deed.args["contact"]) is None:
        return "contact_does_not_suit"
    if state.stage in ENDED:
        return "order_ended"
    if state.stage is Stage.DELIVERED:
        return "delivered_already"
    if state.sending(IntentState.SENDING):
        return "sending_now"
    if state.sending(IntentState.UNKNOWN):
        return "verdict_first"
    # A pending repeat may follow an attempt that reached the old address: two buyers must not share one key.
    send = state.send
    return (
        "attempted_already" if send and send.tries and state.sending(IntentState.PENDING, IntentState.BLOCKED) else ""
    )


def _readdress(tx: Tx, setup: Setup, contact: str, states: Sequence[OrderState]) -> None:
    """The new address, and with it the way of what was never tried; what was refused keeps its way."""
    set_column(tx, "contact", contact, states)
    marks = ", ".join(str(int(state)) for state in _ADDRESSABLE)
    rows = []
    for number, shop, via, cls, recipient, tries in tx.all(
        f"SELECT id, shop, via, cls, recipient, tries FROM intent WHERE effect = 1 AND state IN ({marks}) "
        "AND order_id IN (SELECT value FROM json_each(?))",
        (as_json(s.id for s in states),),
    ):
        info = setup.shops[shop]
        goes_to, chosen = info.recipient(via, contact), info.way_for(contact)
        if chosen is not None and goes_to is not None and not tries:
            rows.append((chosen[0].lane, chosen[0].send.cls.value, chosen[1], tx.now, number))
            tx.renamed(CHANNEL, via, chosen[0].lane)
        elif goes_to or (recipient and goes_to is not None and chosen is None):
            rows.append((via, cls, goes_to, tx.now, number))
    tx.many("UPDATE intent SET via = ?, cls = ?, recipient = ?, changed_at = ? WHERE id = ?", rows)


def _fix_contact(tx: Tx, deed: Deed, states: Sequence[OrderState]) -> Mapping[int, str]:
    _readdress(tx, deed.setup, deed.args["contact"], states)
    # The address itself is personal data: the log says that it changed and by whom.
    log(tx, deed, EventKind.UPDATED, states, {"field": "contact"})
    close_cases(tx, _ids(states), [CaseKind.BUYER_INPUT_INVALID], "contact fixed", deed.by)
    tx.wake("gate")
    tx.wake("effects")
    return NOTHING_FAILED


def _address_lets_go(state: OrderState, _: Deed) -> bool:
    return _lets_go(state, state.cases.count(CaseKind.BUYER_INPUT_INVALID))


def _unfix_contact(tx: Tx, deed: Deed, state: OrderState, before: Mapping[str, Any]) -> str:
    if state.sent or state.stage in ENDED:
        return "sent_already" if state.sent else "order_ended"
    if state.contact != deed.args["contact"]:
        return "changed_since"
    _readdress(tx, deed.setup, before["contact"], [state])
    tx.event(EventKind.UPDATED, state.id, deed.by, {"field": "contact", "undone": True})
    if CaseKind.BUYER_INPUT_INVALID in before["cases"]:
        open_cases(tx, [CaseRow(state.id, state.shop, CaseKind.BUYER_INPUT_INVALID, "", {"undone": True})], deed.by)
    return ""


def _nothing(_: OrderState) -> dict[str, Any]:
    return {}


SIMPLE = (
    Action(
        "confirm", "operator", _may_confirm, _confirm, no_args, undo=_unconfirm, before=_nothing, final=_confirm_lets_go
    ),
    Action("hold", "operator", _may_hold, _hold, text_arg("note", 500), undo=_unhold, before=_nothing),
    Action(
        "release", "operator", _may_release, _release, no_args, undo=_unrelease,
        before=lambda s: {"holds": list(s.holds)}, final=_release_lets_go,
    ),
    Action(
        "priority", "operator", _not_ended, _priority, _priority_arg, undo=_unpriority, before=lambda s: {"nprio": s.nprio}
    ),
    Action("tag", "operator", _any_time, _tag, text_arg("tag", 20), undo=_untag, before=lambda s: {"tag": s.tag}),
    Action("note", "operator", _any_time, _note, text_arg("note", 500), undo=_unnote, before=lambda s: {"note": s.note}),
    Action(
        "fix_contact", "operator", _may_fix_contact, _fix_contact, _contact_arg, undo=_unfix_contact,
        before=lambda s: {"contact": s.contact, "cases": list(s.cases)}, final=_address_lets_go,
        alike=ONE_BUYER,
    ),
)  # fmt: skip
