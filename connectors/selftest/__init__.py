"""Signatures and ciphers against vectors: made, verified, and refused when anything about them changes.

A vector is an object with ``scheme``, ``inputs``, ``secret`` and ``expected``. Results name lengths and places, never
a secret, a signature or an input's value.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from connectors.aes import Unopened
from connectors.selftest.alter import altered, order_of, places, swapped, turned
from connectors.selftest.calls import CALLS
from connectors.selftest.case import Asked, Case, Malformed, Scheme
from connectors.selftest.notices import NOTICES
from connectors.selftest.pushes import PUSHES
from core.model.text import clean

SCHEMES: Final = {**CALLS, **PUSHES, **NOTICES}


class Verdict(Struct, frozen=True):
    """What became of one vector. ``tries``: changed, stale or repeated messages that were rightly refused."""

    index: int
    scheme: str
    ok: bool
    did: tuple[str, ...] = ()
    tries: int = 0
    why: str = ""


class Wrong(Exception):
    """A vector that does not hold, and at what."""


def read(data: bytes) -> list[Any]:
    """The vectors of a file. Raises ValueError when it is not a JSON list, or an empty one, which would prove nothing."""
    try:
        entries = msgspec.json.decode(data, type=list[Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ValueError(f"not a JSON list of vectors: {exc}") from None
    if not entries:
        raise ValueError("holds no vectors")
    return entries


def run(entries: list[Any]) -> Iterator[Verdict]:
    """A verdict on each vector; one that cannot be read is a failure and does not stop the others."""
    for index, entry in enumerate(entries):
        yield _one(index, entry)


def _one(index: int, entry: Any) -> Verdict:
    name = entry.get("scheme") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        return Verdict(index, "?", False, why="malformed: not an object with a scheme")
    scheme = SCHEMES.get(name)
    if scheme is None:
        return Verdict(index, clean(name, 60), False, why="scheme is not supported")
    trial = Trial(scheme)
    try:
        trial.walk(case_of(entry))
    except Malformed as exc:
        return Verdict(index, name, False, tuple(trial.did), trial.tries, f"malformed: {exc}")
    except Wrong as exc:
        return Verdict(index, name, False, tuple(trial.did), trial.tries, str(exc))
    except (ValueError, TypeError, OverflowError, RecursionError) as exc:
        # The modules' own messages quote no secret; those of libraries might.
        said = str(exc) if type(exc) in (ValueError, Unopened) else type(exc).__name__
        return Verdict(index, name, False, tuple(trial.did), trial.tries, f"not possible with these inputs: {said}")
    return Verdict(index, name, True, tuple(trial.did), trial.tries)


def case_of(entry: dict[str, Any]) -> Case:
    """The parts of a vector. Raises Malformed."""
    for part, kinds in (("inputs", (dict,)), ("secret", (str, dict)), ("expected", (str, dict))):
        if part not in entry:
            raise Malformed(f"{part} is missing")
        if not isinstance(entry[part], kinds):
            raise Malformed(f"{part} is not {' or '.join('text' if k is str else 'an object' for k in kinds)}")
    return Case(entry["inputs"], entry["secret"], entry["expected"])


class Trial:
    """One scheme on one vector; ``did`` and ``tries`` tell how far it came."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme, self.did, self.tries = scheme, list[str](), 0

    def walk(self, case: Case) -> None:
        """All of it. Raises Malformed, ValueError, or with the first thing that is wrong."""
        scheme, want = self.scheme, self.scheme.want(case)
        made = scheme.make(case)
        if made is not None:
            if made != want:
                raise Wrong(difference(want, made))
            self.did.append("sealed" if scheme.cipher else "signed")
        for said, right in scheme.more(case) if scheme.more else ():
            if not right:
                raise Wrong(f"{said}: does not hold")
            self.did.append(said)
        if scheme.accepts is None:
            self._changed_inputs(case, want)
            return
        asked = Asked(now=scheme.stamp(case) if scheme.stamp else None)
        if not scheme.accepts(case, want, asked):
            raise Wrong(f"the expected {'cipher text was not opened' if scheme.cipher else 'signature was refused'}")
        self.did.append("opened" if scheme.cipher else "verified")
        self._changed_inputs(case, want)
        for at in places(want):
            self._refused(case, turned(want, at), asked, f"a signature changed at {at + 1}")
        self._refused(case, "", asked, "no signature")
        self._refused(case, want[:-1], asked, "a shortened signature")
        if isinstance(case.secret, str):
            self._refused(replace(case, secret=turned(case.secret, 0)), want, asked, "another secret")
        self._old_and_repeated(case, want, asked)
        self._another_order(case, want, asked)

    def _changed_inputs(self, case: Case, want: str) -> None:
        asked = Asked(now=self.scheme.stamp(case) if self.scheme.stamp and self.scheme.accepts else None)
        for name, other in altered(case, self.scheme.covers):
            if self.scheme.accepts is not None:
                self._refused(other, want, asked, f"inputs.{name} changed")
            elif self._made(other) == want:
                raise Wrong(f"inputs.{name} changed and the signature did not")
            else:
                self.tries += 1
        self.did.append("changes refused" if self.scheme.accepts else "covers its inputs")

    def _made(self, case: Case) -> str | None:
        try:
            return self.scheme.make(case)
        except (ValueError, Malformed):
            return None

    def _refused(self, case: Case, given: str, asked: Asked, what: str) -> None:
        assert self.scheme.accepts is not None
        try:
            taken = self.scheme.accepts(case, given, asked)
        except (ValueError, Malformed):
            taken = False
        if taken:
            raise Wrong(f"accepted although wrong: {what}")
        self.tries += 1

    def _old_and_repeated(self, case: Case, want: str, asked: Asked) -> None:
        if asked.now is not None:
            assert self.scheme.accepts is not None
            for shift in (self.scheme.window, -self.scheme.window):
                if not self.scheme.accepts(case, want, replace(asked, now=asked.now + shift)):
                    raise Wrong(f"refused although only {shift} s off")
            for shift in (self.scheme.window + 1, -self.scheme.window - 1):
                self._refused(case, want, replace(asked, now=asked.now + shift), f"{shift} s off")
            self.did.append("stale refused")
        if self.scheme.repeats:
            self._refused(case, want, replace(asked, seen=lambda mark: True), "the same message again")
            self.did.append("repeat refused")

    def _another_order(self, case: Case, want: str, asked: Asked) -> None:
        order = inside = order_of(case.inputs, self.scheme.orders)
        if order is None and self.scheme.binds:  # a notice that is sealed names it inside
            order = order_of(case.expected, self.scheme.orders)
        if order is None:
            return
        if inside is not None:
            other = replace(case, inputs=swapped(case.inputs, inside, turned(inside, len(inside) - 1)))
            self._refused(other, want, asked, "about another order")
        if self.scheme.binds:
            self._refused(case, want, replace(asked, order=f"{order}0"), "played to another order")
            assert self.scheme.accepts is not None
            if not self.scheme.accepts(case, want, replace(asked, order=order)):
                raise Wrong("refused for the very order that it names")
        self.did.append("other order refused")


def difference(want: str, made: str) -> str:
    """Where two texts part, without showing either."""
    if len(want) != len(made):
        return f"expected {len(want)} characters, made {len(made)}"
    if want.lower() == made.lower():
        return "differs in upper and lower case alone"
    at = next(at for at, (one, two) in enumerate(zip(want, made, strict=True)) if one != two)
    return f"first difference at character {at + 1} of {len(want)}"
