"""Ten thousand orders by a few keys: marked by filter, previewed, applied as one job, on a real core in a real terminal."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from core.desk.holds import HoldRow
from core.desk.jobs import Limits
from core.model.lifecycle import HoldReason
from tests.console.terminalkit import Terminal
from tests.end_to_end.servicekit import Desk, desk
from tests.end_to_end.test_service_batches import holds
from tests.store.deskdata import Seed, query

MANY, OTHERS = 10_000, 700
KEYS_MOST = 12


def _seeds() -> list[Seed]:
    """Those that are meant, with others between them."""
    return [Seed(i, tag="VIP" if i % 107 >= 7 else "", due=150) for i in range(1, MANY + OTHERS + 1)]


async def test_filter_mark_preview_apply_on_ten_thousand_orders_takes_twelve_keys(tmp_path: Path) -> None:
    """`M`, three letters, Enter, `c`, the number, Enter; meanwhile the core goes on answering others."""
    seeds = _seeds()
    others = {one.id for one in seeds if one.tag != "VIP"}
    assert len(others) == OTHERS
    async with desk(tmp_path, seeds) as d:
        await d.writer.do(holds, [HoldRow(one.id, HoldReason.CONFIRM, "") for one in seeds])
        terminal = await asyncio.to_thread(Terminal, SimpleNamespace(path=d.path))
        see = _eyes(terminal)
        try:
            await see("why it is not moving")
            keys = ("M", "VIP\r", "c", "10000\r")
            assert sum(map(len, keys)) <= KEYS_MOST
            terminal.press(keys[0])
            await see("mark by filter")
            terminal.press(keys[1])
            screen = await see("10,000 orders marked")
            assert "15,000.00" in screen, "what the marked are worth together"
            assert "not in this list" in screen, "marks that the list does not show are counted"
            terminal.press(keys[2])
            screen = await see("type 10000 to confirm")
            assert "15,000.00" in screen
            other = asyncio.create_task(_another(d))
            terminal.press(keys[3])
            job, halfway = await other
            assert halfway, "the job held up everybody else"
            assert (job["total"], job["done"], job["failed"]) == (MANY, MANY, 0)
            await see("confirm: 10,000 done")
        finally:
            terminal.child.kill(9)
            terminal.child.close()
        left = {row[0] for row in query(d.writer.path, "SELECT order_id FROM hold WHERE lifted_at IS NULL")}
        assert left == others, "the others are as they were"


def _eyes(terminal: Terminal) -> Callable[[str], Any]:
    async def see(text: str) -> str:
        return await asyncio.to_thread(terminal.until, text, 30.0)

    return see


async def _another(d: Desk) -> tuple[dict[str, Any], bool]:
    """What another console sees: the ended job, and whether it had answers while that ran."""
    halfway = False
    while True:
        await d.client.get("/v1/queue", view="work", limit=64)
        for job in (await d.client.get("/v1/jobs"))["jobs"]:
            if job["state"] != "running":
                return job, halfway
            halfway = halfway or 0 < job["done"] < MANY


async def test_more_than_one_act_takes_is_said(tmp_path: Path) -> None:
    """The first of the view are marked, and that more match is told; amounts come with their currency."""
    seeds = [Seed(i, due=100 + i) for i in range(1, 8)]
    async with desk(tmp_path, seeds, limits=Limits(orders=5)) as d:
        found = await d.client.get("/v1/matching", view="work", filter="")
        assert found == {"orders": [[i, 100 + i, "CNY"] for i in range(1, 6)], "more": True}
        found = await d.client.get("/v1/matching", view="work", filter="amount>=1.05")
        assert found == {"orders": [[i, 100 + i, "CNY"] for i in range(5, 8)], "more": False}


async def test_pasted_numbers_lead_to_orders_of_every_shop(tmp_path: Path) -> None:
    """In the order given; what no shop or more than one knows is told, and our own ids are no numbers of shops."""
    seeds = [Seed(1, 1, "A-1", due=100), Seed(2, 2, "B-2", due=200), Seed(3, 1, "same"), Seed(4, 2, "same")]
    async with desk(tmp_path, seeds) as d:
        found = await d.client.post("/v1/lookup", {"numbers": ["B-2", "same", "1", "A-1", "A", "B-2", "a-1", ""]})
        assert found == {
            "orders": [[2, 200, "CNY"], [1, 100, "CNY"]],
            "missing": ["1", "A", "a-1"],
            "several": ["same"],
        }
        assert (await d.client.fails("POST", "/v1/lookup", {"numbers": [1]}))[0] == 400
        assert (await d.client.fails("POST", "/v1/lookup", {"numbers": ["x"] * 10_001}))[0] == 400
