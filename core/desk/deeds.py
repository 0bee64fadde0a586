"""What every action of the desk is made of: who does it, whether it is allowed, what it changes, how it is undone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from core.desk.standing import OrderState
from core.model.lifecycle import EventKind, Stage
from core.model.text import clean
from core.pipeline.setup import Setup
from core.store.tx import Tx, as_json

ROLES = ("viewer", "operator", "supervisor", "admin")
Args = Mapping[str, Any]


def reaches(role: str, needed: str) -> bool:
    """Whether ``role`` may do what ``needed`` may."""
    return ROLES.index(role) >= ROLES.index(needed)


class BadArgs(ValueError):
    """The arguments of an action are not what it takes; the message says what it takes."""


class Deed(NamedTuple):
    """One use of an action. ``by``: the person's name; ``setup``: what the stages know of the shops."""

    args: Args
    by: str
    role: str
    reason: str
    setup: Setup

    def may(self, role: str) -> bool:
        """Whether the person's role reaches ``role``."""
        return reaches(self.role, role)


Check = Callable[[OrderState, Deed], str]  # a code why not, or ""
Apply = Callable[[Tx, Deed, Sequence[OrderState]], Mapping[int, str]]  # what failed after all: order -> code
Undo = Callable[[Tx, Deed, OrderState, Mapping[str, Any]], str]  # a code why it cannot be undone, or ""
Final = Callable[[OrderState, Deed], bool]  # whether doing it to this order lets keys go, so that no undo comes in time


class Alike(NamedTuple):
    """What all orders of one act must share: one argument for strangers would send keys to the wrong place.

    ``sql`` is a constant over ``orders o``; orders with the same value are alike. ``refusal`` says why, ``hint`` what to do.
    """

    sql: str
    refusal: str
    hint: str


class Action(NamedTuple):
    """An entry of the registry. ``before``: what undo must know of the order as it was.

    ``final``: for which orders an action that can be undone cannot be.
    """

    name: str
    role: str
    check: Check
    apply: Apply
    parse: Callable[[Args], dict[str, Any]]
    needs_reason: bool = False
    undo: Undo | None = None
    before: Callable[[OrderState], dict[str, Any]] | None = None
    final: Final | None = None
    alike: Alike | None = None

    def is_final(self, state: OrderState, deed: Deed) -> bool:
        """Whether this action on this order could not be undone although it has an undo."""
        return self.undo is not None and self.final is not None and self.final(state, deed)


def no_args(args: Args) -> dict[str, Any]:
    """An action without arguments."""
    if args:
        raise BadArgs("this action takes no arguments")
    return {}


def text_arg(name: str, limit: int, needed: bool = False) -> Callable[[Args], dict[str, Any]]:
    """One text argument, cleaned; at most ``limit`` characters."""

    def parse(args: Args) -> dict[str, Any]:
        value = args.get(name, "")
        if set(args) - {name} or not isinstance(value, str) or (needed and not value.strip()):
            raise BadArgs(f"this action takes {name}: a text{'' if needed else ', or nothing'}")
        return {name: clean(value.strip(), limit)}

    return parse


NOTHING_FAILED: Mapping[int, str] = {}


def move(tx: Tx, states: Sequence[OrderState], target: Stage, actor: str) -> None:
    """Move orders along one edge of the life-cycle table, with counters and events."""
    if not states:
        return
    tx.run(
        "UPDATE orders SET stage = ?, version = version + 1, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
        (int(target), tx.now, as_json(s.id for s in states)),
    )
    for state in states:
        tx.moved(state.shop, state.stage, target)
        tx.event(EventKind.MOVED, state.id, actor, {"from": state.stage.name, "to": target.name})
    tx.touch(s.id for s in states)


def set_column(tx: Tx, column: str, value: str | int, states: Sequence[OrderState]) -> None:
    """Set one column of some orders; ``column`` is a constant of the caller."""
    tx.run(
        f"UPDATE orders SET {column} = ?, version = version + 1, changed_at = ? "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (value, tx.now, as_json(s.id for s in states)),
    )
    tx.touch(s.id for s in states)


def log(tx: Tx, deed: Deed, kind: EventKind, states: Sequence[OrderState], body: Mapping[str, Any]) -> None:
    """One event for each order, with the reason given."""
    full = {**body, "reason": deed.reason} if deed.reason else dict(body)
    for state in states:
        tx.event(kind, state.id, deed.by, full)
