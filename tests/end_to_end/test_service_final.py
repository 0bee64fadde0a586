"""An act that lets a key go says before that no undo will bring it back, order by order when they differ."""

from pathlib import Path

from core.desk.cases import CaseRow
from core.desk.holds import HoldRow
from core.model.lifecycle import CaseKind, HoldReason, Stage
from tests.end_to_end.servicekit import Desk, desk
from tests.end_to_end.test_service_batches import holds
from tests.end_to_end.test_service_reads import cases
from tests.store.deskdata import Seed, query


async def _confirmable(d: Desk, *orders: int) -> None:
    await d.writer.do(holds, [HoldRow(i, HoldReason.CONFIRM, "rule") for i in orders])


async def test_confirming_a_ready_order_is_said_to_be_final_and_is(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        await _confirmable(d, 1)
        seen = await d.client.post("/v1/preview", {"action": "confirm", "args": {}, "orders": [1]})
        assert (seen["allowed"], seen["undoable"], seen["final"]) == (1, False, 1)
        job = await d.client.finished((await d.client.post("/v1/apply", {"token": seen["token"]}))["job"])
        assert (job["undoable_until"], job["final"], job["items"][0]["final"]) == (None, 1, True)
        status, error = await d.client.fails("POST", f"/v1/jobs/{job['id']}/undo")
        assert (status, error["code"]) == (409, "not_undoable")
        assert query(d.writer.path, "SELECT blocks FROM orders") == [(0,)]


async def test_a_mixed_set_is_told_apart_and_only_the_rest_is_undone(tmp_path: Path) -> None:
    """2 is not paid, 3 is held besides, 4 is being refunded: none of them goes out by being confirmed."""
    async with desk(tmp_path, [Seed(1), Seed(2, paid=0), Seed(3), Seed(4, refund_open=1)]) as d:
        await _confirmable(d, 1, 2, 3, 4)
        await d.writer.do(holds, [HoldRow(3, HoldReason.MANUAL, "li")])
        seen = await d.client.post("/v1/preview", {"action": "confirm", "args": {}, "orders": [1, 2, 3, 4]})
        assert (seen["undoable"], seen["final"]) == (True, 1)
        job = await d.client.finished((await d.client.post("/v1/apply", {"token": seen["token"]}))["job"])
        assert {i["order_id"]: i["final"] for i in job["items"]} == {1: True, 2: False, 3: False, 4: False}
        assert job["undoable_until"] is not None
        assert job["args"] == {}
        undo = await d.client.finished((await d.client.post(f"/v1/jobs/{job['id']}/undo"))["job"])
        assert [(i["order_id"], i["ok"]) for i in undo["items"]] == [(2, True), (3, True), (4, True)]
        held = query(d.writer.path, "SELECT order_id FROM hold WHERE reason = 'confirm' AND lifted_at IS NULL")
        assert held == [(2,), (3,), (4,)]


async def test_release_and_a_new_address_are_final_where_they_let_go(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1), Seed(2, paid=0), Seed(3), Seed(4, stage=Stage.RECEIVED)]) as d:
        await d.writer.do(holds, [HoldRow(i, HoldReason.MANUAL, "li") for i in (1, 2)])
        await d.writer.do(cases, [CaseRow(3, 1, CaseKind.BUYER_INPUT_INVALID)])
        seen = await d.client.post("/v1/preview", {"action": "release", "args": {}, "orders": [1, 2]})
        assert (seen["undoable"], seen["final"]) == (True, 1)
        address = {"action": "fix_contact", "args": {"contact": "a@b.example"}}
        assert (await d.client.post("/v1/preview", {**address, "orders": [3]}))["final"] == 1
        assert (await d.client.post("/v1/preview", {**address, "orders": [4]}))["final"] == 0
