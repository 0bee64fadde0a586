"""Rules tried on the newest stored orders: how often each applies, and what another rule file would change.

Facts are what is stored now. A buyer's orders are counted back to each order; what was paid since then is not, so
conditions on ``buyer_spent`` and ``paid_late`` see today's money.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import json, to_builtins

from core.desk.reads import Reads
from core.model.order import Line, OrderUpdate, PlatformState
from core.pipeline.judging import FACTS, Known
from core.pipeline.setup import Setup
from core.pipeline.ways import retired
from core.rules.ruleset import Rule, RuleSet, Verdict

SAMPLE: Final = 2_000  # newest orders
SHOWN: Final = 20  # orders told of that another file would treat otherwise
NEWEST: Final = (
    "SELECT o.id, o.ext_id, o.shop, o.due, o.currency, o.product, o.title, o.qty, o.buyer, o.message, o.created_at, "
    "o.paid_at, o.paid, (SELECT qty FROM line WHERE order_id = o.id ORDER BY line LIMIT 1) "
    f"FROM orders o WHERE o.id > 0 ORDER BY o.id DESC LIMIT {SAMPLE}"
)
BUYERS: Final = "SELECT b.id, b.orders, b.spent FROM json_each(?) j CROSS JOIN buyer b ON b.id = j.value"


class Stored:
    """The sample: (shop, order number) and facts of each order, newest first."""

    def __init__(self, names: list[tuple[str, str]], facts: list[dict[str, Any]], since: int | None) -> None:
        self.names, self.facts, self.since = names, facts, since


async def newest(reads: Reads, setup: Setup) -> Stored:
    """The newest orders as rule conditions see them."""
    rows = await reads.all(NEWEST)
    buyers = sorted({row[8] for row in rows if row[8]})
    known = {b: (n, spent) for b, n, spent in await reads.all(BUYERS, (json.encode(buyers).decode(),))}
    names: list[tuple[str, str]] = []
    facts: list[dict[str, Any]] = []
    later: dict[str, tuple[int, int]] = {}  # orders and money of a buyer that came after the one at hand
    for _, ext_id, shop, due, currency, product, title, qty, buyer, message, created, paid_at, paid, first in rows:
        after, after_paid = later.get(buyer, (0, 0))
        orders, spent = known.get(buyer, (0, 0))
        orders, spent = (max(orders - after, 1), max(spent - after_paid, 0)) if buyer else (0, 0)
        later[buyer] = (after + 1, after_paid + paid)
        info = setup.shops.get(shop) or retired(shop, str(shop), "")
        names.append((info.name, ext_id))
        line = Line(line="", sku="", title=title, qty=first if first is not None else qty, amount=due)
        order = OrderUpdate(
            ext_id=ext_id, rev=0, state=PlatformState.PAID, created_at=created, total=due, currency=currency,
            lines=(line,), buyer=buyer, message=message,
        )  # fmt: skip
        told = Known(info, product, setup.catalogue.is_hot(product), orders, spent, paid_at)
        facts.append({name: fact(order, told) for name, fact in FACTS.items()})
    return Stored(names, facts, min((row[10] for row in rows), default=None))


def hits(rules: RuleSet, sample: Stored) -> dict[str, Any]:
    """How many orders of the sample each rule applies to, and on how many it fails."""
    return _hits(rules, rules.judge_many(sample.facts), sample)


def _hits(rules: RuleSet, verdicts: Sequence[Verdict], sample: Stored) -> dict[str, Any]:
    applied = Counter(name for verdict in verdicts for name in verdict.applied)
    failed = Counter(name for verdict in verdicts for name, _ in verdict.errors)
    return {
        "sample": len(sample.facts),
        "since": sample.since,
        "rules": {rule.name: {"hits": applied[rule.name], "failed": failed[rule.name]} for rule in rules.rules},
    }


def compare(force: RuleSet, tried: RuleSet, sample: Stored) -> dict[str, Any]:
    """What ``tried`` would do to the sample against the rules in force; ``orders`` are the first that differ."""
    was, now = force.judge_many(sample.facts), tried.judge_many(sample.facts)
    counts: Counter[str] = Counter()
    told: list[dict[str, Any]] = []
    for (shop, ext_id), old, new in zip(sample.names, was, now, strict=True):
        changes = _changes(old, new)
        counts.update(changes)
        if changes:
            counts["orders"] += 1
            if len(told) < SHOWN:
                told.append({"shop": shop, "ext_id": ext_id, "was": _short(old), "now": _short(new)})
    names = ("orders", "held", "let_go", "priority", "tag", "failed")
    return {**_hits(tried, now, sample), "changed": {name: counts[name] for name in names}, "orders": told}


def _changes(old: Verdict, new: Verdict) -> list[str]:
    found = []
    if bool(new.holds) != bool(old.holds):
        found.append("held" if new.holds else "let_go")
    if new.priority != old.priority:
        found.append("priority")
    if new.tag != old.tag:
        found.append("tag")
    if new.errors and not old.errors:
        found.append("failed")
    return found


def _short(verdict: Verdict) -> dict[str, Any]:
    return {"priority": verdict.priority, "tag": verdict.tag, "held": [reason for reason, _ in verdict.holds]}


def difference(force: Sequence[Rule], tried: Sequence[Rule]) -> dict[str, Any]:
    """Rules that come, go or change; a changed one with each part as it was and as it would be. Lines do not count."""
    old, new = {rule.name: rule for rule in force}, {rule.name: rule for rule in tried}
    changed = []
    for name in (name for name in new if name in old):
        was, now = _parts(old[name]), _parts(new[name])
        if was != now:
            parts = [{"part": part, "was": was[part], "now": now[part]} for part in now if was[part] != now[part]]
            changed.append({"name": name, "parts": parts})
    kept_old, kept_new = [n for n in old if n in new], [n for n in new if n in old]
    return {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": changed,
        "moved": kept_old != kept_new,  # the first tag in the file wins, so the order counts
    }


def _parts(rule: Rule) -> Mapping[str, Any]:
    parts: dict[str, Any] = to_builtins(rule)
    return {part: value for part, value in parts.items() if part not in ("name", "line")}
