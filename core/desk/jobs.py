"""Batches: freeze a set, show what an action would do to it, apply it as a job that can be watched, stopped, undone."""

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from core.desk.actions import ACTIONS
from core.desk.alike import agreed
from core.desk.claims import held_by_others
from core.desk.deeds import Action, BadArgs, Deed, reaches
from core.desk.hands import last_hands
from core.desk.job_rows import (
    ALIKE,
    CHUNK,
    FINAL,
    UNDO,
    NewJob,
    Spoilt,
    Step,
    Steps,
    UndoJob,
    create,
    create_undo,
    stop,
)
from core.desk.reads import Reads
from core.desk.recall import decisions
from core.desk.refusals import Refused, bad_request, forbidden, not_found
from core.desk.standing import states_of
from core.model.clock import MINUTE, SECOND
from core.pipeline.setup import Setup
from core.store.writer import NotLeader, StoreBroken, StoreFull, Writer

TOKENS_MAX = 64
TOKEN_LIFE = 10 * MINUTE
ITEMS_MAX = 200
_SAMPLE = 20


class Person(NamedTuple):
    """Who asks."""

    name: str
    role: str

    def need(self, role: str) -> None:
        """Raises Refused unless the role reaches ``role``."""
        if not reaches(self.role, role):
            raise forbidden(self.role, role)


class Limits(NamedTuple):
    """How much at once, and for how long. Times in microseconds."""

    undo: int = 600 * SECOND
    confirm_above: int = 50
    orders: int = 10_000


class _Frozen(NamedTuple):
    action: str
    args: dict[str, Any]
    orders: tuple[int, ...]
    by: str
    confirm_number: int | None
    until: int
    alike: str | None


class Jobs:
    """All batches of one core. ``resume`` at start, ``close`` at the end."""

    def __init__(self, writer: Writer, reads: Reads, setup: Setup, limits: Limits) -> None:
        self._writer, self._reads, self._setup, self.limits = writer, reads, setup, limits
        self._steps = Steps(setup)
        self._tokens: OrderedDict[str, _Frozen] = OrderedDict()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    # ---- preview and apply

    async def preview(self, person: Person, name: str, args: Any, orders: Sequence[int]) -> dict[str, Any]:
        """Freeze ``orders`` and tell what ``name`` would do to them. Raises Refused."""
        action, parsed = _parse(name, args)
        person.need(action.role)
        ids = tuple(dict.fromkeys(orders))
        if len(ids) > self.limits.orders:
            raise bad_request(f"one action takes at most {self.limits.orders} orders", "Narrow the filter.")
        alike = await agreed(self._reads, action, ids)
        deed = Deed(parsed, person.name, person.role, "", self._setup)
        allowed = final = 0
        money: dict[str, int] = {}
        blocked: dict[str, list[int]] = {}
        known = 0
        for at in range(0, len(ids), 1000):
            for state in await states_of(self._reads, ids[at : at + 1000]):
                known += 1
                why = action.check(state, deed)
                if why:
                    blocked.setdefault(why, []).append(state.id)
                else:
                    allowed += 1
                    final += action.is_final(state, deed)
                    money[state.currency] = money.get(state.currency, 0) + state.due
        if known < len(ids):
            blocked["no_such_order"] = [0] * (len(ids) - known)
        number = allowed if allowed > self.limits.confirm_above else None
        token = secrets.token_urlsafe(12)
        until = self._writer.clock() + TOKEN_LIFE
        self._tokens[token] = _Frozen(name, parsed, ids, person.name, number, until, alike)
        while len(self._tokens) > TOKENS_MAX:
            self._tokens.popitem(last=False)
        reasons = sorted(blocked.items(), key=lambda item: -len(item[1]))
        hands = await last_hands(self._reads, [some[0] for _, some in reasons if some[0]])
        return {
            "token": token,
            "total": len(ids),
            "allowed": allowed,
            "blocked": [
                {"why": why, "count": len(some), "sample": [i for i in some[:_SAMPLE] if i], **_told(hands, some[0])}
                for why, some in reasons
            ],
            "money": money,
            "undoable": action.undo is not None and (final < allowed or not allowed),
            "final": final,
            "confirm_number": number,
            "held": await held_by_others(self._reads, ids, person.name, self._writer.clock()),
        }

    async def apply(self, person: Person, token: str, reason: str, number: int | None) -> int:
        """Write the job and start it. A token serves once, for the person who made it. Raises Refused."""
        frozen = self._tokens.get(token)
        if frozen is None or frozen.by != person.name or frozen.until < self._writer.clock():
            raise _stale()
        action = ACTIONS[frozen.action]
        person.need(action.role)
        if action.needs_reason and not reason.strip():
            raise bad_request(f"{action.name} needs a reason", "Say why in a few words.")
        if frozen.confirm_number is not None and number != frozen.confirm_number:
            raise Refused(
                409, "confirm_number", f"{frozen.confirm_number} orders would change", "Repeat that number to confirm."
            )
        del self._tokens[token]  # before anything is waited for: it serves once
        if await agreed(self._reads, action, frozen.orders) not in (None, frozen.alike):  # an order changed since
            raise _stale()
        args = frozen.args if action.alike is None else {**frozen.args, ALIKE: frozen.alike}
        job = await self._writer.do(
            create, NewJob(action.name, args, person.name, person.role, reason.strip(), frozen.orders)
        )
        self._start(job)
        return job

    async def undo(self, person: Person, job: int) -> int:
        """Start the job that undoes ``job``; items that cannot be undone say why. Raises Refused."""
        person.need("operator")
        row = await self._reads.all("SELECT action FROM job WHERE id = ?", (job,))
        if row and row[0][0] in ACTIONS:
            person.need(ACTIONS[row[0][0]].role)
        new = await self._writer.do(create_undo, UndoJob(job, person.name, person.role, self.limits.undo))
        self._start(new)
        return new

    async def stop(self, person: Person, job: int) -> int:
        """Ask a running job to stop after the chunk at hand. Raises Refused."""
        person.need("operator")
        if not await self._reads.all("SELECT 1 FROM job WHERE id = ?", (job,)):
            raise not_found(f"job {job}")
        await self._writer.do(stop, job)
        return job

    # ---- running

    async def resume(self) -> int:
        """Go on with the jobs that an earlier core left; answers how many."""
        rows = await self._reads.all("SELECT id FROM job WHERE state = 'running' ORDER BY id")
        for (job,) in rows:
            self._start(int(job))
        return len(rows)

    async def close(self) -> None:
        """Leave running jobs where they stand; ``resume`` goes on from there."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, job: int) -> None:
        task = asyncio.get_running_loop().create_task(self._run(job), name=f"job-{job}")
        self._tasks[job] = task
        task.add_done_callback(lambda _: self._tasks.pop(job, None))

    async def _run(self, job: int) -> None:
        size = CHUNK
        with contextlib.suppress(StoreBroken, NotLeader):  # the next core resumes
            while True:
                try:
                    stepped = await self._writer.do(self._steps.apply, Step(job, size))
                except StoreFull:
                    await asyncio.sleep(1.0)
                    continue
                except (StoreBroken, NotLeader):
                    raise
                except Exception as error:
                    if size > 1:
                        size = 1  # find the one item that spoils its chunk
                        continue
                    # Only the type: a message might carry an order's text.
                    stepped = await self._writer.do(self._steps.spoil, Spoilt(job, f"error:{type(error).__name__}"))
                if stepped.state != "running":
                    return

    # ---- looking

    async def recall(self, person: Person, limit: int) -> list[dict[str, Any]]:
        """What a person decided last, newest first (core/desk/recall.py)."""
        return await decisions(self._reads, _COLUMNS, self._present, person.name, limit)

    async def list(self, limit: int) -> list[dict[str, Any]]:
        """Jobs, newest first, without items."""
        rows = await self._reads.all(f"{_SELECT} ORDER BY id DESC LIMIT ?", (limit,))
        return [self._present(row) for row in rows]

    async def get(self, job: int) -> dict[str, Any]:
        """One job with its first items, failures first. Raises Refused."""
        rows = await self._reads.all(f"{_SELECT} WHERE id = ?", (job,))
        if not rows:
            raise not_found(f"job {job}")
        items = await self._reads.all(
            "SELECT i.order_id, coalesce(o.ext_id, ''), i.ok, coalesce(i.why, ''), i.before IS NULL FROM job_item i "
            "LEFT JOIN orders o ON o.id = i.order_id WHERE i.job_id = ? AND i.ok IS NOT NULL "
            "ORDER BY i.ok, i.n LIMIT ?",
            (job, ITEMS_MAX),
        )
        hands = await last_hands(self._reads, [order for order, _, ok, _, _ in items if not ok])
        shown = [
            {
                "order_id": o,
                "ext_id": ext,
                "ok": bool(ok),
                "why": why,
                "final": bool(ok and bare),
                **({} if ok else _told(hands, o)),
            }
            for o, ext, ok, why, bare in items
        ]
        return {**self._present(rows[0]), "items": shown}

    def _present(self, row: Sequence[Any]) -> dict[str, Any]:
        job, action, args, by, reason, at, state, total, done, failed, finished, undo_of, undone_by = row
        found = ACTIONS.get(action)
        given = msgspec.json.decode(args)
        final = given.get(FINAL, 0)
        undoable = found is not None and found.undo is not None and undone_by is None and finished
        return {
            "id": job,
            "action": action,
            "args": {k: v for k, v in given.items() if not k.startswith("_")},
            "by": by,
            "reason": reason,
            "at": at,
            "state": state,
            "total": total,
            "done": done,
            "failed": failed,
            "final": final,
            "finished_at": finished,
            "undoable_until": finished + self.limits.undo if undoable and done > failed + final else None,
            "undo_of": undo_of if action == UNDO else None,
            "undone_by": undone_by,
        }


_COLUMNS = "id, action, args, by, reason, at, state, total, done, failed, finished_at, undo_of, undone_by"
_SELECT = f"SELECT {_COLUMNS} FROM job"


def _stale() -> Refused:
    return Refused(409, "stale_preview", "this preview is not valid any more", "Preview again.")


def _told(hands: Mapping[int, dict[str, Any]], order: int) -> dict[str, Any]:
    """Who was on the order last, for a reason that a person may have made."""
    return {"last": hands[order]} if order in hands else {}


def _parse(name: str, args: Any) -> tuple[Action, dict[str, Any]]:
    action = ACTIONS.get(name)
    if action is None or name == "reveal":
        hint = "Keys are revealed one order at a time: POST /v1/orders/{id}/reveal." if name == "reveal" else ""
        raise bad_request(f"there is no batch action {name[:40]!r}", hint or f"There are {' '.join(ACTIONS)}.")
    if not isinstance(args, Mapping):
        raise bad_request("args must be an object")
    try:
        return action, action.parse(args)
    except BadArgs as error:
        raise bad_request(str(error)) from None
