"""Vectors with one thing changed, which must no longer hold."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from msgspec.structs import replace

from connectors.selftest.case import Case

_PLACES = 12  # characters tried in a long text, spread evenly, the first and the last among them


def places(text: str) -> list[int]:
    """Where a text is changed."""
    last = len(text) - 1
    return sorted({round(at * last / (_PLACES - 1)) for at in range(_PLACES)}) if text else []


def turned(text: str, at: int) -> str:
    """One character changed to another: never to a blank, and never to its other case."""
    old = text[at]
    new = "7" if old in "0123456" else "3" if old.isdigit() else "k" if old.lower() != "k" else "w"
    return text[:at] + new + text[at + 1 :]


def altered(case: Case, covers: tuple[str, ...]) -> Iterator[tuple[str, Case]]:
    """Path and case for each covered input, changed at each place. ``params.`` is no part of a path's name."""
    for path, value in _leaves(case.inputs, ()):
        name = ".".join(path).removeprefix("params.")
        if "params" in case.inputs and path[0] != "params" and name not in covers:
            continue  # a note beside the parameters
        if not _covered(name, covers):
            continue
        for changed in _changes(value):
            yield name, replace(case, inputs=_put(case.inputs, path, changed))


def _covered(name: str, covers: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in covers) and not any(
        fnmatchcase(name, pattern[1:]) for pattern in covers if pattern.startswith("!")
    )


def _changes(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, str):
        yield from (turned(value, at) for at in places(value))
        yield value + "0"


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _leaves(item, (*path, str(at)))
    else:
        yield path, value


def _put(value: Any, path: tuple[str, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, list):
        return [_put(item, path[1:], new) if str(at) == path[0] else item for at, item in enumerate(value)]
    return {key: _put(item, path[1:], new) if key == path[0] else item for key, item in value.items()}


def order_of(value: Any, names: tuple[str, ...]) -> str | None:
    """The order that inputs name, looked for in JSON texts too; None when they name none."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, dict):
        for name in names:
            if isinstance(value.get(name), str | int) and str(value[name]):
                return str(value[name])
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for item in inner if (found := order_of(item, names)) is not None), None)


def swapped(value: Any, old: str, new: str) -> Any:
    """The same inputs about another order."""
    if isinstance(value, dict):
        return {key: swapped(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [swapped(item, old, new) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return int(new) if str(value) == old else value
    return value.replace(old, new) if isinstance(value, str) else value
