"""One vector, its parts by name, and what a scheme is asked to do with it."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from connectors.signing import Seen, never

Checks = Iterable[tuple[str, bool]]


class Malformed(Exception):
    """A vector that lacks a part or has it in another shape. The message names the part, never a value."""


class Case(Struct, frozen=True):
    """A vector: what goes in, the secret or secrets, what must come out."""

    inputs: dict[str, Any]
    secret: str | dict[str, Any]
    expected: str | dict[str, Any]

    def __repr__(self) -> str:
        return "Case(***)"

    def text(self, *path: str, default: str | None = None) -> str:
        """An input as text; numbers as JSON writes them. Raises Malformed."""
        return _text("inputs", self.inputs, path, default)

    def body(self, *path: str, default: str | None = None) -> bytes:
        """An input as the bytes of a body. Raises Malformed."""
        return self.text(*path, default=default).encode("utf-8", "surrogatepass")

    def number(self, *path: str) -> int:
        """An input that counts. Raises Malformed."""
        text = self.text(*path)
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise Malformed(f"inputs.{'.'.join(path)} is not a whole number")
        return int(text)

    def stamp(self) -> int:
        """``timestamp`` in UTC seconds. Raises Malformed."""
        return self.number("timestamp")

    def params(self, *path: str) -> dict[str, str]:
        """A mapping of inputs, values as texts: nested ones as compact JSON, null ones left out.

        Raises Malformed."""
        return {name: plain(value) for name, value in self.mapping(*path).items() if value is not None}

    def mapping(self, *path: str) -> dict[str, Any]:
        """A mapping of inputs as it is. Raises Malformed."""
        found: Any = self.inputs
        for step in path:
            found = found.get(step) if isinstance(found, Mapping) else None
        if not isinstance(found, dict):
            raise Malformed(f"inputs.{'.'.join(path)} is missing or not an object")
        return found

    def flat(self) -> dict[str, str]:
        """The parameters, whether they are the inputs or lie in ``params``. Raises Malformed."""
        return self.params("params") if isinstance(self.inputs.get("params"), dict) else self.params()

    def key(self, name: str = "") -> str:
        """The secret, or one of several by name. Raises Malformed."""
        if isinstance(self.secret, str):
            return self.secret
        if not name and len(self.secret) == 1:
            return plain(next(iter(self.secret.values())))
        return _text("secret", self.secret, (name,), None)

    def has_key(self, name: str) -> bool:
        """Whether that secret is there."""
        return isinstance(self.secret, dict) and name in self.secret

    def tells(self, name: str) -> bool:
        """Whether that is expected."""
        return isinstance(self.expected, dict) and name in self.expected

    def want(self, name: str = "") -> str:
        """What is expected, or one of several by name. Raises Malformed."""
        if isinstance(self.expected, str):
            return self.expected
        return _text("expected", self.expected, (name,), None)


class Asked(Struct, frozen=True):
    """What a verifier is asked beside the message: the time, which order it should be about, what was seen."""

    now: int | None
    order: str | None = None
    seen: Seen = never

    def at(self) -> int:
        """The time, for a verifier that always wants one. Raises Malformed."""
        if self.now is None:
            raise Malformed("no time is signed that can be read")
        return self.now


class Scheme(Struct, frozen=True):
    """How one scheme is tried.

    ``make`` writes the signature or cipher text (None where the vector has no private key); ``accepts`` is our
    verifier, or opener, on a given one. ``covers``: patterns of inputs that are protected, ``!`` before those that
    are not. ``stamp`` is when it was signed, UTC seconds; ``window`` how long that is good. ``orders``: fields that
    name an order; ``binds``: the verifier can be told which order it must be.
    """

    make: Callable[[Case], str | None]
    accepts: Callable[[Case, str, Asked], bool] | None = None
    want: Callable[[Case], str] = Case.want
    covers: tuple[str, ...] = ("*", "!sign")
    stamp: Callable[[Case], int | None] | None = None
    window: int = 0
    repeats: bool = False
    orders: tuple[str, ...] = ()
    binds: bool = False
    cipher: bool = False
    more: Callable[[Case], Checks] | None = None


def plain(value: object) -> str:
    """A parameter as it travels."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_GONE: Final = object()


def _text(part: str, found: Any, path: tuple[str, ...], default: str | None) -> str:
    for step in path:
        found = found.get(step, _GONE) if isinstance(found, Mapping) else _GONE
    name = ".".join((part, *path)).rstrip(".")
    if found is _GONE:
        if default is None:
            raise Malformed(f"{name} is missing")
        return default
    if not isinstance(found, str | int):
        raise Malformed(f"{name} is neither text nor a number")
    return plain(found)
