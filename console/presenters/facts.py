"""Facts of the core in the person's language: each a name and a value, both codes that this knows words for.

What has no words yet (a newer core, a platform's own field) is shown as it came, cleaned.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from console.i18n import has, t
from console.presenters.cells import amount, clock_text
from console.wire import Facts
from core.model.text import clean

_TIMES: Final = ("_at", "until", "deadline")
_MONEY: Final = frozenset({"amount", "due", "paid", "refunded", "money", "net"})
# Of which codes the value of a fact is one; the first family that knows it wins.
CODES: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": ("case", "xray.kind"),
    "reason": ("hold",),
    "state": ("xray.kind", "platform", "intent", "keystate"),
    "platform_state": ("platform",),
    "send_state": ("intent",),
    "result": ("intent",),
    "from": ("step",),
    "to": ("step",),
    "action": ("act",),
    "verdict": ("act", "said"),
    "note": ("said",),
    "why": ("said", "blocked"),
}


def fact_name(name: str) -> str:
    """What a fact is called."""
    key = f"fact.{name}"
    return t(key) if has(key) else clean(name, 40)


def fact_text(name: str, value: object, currency: str = "CNY") -> str:
    """One fact's value on one line; times and money are recognised by the name they carry. ``currency``: the order's."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return t("flag.yes" if value else "flag.no")
    if isinstance(value, int) and (name == "at" or name.endswith(_TIMES)):
        return clock_text(value)
    if isinstance(value, int) and name in _MONEY:
        return amount(value, currency)
    if isinstance(value, dict):
        return " ".join(f"{fact_name(str(k))}={fact_text(str(k), v, currency)}" for k, v in list(value.items())[:12])
    if isinstance(value, list):
        return ", ".join(fact_text(name, v, currency) for v in value[:8])
    return _coded(name, str(value))


def said_text(text: str) -> str:
    """What stands as a note, a verdict or a cause: the core's own sentences in words, a person's as they are."""
    return _coded("verdict", text)


def inline(facts: Facts, skip: Iterable[str] = (), currency: str = "CNY") -> str:
    """Facts beside each other, without those that say nothing. ``currency``: the order's, unless they name their own."""
    currency = str(facts.get("currency") or currency)
    return "  ".join(
        f"{fact_name(str(name))}={fact_text(str(name), value, currency)}"
        for name, value in facts.items()
        if name not in skip and value not in (None, "", {}, [])
    )


def _coded(name: str, value: str) -> str:
    code = slug(value.lower())
    for family in CODES.get(name, ()):
        key = f"{family}.{code}"
        if has(key):
            return t(key)
    return clean(value, 200)


def slug(text: str) -> str:
    """A sentence as the tail of a catalogue's key."""
    return re.sub("[^a-z0-9]+", "_", text).strip("_")
