"""The filter language of the desk, compiled to a condition over ``orders o``. Outside text never becomes SQL."""

from core.desk.filter_fields import ANYWHERE, FIELDS, Context, Sql, like, nearest
from core.desk.filter_text import FilterError, Token, tokens

__all__ = ["FIELDS", "Context", "FilterError", "Sql", "compile_filter"]

TERMS_MAX = 50  # keeps the expression inside SQLite's depth limit, and a slip of the paste buffer harmless
_DEPTH_MAX = 20


def compile_filter(text: str, context: Context) -> Sql:
    """The condition of a filter; an empty filter gives an empty condition.

    ``a b or c`` means (a and b) or c. Raises FilterError, and nothing else, for whatever text.
    """
    items = tokens(text)
    if not items:
        return Sql("", ())
    count = sum(token.kind in ("term", "word", "shop") for token in items)
    if count > TERMS_MAX:
        raise FilterError(items[-1].position, f"a filter has at most {TERMS_MAX} terms")
    parser = _Parser(items, len(text), context)
    result = parser.either(0)
    parser.expect_end()
    return result


class _Parser:
    def __init__(self, items: list[Token], length: int, context: Context) -> None:
        self._items, self._length, self._context = items, length, context
        self._at = 0

    def _peek(self) -> Token | None:
        return self._items[self._at] if self._at < len(self._items) else None

    def expect_end(self) -> None:
        token = self._peek()
        if token is not None:
            raise FilterError(token.position, "this parenthesis was never opened")

    def either(self, depth: int) -> Sql:
        parts = [self._all(depth)]
        while (token := self._peek()) is not None and token.kind == "or":
            self._at += 1
            parts.append(self._all(depth))
        return _join(parts, " OR ")

    def _all(self, depth: int) -> Sql:
        parts = [self._unary(depth)]
        while (token := self._peek()) is not None and token.kind not in ("or", ")"):
            parts.append(self._unary(depth))
        return _join(parts, " AND ")

    def _unary(self, depth: int) -> Sql:
        token = self._peek()
        if token is None:
            raise FilterError(self._length, "something is missing at the end")
        if depth > _DEPTH_MAX:
            raise FilterError(token.position, "this is nested too deep")
        self._at += 1
        if token.kind == "-":
            inner = self._unary(depth + 1)
            # A NULL (no deadline, say) must count as "not so", or it would vanish from both sides.
            return Sql(f"NOT coalesce({inner.where}, 0)", inner.params)
        if token.kind == "(":
            inner = self.either(depth + 1)
            closing = self._peek()
            if closing is None or closing.kind != ")":
                raise FilterError(token.position, "this parenthesis is not closed")
            self._at += 1
            return inner
        if token.kind in ("or", ")"):
            raise FilterError(token.position, "something is missing before this")
        return _leaf(token, self._context)


def _join(parts: list[Sql], word: str) -> Sql:
    if len(parts) == 1:
        return parts[0]
    return Sql("(" + word.join(p.where for p in parts) + ")", tuple(v for p in parts for v in p.params))


def _leaf(token: Token, context: Context) -> Sql:
    if token.kind == "shop":
        where = "+o.shop IN (SELECT s.id FROM shop s WHERE s.name LIKE ? ESCAPE '\\' OR s.platform LIKE ? ESCAPE '\\')"
        return Sql(where, (like(token.value),) * 2)
    if token.kind == "word":
        where = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in ANYWHERE)
        return Sql(f"({where})", (like(token.value),) * len(ANYWHERE))
    build = FIELDS.get(token.field)
    if build is None:
        near = nearest(token.field, list(FIELDS))
        hint = f"; did you mean {near}?" if near else ""
        raise FilterError(token.position, f"there is no field {token.field[:40]!r}{hint}", near)
    if not token.value and not (token.field == "why" or (token.op in ("=", "!=") and token.field in ("tag", "note"))):
        raise FilterError(token.position, f"a value is missing behind {token.field}{token.op}")
    return build(token, context)
