"""One order's whole story as a file: what it is, then everything that happened to it, oldest first."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from core.desk.reads import Reads
from core.model.clock import iso_us
from core.model.lifecycle import EventKind
from core.model.money import digits_of, format_minor
from core.model.text import clean

EVENTS_MAX = 10_000
_PAGE = 1000
_MONEY = frozenset({"amount", "due", "paid", "refunded", "money", "net"})
# What stands in a file for other people: the actions open to whoever asked, and the queue's own numbers, do not.
_LEFT_OUT = frozenset({"actions", "why_long", "events", "version", "priority", "claim"})


class Event(msgspec.Struct, frozen=True):
    """A row of the event log; ``body`` is its exact JSON text, as the chain's hash covers it."""

    seq: int
    at: int
    order: int
    kind: int
    actor: str
    body: str

    @property
    def name(self) -> str:
        """The kind's name."""
        return EventKind(self.kind).name.lower()

    def facts(self) -> Any:
        """The body, read."""
        return msgspec.json.decode(self.body) if self.body else {}


async def events_of(reads: Reads, order: int) -> tuple[list[Event], bool]:
    """All events of an order, oldest first, and whether there were more than ``EVENTS_MAX`` (then the first are told)."""
    found: list[Event] = []
    after = 0
    while len(found) <= EVENTS_MAX:
        rows = await reads.all(
            "SELECT seq, at, order_id, kind, actor, body FROM event WHERE order_id = ? AND seq > ? "
            "ORDER BY seq LIMIT ?",
            (order, after, _PAGE),
        )
        found += [Event(*row) for row in rows]
        if len(rows) < _PAGE:
            break
        after = rows[-1][0]
    return found[:EVENTS_MAX], len(found) > EVENTS_MAX


def spoken(value: Any, currency: str, name: str = "") -> Any:
    """JSON values for people: money as exact decimal text beside its currency, times as RFC 3339 in UTC."""
    if isinstance(value, dict):
        return {key: spoken(one, currency, key) for key, one in value.items()}
    if isinstance(value, list):
        return [spoken(one, currency, name) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        if name in _MONEY:
            return f"{format_minor(value, digits_of(currency))} {currency}"
        if value > 10**12 and (name == "at" or name.endswith(("_at", "until", "deadline"))):
            return iso_us(value)
    return value


def entries(detail: Mapping[str, Any], events: Iterable[Event], currency: str) -> list[dict[str, Any]]:
    """Payments by the platform's own time, attempts with their evidence, and every event, oldest first."""
    out: list[tuple[int, str, str, Any]] = []
    out += [(one["at"], "payment", "", {k: v for k, v in one.items() if k != "at"}) for one in detail["payments"]]
    out += [(one["at"], "refund", "", {k: v for k, v in one.items() if k != "at"}) for one in detail["refunds"]]
    out += [(one.at, f"event.{one.name}", one.actor, one.facts()) for one in events]
    for intent in detail["intents"]:
        about = {"effect": intent["effect"], "via": intent["via"], "to": intent["recipient_mask"]}
        for one in intent["attempts"]:
            out.append((one["opened_at"], "attempt", "", {**about, **one}))
    out.sort(key=lambda entry: entry[0])
    return [{"at": iso_us(at), "what": what, "by": by, "facts": spoken(facts, currency)} for at, what, by, facts in out]


def story(detail: Mapping[str, Any], events: Iterable[Event]) -> dict[str, Any]:
    """``{"order", "timeline"}`` of an order in full (``detail.in_full``) and its events, spoken."""
    currency = detail["row"]["currency"]
    row = {name: value for name, value in detail["row"].items() if name not in _LEFT_OUT}
    facts = {name: value for name, value in detail.items() if name not in _LEFT_OUT and name != "row"}
    return {
        "order": {**spoken(row, currency), "why": detail["why_long"]["code"], **spoken(facts, currency)},
        "timeline": entries(detail, events, currency),
    }


def as_text(told: Mapping[str, Any]) -> str:
    """The same for reading: one line a fact, nothing in it that a terminal would act on."""
    order = told["order"]
    lines = [
        f"ORDER {order['ext_id']}  {order['shop']} ({order['platform']})  id {order['id']}",
        f"  {order['title'] or order['product']} x{order['qty']}, buyer {order['buyer']}, contact {order['contact_mask']}",
        f"  stage {order['stage']}, money {order['money']}, not moving because: {order['why'] or '-'}",
        f"  due {order['amount']}, paid {order['paid']}, refunded {order['refunded']}",
        f"  placed {order['created_at']}, deadline {order['deadline'] or '-'}",
    ]
    lines += [f"  {name} {order[name]}" for name in ("message", "note") if order[name]]
    for name in ("lines", "payments", "refunds", "keys", "intents", "holds", "cases"):
        if order[name]:
            lines += ["", name.upper()]
            lines += [f"  {_facts(one, skip=('attempts',))}" for one in order[name]]
    lines += ["", "TIMELINE"]
    for entry in told["timeline"]:
        who = f"  by {entry['by']}" if entry["by"] else ""
        lines.append(f"  {entry['at']}  {entry['what'].removeprefix('event.')}{who}  {_facts(entry['facts'])}".rstrip())
    return "\n".join(clean(line, 4000) for line in lines) + "\n"


def _facts(value: Any, skip: tuple[str, ...] = ()) -> str:
    if not isinstance(value, dict):
        return _plain(value)
    return "  ".join(f"{k}={_plain(v)}" for k, v in value.items() if k not in skip and v not in (None, "", {}, []))


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
