"""Whoever writes events without being a person is known by name: the automatic share depends on it."""

import ast
from pathlib import Path

from core.model.actors import MACHINE

CORE = Path(__file__).parents[2] / "core"
# Where the actor stands among the arguments.
PLACES = {"event": 2, "events": 1, "open_cases": 2, "close_cases": 4, "lift_holds": 3, "HoldRow": 2, "tell": 4}
# Only in databases of benches.
ELSEWHERE = frozenset({"bench"})


def _named() -> dict[str, str]:
    out: dict[str, str] = {}
    for path in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            place = PLACES.get(name)
            if place is None or len(node.args) <= place:
                continue
            actor = node.args[place]
            if isinstance(actor, ast.Constant) and isinstance(actor.value, str):
                out[actor.value] = f"{path.name}:{node.lineno}"
    return out


def test_every_actor_that_the_core_names_is_a_machine() -> None:
    named = _named()
    assert len(named) > 5, "the search itself must find them"
    assert {name: where for name, where in named.items() if name not in MACHINE | ELSEWHERE} == {}
