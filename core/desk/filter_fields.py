"""The fields of the filter language: for each one its SQL, always a constant; values are always bound."""

import difflib
import re
from collections.abc import Callable
from typing import NamedTuple

from core.desk.filter_text import FilterError, Token
from core.desk.filter_times import ago, between, stretch
from core.desk.why import WHY_CODES, WHY_SQL
from core.model.actors import MACHINE_SQL
from core.model.lifecycle import WRONG, CaseKind, HoldReason, Money, Stage
from core.model.money import ZERO_DECIMAL, parse_decimal

Value = str | int


class Context(NamedTuple):
    """What a filter may refer to: the time (UTC us), who asks, and how old a snapshot may be for the gate (us)."""

    now: int
    me: str
    fresh: int


class Sql(NamedTuple):
    """A condition with ``?`` marks, and their values in order."""

    where: str
    params: tuple[Value, ...]


_COMPARE = {":": "=", "=": "=", "!=": "<>", ">": ">", ">=": ">=", "<": "<", "<=": "<="}
_SCALE = f"CASE WHEN o.currency IN ({', '.join(repr(c) for c in sorted(ZERO_DECIMAL))}) THEN 100 ELSE 1 END"
MONEY_SQL = (
    "CASE WHEN o.refunded > 0 AND o.refunded >= o.paid THEN 'refunded' WHEN o.refund_open > 0 THEN 'refund_open' "
    "WHEN o.refunded > 0 THEN 'part_refunded' WHEN o.paid = 0 THEN 'unpaid' WHEN o.paid < o.due THEN 'part_paid' "
    "WHEN o.paid = o.due THEN 'paid' ELSE 'overpaid' END"
)
# The plus keeps SQLite from leaving the queue index for ux_orders_ext, which would sort the whole shop.
_SHOP = "+o.shop IN (SELECT s.id FROM shop s WHERE {})"


def like(value: str) -> str:
    """A LIKE pattern (ESCAPE ``\\``) that finds ``value`` anywhere."""
    return "%" + value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def nearest(word: str, known: list[str]) -> str:
    """The known word that was probably meant, or ""."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return found[0] if found else ""


def _text(columns: str) -> Callable[[Token, Context], Sql]:
    """Text: ``:`` contains, ``=`` equals; ``columns`` separated by spaces, any of them counts."""
    names = columns.split()

    def build(token: Token, _: Context) -> Sql:
        if token.op not in (":", "=", "!="):
            raise FilterError(token.position, f"{token.field} is text: it takes : = or !=")
        if token.op == ":":
            where = " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in names)
            return Sql(f"({where})", (like(token.value),) * len(names))
        where = " OR ".join(f"{name} = ?" for name in names)
        return Sql(f"({where})" if token.op == "=" else f"NOT ({where})", (token.value,) * len(names))

    return build


def _shop(column: str) -> Callable[[Token, Context], Sql]:
    inner = _text(column)

    def build(token: Token, context: Context) -> Sql:
        where, params = inner(token, context)
        return Sql(_SHOP.format(where), params)

    return build


def _whole(column: str, low: int = 0, high: int = 2**63 - 1) -> Callable[[Token, Context], Sql]:
    def build(token: Token, _: Context) -> Sql:
        if not re.fullmatch(r"-?[0-9]{1,19}", token.value) or not low <= int(token.value) <= high:
            raise FilterError(token.position, f"{token.field} takes a whole number")
        return Sql(f"{column} {_COMPARE[token.op]} ?", (int(token.value),))

    return build


def _money(column: str) -> Callable[[Token, Context], Sql]:
    def build(token: Token, _: Context) -> Sql:
        try:
            minor = parse_decimal(token.value)
        except ValueError:
            raise FilterError(token.position, f"{token.field} takes an amount such as 500 or 12.30") from None
        return Sql(f"{column} * {_SCALE} {_COMPARE[token.op]} ?", (minor,))

    return build


def _span(column: str, sign: int) -> Callable[[Token, Context], Sql]:
    inner = ago(column, sign)
    return lambda token, context: Sql(*inner(token, context.now))


def _deadline(token: Token, _: Context) -> Sql:
    at = stretch(token.value)
    if at is None:
        raise FilterError(token.position, "deadline takes a time such as 2026-11-24T18:00; left takes 90s 5m 2h 3d")
    return Sql(*between(token, at, "o.deadline"))


def _word(token: Token, known: list[str]) -> str:
    value = token.value.lower()
    if value not in known:
        near = nearest(value, known)
        hint = f"; did you mean {near}?" if near else f"; it takes {' '.join(known[:8])}"
        raise FilterError(token.position, f"{token.field} has no {token.value[:40]!r}{hint}", near)
    return value


def _stage(token: Token, _: Context) -> Sql:
    stage = Stage[_word(token, [s.name.lower() for s in Stage]).upper()]
    return Sql(f"o.stage {_COMPARE[token.op]} ?", (int(stage),))


def _equal(token: Token) -> str:
    if token.op not in (":", "=", "!="):
        raise FilterError(token.position, f"{token.field} takes : = or !=")
    return "<>" if token.op == "!=" else "="


def _axis(token: Token, _: Context) -> Sql:
    op = _equal(token)
    return Sql(f"{MONEY_SQL} {op} ?", (_word(token, [m.value for m in Money]),))


def _why(token: Token, context: Context) -> Sql:
    op = _equal(token)
    if token.value in ("", "none"):
        return Sql(f"{WHY_SQL} {op} ''", (context.now - context.fresh,))
    return Sql(f"{WHY_SQL} {op} ?", (context.now - context.fresh, _word(token, list(WHY_CODES))))


def _exists(table: str, column: str, alive: str, known: list[str]) -> Callable[[Token, Context], Sql]:
    def build(token: Token, _: Context) -> Sql:
        negation = "NOT " if _equal(token) == "<>" else ""
        base = f"SELECT 1 FROM {table} x WHERE x.order_id = o.id AND x.{alive} IS NULL"
        word = _word(token, ["any", "none", *known])
        if word in ("any", "none"):
            negation = negation if word == "any" else ("" if negation else "NOT ")
            return Sql(f"{negation}EXISTS({base})", ())
        return Sql(f"{negation}EXISTS({base} AND x.{column} = ?)", (word,))

    return build


def _claim(token: Token, context: Context) -> Sql:
    negation = "NOT " if _equal(token) == "<>" else ""
    base = "SELECT 1 FROM claim x WHERE x.order_id = o.id AND x.until > ?"
    if token.value in ("any", "none"):
        negation = negation if token.value == "any" else ("" if negation else "NOT ")
        return Sql(f"{negation}EXISTS({base})", (context.now,))
    who = context.me if token.value == "me" else token.value
    return Sql(f"{negation}EXISTS({base} AND x.operator = ?)", (context.now, who))


def _late(token: Token, context: Context) -> Sql:
    want = _word(token, ["yes", "no"]) == "yes"
    if _equal(token) == "<>":
        want = not want
    # A NULL deadline is none that could be missed.
    return Sql(f"coalesce(coalesce(o.delivered_at, ?) > o.deadline, 0) = {int(want)}", (context.now,))


def _by(token: Token, context: Context) -> Sql:
    negation = "NOT " if _equal(token) == "<>" else ""
    base = f"SELECT 1 FROM event x WHERE x.order_id = o.id AND x.kind NOT IN {WRONG} AND x.actor NOT IN {MACHINE_SQL}"
    if token.value in ("any", "none"):
        negation = negation if token.value == "any" else ("" if negation else "NOT ")
        return Sql(f"{negation}EXISTS({base})", ())
    who = context.me if token.value == "me" else token.value
    return Sql(f"{negation}EXISTS({base} AND x.actor = ?)", (who,))


def _error(token: Token, _: Context) -> Sql:
    base = f"SELECT 1 FROM event x WHERE x.order_id = o.id AND x.kind IN {WRONG}"
    at = stretch(token.value)
    if at is not None:
        where, params = between(token, at, "x.at")
        return Sql(f"EXISTS({base} AND {where})", params)
    some = (_word(token, ["any", "none"]) == "any") != (_equal(token) == "<>")
    negation = "" if some else "NOT "
    return Sql(f"{negation}EXISTS({base})", ())


def _via(token: Token, _: Context) -> Sql:
    negation = "NOT " if _equal(token) == "<>" else ""
    base = "SELECT 1 FROM intent x WHERE x.order_id = o.id AND x.effect = 1 AND x.via = ?"
    return Sql(f"{negation}EXISTS({base})", (token.value,))


def _note(token: Token, context: Context) -> Sql:
    return _text("o.note")(token, context)


FIELDS: dict[str, Callable[[Token, Context], Sql]] = {
    "id": _whole("o.id"),
    "ext": _text("o.ext_id"),
    "shop": _shop("s.name"),
    "platform": _shop("s.platform"),
    "product": _text("o.product"),
    "title": _text("o.title"),
    "qty": _whole("o.qty"),
    "amount": _money("o.due"),
    "paid": _money("o.paid"),
    "buyer": _text("o.buyer o.buyer_name"),
    "stage": _stage,
    "money": _axis,
    "why": _why,
    "tag": _text("o.tag"),
    "priority": _whole("-o.nprio", -99, 99),
    "age": _span("o.created_at", 1),
    "left": _span("o.deadline", -1),
    "case": _exists("case_", "kind", "closed_at", [k.value for k in CaseKind]),
    "hold": _exists("hold", "reason", "lifted_at", [r.value for r in HoldReason]),
    "note": _note,
    "message": _text("o.message"),
    "claim": _claim,
    "currency": _text("o.currency"),
    "came": _span("o.received_at", 1),
    "sent": _span("o.delivered_at", 1),
    "deadline": _deadline,
    "late": _late,
    "by": _by,
    "error": _error,
    "via": _via,
}
ANYWHERE = ("o.ext_id", "o.buyer", "o.buyer_name", "o.title", "o.product", "o.tag")
