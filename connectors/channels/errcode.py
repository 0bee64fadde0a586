"""Answers of the ``errcode`` and ``errmsg`` kind: WeChat, WeCom and DingTalk say success and failure both with HTTP 200."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from connectors.channels.base import Evidence, dead, later, rejected, unknown
from core.model.effects import Outcome

DEAD: Final = "dead"  # credentials refused
TOKEN: Final = "token"  # the access token alone was refused; a fresh one may do


class Meaning(Struct, frozen=True):
    """What one code means. ``wait``: seconds of a rate limit, 0 for a refusal; ``why`` is for the person who mends it."""

    why: str
    wait: float = 0.0


def outcome_of_code(code: int, words: str, table: Mapping[int, Meaning], label: str) -> Outcome:
    """The Outcome of a refusal by ``code``. A code that the table lacks leaves the outcome open."""
    evidence: Evidence = {"code": code, "said": words, "path": label}
    meaning = table.get(code)
    if meaning is None:
        return unknown(f"error {code} of which nothing is known: {words}", evidence)
    if meaning.why in (DEAD, TOKEN):
        return dead(evidence)
    if meaning.wait:
        return later(meaning.why, meaning.wait, evidence)
    return rejected(f"{meaning.why} ({code})", evidence)
