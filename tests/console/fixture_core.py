"""A small core for the console's tests: docs/socket.md over a real Unix socket, orders in memory, actions that apply.

It is no mock of the client: bytes go through HTTP. Run it to look at the desk with many orders:
``python -m tests.console.fixture_core --orders 100000 --changes 300 --socket /tmp/k.sock``.
"""

import argparse
import asyncio
import bisect
import contextlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from console.state.standing import VIEWS
from tests.console.fixture_filter import FilterError, compile_filter
from tests.console.fixture_orders import (
    DECISIONS,
    NOT_UNDOABLE,
    NOW,
    SECOND,
    SHOPS,
    Row,
    in_view,
    make_order,
    rank,
)
from tests.console.fixture_presence import Presence, Refusal
from tests.console.fixture_wall import busy, history


class Core(Presence):
    """Orders in memory with the calls of the socket."""

    def __init__(self, orders: int = 60, seed: int = 7, now: Callable[[], int] = lambda: NOW) -> None:
        self.now, self.rng = now, random.Random(seed)
        self.rows: dict[int, Row] = {}
        self.order: list[tuple[int, int, int]] = []
        self.seq, self.version = 1, 1
        self.role, self.read_only, self.operator = "supervisor", False, "amei"
        self.tokens: dict[str, dict[str, Any]] = {}
        self.jobs: list[dict[str, Any]] = []
        self.changed: set[int] = set()
        self.woken = asyncio.Event()
        self.closing = False
        self.job_pause = 0.0
        self.skipped: list[tuple[int, str]] = []
        self.broken: dict[int, tuple[str, str]] = {}
        self.revealed: list[tuple[int, str]] = []
        self.confirm_over = 20
        self.most = 10_000  # orders that one act takes
        self.version = metadata.version("keydesk")
        self.final, self.undoable = 0, True
        self.wall: Callable[[int], dict[str, Any]] = busy
        self.wall_history: Callable[[str, str, int], dict[str, Any]] = history
        for n in range(orders):
            self.put(make_order(n, self.rng, now()))
        self.counted: Counter[str] | None = None

    def put(self, row: Row) -> None:
        """Adds or replaces an order and keeps the rank index true."""
        old = self.rows.get(row["id"])
        if old is not None:
            at = bisect.bisect_left(self.order, rank(old))
            if at < len(self.order) and self.order[at] == rank(old):
                del self.order[at]
        self.rows[row["id"]] = row
        bisect.insort(self.order, rank(row))
        self.counted = None

    def change(self, order_id: int, **fields: Any) -> Row:
        """A change in the core: new version, and the feed ticks."""
        row = {**self.rows[order_id], **fields}
        row["version"] += 1
        self.put(row)
        self.touch(order_id)
        return row

    def touch(self, *ids: int) -> None:
        """Makes the feed tick for these orders."""
        self.seq += 1
        self.changed.update(ids)
        self.woken.set()

    # reading

    def matching(self, view: str, text: str) -> Callable[[Row], bool]:
        """The predicate of a view and a filter."""
        try:
            wanted = compile_filter(text, self.now())
        except FilterError as error:
            raise Refusal(400, "bad_filter", str(error), error.hint, position=error.position) from None
        return lambda row: in_view(view, row) and wanted(row)

    def window(self, query: dict[str, str]) -> dict[str, Any]:
        """A window by keyset; marks are ranks as text."""
        wanted = self.matching(query.get("view", "work"), query.get("filter", ""))
        limit = min(int(query.get("limit", "50")), 500)
        after, before, at = query.get("after"), query.get("before"), query.get("at")
        backward = before is not None
        if before == "end":
            low = len(self.order)
        elif at is not None:
            low = bisect.bisect_left(self.order, rank(self.rows[int(at)])) if int(at) in self.rows else 0
        elif after is not None or before is not None:
            mark = tuple(json.loads(after or before or ""))
            low = bisect.bisect_right(self.order, mark) if after else bisect.bisect_left(self.order, mark)
        else:
            low = 0
        keys: Iterator[tuple[int, int, int]] = (
            (self.order[i] for i in range(low - 1, -1, -1))
            if backward
            else (self.order[i] for i in range(low, len(self.order)))
        )
        rows = []
        for key in keys:
            row = self.rows[key[2]]
            if wanted(row):
                rows.append(row)
                if len(rows) == limit:
                    break
        if backward:
            rows.reverse()
        view, text = query.get("view", "work"), query.get("filter", "")
        mark = lambda row: json.dumps(rank(row))  # noqa: E731
        above = None
        if rows and not text and view == "work" and not any(r["stage"] == "closed" for r in rows[:1]):
            above = bisect.bisect_left(self.order, rank(rows[0]))
        return {
            "rows": rows,
            "first": mark(rows[0]) if rows else None,
            "last": mark(rows[-1]) if rows else None,
            "before": above,
            "total": None if text else self.count(view),
            "seq": self.seq,
        }

    def count(self, view: str) -> int:
        """Kept counts of all views."""
        if self.counted is None:
            self.counted = Counter()
            for row in self.rows.values():
                for name in VIEWS:
                    self.counted[name] += in_view(name, row)
        return self.counted[view]

    def counters(self) -> dict[str, Any]:
        """The desk's figures."""
        working = [r for r in self.rows.values() if in_view("work", r)] if len(self.rows) < 5000 else []
        return {
            "seq": self.seq, "at": self.now(), "stages": {"open": self.count("open")},
            "cases": dict(Counter(k for r in working for k in r["cases"])),
            "backlog": self.count("work"), "oldest_at": min((r["created_at"] for r in working), default=None),
            "in_per_min": 42.0, "delivered_per_min": 40.5, "errors_per_min": 0.4, "error_rate": 0.012,
            "series": {"in": [i % 7 * 6 for i in range(60)], "delivered": [(i * 5) % 13 * 3 for i in range(60)]},
            "late": sum(r["lateness"] == "late" for r in working),
            "shops": [{"name": n, "platform": p, "last_pull_at": self.now() - 4 * SECOND, "lag_s": 4.0, "state": "ok",
                       "error": None} for n, p in SHOPS],
            "claims": {},
        }  # fmt: skip

    def full(self, order_id: int) -> dict[str, Any]:
        """One order in full."""
        row = self.rows.get(order_id)
        if row is None:
            raise Refusal(404, "no_order", "there is no such order")
        at = row["created_at"]
        facts: dict[str, Any] = {"due": row["amount"], "paid": row["paid"]} if row["why"] == "unpaid" else {}
        if row["cases"]:
            facts = {"kind": row["cases"][0], "opened_at": at + 9 * SECOND}
        paid = [{"amount": row["paid"], "at": at + 3 * SECOND, "provider": row["platform"]}] if row["paid"] else []
        return {
            "row": row,
            "lines": [{"line": 1, "sku": "sku-1", "product": row["product"], "title": row["title"], "qty": row["qty"],
                       "amount": row["amount"]}],
            "payments": paid, "refunds": [],
            "keys": [{"id": 9, "line": 1, "slot": 1, "state": "sold", "mask": "ABCD-****-9", "batch": 3}]
            if row["stage"] == "delivering" else [],
            "intents": [{"id": 5, "effect": "send", "via": "smtp", "class": "A", "state": "sending", "tries": 1,
                         "next_at": None, "attempts": [{"n": 1, "opened_at": at + 20 * SECOND, "closed_at": None,
                                                        "result": None, "why": None, "evidence": None}]}]
            if row["stage"] == "delivering" else [],
            "holds": [{"reason": h, "by": "rules", "at": at} for h in row["holds"]],
            "cases": [{"kind": k, "opened_at": at} for k in row["cases"]],
            "events": [{"seq": 1, "at": at, "actor": row["shop"], "kind": "received", "body": {"qty": row["qty"]}},
                       {"seq": 2, "at": at + 3 * SECOND, "actor": "core", "kind": "payment", "body": {"amount": row["paid"]}}],
            "why_long": {"code": row["why"], "facts": facts},
            "actions": [{"action": "confirm", "enabled": bool(row["holds"]), "why": None if row["holds"] else "no hold"}],
            "message": "请发到 a***@x.cn，谢谢", "contact_mask": "a***@x.cn",
        }  # fmt: skip

    def cases(self) -> list[dict[str, Any]]:
        """All open cases, oldest first."""
        out = [
            {
                "id": row["id"] * 10 + i, "order_id": row["id"], "ext_id": row["ext_id"], "shop": row["shop"], "kind": kind,
                "fact": {"due": row["amount"], "paid": row["paid"], "attempts": 2}, "opened_at": row["created_at"],
                "deadline": row["deadline"], "money": {"CNY": row["amount"]},
                "proposal": "retry" if kind == "no_stock" else None,
                "decisions": [{"action": a, "args": g, "label": a} for a, g in DECISIONS[kind]], "row": row,
            }
            for row in self.rows.values() if in_view("work", row) for i, kind in enumerate(row["cases"])
        ]  # fmt: skip
        return sorted(out, key=lambda c: c["opened_at"])

    def history(self, query: dict[str, str]) -> dict[str, Any]:
        """The event log, newest first: of every order that it came, of some that a person held them."""
        events = []
        for row in sorted(self.rows.values(), key=lambda r: r["id"]):
            about = {
                "order_id": row["id"], "ext_id": row["ext_id"], "shop": row["shop"], "at": row["created_at"],
                "currency": row["currency"],
            }  # fmt: skip
            events.append(
                {**about, "kind": "received", "actor": "intake", "body": {"due": row["amount"], "qty": row["qty"]}}
            )
            if row["holds"]:
                events.append(
                    {**about, "kind": "held", "actor": self.operator, "body": {"reason": "manual", "note": "再看一下"}}
                )
        events = [{"seq": seq, **one} for seq, one in enumerate(events, 1)]
        by = self.operator if query.get("by") == "me" else query.get("by", "")
        kinds = [k for k in query.get("kind", "").replace("decision", "held").split(",") if k]
        before, limit = int(query.get("before", 2**62)), int(query["limit"])
        found = [
            one for one in reversed(events)
            if one["seq"] < before and one["actor"] == (by or one["actor"]) and one["kind"] in (kinds or [one["kind"]])
            and one["order_id"] == int(query.get("order", one["order_id"]))
        ]  # fmt: skip
        return {"events": found[:limit], "next": found[limit - 1]["seq"] if len(found) > limit else None}

    # acting

    def guard(self, action: str, row: Row) -> str | None:
        """Why an action cannot touch a row."""
        if row["stage"] in ("closed", "cancelled"):
            return "already ended"
        if action in ("confirm", "release") and not row["holds"]:
            return "no hold"
        if action == "hold" and row["holds"]:
            return "already held"
        return None

    def preview(self, body: dict[str, Any]) -> dict[str, Any]:
        """Freezes a set."""
        if self.read_only:
            raise Refusal(403, "read_only", "the core is read-only")
        action = body["action"]
        if "orders" in body:
            rows = [self.rows[i] for i in body["orders"] if i in self.rows]
        else:
            wanted = self.matching(body["view"], body["filter"])
            rows = [self.rows[k[2]] for k in self.order if wanted(self.rows[k[2]])]
        blocked: dict[str, list[int]] = {}
        allowed = []
        for row in rows:
            why = self.guard(action, row)
            if why is None:
                allowed.append(row["id"])
            else:
                blocked.setdefault(why, []).append(row["id"])
        token = f"t{len(self.tokens) + 1}"
        number = len(allowed) if len(allowed) > self.confirm_over else None
        self.tokens[token] = {"action": action, "args": body["args"], "ids": allowed, "number": number}
        return {
            "token": token, "total": len(rows), "allowed": len(allowed),
            "blocked": [{"why": w, "count": len(i), "sample": i[:5]} for w, i in blocked.items()],
            "money": {"CNY": sum(self.rows[i]["amount"] for i in allowed)},
            "undoable": self.undoable and action not in NOT_UNDOABLE, "final": self.final, "confirm_number": number,
            "held": sum(bool(r["claim"]) and r["claim"]["by"] != self.operator and r["claim"]["until"] > self.now() for r in rows),
        }  # fmt: skip

    def apply(self, body: dict[str, Any]) -> dict[str, Any]:
        """Makes a job of a frozen set."""
        frozen = self.tokens.pop(body["token"], None)
        if frozen is None:
            raise Refusal(409, "no_token", "this preview was used or has run out", "preview again")
        if frozen["number"] is not None and frozen["number"] != body["number"]:
            raise Refusal(400, "wrong_number", "the number does not match")
        return self.start(frozen["action"], frozen["args"], frozen["ids"], body["reason"])

    def start(self, action: str, args: dict[str, Any], ids: list[int], reason: str | None) -> dict[str, Any]:
        """Runs a job beside the socket."""
        job = {
            "id": 100 + len(self.jobs), "action": action, "args": args, "by": self.operator, "reason": reason,
            "at": self.now(), "state": "running", "total": len(ids), "done": 0, "failed": 0, "finished_at": None,
            "undoable_until": None, "items": [], "_before": {i: self.rows[i] for i in ids},
        }  # fmt: skip
        self.jobs.append(job)
        self._task = asyncio.create_task(self.work(job, ids))
        return {"job": job["id"]}

    async def work(self, job: dict[str, Any], ids: list[int]) -> None:
        """One item after the other."""
        for order_id in ids:
            if job["state"] == "stopped":
                break
            if self.job_pause:
                await asyncio.sleep(self.job_pause)
            self.one(job["action"], job["args"], order_id, job)
            job["done"] += 1
            job["items"].append(
                {"order_id": order_id, "ext_id": self.rows[order_id]["ext_id"], "ok": True, "why": None}
            )
        job["finished_at"] = self.now()
        if job["state"] == "running":
            job["state"] = "done"
        if job["action"] not in NOT_UNDOABLE and job["action"] != "undo":
            job["undoable_until"] = self.now() + 30 * SECOND
        self.touch()

    def one(self, action: str, args: dict[str, Any], order_id: int, job: dict[str, Any]) -> None:
        """The effect of an action on one order."""
        row = self.rows[order_id]
        if action == "undo":
            old = job["args"]["before"][order_id]
            self.change(order_id, **{k: old[k] for k in ("holds", "why", "tag", "note", "priority")})
        elif action == "hold":
            self.change(order_id, holds=["manual"], why="hold:manual", note=args.get("note", row["note"]))
        elif action in ("release", "confirm"):
            self.change(order_id, holds=[], why="at_gate")
        elif action in ("tag", "note", "priority"):
            self.change(order_id, **{action: args.get(action)})
        elif action == "close":
            self.change(order_id, stage="closed", why="", cases=[])
        else:
            self.change(order_id, cases=[], why="queued_send", stage="allocated")


async def _churn(core: Core, per_s: int) -> None:
    """Changes as a busy shop makes them; most fall into the rows at the head, where the operator looks."""
    rng, gap = random.Random(3), 0.02
    due = 0.0
    while True:
        await asyncio.sleep(gap)
        due += per_s * gap
        while due >= 1:
            due -= 1
            near = min(60, len(core.order))
            at = rng.randrange(near) if rng.random() < 0.8 else rng.randrange(len(core.order))
            row = core.rows[core.order[at][2]]
            counted = core.counted
            why = rng.choice(("at_gate", "queued_send", "sending", "unpaid"))
            core.change(row["id"], why=why, paid=rng.randrange(row["amount"] + 1), qty=rng.choice((1, 2, 3)))
            core.counted = counted


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=0, help="changes a second")
    parser.add_argument("--socket", default="/tmp/keydesk-fixture.sock")
    given = parser.parse_args()
    import time

    def live_now() -> int:
        return time.time_ns() // 1000

    from tests.console.fixture_core import Core as Same  # the module under its own name, not __main__
    from tests.console.fixture_server import Served

    served = Served(lambda: Same(given.orders, now=live_now), Path(given.socket))
    if given.changes:
        asyncio.run_coroutine_threadsafe(_churn(served.core, given.changes), served.loop)
    print(f"serving {given.orders} orders on {given.socket}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


if __name__ == "__main__":
    main()
