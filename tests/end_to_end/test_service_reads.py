"""The looking calls over a real socket: shapes of docs/socket.md, windows, cases, counters, feed, settlement, errors."""

import asyncio
import json
from pathlib import Path
from typing import Any

from core.desk.cases import CaseRow, open_cases
from core.model.lifecycle import CaseKind, IntentState, Stage
from core.store.tx import Tx
from tests.end_to_end.servicekit import desk, lines, until
from tests.store.deskdata import Seed, add_keys, fill


def cases(tx: Tx, items: list[list[CaseRow]]) -> list[int]:
    """Writer handler: open cases."""
    return [open_cases(tx, rows) for rows in items]


async def test_health_names_the_owner_as_admin(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        health = await d.client.get("/v1/health")
        assert health["role"] == "admin"
        assert health["shops"][0] == {"name": "taobao-main", "platform": "taobao"}
        assert health["epoch"] == d.writer.epoch


async def test_windows_counts_and_find(tmp_path: Path) -> None:
    seeds = [Seed(i, shop=1 + i % 2, ext_id=f"E{i:04}", buyer=f"buyer-{i}") for i in range(1, 301)]
    async with desk(tmp_path, seeds) as d:
        page = await d.client.get("/v1/queue", view="work", limit=50)
        assert page["total"] == 300
        assert len(page["rows"]) == 50
        following = await d.client.get("/v1/queue", view="work", limit=50, after=page["last"])
        assert not {r["id"] for r in page["rows"]} & {r["id"] for r in following["rows"]}
        filtered = await d.client.get("/v1/queue", view="work", filter="@pdd", limit=500)
        assert (len(filtered["rows"]), filtered["total"]) == (150, None)
        assert await d.client.get("/v1/count", view="work", filter="@pdd") == {"count": 150, "exact": True}
        assert await d.client.get("/v1/count", view="work") == {"count": 300, "exact": True}
        assert (await d.client.get("/v1/find", q="E0042"))["rows"][0]["id"] == 42
        assert (await d.client.get("/v1/find", q="uyer-7"))["rows"]
        assert (await d.client.get("/v1/find", q="nothing like it"))["rows"] == []


async def test_errors_have_one_shape(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        fails = d.client.fails
        status, error = await fails("GET", "/v1/queue", view="work", filter="ab amuont>3")
        assert (status, error["code"], error["position"], error["nearest"]) == (400, "bad_filter", 3, "amount")
        assert (await fails("GET", "/v1/queue", view="nope"))[0] == 400
        assert (await fails("GET", "/v1/queue", view="work", after="1.2"))[0] == 400
        assert (await fails("GET", "/v1/queue", limit="many"))[0] == 400
        assert (await fails("GET", "/v1/orders/99"))[0] == 404
        assert (await fails("GET", "/v1/orders/99999999999999999999"))[0] == 400
        assert (await fails("GET", "/v1/nothing"))[1]["code"] == "not_found"
        assert (await fails("POST", "/v1/health"))[0] == 405
        assert (await fails("POST", "/v1/preview", [1]))[0] == 400
        assert (await fails("POST", "/v1/preview", {"action": "hold", "orderz": [1]}))[0] == 400
        assert (await fails("POST", "/v1/preview", {"action": "explode", "orders": [1]}))[0] == 400
        assert (await fails("POST", "/v1/preview", {"action": "hold", "orders": ["1"]}))[0] == 400


async def test_an_unforeseen_error_tells_its_kind_and_no_value(tmp_path: Path, caplog: Any) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:

        async def broken() -> Any:
            raise RuntimeError("CANARY-7f3a")

        d.service.stock.read = broken  # type: ignore[method-assign]
        status, error = await d.client.fails("GET", "/v1/stock")
        assert (status, error["code"]) == (500, "internal")
        assert "CANARY" not in json.dumps(error) + caplog.text
        assert "RuntimeError" in caplog.text


async def test_order_in_full_masks_and_explains(tmp_path: Path) -> None:
    seed = Seed(
        1, stage=Stage.DELIVERING, keys=True, intent=IntentState.UNKNOWN, contact="secret.person@example.org", qty=2
    )
    async with desk(tmp_path, [seed]) as d:
        row = CaseRow(1, 1, CaseKind.UNKNOWN_OUTCOME, "send:1", {"why": "read timeout"})
        await d.writer.do(cases, [row])
        order = await d.client.get("/v1/orders/1")
        assert order["row"]["why"] == "case:unknown_outcome"
        assert order["why_long"]["facts"]["why"] == "read timeout"
        assert order["contact_mask"] == "se***@example.org"
        assert "secret.person" not in json.dumps(order)
        assert [k["slot"] for k in order["keys"]] == [1, 2]
        assert order["intents"][0]["attempts"][0]["n"] == 1
        enabled = {a["action"] for a in order["actions"] if a["enabled"]}
        assert {"was_sent", "not_sent", "hold", "note"} <= enabled
        assert {a["action"]: a["why"] for a in order["actions"]}["resend"] == "verdict_first"
        assert [e["kind"] for e in order["events"]] == ["case_opened", "received"]


async def test_cases_are_grouped_listed_and_answered_by_role(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(i, due=100 * i, stage=Stage.CANCELLED) for i in range(1, 8)]) as d:
        await d.writer.do(cases, [CaseRow(i, 1, CaseKind.LATE_PAYMENT) for i in range(1, 6)])
        await d.writer.do(cases, [CaseRow(i, 1, CaseKind.NO_STOCK, "x", {"wanted": 1}) for i in (6, 7)])
        await d.writer.do(cases, [CaseRow(0, 1, CaseKind.TOKEN_DEAD, "taobao-main")])
        groups = (await d.client.get("/v1/cases/groups"))["groups"]
        assert [(g["kind"], g["count"], g["money"]) for g in groups] == [
            ("late_payment", 5, {"CNY": 1500}),
            ("no_stock", 2, {"CNY": 1300}),
            ("token_dead", 1, {}),
        ]
        page = await d.client.get("/v1/cases", kind="late_payment", limit=3)
        rest = await d.client.get("/v1/cases", kind="late_payment", limit=3, after=page["next"])
        assert [c["order_id"] for c in page["cases"] + rest["cases"]] == [1, 2, 3, 4, 5]
        assert rest["next"] is None
        assert [x["action"] for x in page["cases"][0]["decisions"]] == ["accept_late", "return_late"]
        assert page["cases"][0]["row"]["id"] == 1
        every = await d.client.get("/v1/cases")
        assert len(every["cases"]) == 8
        assert (await d.client.fails("GET", "/v1/cases", kind="no_such"))[0] == 400


async def test_counters_are_kept_not_counted(tmp_path: Path) -> None:
    seeds = [Seed(i, stage=Stage(i % 7), deadline=-1 if i % 2 else None, age=i) for i in range(1, 71)]
    async with desk(tmp_path, seeds) as d:
        await d.writer.do(add_keys, ("steam-50", 3))
        figures = await d.client.get("/v1/counters")
        assert figures["stages"] == {s.name.lower(): 10 for s in Stage}
        assert figures["backlog"] == 40
        assert figures["late"] == sum(1 for s in seeds if s.stage < 4 and s.deadline is not None)
        assert len(figures["series"]["in"]) == 60
        stock = (await d.client.get("/v1/stock"))["products"]
        assert (stock[0]["id"], stock[0]["free"]) == ("steam-50", 3)


async def test_feed_tells_changes_once_and_coalesces(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d, d.client.http.stream("GET", "/v1/feed", params={"hz": 20}) as answer:
        read = answer.aiter_lines()
        first = json.loads(await anext(read))
        assert first["changed"] is None
        assert first["counters"]["stages"]["open"] == 1
        await asyncio.gather(*(d.writer.do(fill, [Seed(i)]) for i in range(2, 102)))
        seen: list[int] = []
        ticks = 0
        opened = 0
        while len(seen) < 100 or opened < 101:
            tick = json.loads(await asyncio.wait_for(anext(read), 10))
            ticks += 1
            seen += tick["changed"]
            opened = tick["counters"]["stages"]["open"]
        assert sorted(seen) == list(range(2, 102))
        assert ticks < 50
        assert tick["seq"] > first["seq"]
        await d.writer.do(fill, [Seed(i) for i in range(1000, 1600)])
        assert json.loads(await asyncio.wait_for(anext(read), 10))["changed"] is None


async def test_a_feed_that_is_left_is_forgotten(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        async with d.client.http.stream("GET", "/v1/feed") as answer:
            await anext(answer.aiter_lines())
            assert d.service.feed.watched == 1

        async def forgotten() -> bool:
            return d.service.feed.watched == 0

        await until(forgotten)


async def test_settlement_says_how_each_order_stands(tmp_path: Path) -> None:
    seeds = [
        Seed(1, stage=Stage.DELIVERED, keys=True, intent=IntentState.CONFIRMED),
        Seed(2, stage=Stage.CLOSED, keys=True, intent=IntentState.CONFIRMED),
        Seed(3, stage=Stage.CANCELLED, paid=0),
        Seed(4, stage=Stage.CANCELLED, refunded=1000),
        Seed(5, stage=Stage.CANCELLED, due=0, paid=0),
        Seed(6, stage=Stage.OPEN),
        Seed(7, stage=Stage.OPEN),
        Seed(8, stage=Stage.CLOSED),
    ]
    async with desk(tmp_path, seeds) as d:
        await d.writer.do(cases, [CaseRow(6, 1, CaseKind.NO_STOCK, "x")])
        found = {line["ext_id"]: line for line in await lines(d.client, "GET", "/v1/settlement")}
        assert {ext: line["as"] for ext, line in found.items()} == {
            "T1": "delivered", "T2": "delivered", "T3": "closed_unpaid", "T4": "refunded", "T5": "refused",
            "T6": "parked", "T7": None, "T8": None,
        }  # fmt: skip
        assert found["T6"]["kinds"] == ["no_stock"]
        assert (found["T7"]["settled"], found["T7"]["stage"]) == (False, "open")
