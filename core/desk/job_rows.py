"""Jobs as rows: written with their frozen items, executed in chunks, each item's result in the transaction of its effect."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from core.desk.actions import ACTIONS
from core.desk.alike import strayed
from core.desk.deeds import Action, Deed
from core.desk.refusals import Refused, not_found
from core.desk.standing import OrderState, states_in
from core.model.lifecycle import EventKind
from core.pipeline.setup import Setup
from core.store.tx import Tx

CHUNK = 200
UNDO = "undo"
FINAL = "_final"  # beside a job's arguments: how many of its items let something go that no undo brings back
ALIKE = "_alike"  # beside them too: what its orders shared when they were previewed (core/desk/alike.py)
_encode = msgspec.json.Encoder().encode


class NewJob(NamedTuple):
    """A job to write down. The role goes with it: checks after a restart must not depend on who is there."""

    action: str
    args: Mapping[str, Any]
    by: str
    role: str
    reason: str
    orders: Sequence[int]


class UndoJob(NamedTuple):
    """A job that takes back another one's items. ``window``: how long after its end that is offered (us)."""

    job: int
    by: str
    role: str
    window: int


class Step(NamedTuple):
    """Execute the next ``size`` items of a job."""

    job: int
    size: int = CHUNK


class Stepped(NamedTuple):
    """How a job stands after a step."""

    state: str
    left: int


class Spoilt(NamedTuple):
    """The next item of a job failed in a way that nobody foresaw."""

    job: int
    why: str


_INSERT_JOB = (
    "INSERT INTO job(id, action, args, by, reason, at, state, total, done, failed, stop, undo_of) "
    "VALUES(?, ?, ?, ?, ?, ?, 'running', ?, 0, 0, 0, ?)"
)


def create(tx: Tx, items: list[NewJob]) -> list[int]:
    """Writer handler: write jobs with their items; answers their ids."""
    out = []
    for new in items:
        job = tx.new_id()
        args = _encode({**new.args, "_role": new.role}).decode()
        tx.run(_INSERT_JOB, (job, new.action, args, new.by, new.reason, tx.now, len(new.orders), None))
        tx.run(
            "INSERT INTO job_item(job_id, n, order_id) SELECT ?, key + 1, value FROM json_each(?)",
            (job, _encode(list(new.orders)).decode()),
        )
        body = {"job": job, "action": new.action, "total": len(new.orders), "reason": new.reason}
        tx.event(EventKind.JOB, 0, new.by, body)
        out.append(job)
    return out


def create_undo(tx: Tx, items: list[UndoJob]) -> list[int | Exception]:
    """Writer handler: write the job that undoes another; answers its id or why there is none."""
    return [_undo_of(tx, item) for item in items]


def _undo_of(tx: Tx, item: UndoJob) -> int | Exception:
    row = tx.one(
        f"SELECT action, state, finished_at, undone_by, done - failed - coalesce(args ->> '$.{FINAL}', 0) FROM job "
        "WHERE id = ?",
        (item.job,),
    )
    if row is None:
        return not_found(f"job {item.job}")
    action, state, finished, undone_by, good = row
    found = ACTIONS.get(action)
    if found is None or found.undo is None:
        return Refused(409, "not_undoable", f"{action} cannot be undone", "Its effects have gone out or are recorded.")
    if state == "running":
        return Refused(409, "running", "the job is still running", "Stop it first.")
    if undone_by is not None:
        return Refused(409, "undone", "this job was undone before")
    if tx.now > finished + item.window:
        return Refused(409, "too_late", "the time to undo this job is over", "Use the opposite action.")
    if not good:
        return Refused(409, "not_undoable", f"nothing of this {action} can be undone", "The keys go out at once.")
    job = tx.new_id()
    args = _encode({"job": item.job, "_role": item.role}).decode()
    tx.run(_INSERT_JOB, (job, UNDO, args, item.by, "", tx.now, good, item.job))
    tx.run(
        "INSERT INTO job_item(job_id, n, order_id, before) "
        "SELECT ?, row_number() OVER (ORDER BY n), order_id, before FROM job_item "
        "WHERE job_id = ? AND ok = 1 AND before IS NOT NULL",
        (job, item.job),
    )
    tx.run("UPDATE job SET undone_by = ? WHERE id = ?", (job, item.job))
    tx.event(EventKind.JOB, 0, item.by, {"job": job, "action": UNDO, "of": item.job, "total": good})
    return job


def stop(tx: Tx, items: list[int]) -> list[bool]:
    """Writer handler: ask jobs to stop; answers whether each was running."""
    return [tx.run("UPDATE job SET stop = 1 WHERE id = ? AND state = 'running'", (job,)) > 0 for job in items]


class Steps:
    """The executing handlers."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def apply(self, tx: Tx, items: list[Step]) -> list[Stepped]:
        """Execute the next items of each job. What became of an item commits together with its effect."""
        return [self._step(tx, item) for item in items]

    def spoil(self, tx: Tx, items: list[Spoilt]) -> list[Stepped]:
        """Note the next item of a job as failed and pass on."""
        out = []
        for item in items:
            job = _load(tx, item.job)
            if job.state == "running":
                self._write(tx, job, {job.done + 1: (0, item.why, None)})
            out.append(_close(tx, item.job))
        return out

    def _step(self, tx: Tx, item: Step) -> Stepped:
        job = _load(tx, item.job)
        if job.state != "running" or job.stop:
            return _close(tx, item.job)
        rows = tx.all(
            "SELECT n, order_id, before FROM job_item WHERE job_id = ? AND n > ? ORDER BY n LIMIT ?",
            (item.job, job.done, item.size),
        )
        states = {state.id: state for state in states_in(tx, [row[1] for row in rows])}
        execute = self._undo if job.action == UNDO else self._apply
        results = execute(tx, job, rows, states)
        self._write(tx, job, results)
        return _close(tx, item.job)

    def _apply(
        self, tx: Tx, job: "_Job", rows: Sequence[tuple[Any, ...]], states: Mapping[int, OrderState]
    ) -> dict[int, tuple[int, str, str | None]]:
        action, deed = ACTIONS[job.action], job.deed(self._setup)
        results: dict[int, tuple[int, str, str | None]] = {}
        going: dict[int, OrderState] = {}
        other = strayed(tx, action, list(states), job.args[ALIKE]) if ALIKE in job.args else ()
        for n, order, _ in rows:
            state = states.get(order)
            why = "no_such_order" if state is None else action.check(state, deed)
            why = why or ("changed_since" if order in other else "")
            if why or state is None:
                results[n] = (0, why, None)
            else:
                going[n] = state
        failed = action.apply(tx, deed, list(going.values())) if going else {}
        for n, state in going.items():
            why = failed.get(state.id, "")
            kept = None if why or action.is_final(state, deed) else _before(action, state)
            results[n] = (int(not why), why, kept)
        if action.undo is not None:
            _count_final(tx, job.id, sum(ok and before is None for ok, _, before in results.values()))
        return results

    def _undo(
        self, tx: Tx, job: "_Job", rows: Sequence[tuple[Any, ...]], states: Mapping[int, OrderState]
    ) -> dict[int, tuple[int, str, str | None]]:
        first = _load(tx, job.undo_of)
        undo = ACTIONS[first.action].undo
        assert undo is not None  # such a job is never written
        deed = first.deed(self._setup)._replace(by=job.by, role=job.role, reason="")
        results: dict[int, tuple[int, str, str | None]] = {}
        for n, order, before in rows:
            why = undo(tx, deed, states[order], msgspec.json.decode(before or "{}"))
            results[n] = (int(not why), why, before)
        return results

    def _write(self, tx: Tx, job: "_Job", results: Mapping[int, tuple[int, str, str | None]]) -> None:
        tx.many(
            "UPDATE job_item SET ok = ?, why = ?, before = ? WHERE job_id = ? AND n = ?",
            [(ok, why, before, job.id, n) for n, (ok, why, before) in results.items()],
        )
        bad = sum(not ok for ok, _, _ in results.values())
        tx.run("UPDATE job SET done = done + ?, failed = failed + ? WHERE id = ?", (len(results), bad, job.id))


class _Job(NamedTuple):
    id: int
    action: str
    args: dict[str, Any]
    by: str
    reason: str
    state: str
    done: int
    stop: int
    undo_of: int

    @property
    def role(self) -> str:
        return str(self.args["_role"])

    def deed(self, setup: Setup) -> Deed:
        args = {name: value for name, value in self.args.items() if not name.startswith("_")}
        return Deed(args, self.by, self.role, self.reason, setup)


def _load(tx: Tx, job: int) -> _Job:
    row = tx.one("SELECT id, action, args, by, reason, state, done, stop, undo_of FROM job WHERE id = ?", (job,))
    assert row is not None
    return _Job._make((*row[:2], msgspec.json.decode(row[2]), *row[3:8], row[8] or 0))


def _count_final(tx: Tx, job: int, more: int) -> None:
    if more:
        tx.run(
            f"UPDATE job SET args = json_set(args, '$.{FINAL}', coalesce(args ->> '$.{FINAL}', 0) + ?) WHERE id = ?",
            (more, job),
        )


def _before(action: Action, state: OrderState) -> str | None:
    return None if action.before is None else _encode(action.before(state)).decode()


def _close(tx: Tx, job: int) -> Stepped:
    """End a job whose items are through, or that was asked to stop."""
    row = tx.one("SELECT state, total - done, stop, failed, action, by FROM job WHERE id = ?", (job,))
    assert row is not None
    state, left, stopped, failed, action, by = row
    if state != "running" or (left and not stopped):
        return Stepped(state, left)
    state = "stopped" if left else "done"
    tx.run("UPDATE job SET state = ?, finished_at = ? WHERE id = ?", (state, tx.now, job))
    tx.event(EventKind.JOB, 0, by, {"job": job, "action": action, "state": state, "failed": failed, "left": left})
    return Stepped(state, left)
