"""What a person types to narrow the history: ``by:me kind:held since:2h``. Pure: no screen, no core."""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from console.i18n import t, word
from console.wire import Facts
from core.model.clock import DAY, HOUR, MINUTE, SECOND
from core.model.lifecycle import EventKind

DECISION = "decision"
_FIELDS = ("by", "kind", "order", "since", "until")
_AGE = re.compile(r"(\d{1,6})([smhd])\Z")
_UNIT = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


class HistoryFilterError(ValueError):
    """A filter that cannot be used; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What is asked of the core. ``order`` is a number or id still to be found; ages are microseconds before now."""

    by: str = ""
    kind: str = ""
    order: str = ""
    since: int | None = None
    until: int | None = None

    def query(self, now: int, order: int | None) -> Facts:
        """The call's parameters. ``now``: UTC microseconds; ``order``: its id once it was found."""
        since = None if self.since is None else now - self.since
        until = None if self.until is None else now - self.until
        return {"by": self.by, "kind": self.kind, "order": order, "since": since, "until": until}


def parse(text: str) -> HistoryFilter:
    """Reads a filter; a word without a name is a person. Raises HistoryFilterError."""
    found: dict[str, str] = {}
    for term in text.replace("：", ":").split():
        name, colon, value = term.partition(":")
        if not colon:
            name, value = "by", term
        if name not in _FIELDS:
            raise HistoryFilterError(t("history.no_field", name=name, names=" ".join(_FIELDS)))
        if not value:
            raise HistoryFilterError(t("history.no_value", name=name))
        found[name] = value
    return HistoryFilter(
        found.get("by", ""), _kinds(found.get("kind", "")), found.get("order", ""),
        _age("since", found.get("since")), _age("until", found.get("until")),
    )  # fmt: skip


def _kinds(text: str) -> str:
    """Kinds by the core's name, or by the word that the screen shows."""
    known = {kind.name.lower(): kind.name.lower() for kind in EventKind} | {DECISION: DECISION}
    names = known | {word("event", code): code for code in known}
    out = []
    for part in filter(None, text.replace("，", ",").split(",")):
        code = names.get(part) or names.get(part.lower())
        if code is None:
            near = get_close_matches(part, names, 1)
            raise HistoryFilterError(t("history.no_kind", name=part, near=near[0] if near else DECISION))
        out.append(code)
    return ",".join(out)


def _age(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    match = _AGE.match(text)
    if match is None:
        raise HistoryFilterError(t("history.no_age", name=name))
    return int(match[1]) * _UNIT[match[2]]
