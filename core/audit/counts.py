"""What the store keeps as counters must equal what can be counted: stages, cases, stock; and the guards must stand."""

from collections import Counter
from typing import Any

from core.audit.report import VIOLATION, Finding

# Uniqueness and append-only rules that the schema enforces whatever the code does.
GUARDS = (
    "event_append_only_d",
    "event_append_only_u",
    "key_never_rebinds",
    "ux_case_open",
    "ux_hold_open",
    "ux_intent_order",
    "ux_key_print",
    "ux_key_slot",
    "ux_orders_ext",
    "ux_payment_txn",
    "ux_quarantine",
)
_STATES = ("free", "sold", "suspect", "burnt", "withdrawn")


def guards(connection: Any) -> list[Finding]:
    """I0: no trigger or unique index of the schema is missing."""
    have = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger')")}
    gone = [name for name in GUARDS if name not in have]
    if not gone:
        return []
    return [Finding("I0", VIOLATION, len(gone), (), f"the database lost rules of its schema: {', '.join(gone)}")]


def tallies(connection: Any) -> tuple[int, list[Finding]]:
    """The number of orders, and I-tally, I-case_tally and I15. Streams; keeps one number a counter in memory."""
    stages = Counter(connection.execute("SELECT shop, stage FROM orders"))
    kept = {(shop, stage): n for shop, stage, n in connection.execute("SELECT shop, stage, n FROM tally") if n}
    found = _differ("I-tally", "the number of orders kept for (shop, stage)", dict(stages), kept)
    cases = Counter(r[0] for r in connection.execute("SELECT kind FROM case_ WHERE closed_at IS NULL"))
    held = {kind: n for kind, n in connection.execute("SELECT kind, n FROM case_tally") if n}
    found += _differ("I-case_tally", "the number of open cases kept for", dict(cases), held)
    keys = Counter((p, _STATES[s]) for p, s in connection.execute("SELECT product, state FROM key"))
    stock: dict[Any, int] = {}
    for product, *numbers in connection.execute(f"SELECT product, {', '.join(_STATES)} FROM stock"):
        stock.update({(product, name): n for name, n in zip(_STATES, numbers, strict=True) if n})
    found += _differ("I15", "the stock kept for (product, state)", dict(keys), stock)
    return sum(stages.values()), found


def _differ(name: str, what: str, real: dict[Any, int], kept: dict[Any, int]) -> list[Finding]:
    wrong = [key for key in {**real, **kept} if real.get(key, 0) != kept.get(key, 0)]
    if not wrong:
        return []
    first = min(wrong, key=str)
    text = f"{what} {first} is {kept.get(first, 0)}, but {real.get(first, 0)} are there"
    return [Finding(name, VIOLATION, len(wrong), (), text)]
