"""One order as a tree: money, keys, what was sent and tried, holds, cases, claim, messages, events. Pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from textual.content import Content

from console.i18n import t, word
from console.presenters.cells import amount, clock_text, day_time, tail
from console.presenters.facts import fact_name, fact_text, inline, said_text
from console.presenters.words import stage_words, why_sentence
from console.wire import Facts, OrderDetail
from core.model.text import clean

_MUTED = "$text-muted"
_HEAD = "bold $accent"


@dataclass(slots=True)
class Node:
    """A line with what hangs on it. ``key`` stays the same when the order is read again; ``shut``: folded at first;
    ``brief``: what does not fit on the line stands below it too, so that it may be cut."""

    key: str
    text: Content
    below: list["Node"] = field(default_factory=list)
    shut: bool = False
    brief: bool = False


def tree(order: OrderDetail) -> list[Node]:
    """All sections that have anything in them, in the order in which questions are asked."""
    currency = order["row"]["currency"]
    sends = [one for one in order["intents"] if one.get("effect") == "send"]
    ships = [one for one in order["intents"] if one.get("effect") == "ship"]
    rest = [one for one in order["intents"] if one.get("effect") not in ("send", "ship")]
    sections = [
        _why(order),
        _section("payments", _money(order), t("detail.money", **_sums(order))),
        _section("lines", [_flat(f"line.{i}", one, currency) for i, one in enumerate(order["lines"])]),
        _section("keys", [_key(one) for one in order["keys"]]),
        _section("sends", _intents(sends)),
        _section("ships", _intents(ships)),
        _section("effects", _intents(rest)),
        _section("cases", [_named("case", one, one.get("closed_at"), currency) for one in order["cases"]]),
        _section("holds", [_named("hold", one, one.get("lifted_at"), currency) for one in order["holds"]]),
        _section("claim", _claim(order)),
        _section("messages", _messages(order)),
        _section("events", [_event(one, currency) for one in _newest(order["events"])]),
    ]
    return [one for one in sections if one is not None]


def title(order: OrderDetail) -> Content:
    """The order on one line."""
    row = order["row"]
    return Content.assemble(
        (f" {clean(row['ext_id'], 60)}", "bold"),
        (f"  {clean(row['shop'], 20)}  ", _MUTED),
        (stage_words(row), "bold"),
        f"  {word('money', row['money'])}  {amount(row['amount'], row['currency'])}  ",
        clean(row["title"] or row["product"], 60),
        f" x{row['qty']}",
    )


def _section(name: str, below: list[Node], more: str = "") -> Node | None:
    if not below:
        return None
    count = f" {len(below)}" if len(below) > 1 and name not in ("messages", "payments") else ""
    return Node(
        name, Content.assemble((t(f"xray.{name}"), _HEAD), (f"{count}  {more}" if more else count, _MUTED)), below
    )


def _sums(order: OrderDetail) -> dict[str, str]:
    row = order["row"]
    return {
        "due": amount(row["amount"], row["currency"]),
        "paid": amount(row["paid"], row["currency"]),
        "refunded": amount(row["refunded"], row["currency"]),
    }


def _why(order: OrderDetail) -> Node:
    why = order["why_long"]
    text = why_sentence(why["code"], why["facts"])
    look = "bold $warning" if why["code"] else ""
    return Node(
        "why",
        Content.assemble((t("xray.why"), _HEAD), "  ", (text, look)),
        _facts("why", why["facts"], order["row"]["currency"]),
        shut=True,
    )


def _money(order: OrderDetail) -> list[Node]:
    currency = order["row"]["currency"]
    out = []
    for name in ("payments", "refunds"):
        for i, one in enumerate(order[name]):
            kind = str(one.get("kind") or one.get("state") or "")
            label = t("xray.refund") if name == "refunds" else t("xray.payment")
            head = f"{label} {amount(int(one.get('amount') or 0), str(one.get('currency') or currency))}"
            node = _flat(f"{name}.{i}", one, currency, skip=("amount", "kind", "state", "at", "currency"))
            node.text = Content.assemble(
                (head, "bold"),
                f"  {clean(word('xray.kind', kind), 20)}  ",
                (clock_text(one.get("at")), _MUTED),
                "  ",
                node.text,
            )
            out.append(node)
    return out


def _key(one: Facts) -> Node:
    state = clean(str(one.get("state", "")), 20)
    look = "$success" if state == "sold" else "bold $warning"
    place = t("xray.slot", line=tail(clean(str(one.get("line", "")), 60), 8), slot=one.get("slot", ""))
    rest = f"  {clean(str(one.get('mask', '')), 40)}  #{one.get('id')}  {t('xray.batch', n=tail(str(one.get('batch')), 8))}"
    return Node(f"key.{one.get('id')}", Content.assemble(f"{place}  ", (word("keystate", state), look), (rest, _MUTED)))


def _intents(intents: Iterable[Facts]) -> list[Node]:
    out = []
    for one in intents:
        state = clean(str(one.get("state", "")), 20)
        to = clean(str(one.get("recipient_mask") or ""), 60)
        head = f"{clean(str(one.get('via', '')), 30)}{f' -> {to}' if to else ''}"
        facts = t("xray.intent", cls=clean(str(one.get("class", "")), 4), tries=one.get("tries", 0))
        due = one.get("next_at") if state in ("pending", "unknown") else None
        when = f"  {t('xray.next', at=clock_text(due))}" if due else ""
        text = Content.assemble(f"{head}  ", (word("intent", state), _look(state)), (f"  {facts}{when}", _MUTED))
        out.append(Node(f"intent.{one.get('id')}", text, [_attempt(one, a) for a in one.get("attempts") or []]))
    return out


def _attempt(intent: Facts, one: Facts) -> Node:
    result = clean(str(one.get("result") or ""), 20) or "sending"
    end = clock_text(one.get("closed_at")) if one.get("closed_at") else t("xray.open")
    why = clean(said_text(str(one.get("why") or "")), 120)
    text = Content.assemble(
        f"{t('xray.attempt', n=one.get('n'))}  ",
        (f"{clock_text(one.get('opened_at'))} -> {end}  ", _MUTED),
        (word("intent", result), _look(result)),
        f"  {why}" if why else "",
    )
    key = f"attempt.{intent.get('id')}.{one.get('n')}"
    return Node(key, text, _facts(key, one.get("evidence") or {}), shut=result in ("confirmed", "sending"))


def _look(state: str) -> str:
    return "$success" if state == "confirmed" else "bold $error" if state in ("unknown", "rejected", "blocked") else ""


def _named(prefix: str, one: Facts, ended: object, currency: str) -> Node:
    name = clean(word(prefix, str(one.get("kind") or one.get("reason") or "")), 40)
    began = clock_text(one.get("opened_at") or one.get("at"))
    end = f" -> {clock_text(ended) if isinstance(ended, int) else ''}" if ended else ""
    key = f"{prefix}.{one.get('id', one.get('reason') or one.get('kind'))}"
    facts = {**(one.get("fact") or {}), **{k: v for k, v in one.items() if k not in _NAMED_ALREADY}}
    who = clean(said_text(str(one.get("verdict") or one.get("note") or "")), 60)
    text = Content.assemble((name, _MUTED if ended else "bold $warning"), (f"  {began}{end}  ", _MUTED), who)
    return Node(key, text, _facts(key, facts, currency), shut=bool(ended))


_NAMED_ALREADY = frozenset({"id", "kind", "reason", "fact", "opened_at", "at", "closed_at", "lifted_at", "order_id"})


def _claim(order: OrderDetail) -> list[Node]:
    claim = order["row"]["claim"]
    if not claim:
        return []
    text = t("detail.claim", by=clean(claim["by"], 20), until=day_time(claim["until"]))
    return [Node("claim.now", Content.styled(text, "$warning"))]


def _messages(order: OrderDetail) -> list[Node]:
    told = (("contact", order["contact_mask"]), ("message", order["message"]), ("note", order["row"]["note"]))
    return [
        Node(f"message.{name}", Content.assemble((f"{t(f'detail.{name}')}  ", _MUTED), clean(value, 2000)))
        for name, value in told
        if value
    ]


def _newest(events: list[Facts]) -> list[Facts]:
    return sorted(events, key=lambda one: one.get("seq", 0), reverse=True)


def _event(one: Facts, currency: str) -> Node:
    body = one.get("body")
    facts = body if isinstance(body, dict) else {}
    key = f"event.{one.get('seq')}"
    text = Content.assemble(
        (f"{clock_text(one.get('at'))}  ", _MUTED),
        (clean(word("event", str(one.get("kind", ""))), 24), "bold"),
        (f"  {clean(str(one.get('actor') or ''), 20)}", _MUTED),
        f"  {inline(facts, currency=currency)}",
    )
    return Node(key, text, _facts(key, facts, currency), shut=True, brief=True)


def _flat(key: str, one: Facts, currency: str, skip: tuple[str, ...] = ()) -> Node:
    facts = {k: v for k, v in one.items() if k not in skip}
    return Node(key, Content(inline(facts, currency=currency)), _facts(key, facts, currency), shut=True, brief=True)


def _facts(key: str, facts: Facts, currency: str = "CNY") -> list[Node]:
    """One fact a line; what is made of facts itself becomes a branch."""
    out = []
    for name, value in list(facts.items())[:200]:
        if value in (None, "", {}, []):
            continue
        said, here = fact_name(str(name)), f"{key}.{name}"
        if isinstance(value, dict):
            out.append(Node(here, Content.styled(said, _MUTED), _facts(here, value, currency)))
        else:
            out.append(Node(here, Content.assemble((f"{said}  ", _MUTED), fact_text(str(name), value, currency))))
    return out
