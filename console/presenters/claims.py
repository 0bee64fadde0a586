"""Who works on an order and for how long, in words; a lease that ran out is no claim."""

from collections.abc import Mapping
from typing import Any

from console.i18n import t, word
from console.presenters.cells import fit, span
from console.wire import Row
from core.model.clock import SECOND
from core.model.text import clean

NAME_CELLS = 6


def claim_cell(row: Row, now: int, name_cells: int = NAME_CELLS) -> str:
    """``li 42s``: whose lease it is and how long it lasts; "" when nobody holds it. A long name is cut."""
    claim = row["claim"]
    if claim is None or claim["until"] <= now:
        return ""
    return f"{fit(claim['by'], name_cells, cut='').rstrip()} {span(claim['until'] - now)}"


def held_words(row: Row | None, me: str, now: int) -> str:
    """That another person works on an order, who and for how long; "" when nobody else does."""
    claim = row["claim"] if row is not None else None
    if claim is None or claim["by"] == me or claim["until"] <= now:
        return ""
    return t("claim.held_by", by=clean(claim["by"], 20), left=seconds(claim["until"] - now))


def seconds(us: int) -> str:
    """A lease's rest in whole seconds."""
    return f"{max(us // SECOND, 0)}s"


def hand_words(last: Mapping[str, Any] | None, now: int) -> str:
    """Who was on an order last and what they did, as the core told it; "" when it did not."""
    if not last:
        return ""
    ago = span(max(now - int(last.get("at") or now), 0))
    text = t("claim.last", by=clean(str(last.get("by", "")), 20), did=word("did", str(last.get("did", ""))), ago=ago)
    reason = clean(str(last.get("reason") or ""), 80)
    return f"{text} ({reason})" if reason else text


def lost_words(lost: Mapping[str, Any]) -> str:
    """That a claim of ours is gone, and why."""
    key = f"claim.lost.{lost.get('why')}"
    who, reason = clean(str(lost.get("by", "")), 20), clean(str(lost.get("reason", "")), 120)
    return t(key, ext_id=clean(str(lost.get("ext_id", "")), 40), by=who, reason=reason)
