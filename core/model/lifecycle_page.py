"""Renders docs/life-cycle.md from the tables in ``core.model.lifecycle``: ``python -m core.model.lifecycle_page > docs/life-cycle.md``."""

import sys

from core.model.lifecycle import BLOCKING, ENDED, MOVES, CaseKind, HoldReason, IntentState, KeyState, Stage

_STAGES = {
    Stage.RECEIVED: "seen, not yet understood (a SKU without a product)",
    Stage.OPEN: "understood; waits for money or for the gate",
    Stage.ALLOCATED: "keys are bound and an intent to send is recorded; nothing has gone out",
    Stage.DELIVERING: "at least one attempt was opened; its outcome may be unknown",
    Stage.DELIVERED: "the buyer has the keys",
    Stage.CLOSED: "finished, or refunded after keys went out",
    Stage.CANCELLED: "ended before any key went out",
}
_INTENTS = {
    IntentState.PENDING: "waits for its time to be tried",
    IntentState.SENDING: "an attempt is open",
    IntentState.CONFIRMED: "it happened",
    IntentState.REJECTED: "refused for good; a case is open",
    IntentState.UNKNOWN: "may have happened; its effect class decides: asked again, or parked with a case",
    IntentState.BLOCKED: "a check failed before an attempt; pending again when the block lifts",
    IntentState.DROPPED: "no longer wanted",
}
_KEYS = {
    KeyState.FREE: "in stock",
    KeyState.SOLD: "bound to a slot of an order",
    KeyState.SUSPECT: "was sent or may have been, and was replaced; never back to stock",
    KeyState.BURNT: "went out and was refunded",
    KeyState.WITHDRAWN: "its import was undone while unused",
}


def page() -> str:
    """The page in Markdown."""
    out = [
        "# The life of an order",
        "",
        "This page is made from the tables in `core/model/lifecycle.py` by `python -m core.model.lifecycle_page`; change "
        "those, not this.",
        "",
        "One stage is stored. Paid, written back, refunded and late are axes that follow from sums and times. What stands "
        "in an order's way is a row (a hold or a case), never a stage.",
        "",
        *_table(("stage", "meaning"), [(_name(s), _STAGES[s] + (" (an end)" if s in ENDED else "")) for s in Stage]),
        "",
        "## Moves",
        "",
        "There is no other. The writer refuses a transaction that makes one.",
        "",
        *_table(
            ("from", "to", "when", "only if"),
            [(_name(m.source) if m.source is not None else "-", _name(m.target), m.trigger, m.guard) for m in MOVES],
        ),
        "",
        "## Intents",
        "",
        "Every effect on the outside is a recorded intent before it is tried, and every try is an attempt of its own.",
        "",
        *_table(("state", "meaning"), [(s.name.lower(), _INTENTS[s]) for s in IntentState]),
        "",
        "## Keys",
        "",
        "A key is free again only if no attempt to send it was ever opened.",
        "",
        *_table(("state", "meaning"), [(s.name.lower(), _KEYS[s]) for s in KeyState]),
        "",
        "## What waits for a person",
        "",
        "Holds: " + ", ".join(f"`{reason.value}`" for reason in HoldReason) + ". Every hold stops the gate.",
        "",
        *_table(("case", "stops the order"), [(f"`{k.value}`", "yes" if k in BLOCKING else "no") for k in CaseKind]),
    ]
    return "\n".join(out) + "\n"


def _name(stage: Stage) -> str:
    return stage.name.lower()


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows)]


if __name__ == "__main__":
    sys.stdout.write(page())
