"""The core's codes in words: stages, reasons, facts."""

from collections.abc import Mapping

from console.i18n import has, t, word
from console.presenters.cells import amount
from console.wire import Facts, Row
from core.model.text import clean


def why_words(code: str) -> str:
    """A code of *why it is not moving* in a few words; a code that is not known yet is shown as it came."""
    head, colon, tail = code.partition(":")
    if head == "case":
        return clean(word("case", tail), 40)
    if head == "hold" and colon:
        return clean(word("hold", tail), 40)
    return clean(word("why", code), 40)


def stage_words(row: Row) -> str:
    """The stage in a word. An open order with its money in waits for a key, not for payment."""
    stage = row["stage"]
    if stage == "open" and row["money"] in ("paid", "overpaid"):
        return t("stage.open.paid")
    return clean(word("stage", stage), 20)


def state_words(row: Row) -> str:
    """What a list shows: why it is not moving, else the stage."""
    return why_words(row["why"]) if row["why"] else stage_words(row)


def why_sentence(code: str, facts: Facts) -> str:
    """Why it is not moving, as a sentence."""
    head, colon, reason = code.partition(":")
    if colon and head == "hold":
        key = f"long.hold.{reason}"
        return t(key if has(key) else "long.hold", reason=why_words(code))
    if colon and head == "case":
        return t("long.case", kind=why_words(code))
    return t(f"long.{code}") if has(f"long.{code}") else clean(code)


def money_text(sums: Mapping[str, int]) -> str:
    """Sums by currency, in minor units, each with its currency."""
    each = (amount(minor, currency) + (" CNY" if currency == "CNY" else "") for currency, minor in sums.items())
    return " ".join(each) or "-"


def sums_text(sums: Mapping[str, int]) -> str:
    """Sums by currency in a few cells: yuan go without a name, as in a list."""
    return " ".join(amount(minor, clean(currency, 4)) for currency, minor in sums.items() if minor)


def subject(row: Row) -> str:
    """Which order, in words: the person must see what the key will touch."""
    return clean(f"{row['ext_id']}  {row['title'] or row['product']}  {row['buyer']}", 120)


def blocked_words(code: str) -> str:
    """Why an action leaves an order out, or failed on it."""
    head, colon, kind = code.partition(":")
    if head == "error" and colon:
        return t("blocked.error", kind=clean(kind, 40))
    return clean(word("blocked", code), 80) if has(f"blocked.{code}") else why_words(code)
