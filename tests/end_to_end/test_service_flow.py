"""The flow of work over the socket: skip, break, lost leases, recall, the split queues, and races between two people."""

import asyncio
import contextlib
import os
import pwd
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import quote

from core.desk.cases import CaseRow
from core.desk.holds import HoldRow
from core.desk.skips import SKIP_FOR, SKIPS_MAX, Skips
from core.model.lifecycle import CaseKind, HoldReason, Stage
from core.service.options import Options
from core.service.roles import SharedPerson, pin_hash
from tests.end_to_end.servicekit import Client, Desk, desk
from tests.end_to_end.test_service_batches import holds
from tests.end_to_end.test_service_reads import cases
from tests.store.deskdata import Seed, query

ME = pwd.getpwuid(os.getuid()).pw_name
PIN = "471108"
NEXT = {"next": True, "view": "work", "filter": ""}


@contextlib.asynccontextmanager
async def people(folder: Path, seeds: Sequence[Seed]) -> AsyncIterator[tuple[Desk, Client, Client, Client]]:
    """A desk with two operators and a supervisor, each on a line of their own."""
    shared = [
        SharedPerson(n, r, pin_hash(PIN)) for n, r in (("小王", "operator"), ("li", "operator"), ("zhao", "supervisor"))
    ]
    options = Options("test", owner=os.getuid(), shared={ME: shared})
    async with desk(folder, seeds, options=options) as d:
        lines = []
        for one in shared:
            line = Client(d.path)
            line.http.headers.update({"X-Keydesk-Person": quote(one.name), "X-Keydesk-Pin": PIN})
            lines.append(line)
        try:
            yield d, lines[0], lines[1], lines[2]
        finally:
            for line in lines:
                await line.http.aclose()


async def test_a_skipped_order_goes_to_somebody_else(tmp_path: Path) -> None:
    async with people(tmp_path, [Seed(1, nprio=-5), Seed(2)]) as (d, wang, li, _):
        assert (await wang.post("/v1/claims", NEXT))["row"]["id"] == 1
        status, error = await wang.fails("POST", "/v1/orders/1/skip", {"reason": "  "})
        assert (status, error["code"]) == (400, "bad_request")
        status, error = await li.fails("POST", "/v1/orders/1/skip", {"reason": "not mine"})
        assert (status, error["code"], error["by"]) == (409, "claimed", "小王")
        assert (await wang.fails("POST", "/v1/orders/9/skip", {"reason": "x"}))[0] == 404
        until = (await wang.post("/v1/orders/1/skip", {"reason": "buyer does not answer"}))["until"]
        assert 0 < until - d.writer.clock() <= SKIP_FOR
        assert (await wang.post("/v1/claims", NEXT))["row"]["id"] == 2
        assert await wang.post("/v1/claims", NEXT) == {"row": None, "until": None, "aside": 1}
        assert (await li.post("/v1/claims", NEXT))["row"]["id"] == 1
        events = (await li.get("/v1/orders/1"))["events"]
        assert [(e["actor"], e["body"]) for e in events if e["kind"] == "skipped"] == [
            ("小王", {"reason": "buyer does not answer"})
        ]


def test_skips_end_and_stay_bounded() -> None:
    now = 0
    skips = Skips(lambda: now)
    for order in range(1, SKIPS_MAX + 3):
        skips.add("a", order)
    assert skips.of("a") == tuple(range(3, SKIPS_MAX + 3))
    assert skips.of("b") == ()
    now = SKIP_FOR
    assert skips.of("a") == ()


async def test_a_broken_claim_is_recorded_and_its_holder_told(tmp_path: Path) -> None:
    async with people(tmp_path, [Seed(1, ext_id="T-1"), Seed(2)]) as (_, wang, li, zhao):
        await wang.post("/v1/claims", {"order": 1})
        assert (await li.fails("POST", "/v1/orders/1/break", {"reason": "mine"}))[0] == 403
        assert (await zhao.fails("POST", "/v1/orders/1/break", {"reason": ""}))[0] == 400
        assert (await zhao.fails("POST", "/v1/orders/2/break", {"reason": "x"}))[1]["code"] == "not_claimed"
        assert await zhao.post("/v1/orders/1/break", {"reason": "小王 is at lunch"}) == {"from": "小王"}
        lost = (await wang.post("/v1/claims/beat", {"orders": [1]}))["lost"]
        assert lost == [{"order": 1, "ext_id": "T-1", "why": "broken", "by": "zhao", "reason": "小王 is at lunch"}]
        assert (await li.post("/v1/claims", {"order": 1}))["row"]["claim"]["by"] == "li"
        await wang.post("/v1/claims", {"order": 2})
        assert (await wang.post("/v1/claims/beat", {"orders": [2]}))["lost"] == []
        await zhao.post("/v1/orders/1/break", {"reason": "x"})
        await wang.post("/v1/claims", {"order": 1})
        assert (await wang.post("/v1/claims/beat", {"orders": [1]}))["lost"] == [], "an older story is not told again"


async def test_the_loser_of_a_race_hears_who_was_quicker(tmp_path: Path) -> None:
    async with people(tmp_path, [Seed(1), Seed(2)]) as (_, wang, li, _zhao):
        bodies = [
            await line.post("/v1/preview", {"action": "hold", "args": {"note": "x"}, "orders": [1]})
            for line in (wang, li)
        ]
        first = await wang.finished((await wang.post("/v1/apply", {"token": bodies[0]["token"]}))["job"])
        late = await li.finished((await li.post("/v1/apply", {"token": bodies[1]["token"]}))["job"])
        assert (first["failed"], late["failed"]) == (0, 1)
        item = late["items"][0]
        assert (item["why"], item["last"]["by"], item["last"]["did"]) == ("held_already", "小王", "held")
        assert first["finished_at"] >= item["last"]["at"] > 0
        seen = await li.post("/v1/preview", {"action": "hold", "args": {}, "orders": [1]})
        assert seen["blocked"][0]["last"]["by"] == "小王"


async def test_two_hundred_races_have_one_winner_each(tmp_path: Path) -> None:
    ids = range(1, 201)
    async with people(tmp_path, [Seed(i) for i in ids]) as (d, wang, li, _):

        async def one(line: Client, order: int) -> dict[str, object]:
            seen = await line.post("/v1/preview", {"action": "hold", "args": {"note": "x"}, "orders": [order]})
            return await line.finished((await line.post("/v1/apply", {"token": seen["token"]}))["job"])

        for order in ids:
            a, b = await asyncio.gather(one(wang, order), one(li, order))
            loser = a if a["failed"] else b
            winner = b if a["failed"] else a
            assert (winner["failed"], loser["failed"]) == (0, 1)
            told = loser["items"][0]  # type: ignore[index]
            assert (told["why"], told["last"]["by"]) == ("held_already", winner["by"])
        assert query(d.writer.path, "SELECT count(*), count(DISTINCT order_id) FROM hold") == [(200, 200)]


async def test_recall_names_my_decisions_and_what_can_be_undone(tmp_path: Path) -> None:
    async with people(tmp_path, [Seed(1, ext_id="T-1"), Seed(2)]) as (_, wang, li, _zhao):
        held = await wang.act("hold", [1, 2], note="wait")
        await li.act("note", [2], note="other")
        await wang.act("release", [2])
        found = (await wang.get("/v1/recall"))["decisions"]
        assert [(x["action"], x["total"]) for x in found] == [("release", 1), ("hold", 2)]
        assert found[1]["first"] == {"order_id": 1, "ext_id": "T-1", "title": "Steam 50", "ok": True, "why": ""}
        assert found[1]["undoable_until"] == held["undoable_until"]
        assert len((await wang.get("/v1/recall", limit=1))["decisions"]) == 1


async def test_the_split_queues_hold_their_orders_and_count_them(tmp_path: Path) -> None:
    seeds = [Seed(i) for i in range(1, 8)] + [Seed(8, stage=Stage.DELIVERED)]
    kinds = [
        (1, CaseKind.UNDERPAID), (2, CaseKind.REFUND_BEFORE), (3, CaseKind.UNIT_SUSPECT), (4, CaseKind.NO_STOCK),
        (5, CaseKind.UNKNOWN_OUTCOME), (8, CaseKind.REFUND_AFTER), (1, CaseKind.PRICE_MISMATCH),
    ]  # fmt: skip
    async with desk(tmp_path, seeds) as d:
        await d.writer.do(cases, [CaseRow(order, 1, kind, "", {}) for order, kind in kinds])
        await d.writer.do(holds, [HoldRow(6, HoldReason.SILENT, "core")])
        for view, ids in (("stuck", [1, 6]), ("refunds", [2, 8]), ("drift", [3]), ("no_stock", [4]), ("unknown", [5])):
            window = await d.client.get("/v1/queue", view=view)
            assert [row["id"] for row in window["rows"]] == ids, view
            assert (window["total"], await d.client.get("/v1/count", view=view)) == (
                len(ids),
                {"count": len(ids), "exact": True},
            )
