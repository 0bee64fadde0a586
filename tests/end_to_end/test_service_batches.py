"""Batches, verdicts and claims over the socket: preview, confirm, stop, resume, undo, and one effect for many hands."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.desk.cases import CaseRow
from core.desk.holds import HoldRow, open_holds
from core.desk.job_rows import NewJob, create
from core.desk.jobs import Limits
from core.model.lifecycle import CaseKind, HoldReason, IntentState, Stage
from core.service.options import Options
from core.store.tx import Tx
from tests.end_to_end.servicekit import Desk, desk
from tests.end_to_end.test_service_reads import cases
from tests.store.deskdata import Seed, add_keys, query, writer_on


def holds(tx: Tx, items: list[list[HoldRow]]) -> list[int]:
    """Writer handler: open holds."""
    return [open_holds(tx, rows) for rows in items]


def _delivered(i: int, **more: Any) -> Seed:
    return Seed(i, stage=Stage.DELIVERED, keys=True, intent=IntentState.CONFIRMED, **more)


def _column(d: Desk, sql: str, *params: Any) -> list[Any]:
    return [row[0] for row in query(d.writer.path, sql, params)]


async def test_preview_counts_what_is_allowed_and_why_not(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1, due=100), Seed(2, due=200), _delivered(3)]) as d:
        await d.writer.do(holds, [HoldRow(2, HoldReason.MANUAL, "li")])
        seen = await d.client.post("/v1/preview", {"action": "hold", "args": {"note": "x"}, "orders": [1, 2, 3, 4, 1]})
        token = seen.pop("token")
        assert seen["blocked"][0].pop("last")["by"] == "li"
        assert seen == {
            "total": 4, "allowed": 1, "money": {"CNY": 100}, "undoable": True, "final": 0, "confirm_number": None,
            "held": 0,
            "blocked": [
                {"why": "held_already", "count": 1, "sample": [2]},
                {"why": "delivered_already", "count": 1, "sample": [3]},
                {"why": "no_such_order", "count": 1, "sample": []},
            ],
        }  # fmt: skip
        job = await d.client.finished((await d.client.post("/v1/apply", {"token": token}))["job"])
        assert (job["state"], job["done"], job["failed"]) == ("done", 4, 3)
        assert [(i["order_id"], i["ok"], i["why"]) for i in job["items"]] == [
            (2, False, "held_already"), (3, False, "delivered_already"), (4, False, "no_such_order"), (1, True, ""),
        ]  # fmt: skip
        status, error = await d.client.fails("POST", "/v1/apply", {"token": token})
        assert (status, error["code"]) == (409, "stale_preview")


async def test_a_frozen_set_does_not_grow(tmp_path: Path) -> None:
    """Orders that come to match the filter between preview and apply are not touched."""
    async with desk(tmp_path, [Seed(i, tag="a") for i in range(1, 61)]) as d:
        body = {"action": "tag", "args": {"tag": "b"}, "view": "work", "filter": "tag=a"}
        seen = await d.client.post("/v1/preview", body)
        assert seen["confirm_number"] == 60
        await d.client.act("note", [1], note="later")
        await d.writer.do(_insert, Seed(100, tag="a"))
        assert (await d.client.fails("POST", "/v1/apply", {"token": seen["token"]}))[1]["code"] == "confirm_number"
        applied = await d.client.post("/v1/apply", {"token": seen["token"], "number": 60})
        assert (await d.client.finished(applied["job"]))["done"] == 60
        assert _column(d, "SELECT id FROM orders WHERE tag = 'a'") == [100]


def _insert(tx: Tx, items: list[Seed]) -> list[None]:
    from tests.store.deskdata import fill

    fill(tx, [items])
    return [None for _ in items]


async def test_hold_undo_and_undo_that_cannot(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1), Seed(2)]) as d:
        job = await d.client.act("hold", [1, 2], note="wait")
        assert job["undoable_until"] == job["finished_at"] + 600_000_000
        await d.client.act("release", [2])
        undo = await d.client.finished((await d.client.post(f"/v1/jobs/{job['id']}/undo"))["job"])
        assert [(i["order_id"], i["ok"], i["why"]) for i in undo["items"]] == [
            (2, False, "lifted_since"),
            (1, True, ""),
        ]
        assert _column(d, "SELECT blocks FROM orders ORDER BY id") == [0, 0]
        assert (await d.client.fails("POST", f"/v1/jobs/{job['id']}/undo"))[1]["code"] == "undone"
        assert (await d.client.fails("POST", "/v1/jobs/12345/undo"))[0] == 404


async def test_undo_restores_what_was_there_unless_it_changed_since(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1, tag="old", nprio=-2), Seed(2, tag="old")]) as d:
        tag = await d.client.act("tag", [1, 2], tag="new")
        rank = await d.client.act("priority", [1], priority=9)
        await d.client.act("tag", [2], tag="other")
        for job in (tag, rank):
            await d.client.finished((await d.client.post(f"/v1/jobs/{job['id']}/undo"))["job"])
        assert query(d.writer.path, "SELECT tag, nprio FROM orders ORDER BY id") == [("old", -2), ("other", 0)]


async def test_the_time_to_undo_ends(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)], limits=Limits(undo=0)) as d:
        job = await d.client.act("hold", [1])
        assert (await d.client.fails("POST", f"/v1/jobs/{job['id']}/undo"))[1]["code"] == "too_late"


async def test_confirm_is_undone_only_before_an_attempt(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1, paid=0), Seed(2, paid=0)]) as d:
        await d.writer.do(holds, [HoldRow(i, HoldReason.CONFIRM, "rule") for i in (1, 2)])
        job = await d.client.act("confirm", [1, 2])
        await d.writer.do(_attempt, 2)
        undo = await d.client.finished((await d.client.post(f"/v1/jobs/{job['id']}/undo"))["job"])
        assert [(i["order_id"], i["why"]) for i in undo["items"]] == [(2, "sent_already"), (1, "")]
        assert _column(d, "SELECT order_id FROM hold WHERE lifted_at IS NULL") == [1]


def _attempt(tx: Tx, items: list[int]) -> list[None]:
    for order in items:
        intent = tx.new_id()
        tx.run(
            "INSERT INTO intent VALUES(?, ?, 1, 1, 'email', 'A', 1, 1, 1, 'a@b.c', 0, 1, 0, 0, 0)",
            (intent, order),
        )
    return [None for _ in items]


async def test_stop_leaves_the_rest_untouched(tmp_path: Path) -> None:
    """A stopped job has done whole chunks; what it did can still be undone."""
    async with desk(tmp_path, [Seed(i) for i in range(1, 2001)]) as d:
        seen = await d.client.post("/v1/preview", {"action": "tag", "args": {"tag": "x"}, "view": "work", "filter": ""})
        job = (await d.client.post("/v1/apply", {"token": seen["token"], "number": 2000}))["job"]
        await d.client.post(f"/v1/jobs/{job}/stop")
        ended = await d.client.finished(job)
        assert ended["state"] == "stopped"
        assert ended["done"] % 200 == 0
        assert ended["done"] < 2000
        assert _column(d, "SELECT count(*) FROM orders WHERE tag = 'x'") == [ended["done"]]
        if ended["done"]:
            await d.client.finished((await d.client.post(f"/v1/jobs/{job}/undo"))["job"])
            assert _column(d, "SELECT count(*) FROM orders WHERE tag = 'x'") == [0]


async def test_a_job_goes_on_after_a_restart(tmp_path: Path) -> None:
    """Written but not executed when the first core ended: the next one does all of it, once."""
    writer = await writer_on(tmp_path, [Seed(i) for i in range(1, 451)])
    job = await writer.do(create, NewJob("priority", {"priority": 3}, "wang", "operator", "", list(range(1, 451))))
    async with desk(tmp_path, writer=writer) as d:
        ended = await d.client.finished(job)
        assert (ended["state"], ended["done"], ended["failed"]) == ("done", 450, 0)
        assert ended["by"] == "wang"
        assert _column(d, "SELECT DISTINCT nprio FROM orders") == [-3]
        assert _column(d, "SELECT count(*) FROM event WHERE kind = 17") == [450]
    await writer.stop()


async def test_one_spoilt_item_does_not_stop_the_others(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(i) for i in range(1, 6)]) as d:
        await d.writer.do(_trap, 3)
        job = await d.client.act("note", range(1, 6), note="hello")
        assert [(i["order_id"], i["ok"]) for i in job["items"]] == [
            (3, False),
            (1, True),
            (2, True),
            (4, True),
            (5, True),
        ]
        assert job["items"][0]["why"].startswith("error:")


def _trap(tx: Tx, items: list[int]) -> list[None]:
    for order in items:
        tx.run(
            f"CREATE TRIGGER trap BEFORE UPDATE OF note ON orders WHEN NEW.id = {int(order)} "
            "BEGIN SELECT RAISE(ABORT, 'trap'); END"
        )
    return [None for _ in items]


async def test_two_hands_on_one_order_fifty_times_have_one_effect(tmp_path: Path) -> None:
    async with desk(tmp_path, [_delivered(i) for i in range(1, 51)]) as d:
        for i in range(1, 51):
            jobs = await asyncio.gather(*(d.client.act("resend", [i]) for _ in range(2)))
            assert sorted(job["failed"] for job in jobs) == [0, 1]
        sends = query(d.writer.path, "SELECT order_id, count(*) FROM intent WHERE effect = 1 GROUP BY order_id")
        assert sends == [(i, 2) for i in range(1, 51)]
        assert _column(d, "SELECT DISTINCT stage FROM orders") == [int(Stage.DELIVERING)]
        figures = await d.client.get("/v1/counters")
        assert (figures["stages"]["delivering"], figures["stages"]["delivered"]) == (50, 0)


async def test_was_sent_confirms_and_plans_the_writeback(tmp_path: Path) -> None:
    unknown = [Seed(i, stage=Stage.DELIVERING, keys=True, intent=IntentState.UNKNOWN, shop=i) for i in (1, 2)]
    async with desk(tmp_path, unknown) as d:
        intents = dict(query(d.writer.path, "SELECT order_id, id FROM intent"))
        rows = [CaseRow(i, i, CaseKind.UNKNOWN_OUTCOME, f"send:{intents[i]}") for i in (1, 2)]
        await d.writer.do(cases, rows)
        job = await d.client.act("was_sent", [1, 2])
        assert job["failed"] == 0
        assert query(d.writer.path, "SELECT stage, writeback FROM orders ORDER BY id") == [(4, 1), (4, 2)]
        assert query(d.writer.path, "SELECT order_id, state FROM intent WHERE effect = 2") == [(1, 0)]
        assert _column(d, "SELECT id FROM case_ WHERE closed_at IS NULL") == []
        assert job["undoable_until"] is None
        assert (await d.client.act("was_sent", [1]))["items"][0]["why"] == "nothing_unknown"


async def test_not_sent_needs_a_reason_and_sends_the_same_keys_again(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1, stage=Stage.DELIVERING, keys=True, intent=IntentState.UNKNOWN)]) as d:
        await d.writer.do(cases, [CaseRow(1, 1, CaseKind.UNKNOWN_OUTCOME, "send:1")])
        before = _column(d, "SELECT id FROM key WHERE order_id = 1")
        seen = await d.client.post("/v1/preview", {"action": "not_sent", "orders": [1]})
        assert (await d.client.fails("POST", "/v1/apply", {"token": seen["token"]}))[0] == 400
        applied = await d.client.post("/v1/apply", {"token": seen["token"], "reason": "the mail server says so"})
        assert (await d.client.finished(applied["job"]))["failed"] == 0
        assert query(d.writer.path, "SELECT state FROM intent") == [(int(IntentState.PENDING),)]
        assert query(d.writer.path, "SELECT result FROM attempt") == [("not_sent",)]
        assert _column(d, "SELECT id FROM key WHERE order_id = 1") == before


async def test_replace_key_makes_the_old_one_suspect(tmp_path: Path) -> None:
    async with desk(tmp_path, [_delivered(1, qty=2), _delivered(2, paid=10)]) as d:
        (fresh,) = await asyncio.gather(d.writer.do(add_keys, ("steam-50", 3)))
        old = _column(d, "SELECT id FROM key WHERE order_id = 1")
        await d.writer.do(cases, [CaseRow(1, 1, CaseKind.SUSPECT_KEY)])
        job = await d.client.act("replace_key", [1, 2], reason="the buyer says it is used")
        assert [(i["order_id"], i["why"]) for i in job["items"]] == [(2, "money_does_not_cover"), (1, "")]
        keys = query(d.writer.path, "SELECT id, state, slot FROM key WHERE order_id = 1 ORDER BY state, slot")
        assert keys == [(fresh[0], 1, 1), (fresh[1], 1, 2), (old[0], 2, 1), (old[1], 2, 2)]
        assert query(d.writer.path, "SELECT free, sold, suspect FROM stock") == [(1, 3, 2)]
        assert query(d.writer.path, "SELECT gen, state FROM intent WHERE order_id = 1 ORDER BY gen") == [(0, 2), (1, 0)]
        assert query(d.writer.path, "SELECT stage, blocks FROM orders WHERE id = 1") == [(3, 0)]


async def test_replace_without_stock_changes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, [_delivered(1, qty=2)]) as d:
        await d.writer.do(add_keys, ("steam-50", 1))
        job = await d.client.act("replace_key", [1], reason="bad")
        assert job["items"][0]["why"] == "no_stock"
        assert query(d.writer.path, "SELECT stage FROM orders") == [(4,)]
        assert query(d.writer.path, "SELECT free, sold, suspect FROM stock") == [(1, 2, 0)]


async def test_close_gives_keys_back_only_when_nothing_was_sent(tmp_path: Path) -> None:
    seeds = [
        Seed(1, stage=Stage.ALLOCATED, keys=True, paid=1000, refunded=1000),
        Seed(2, stage=Stage.DELIVERING, keys=True, intent=IntentState.UNKNOWN),
        Seed(3, paid=1000),
        Seed(4, paid=0),
    ]
    async with desk(tmp_path, seeds) as d:
        job = await d.client.act("close", [1, 2, 3, 4], reason="asked to")
        assert {i["order_id"]: i["why"] for i in job["items"]} == {1: "", 2: "sent_already", 3: "money_kept", 4: ""}
        assert query(d.writer.path, "SELECT stage FROM orders ORDER BY id") == [(6,), (3,), (1,), (6,)]
        assert query(d.writer.path, "SELECT free, sold FROM stock") == [(1, 1)]
        assert _column(d, "SELECT state FROM intent WHERE order_id = 1") == [int(IntentState.DROPPED)]
        by_hand = await d.client.act("close", [3], reason="typed in at the shop", by_hand=True)
        assert by_hand["failed"] == 0
        assert _column(d, "SELECT stage FROM orders WHERE id = 3") == [int(Stage.CLOSED)]


async def test_map_late_money_and_acceptance(tmp_path: Path) -> None:
    seeds = [
        Seed(1, stage=Stage.RECEIVED, product=""),
        Seed(2, stage=Stage.CANCELLED, paid=1000),
        Seed(3, stage=Stage.CANCELLED, paid=10),
        Seed(4, paid=2000),
        Seed(5),
    ]
    async with desk(tmp_path, seeds) as d:
        await d.writer.do(_product, "steam-50")
        kinds = (CaseKind.SKU_UNMAPPED, CaseKind.LATE_PAYMENT, CaseKind.LATE_PAYMENT, CaseKind.OVERPAID)
        await d.writer.do(cases, [CaseRow(i, 1, kind) for i, kind in enumerate(kinds, 1)])
        await d.writer.do(cases, [CaseRow(5, 1, CaseKind.ALREADY_SHIPPED)])
        assert (await d.client.act("map_sku", [1], product="nope"))["items"][0]["why"] == "no_such_product"
        assert (await d.client.act("map_sku", [1], product="steam-50"))["failed"] == 0
        late = await d.client.act("accept_late", [2, 3])
        assert {i["order_id"]: i["why"] for i in late["items"]} == {2: "", 3: "money_does_not_cover"}
        assert (await d.client.act("return_late", [3]))["failed"] == 0
        assert (await d.client.act("accept_case", [4, 5]))["failed"] == 0
        assert _column(d, "SELECT stage FROM orders ORDER BY id") == [1, 1, 6, 1, 5]
        assert _column(d, "SELECT sum(n) FROM case_tally") == [0]


def _product(tx: Tx, items: list[str]) -> list[None]:
    tx.many("INSERT INTO product VALUES(?, 'Steam', 'key')", [(p,) for p in items])
    return [None for _ in items]


async def test_fix_contact_reaches_waiting_intents_but_no_repeats(tmp_path: Path) -> None:
    seeds = [
        Seed(1, stage=Stage.ALLOCATED, keys=True, intent=IntentState.BLOCKED),
        Seed(2, stage=Stage.DELIVERING, keys=True, intent=IntentState.UNKNOWN),
        Seed(3, contact=""),
    ]
    async with desk(tmp_path, seeds) as d:
        await d.writer.do(cases, [CaseRow(i, 1, CaseKind.BUYER_INPUT_INVALID) for i in (1, 3)])
        assert (
            await d.client.fails(
                "POST", "/v1/preview", {"action": "fix_contact", "args": {"contact": "x"}, "orders": [1]}
            )
        )[0] == 400
        job = await d.client.act("fix_contact", [1, 2, 3], contact="new@example.org")
        assert {i["order_id"]: i["why"] for i in job["items"]} == {1: "", 2: "verdict_first", 3: ""}
        assert query(d.writer.path, "SELECT order_id, recipient, state FROM intent ORDER BY order_id") == [
            (1, "new@example.org", int(IntentState.PENDING)), (2, "a@example.org", int(IntentState.UNKNOWN)),
        ]  # fmt: skip
        log = str(query(d.writer.path, "SELECT body FROM event"))
        assert "new@example.org" not in log


async def test_retry_rearms_what_was_refused(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1, stage=Stage.DELIVERING, keys=True, intent=IntentState.REJECTED), Seed(2)]) as d:
        await d.writer.do(
            cases, [CaseRow(1, 1, CaseKind.DELIVERY_REJECTED, "send:1"), CaseRow(2, 1, CaseKind.NO_STOCK)]
        )
        job = await d.client.act("retry", [1, 2])
        assert job["failed"] == 0
        assert query(d.writer.path, "SELECT state FROM intent") == [(0,)]
        assert query(d.writer.path, "SELECT blocks FROM orders ORDER BY id") == [(0,), (0,)]


async def test_claims_are_leases_that_nobody_shares(tmp_path: Path) -> None:
    options = Options("test", role_of=lambda user, owner: "operator", lease=3_600_000_000)
    async with desk(tmp_path, [Seed(i) for i in range(1, 41)], options=options) as d:
        body = {"next": True, "view": "work", "filter": ""}
        taken = await asyncio.gather(*(d.client.post("/v1/claims", body) for _ in range(40)))
        assert sorted(t["row"]["id"] for t in taken) == list(range(1, 41))
        assert await d.client.post("/v1/claims", body) == {"row": None, "until": None, "aside": 0}
        assert (await d.client.get("/v1/queue", view="mine"))["total"] == 40
        await d.client.post("/v1/claims/drop", {"orders": [7]})
        assert (await d.client.post("/v1/claims", {**body, "skip": [7]}))["row"] is None
        assert (await d.client.post("/v1/claims", body))["row"]["id"] == 7
        until = taken[0]["until"]
        assert (await d.client.post("/v1/claims/beat", {"orders": [1]}))["until"] > until
        await d.writer.do(_somebody, 1)
        status, error = await d.client.fails("POST", "/v1/claims", {"order": 1})
        assert (status, error["code"]) == (409, "claimed")
        assert "li" in error["message"]
        assert (await d.client.fails("POST", "/v1/claims", {"order": 999}))[0] == 404


def _somebody(tx: Tx, items: list[int]) -> list[None]:
    for order in items:
        tx.run("UPDATE claim SET operator = 'li' WHERE order_id = ?", (order,))
    return [None for _ in items]


@pytest.mark.parametrize("action", ["not_sent", "replace_key", "map_sku", "accept_late", "return_late", "close"])
async def test_operators_may_not_do_what_supervisors_may(tmp_path: Path, action: str) -> None:
    options = Options("test", role_of=lambda user, owner: "operator")
    async with desk(tmp_path, [Seed(1)], options=options) as d:
        args = {"product": "x"} if action == "map_sku" else {}
        status, error = await d.client.fails("POST", "/v1/preview", {"action": action, "args": args, "orders": [1]})
        assert (status, error["code"]) == (403, "forbidden")
        assert (await d.client.fails("POST", "/v1/orders/1/reveal", {"reason": "x"}))[0] == 403
        assert (await d.client.fails("POST", "/v1/shutdown"))[0] == 403


async def test_a_token_serves_its_maker_only_and_read_only_refuses(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        seen = await d.client.post("/v1/preview", {"action": "hold", "orders": [1]})
        d.service.read_only = True
        assert (await d.client.fails("POST", "/v1/apply", {"token": seen["token"]}))[1]["code"] == "read_only"
        d.service.read_only = False
        jobs = d.service.jobs
        jobs._tokens[seen["token"]] = jobs._tokens[seen["token"]]._replace(by="somebody else")
        assert (await d.client.fails("POST", "/v1/apply", {"token": seen["token"]}))[1]["code"] == "stale_preview"
