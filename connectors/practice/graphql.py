"""As much of GraphQL as the practice world's doors need: a document parsed, and answers cut to what it selects.

A field that the world's object does not have is refused, as a server with a schema refuses it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r'\s+|,|#[^\n]*|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[_A-Za-z]\w*)|(?P<sign>\.\.\.|[{}()\[\]:=!$@])'
)
_WORDS = {"true": True, "false": False, "null": None}


class GraphError(Exception):
    """What goes out under ``errors``; ``code`` as in ``extensions.code``."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Scalar(dict[str, Any]):
    """An object that the schema calls a scalar, such as Vendure's ``JSON``: it is given whole."""


@dataclass(slots=True)
class Selection:
    """A field with its arguments, or (name "") an inline fragment on ``on``."""

    name: str
    key: str = ""
    on: str = ""
    args: dict[str, Any] = field(default_factory=dict)
    inner: "list[Selection]" = field(default_factory=list)


@dataclass(slots=True)
class _Variable:
    name: str


@dataclass(slots=True)
class Operation:
    """One operation of a document."""

    kind: str
    name: str
    needed: set[str]  # variables that must be given
    known: set[str]
    inner: list[Selection]


Resolver = Callable[[dict[str, Any]], Any]


def parse(document: str) -> Operation:
    """The document's one operation. Raises GraphError."""
    operation = _Parser(document).operation()
    if operation.kind not in ("query", "mutation"):
        raise GraphError(f"unexpected {operation.kind!r}", "GRAPHQL_PARSE_FAILED")
    return operation


def run(operation: Operation, variables: Mapping[str, Any], roots: Mapping[str, Resolver]) -> dict[str, Any]:
    """The ``data`` of the answer: each root field by its resolver, cut to the selection. Raises GraphError."""
    for name in sorted(operation.needed):
        if variables.get(name) is None:
            raise GraphError(f"Variable ${name} of required type was not provided.", "INVALID_VARIABLE")
    for name in variables:
        if name not in operation.known:
            raise GraphError(f"Variable ${name} is not declared.", "INVALID_VARIABLE")
    return {one.key: _root(one, variables, roots, operation) for one in operation.inner}


def _root(one: Selection, variables: Mapping[str, Any], roots: Mapping[str, Resolver], operation: Operation) -> Any:
    resolver = roots.get(one.name)
    if resolver is None:
        raise GraphError(f"Field '{one.name}' doesn't exist on type '{operation.kind.title()}'", "undefinedField")
    return _cut(resolver(_filled(one.args, variables)), one, variables)


def _cut(value: Any, one: Selection, variables: Mapping[str, Any]) -> Any:
    if callable(value):
        value = value(_filled(one.args, variables))
    if isinstance(value, list):
        return [_cut(item, one, variables) for item in value]
    if not isinstance(value, dict) or isinstance(value, Scalar):
        if one.inner and value is not None:
            raise GraphError(f"Selections can't be made on scalars (field '{one.name}')", "selectionMismatch")
        return value
    if not one.inner:
        raise GraphError(f"Field must have selections (field '{one.name}' returns an object)", "selectionMismatch")
    out: dict[str, Any] = {}
    for inner in _flat(one.inner, str(value.get("__typename", ""))):
        if inner.name not in value:
            raise GraphError(f"Field '{inner.name}' doesn't exist under '{one.name}'", "undefinedField")
        out[inner.key] = _cut(value[inner.name], inner, variables)
    return out


def _flat(selections: list[Selection], typename: str) -> list[Selection]:
    out: list[Selection] = []
    for one in selections:
        if one.name:
            out.append(one)
        elif one.on in ("", typename) or (one.on == "ErrorResult" and typename.endswith("Error")):
            out += _flat(one.inner, typename)
    return out


def _filled(value: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, _Variable):
        return variables.get(value.name)
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    return value


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise GraphError(f"Expected a token at {at}", "GRAPHQL_PARSE_FAILED")
            at = match.end()
            if match.lastgroup is not None:
                self._tokens.append((match.lastgroup, match[0]))
        self._at = 0

    def operation(self) -> Operation:
        kind, name = "query", ""
        needed: set[str] = set()
        known: set[str] = set()
        if not self._is("{"):
            kind = self._name()
            name = self._name() if self._kind() == "name" else ""
            if self._take("("):
                while not self._take(")"):
                    self._variable(needed, known)
        inner = self._selections()
        if self._at != len(self._tokens):
            raise GraphError("one operation a document is played here", "GRAPHQL_PARSE_FAILED")
        return Operation(kind, name, needed, known, inner)

    def _variable(self, needed: set[str], known: set[str]) -> None:
        self._need("$")
        name = self._name()
        self._need(":")
        known.add(name)
        must = self._type()
        if self._take("="):
            self._value()
            must = False
        if must:
            needed.add(name)

    def _type(self) -> bool:
        if self._take("["):
            self._type()
            self._need("]")
        else:
            self._name()
        return self._take("!")

    def _selections(self) -> list[Selection]:
        self._need("{")
        out: list[Selection] = []
        while not self._take("}"):
            if self._take("..."):
                on = ""
                if self._kind() == "name":
                    if self._name() != "on":
                        raise GraphError("named fragments are not played here", "GRAPHQL_PARSE_FAILED")
                    on = self._name()
                out.append(Selection("", on=on, inner=self._selections()))
                continue
            name = key = self._name()
            if self._take(":"):
                name = self._name()
            args: dict[str, Any] = {}
            if self._take("("):
                while not self._take(")"):
                    arg = self._name()
                    self._need(":")
                    args[arg] = self._value()
            out.append(Selection(name, key, args=args, inner=self._selections() if self._is("{") else []))
        if not out:
            raise GraphError("an empty selection", "GRAPHQL_PARSE_FAILED")
        return out

    def _value(self) -> Any:
        kind, text = self._next()
        if kind == "string":
            return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "name":
            return _WORDS.get(text, text)
        if text == "$":
            return _Variable(self._name())
        if text == "[":
            items: list[Any] = []
            while not self._take("]"):
                items.append(self._value())
            return items
        if text == "{":
            fields: dict[str, Any] = {}
            while not self._take("}"):
                name = self._name()
                self._need(":")
                fields[name] = self._value()
            return fields
        raise GraphError(f"unexpected {text!r}", "GRAPHQL_PARSE_FAILED")

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _is(self, sign: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at] == ("sign", sign)

    def _take(self, sign: str) -> bool:
        if self._is(sign):
            self._at += 1
            return True
        return False

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise GraphError(f"expected {sign!r}", "GRAPHQL_PARSE_FAILED")

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise GraphError("unexpected end", "GRAPHQL_PARSE_FAILED")
        self._at += 1
        return self._tokens[self._at - 1]

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise GraphError(f"expected a name, not {text!r}", "GRAPHQL_PARSE_FAILED")
        return text
