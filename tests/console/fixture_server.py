"""The socket around the test core: docs/socket.md over real HTTP on a Unix socket, in a thread of its own."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.console import fixture_office
from tests.console.fixture_core import Core, Refusal
from tests.console.fixture_orders import NOW, PRODUCTS, SECOND, SHOPS


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
            "version": core.version, "pid": 1, "epoch": 1, "database": "x", "started_at": NOW, "now": core.now(),
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

    async def matching(request: Request) -> Response:
        wanted = core.matching(request.query_params.get("view", "work"), request.query_params.get("filter", ""))
        rows = [core.rows[k[2]] for k in core.order if wanted(core.rows[k[2]])]
        orders = [[r["id"], r["amount"], r["currency"]] for r in rows[: core.most]]
        return JSONResponse({"orders": orders, "more": len(rows) > core.most})

    async def lookup(request: Request) -> Response:
        wanted = (await request.json())["numbers"]
        found = {n: [r for r in core.rows.values() if r["ext_id"] == n] for n in wanted}
        orders = [[r[0]["id"], r[0]["amount"], r[0]["currency"]] for r in found.values() if len(r) == 1]
        missing, several = [n for n, r in found.items() if not r], [n for n, r in found.items() if len(r) > 1]
        return JSONResponse({"orders": orders, "missing": missing, "several": several})

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
        found = [{"kind": k, "count": len(c), "oldest_at": c[0]["opened_at"], "money": {"CNY": sum(x["money"]["CNY"] for x in c)}}
                 for k, c in kinds.items()]  # fmt: skip
        return JSONResponse({"groups": sorted(found, key=lambda g: g["oldest_at"])})

    async def cases(request: Request) -> Response:
        kind, limit = request.query_params["kind"], int(request.query_params.get("limit", "50"))
        of_kind = [c for c in core.cases() if c["kind"] == kind]
        start = int(request.query_params.get("after", "0"))
        page = of_kind[start : start + limit]
        return JSONResponse({"cases": page, "next": str(start + limit) if start + limit < len(of_kind) else None})

    async def counters(_: Request) -> Response:
        return JSONResponse(core.counters())

    async def stock(_: Request) -> Response:
        frees = (0, 14, 260, 1200, 40)
        return JSONResponse({"products": [
            {"id": p, "title": title, "free": free, "sold": 5, "suspect": 0, "burnt": 0, "withdrawn": 0, "per_hour": 12.0,
             "runs_out_at": core.now() + free * 300 * SECOND if 0 < free < 100 else None}
            for (p, title), free in zip(PRODUCTS, frees, strict=True)
        ]})  # fmt: skip

    async def wall(_: Request) -> Response:
        return JSONResponse(core.wall(core.now()))

    async def wall_history(request: Request) -> Response:
        asked = request.query_params
        return JSONResponse(core.wall_history(asked.get("span", "hour"), asked.get("shop", ""), core.now()))

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

    async def history(request: Request) -> Response:
        return JSONResponse(core.history(dict(request.query_params)))

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
        return JSONResponse(core.beat((await request.json())["orders"]))

    async def skip(request: Request) -> Response:
        return JSONResponse(core.skip(int(request.path_params["id"]), (await request.json())["reason"]))

    async def break_claim(request: Request) -> Response:
        return JSONResponse(core.break_claim(int(request.path_params["id"]), (await request.json())["reason"]))

    async def recall(request: Request) -> Response:
        return JSONResponse({"decisions": core.recall(int(request.query_params.get("limit", "20")))})

    async def drop(request: Request) -> Response:
        for order_id in (await request.json())["orders"]:
            core.change(order_id, claim=None)
        return JSONResponse({})

    def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return JSONResponse(error.body, status_code=error.status)

    gets = {
        "/v1/health": health, "/v1/queue": queue, "/v1/count": count, "/v1/matching": matching, "/v1/orders/{id}": order, "/v1/find": find,
        "/v1/cases/groups": groups, "/v1/cases": cases, "/v1/counters": counters, "/v1/stock": stock, "/v1/feed": feed,
        "/v1/jobs": jobs, "/v1/jobs/{id}": job, "/v1/recall": recall, "/v1/wall": wall,
        "/v1/wall/history": wall_history, "/v1/history": history,
    }  # fmt: skip
    posts = {
        "/v1/lookup": lookup, "/v1/preview": preview, "/v1/apply": apply, "/v1/jobs/{id}/stop": stop, "/v1/jobs/{id}/undo": undo,
        "/v1/orders/{id}/reveal": reveal, "/v1/claims": claims, "/v1/claims/beat": beat, "/v1/claims/drop": drop, "/v1/orders/{id}/skip": skip, "/v1/orders/{id}/break": break_claim,
    }  # fmt: skip
    routes = [Route(path, call) for path, call in gets.items()]
    routes += [Route(path, call, methods=["POST"]) for path, call in posts.items()]
    routes += fixture_office.routes()
    return Starlette(routes=routes, exception_handlers={Refusal: refused})


class Altered:
    """Sends each JSON answer, and each line of a stream of them, through a function on its way out."""

    def __init__(self, app: Any, alter: Callable[[], Callable[[Any], Any] | None]) -> None:
        self._app, self._alter = app, alter

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            alter = self._alter()
            if alter is not None and message["type"] == "http.response.start":
                message["headers"] = [(k, v) for k, v in message["headers"] if k != b"content-length"]
            elif alter is not None and message.get("body"):
                lines = message["body"].splitlines()
                message["body"] = b"\n".join(json.dumps(alter(json.loads(line))).encode() for line in lines) + b"\n"
            await send(message)

        await self._app(scope, receive, sent)


class Served:
    """A core on a socket in a thread of its own; ``do`` runs a function on its loop."""

    def __init__(self, core_of: Callable[[], Core], path: Path) -> None:
        self._core_of, self.path = core_of, path
        self.core: Core
        self.alter: Callable[[Any], Any] | None = None  # what becomes of every answer
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
        app = Altered(app_of(self.core), lambda: self.alter)
        config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
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
