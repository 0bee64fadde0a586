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
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.console.fixture_filter import FilterError, compile_filter

NOW = 1_780_000_000_000_000  # the tests' "now", UTC us
SECOND = 1_000_000
Row = dict[str, Any]

SHOPS = (("淘宝旗舰", "taobao"), ("拼多多店", "pdd"), ("Steamy", "stripe"))
PRODUCTS = (
    ("steam50", "Steam 充值卡 50元"),
    ("qq100", "QQ币 100个"),
    ("netflix", "Netflix 月卡"),
    ("win11", "Windows 11 Pro key"),
    ("ps500", "PSN 港服 500"),
)
BUYERS = ("张三丰", "alice", "王小明", "李雷", "bob_88", "韩梅梅", "tb_38291", "欧阳修文")
DECISIONS = {
    "no_stock": [("retry", {}), ("close", {})],
    "unknown_outcome": [("was_sent", {}), ("not_sent", {}), ("replace_key", {})],
    "late_payment": [("accept_late", {}), ("return_late", {})],
    "buyer_input_invalid": [("fix_contact", {}), ("close", {})],
}
NOT_UNDOABLE = {"resend", "retry", "was_sent", "not_sent", "replace_key", "close", "reveal", "accept_case"}


def make_order(n: int, rng: random.Random, now: int) -> Row:
    """The n-th order; a seed makes the same shop floor every time."""
    shop, platform = SHOPS[n % len(SHOPS)]
    product, title = PRODUCTS[rng.randrange(len(PRODUCTS))]
    amount = rng.choice((5000, 9900, 100, 29900, 129900, 1250))
    kind = rng.random()
    row: Row = {
        "id": 7_000_000 + n,
        "ext_id": f"{'TB' if platform == 'taobao' else 'P' if platform == 'pdd' else 'ord_'}{20260611000000 + n * 37}",
        "shop": shop, "platform": platform, "product": product, "title": title,
        "qty": 3 if n % 11 == 0 else 1, "amount": amount, "paid": amount, "refunded": 0, "currency": "CNY",
        "buyer": BUYERS[rng.randrange(len(BUYERS))], "stage": "open", "money": "paid", "why": "at_gate", "tag": "",
        "priority": 0, "created_at": now - rng.randrange(5, 90_000) * SECOND,
        "deadline": now + rng.randrange(-600, 40_000) * SECOND if n % 4 else None,
        "lateness": "none", "version": 1, "claim": None, "cases": [], "holds": [], "note": "",
    }  # fmt: skip
    if kind < 0.2:
        row.update(paid=0, money="unpaid", why="unpaid")
    elif kind < 0.3:
        case = rng.choice(tuple(DECISIONS))
        row.update(cases=[case], why=f"case:{case}")
    elif kind < 0.36:
        row.update(holds=["confirm"], why="hold:confirm")
    elif kind < 0.5:
        row.update(stage="delivering", why="sending")
    if amount >= 50000:
        row.update(tag="大额", priority=5)
    elif n % 17 == 0:
        row.update(tag="VIP", priority=3)
    if row["deadline"] is not None:
        left = row["deadline"] - now
        row["lateness"] = "late" if left < 0 else "warn" if left < 3600 * SECOND else "ok"
    return row


def rank(row: Row) -> tuple[int, int, int]:
    """Where a row stands in the work views: priority, then deadline, then age of the id."""
    return -row["priority"], row["deadline"] or 1 << 62, row["id"]


def in_view(view: str, row: Row) -> bool:
    """Whether a view of docs/socket.md holds a row."""
    done = row["stage"] in ("delivered", "closed", "cancelled")
    if view == "recent":
        return done
    tests: dict[str, Callable[[], bool]] = {
        "work": lambda: True,
        "open": lambda: row["stage"] == "open",
        "waiting_money": lambda: row["money"] in ("unpaid", "part_paid"),
        "delivering": lambda: row["stage"] in ("allocated", "delivering"),
        "exceptions": lambda: bool(row["cases"]),
        "held": lambda: bool(row["holds"]),
        "vip": lambda: row["tag"] == "VIP",
        "big": lambda: row["amount"] >= 50000,
        "mine": lambda: bool(row["claim"]),
    }
    return not done and tests[view]()


class Refusal(Exception):
    """An answer of 4xx."""

    def __init__(self, status: int, code: str, message: str, hint: str = "", **extra: object) -> None:
        super().__init__(message)
        self.status, self.body = status, {"error": {"code": code, "message": message, "hint": hint, **extra}}


class Core:
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
        self.revealed: list[tuple[int, str]] = []
        self.confirm_over = 20
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
                for name in (
                    "work",
                    "open",
                    "waiting_money",
                    "delivering",
                    "exceptions",
                    "held",
                    "vip",
                    "big",
                    "mine",
                    "recent",
                ):
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
                "deadline": row["deadline"], "money": row["amount"],
                "proposal": "retry" if kind == "no_stock" else None,
                "decisions": [{"action": a, "args": g, "label": a} for a, g in DECISIONS[kind]], "row": row,
            }
            for row in self.rows.values() if in_view("work", row) for i, kind in enumerate(row["cases"])
        ]  # fmt: skip
        return sorted(out, key=lambda c: c["opened_at"])

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
            "undoable": action not in NOT_UNDOABLE, "confirm_number": number,
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

    def claim(self, body: dict[str, Any]) -> dict[str, Any]:
        """A lease on one order, or on the best that nobody holds."""
        until = self.now() + 60 * SECOND
        if "order" in body:
            row = self.rows[body["order"]]
            if row["claim"] and row["claim"]["by"] != self.operator:
                raise Refusal(409, "claimed", f"claimed by {row['claim']['by']}")
        else:
            wanted = self.matching(body["view"], body["filter"])
            free = (self.rows[k[2]] for k in self.order)
            found = next((r for r in free if wanted(r) and r["id"] not in body["skip"] and not r["claim"]), None)
            if found is None:
                return {"row": None, "until": None}
            row = found
        return {"row": self.change(row["id"], claim={"by": self.operator, "until": until}), "until": until}


def app_of(core: Core) -> Starlette:
    """The socket's calls."""

    def public(job: dict[str, Any], items: bool = False) -> dict[str, Any]:
        return {k: v for k, v in job.items() if not k.startswith("_") and (items or k != "items")}

    def job_of(request: Request) -> dict[str, Any]:
        found = [j for j in core.jobs if j["id"] == int(request.path_params["id"])]
        if not found:
            raise Refusal(404, "no_job", "there is no such job")
        return found[0]

    async def health(_: Request) -> Response:
        return JSONResponse({
            "version": "0.1.0", "pid": 1, "epoch": 1, "database": "x", "started_at": NOW, "now": core.now(),
            "operator": core.operator, "role": core.role, "read_only": core.read_only,
            "shops": [{"name": n, "platform": p} for n, p in SHOPS], "language": "zh_CN",
        })  # fmt: skip

    async def queue(request: Request) -> Response:
        return JSONResponse(core.window(dict(request.query_params)))

    async def count(request: Request) -> Response:
        view, text = request.query_params.get("view", "work"), request.query_params.get("filter", "")
        if not text:
            return JSONResponse({"count": core.count(view), "exact": True})
        wanted = core.matching(view, text)
        return JSONResponse({"count": sum(wanted(r) for r in core.rows.values()), "exact": True})

    async def order(request: Request) -> Response:
        return JSONResponse(core.full(int(request.path_params["id"])))

    async def find(request: Request) -> Response:
        text = request.query_params["q"].lower()
        rows = [r for r in core.rows.values() if text in f"{r['id']} {r['ext_id']} {r['buyer']}".lower()]
        return JSONResponse({"rows": rows[:20]})

    async def groups(_: Request) -> Response:
        kinds: dict[str, list[dict[str, Any]]] = {}
        for case in core.cases():
            kinds.setdefault(case["kind"], []).append(case)
        found = [{"kind": k, "count": len(c), "oldest_at": c[0]["opened_at"], "money": sum(x["money"] for x in c)}
                 for k, c in kinds.items()]  # fmt: skip
        return JSONResponse({"groups": sorted(found, key=lambda g: g["oldest_at"])})

    async def cases(request: Request) -> Response:
        kind, limit = request.query_params["kind"], int(request.query_params.get("limit", "50"))
        return JSONResponse({"cases": [c for c in core.cases() if c["kind"] == kind][:limit], "next": None})

    async def counters(_: Request) -> Response:
        return JSONResponse(core.counters())

    async def stock(_: Request) -> Response:
        frees = (0, 14, 260, 1200, 40)
        return JSONResponse({"products": [
            {"id": p, "title": title, "free": free, "sold": 5, "suspect": 0, "burnt": 0, "withdrawn": 0, "per_hour": 12.0,
             "runs_out_at": core.now() + free * 300 * SECOND if 0 < free < 100 else None}
            for (p, title), free in zip(PRODUCTS, frees, strict=True)
        ]})  # fmt: skip

    async def feed(request: Request) -> Response:
        gap = 1 / float(request.query_params.get("hz", "5"))

        async def lines() -> AsyncIterator[bytes]:
            yield json.dumps({"seq": core.seq, "ping": True}).encode() + b"\n"
            while not core.closing:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(core.woken.wait(), 0.5)
                if core.closing or not core.woken.is_set():
                    continue
                core.woken.clear()
                ids = list(core.changed)
                core.changed.clear()
                tick = {"seq": core.seq, "changed": ids if len(ids) < 200 else None, "counters": core.counters()}
                yield json.dumps(tick).encode() + b"\n"
                await asyncio.sleep(gap)

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def preview(request: Request) -> Response:
        return JSONResponse(core.preview(await request.json()))

    async def apply(request: Request) -> Response:
        return JSONResponse(core.apply(await request.json()))

    async def jobs(request: Request) -> Response:
        limit = int(request.query_params.get("limit", "50"))
        return JSONResponse({"jobs": [public(j) for j in reversed(core.jobs)][:limit]})

    async def job(request: Request) -> Response:
        return JSONResponse(public(job_of(request), items=True))

    async def stop(request: Request) -> Response:
        one = job_of(request)
        if one["state"] == "running":
            one["state"] = "stopped"
        return JSONResponse({"job": one["id"]})

    async def undo(request: Request) -> Response:
        one = job_of(request)
        if one["undoable_until"] is None:
            raise Refusal(409, "not_undoable", "this cannot be undone")
        one["undoable_until"] = None
        done = [item["order_id"] for item in one["items"]]
        before = one["_before"]
        return JSONResponse(core.start("undo", {"before": before}, done, None))

    async def reveal(request: Request) -> Response:
        reason = (await request.json())["reason"]
        core.revealed.append((int(request.path_params["id"]), reason))
        return JSONResponse({"keys": [{"id": 1, "line": 1, "slot": 1, "state": "sold", "key": "SECRET-KEY-1"}]})

    async def claims(request: Request) -> Response:
        return JSONResponse(core.claim(await request.json()))

    async def beat(request: Request) -> Response:
        return JSONResponse({"until": core.now() + 60 * SECOND})

    async def drop(request: Request) -> Response:
        for order_id in (await request.json())["orders"]:
            core.change(order_id, claim=None)
        return JSONResponse({})

    def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return JSONResponse(error.body, status_code=error.status)

    gets = {
        "/v1/health": health, "/v1/queue": queue, "/v1/count": count, "/v1/orders/{id}": order, "/v1/find": find,
        "/v1/cases/groups": groups, "/v1/cases": cases, "/v1/counters": counters, "/v1/stock": stock, "/v1/feed": feed,
        "/v1/jobs": jobs, "/v1/jobs/{id}": job,
    }  # fmt: skip
    posts = {
        "/v1/preview": preview, "/v1/apply": apply, "/v1/jobs/{id}/stop": stop, "/v1/jobs/{id}/undo": undo,
        "/v1/orders/{id}/reveal": reveal, "/v1/claims": claims, "/v1/claims/beat": beat, "/v1/claims/drop": drop,
    }  # fmt: skip
    routes = [Route(path, call) for path, call in gets.items()]
    routes += [Route(path, call, methods=["POST"]) for path, call in posts.items()]
    return Starlette(routes=routes, exception_handlers={Refusal: refused})


class Served:
    """A core on a socket in a thread of its own; ``do`` runs a function on its loop."""

    def __init__(self, core_of: Callable[[], Core], path: Path) -> None:
        self._core_of, self.path = core_of, path
        self.core: Core
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._up.wait(20):
            raise RuntimeError("the test core did not start")

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.core = self._core_of()
        sock = socket.socket(socket.AF_UNIX)
        self.path.unlink(missing_ok=True)
        sock.bind(str(self.path))
        sock.listen(64)
        config = uvicorn.Config(app_of(self.core), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self._up.set()
        await self.server.serve(sockets=[sock])

    def do(self, call: Callable[[Core], Any]) -> Any:
        """Runs a function on the core's own loop and answers what it answers."""

        async def there() -> Any:
            return call(self.core)

        return asyncio.run_coroutine_threadsafe(there(), self.loop).result(10)

    def stop(self) -> None:
        """Ends the server as a killed core would: connections break, the socket is gone."""
        if not self._thread.is_alive():
            return
        self.core.closing = True
        self.loop.call_soon_threadsafe(self.core.woken.set)
        self.server.should_exit = self.server.force_exit = True
        self._thread.join(10)
        self.path.unlink(missing_ok=True)


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

    served = Served(lambda: Core(given.orders, now=live_now), Path(given.socket))
    if given.changes:
        asyncio.run_coroutine_threadsafe(_churn(served.core, given.changes), served.loop)
    print(f"serving {given.orders} orders on {given.socket}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


if __name__ == "__main__":
    main()
