"""An event of the log in words: on one line, and in full. Pure functions."""

from textual.content import Content

from console.i18n import t, word
from console.presenters.cells import clock_text, fit, tail
from console.presenters.facts import inline
from console.wire import Event
from core.model.text import clean

_MUTED = "$text-muted"
_HAND = "$accent"  # what a person did stands out from what the machine did
_MACHINE = frozenset({"core", "intake", "gate", "effects", "catalogue", "rules", "desk", "buyer", "forecast"})


def event_line(event: Event, width: int) -> Content:
    """One line of ``width`` cells: when, what, who, which order, and as much of the facts as fits."""
    look = "" if event["actor"] in _MACHINE else _HAND
    number = fit(tail(clean(event["ext_id"], 60) or "-", 20), 20)
    return Content.assemble(
        (f"{clock_text(event['at'])} ", _MUTED),
        (fit(clean(word("event", event["kind"]), 24), 12), f"bold {look}".strip()),
        " ",
        (fit(clean(event["actor"], 20), 10), look),
        f" {number} ",
        (facts_text(event), _MUTED),
    ).truncate(width, ellipsis=False)


def facts_text(event: Event) -> str:
    """The facts of an event beside each other."""
    return inline(event["body"], currency=event["currency"]) if isinstance(event["body"], dict) else ""


def event_facts(event: Event, width: int, height: int) -> list[Content]:
    """The event in full, wrapped, cut after ``height`` lines."""
    about = t(
        "history.about",
        seq=event["seq"],
        shop=clean(event["shop"], 30) or "-",
        ext_id=clean(event["ext_id"], 60) or "-",
    )
    lines = [Content.styled(f" {about}", _MUTED)]
    lines += Content(f" {facts_text(event)}").wrap(width) if facts_text(event) else []
    return lines[:height]
