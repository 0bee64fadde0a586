"""One order in full, as lines: why it is not moving first, then money, keys, what was tried and what happened."""

from textual.content import Content

from console.i18n import t, word
from console.presenters.cells import amount, clock_text, day_time, span
from console.presenters.facts import fact_name, fact_text, inline
from console.presenters.words import blocked_words, stage_words, state_words, why_sentence
from console.wire import Case, Facts, OrderDetail, Row
from core.model.text import clean

_HEAD = "bold $accent"
_MUTED = "$text-muted"
_STANDING = ("due", "paid", "refunded")  # told above


def _number(row: Row) -> Content:
    return Content.assemble((clean(row["ext_id"], 60), "bold"), (f"  {clean(row['shop'], 20)}", _MUTED))


def _standing(row: Row) -> list[Content]:
    due, paid, back = (amount(minor, row["currency"]) for minor in (row["amount"], row["paid"], row["refunded"]))
    lines = [
        Content.assemble(clean(row["title"] or row["product"], 80), f" x{row['qty']}"),
        Content.assemble((stage_words(row), "bold"), f"  {word('money', row['money'])}"),
        Content(t("detail.money", due=due, paid=paid, refunded=back)),
    ]
    if row["claim"]:
        by, until = clean(row["claim"]["by"], 20), day_time(row["claim"]["until"])
        lines.append(Content.styled(t("detail.claim", by=by, until=until), "$warning"))
    return lines


def _why(sentence: str, look: str) -> Content:
    return Content.assemble((t("detail.why"), _HEAD), "  ", (sentence, look))


def _section(key: str, items: list[Facts], out: list[Content], currency: str) -> None:
    if items:
        out += [Content(""), Content.styled(t(f"detail.{key}"), _HEAD)]
        out += [Content(f" {inline(item, currency=currency)}") for item in items]


def from_row(row: Row) -> list[Content]:
    """What the list already knows, shown at once while the rest is read."""
    return [_number(row), _why(state_words(row), ""), *_standing(row)]


def order_lines(order: OrderDetail, now: int) -> list[Content]:
    """Everything about an order. ``now`` is UTC us."""
    row, why = order["row"], order["why_long"]
    currency = row["currency"]
    sentence = why_sentence(why["code"], why["facts"])
    out = [_number(row), _why(sentence, "bold $warning" if why["code"] else ""), *_standing(row)]
    if why["facts"]:
        out.append(Content.styled(inline(why["facts"], _STANDING, currency), _MUTED))
    for name, value in (("contact", order["contact_mask"]), ("message", order["message"]), ("note", row["note"])):
        if value:
            out.append(Content.assemble((f"{t(f'detail.{name}')} ", _MUTED), clean(value, 400)))
    for kind in order["cases"]:
        name = word("case", str(kind.get("kind", "")))
        look = _MUTED if kind.get("closed_at") else "bold $error"
        out.append(
            Content.assemble(
                (clean(name, 40), look), f" {inline(kind, ('kind', 'id', 'order_id', 'subject'), currency)}"
            )
        )
    for hold in order["holds"]:
        name = word("hold", str(hold.get("reason", "")))
        look = _MUTED if hold.get("lifted_at") else "bold $warning"
        out.append(Content.assemble((clean(name, 40), look), f" {inline(hold, ('reason', 'id'), currency)}"))
    _section("lines", order["lines"] if len(order["lines"]) > 1 else [], out, currency)
    _section("payments", order["payments"], out, currency)
    _section("refunds", order["refunds"], out, currency)
    _section("keys", order["keys"], out, currency)
    if order["intents"]:
        out += [Content(""), Content.styled(t("detail.intents"), _HEAD)]
        for intent in order["intents"]:
            out.append(Content(f" {inline(intent, ('attempts', 'id'), currency)}"))
            out += [Content.styled(f"   {inline(a)}", _MUTED) for a in intent.get("attempts") or []]
    if order["events"]:
        out += [Content(""), Content.styled(t("detail.events"), _HEAD)]
        for event in sorted(order["events"], key=lambda e: e.get("seq", 0), reverse=True)[:40]:
            head = f" {clock_text(event.get('at'))} {clean(word('event', str(event.get('kind', ''))), 24)} "
            who = clean(str(event.get("actor") or ""), 20)
            out.append(Content.assemble((head, _MUTED), who, f"  {fact_text('body', event.get('body'), currency)}"))
    return out


def case_lines(case: Case, now: int) -> list[Content]:
    """A case: its kind, how long it waits, the facts behind it, what the machine proposes."""
    # Decisions stand near the top: at 80x24 they must show without turning a page.
    out = [
        Content.assemble(
            (clean(word("case", case["kind"]), 40), "bold $error"),
            f"  {clean(case['ext_id'], 60)}  ",
            (t("cases.opened", age=span(max(now - case["opened_at"], 0))), _MUTED),
        )
    ]
    for number, decision in enumerate(case["decisions"][:9], 1):
        out.append(Content.assemble((f" {number} ", "bold reverse"), " ", decision_words(decision["action"], decision)))
    if case["kind"] == "quarantine":
        out += [Content(line) for line in t("cases.quarantine").split("\n")]
    elif not case["decisions"]:
        out.append(Content(t("cases.no_decisions")))
    row = case["row"]
    currency = row["currency"] if row is not None else "CNY"
    now_so = {"due": row["amount"], "paid": row["paid"], "refunded": row["refunded"]} if row is not None else {}
    facts = {name: value for name, value in case["fact"].items() if now_so.get(name, ...) != value}  # told below
    if case["proposal"]:
        out.append(Content.styled(t("cases.proposal", text=clean(word("act", case["proposal"]), 60)), "$accent"))
    out += [Content.assemble((f" {fact_name(k)} ", _MUTED), fact_text(k, v, currency)) for k, v in facts.items()]
    for refused in case.get("blocked", [])[:9]:
        words, why = decision_words(refused["action"], refused), blocked_words(refused["why"])
        out.append(Content.styled(f"   {words}: {why}", _MUTED))
    out += _standing(row) if row is not None else [Content(clean(case["shop"], 40))]
    return out


def decision_words(action: str, decision: object) -> str:
    """A decision in the person's language; the core's own label when the action is not known here."""
    given = decision if isinstance(decision, dict) else {}
    variants = [f"{action}.{name}" for name, value in (given.get("args") or {}).items() if value is True]
    for code in (*variants, action):
        words = word("act", code)
        if words != code:
            return words
    label = given.get("label")
    return clean(str(label or action), 60)
