"""Exports over a real socket: orders as a stream, timelines, evidence packs and their proof, history, who may, what is recorded."""

import asyncio
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.audit.evidence_check import PackError, alone
from core.desk import export
from core.model.lifecycle import EventKind, IntentState, Stage
from core.store.tx import Tx
from tests.end_to_end.servicekit import Desk, desk, lines
from tests.store.deskdata import Seed, fill, query


def recorded(d: Desk) -> list[dict[str, Any]]:
    """What the log says of exports, oldest first."""
    sql = "SELECT order_id, actor, body FROM event WHERE kind = ? ORDER BY seq"
    return [
        {"order": order, "by": by, **json.loads(body)}
        for order, by, body in query(d.path.parent.parent / "keydesk.db", sql, (int(EventKind.EXPORTED),))
    ]


async def as_role(d: Desk, role: str) -> None:
    """From now on the test's user has this role."""
    d.service.roles._role_of = lambda user, owner: role


async def test_all_that_match_are_told_not_only_a_window(tmp_path: Path) -> None:
    seeds = [Seed(i, shop=1 + i % 2, nprio=i % 7, note="x" if i % 3 else "") for i in range(1, 1301)]
    async with desk(tmp_path, seeds) as d:
        told = await lines(d.client, "POST", "/v1/export", {"view": "work", "filter": "@pdd"})
        head, rows, end = told[0]["export"], told[1:-1], told[-1]
        window = await d.client.get("/v1/queue", view="work", filter="@pdd", limit=500)
        assert [r["id"] for r in rows[:500]] == [r["id"] for r in window["rows"]], "in the view's own order"
        assert rows[0] == window["rows"][0], "a row as everywhere"
        assert len({r["id"] for r in rows}) == len(rows) == head["total"] == end["end"]["rows"] == 650
        assert {k: head[k] for k in ("view", "filter", "rows")} == {"view": "work", "filter": "@pdd", "rows": 650}
        assert d.service.exporting == 0


async def test_it_is_recorded_before_the_first_line_with_who_what_and_how_many(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(i) for i in range(1, 801)]) as d:
        body = {"view": "open", "filter": "amount>=1", "format": "csv"}
        async with d.client.http.stream("POST", "/v1/export", json=body) as answer:
            await anext(answer.aiter_raw(1))
            (found,) = recorded(d)
        me = (await d.client.get("/v1/health"))["operator"]
        assert found == {
            "order": 0,
            "by": me,
            "what": "orders",
            "view": "open",
            "filter": "amount>=1",
            "rows": 800,
            "format": "csv",
        }
        await lines(d.client, "POST", "/v1/export", {"orders": [3, 1, 3, 99999]})
        assert recorded(d)[-1] == {"order": 0, "by": me, "what": "orders", "orders": [3, 1], "rows": 2, "format": ""}


async def test_an_order_that_moves_meanwhile_is_neither_missed_nor_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 50)
    async with desk(tmp_path, [Seed(i) for i in range(1, 301)]) as d:
        shown: list[int] = []
        async for rows in export.pages(
            d.service.reader,
            await export.matching(d.service.reader, d.service.selection("work", "", d.service.roles.of(None))),
            d.service.frame,
            None,
        ):
            shown += [row["id"] for row in rows]
            # The first go to the end of the queue, the last to its head, and one is new.
            await d.writer.do(turn_over, None)
        assert sorted(shown) == list(range(1, 301))


def turn_over(tx: Tx, items: list[None]) -> list[None]:
    """Writer handler: the queue the other way round."""
    tx.run("UPDATE orders SET nprio = 500 - id - nprio, due_at = due_at + 1, version = version + 1")
    fill(tx, [[Seed(1000 + tx.all("SELECT count(*) FROM orders")[0][0])]])
    return [None] * len(items)


async def test_roles_filters_bounds_and_a_read_only_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path, [Seed(i) for i in range(1, 21)]) as d:
        fails = d.client.fails
        for body in ({"view": "nope"}, {"filter": "amuont>1"}, {"orders": ["1"]}, {"filter": 5}, {"what": 1}):
            assert (await fails("POST", "/v1/export", body))[0] == 400
        monkeypatch.setattr(export, "ORDERS_MAX", 19)
        status, error = await fails("POST", "/v1/export", {"view": "work"})
        assert (status, "Narrow the filter" in error["hint"]) == (400, True)
        d.service.exporting = 2
        assert (await fails("POST", "/v1/export", {"view": "work"}))[0] == 429
        d.service.exporting = 0
        assert (await fails("POST", "/v1/orders/99/timeline", {}))[0] == 404
        assert (await fails("POST", "/v1/orders/99/evidence", {}))[0] == 404
        assert recorded(d) == [], "what was refused was not taken"
        await as_role(d, "viewer")
        for path in ("/v1/export", "/v1/orders/1/timeline", "/v1/orders/1/evidence"):
            assert (await fails("POST", path, {}))[0] == 403
        assert (await d.client.get("/v1/history"))["events"]
        await as_role(d, "operator")
        assert (await fails("POST", "/v1/orders/1/evidence", {}))[0] == 403
        await d.client.post("/v1/orders/1/timeline", {})
        await as_role(d, "supervisor")
        assert (await d.client.http.post("/v1/orders/1/evidence", json={})).status_code == 200
        d.service.read_only = True
        assert (await fails("POST", "/v1/export", {"view": "work"}))[1]["code"] == "read_only"
        assert [one["what"] for one in recorded(d)] == ["timeline", "evidence"]


async def test_an_export_that_is_left_is_not_counted_for_ever(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(i) for i in range(1, 5001)]) as d:
        async with d.client.http.stream("POST", "/v1/export", json={"view": "work"}) as answer:
            await anext(answer.aiter_raw(1))
        for _ in range(500):
            if d.service.exporting == 0:
                break
            await asyncio.sleep(0.01)
        assert d.service.exporting == 0


async def test_a_timeline_tells_all_in_order_with_exact_money_and_no_mask(tmp_path: Path) -> None:
    seed = Seed(1, stage=Stage.DELIVERING, keys=True, intent=IntentState.UNKNOWN, due=1290, paid=1290, note="请尽快")
    async with desk(tmp_path, [seed]) as d:
        await d.client.act("hold", [1], note="look again")
        told = await d.client.post("/v1/orders/1/timeline", {})
        times = [entry["at"] for entry in told["timeline"]]
        assert times == sorted(times)
        assert {"payment", "attempt", "event.received", "event.held"} <= {entry["what"] for entry in told["timeline"]}
        assert (told["order"]["amount"], told["order"]["currency"]) == ("12.90 CNY", "CNY")
        assert told["order"]["created_at"].endswith("Z")
        assert "ORDER T1" in told["text"]
        assert "due 12.90 CNY" in told["text"]
        assert "look again" in told["text"]
        assert {key["mask"] for key in told["order"]["keys"]} == {"****"}
        assert "a@example.org" not in json.dumps(told), "addresses are masked"


async def taken(d: Desk, order: int = 1, reason: str = "") -> bytes:
    answer = await d.client.http.post(f"/v1/orders/{order}/evidence", json={"reason": reason})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-keydesk-sha256"] == recorded(d)[-1]["sha256"]
    return answer.content


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as box:
        return {info.filename: box.read(info) for info in box.infolist()}


def packed(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as box:
        for name, data in parts.items():
            box.writestr(name, data)
    return out.getvalue()


def sealed_anew(parts: dict[str, bytes]) -> bytes:
    """As a forger would: the manifest made to fit."""
    manifest = json.loads(parts["manifest.json"])
    for part in manifest["parts"]:
        part["sha256"] = hashlib.sha256(parts[part["name"]]).hexdigest()
    return packed({**parts, "manifest.json": json.dumps(manifest).encode()})


async def asked(d: Desk, data: bytes) -> dict[str, Any]:
    """What the core says of a pack."""
    body = msgspec.json.encode(alone(data).claim)
    answer = await d.client.http.post("/v1/evidence/check", content=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_pack_proves_itself_and_the_log_knows_it(tmp_path: Path) -> None:
    seeds = [Seed(1, keys=True, stage=Stage.DELIVERED, intent=IntentState.CONFIRMED), Seed(2)]
    async with desk(tmp_path, seeds) as d:
        await d.client.act("note", [1], note="seen")
        await taken(d)
        data = await taken(d, reason="dispute 17")
        assert recorded(d)[-1]["reason"] == "dispute 17"
        found = alone(data)
        assert found.problems == []
        assert found.computed == 1, "of all blocks that of the first pack alone holds nothing else"
        assert found.manifest["order"]["ext_id"] == "T1"
        log = await asked(d, data)
        assert (log["problems"], log["recorded"]["by"]) == ([], recorded(d)[-1]["by"])
        assert log["events"] == len(found.claim.events) >= 2
        again = await taken(d)
        assert [e["name"] for e in json.loads(parts_of(again)["events.json"])["events"]][-1] == "exported"


async def test_whatever_is_changed_in_a_pack_is_found(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1), Seed(2)]) as d:
        await d.client.act("note", [1], note="seen")
        await d.client.post("/v1/orders/1/timeline", {})
        parts = parts_of(await taken(d))
        for name in parts:
            if name != "manifest.json":
                changed = {**parts, name: parts[name].replace(b"0", b"1", 1) + b" "}
                assert any(name in said for said in alone(packed(changed)).problems), name
        fewer = {name: data for name, data in parts.items() if name != "payments.json"}
        assert "payments.json is missing" in alone(packed(fewer)).problems
        assert alone(packed({**parts, "more.txt": b""})).problems == ["more.txt is not in the manifest"]
        # A forger who makes the manifest fit is known to the log alone, or to a block.
        forged = sealed_anew({**parts, "payments.json": parts["payments.json"].replace(b"10.00", b"99.00")})
        assert alone(forged).problems == []
        assert any("does not know this pack" in said for said in (await asked(d, forged))["problems"])
        events = parts["events.json"].replace(b"seen", b"lost").replace(b"timeline", b"evidence")
        said = alone(sealed_anew({**parts, "events.json": events})).problems
        assert sum("another text" in one for one in said) == 2
        assert sum("does not follow" in one for one in said) == 1, "the timeline's event stands alone in its block"
        with pytest.raises(PackError):
            alone(b"no zip")
        with pytest.raises(PackError):
            alone(packed({"a.txt": b""}))


async def test_a_log_that_was_changed_is_found_by_an_old_pack(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1), Seed(2)]) as d:
        await d.client.act("note", [1], note="seen")
        data = await taken(d)
        seq = next(e.seq for e in alone(data).claim.events if e.kind == EventKind.NOTE)

        def forge(tx: Tx, items: list[int]) -> list[None]:
            tx.run("DROP TRIGGER event_append_only_u")
            tx.run("UPDATE event SET body = replace(body, 'seen', 'lost') WHERE seq = ?", (items[0],))
            return [None]

        await d.writer.do(forge, seq)
        problems = (await asked(d, data))["problems"]
        assert f"event {seq} stands otherwise in the log" in problems
        assert any("run keydesk audit" in said for said in problems)


async def test_a_claim_that_is_none_is_refused(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        for body in (None, [], {"order": 1}, {"order": 1, "digest": "", "events": [{}], "blocks": []}):
            assert (await d.client.fails("POST", "/v1/evidence/check", body))[0] == 400
        wide = {"n": 1, "first": 1, "last": 2**62, "previous": "0" * 64, "hash": "0" * 64}
        body = {"order": 1, "digest": "0" * 64, "events": [], "blocks": [wide]}
        assert (await d.client.post("/v1/evidence/check", body))["problems"][0] == "block 1 stands otherwise in the log"
