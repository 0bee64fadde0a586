"""A person's act on one order, through the desk's own registry and inside the writer's transaction."""

from collections.abc import Mapping
from typing import Any

from core.desk.actions import ACTIONS
from core.desk.deeds import Deed
from core.desk.standing import states_in
from tests.rig import Rig

QUIET = {"note", "tag", "priority", "reveal"}  # move neither keys nor money


async def act(rig: Rig, ext_id: str, name: str, **args: Any) -> str:
    """A supervisor's act; answers the code why it was not done, or ""."""

    def _act(tx: Any, items: list[Any]) -> list[Any]:
        number = tx.one("SELECT id FROM orders WHERE ext_id = ?", (ext_id,))[0]
        (state,) = states_in(tx, [number])
        action = ACTIONS[name]
        deed = Deed(action.parse(args), "wang", "supervisor", "test", rig.setup)
        why = action.check(state, deed)
        if not why:
            why = action.apply(tx, deed, [state]).get(number, "")
        return [why] * len(items)

    return str(await rig.writer.do(_act, None))


async def act_somehow(rig: Rig, ext_id: str, pick: int, args: Mapping[str, dict[str, Any]]) -> str:
    """One of the acts that the order allows now; answers its name, "" when there is none."""

    def _act(tx: Any, items: list[Any]) -> list[Any]:
        number = tx.one("SELECT id FROM orders WHERE ext_id = ?", (ext_id,))[0]
        (state,) = states_in(tx, [number])
        deeds = {
            name: Deed(a.parse(args.get(name, {})), "wang", "supervisor", "test", rig.setup)
            for name, a in ACTIONS.items()
        }
        allowed = [n for n, action in ACTIONS.items() if n not in QUIET and not action.check(state, deeds[n])]
        if allowed:
            name = allowed[pick % len(allowed)]
            ACTIONS[name].apply(tx, deeds[name], [state])
        return [name if allowed else ""] * len(items)

    return str(await rig.writer.do(_act, None))
