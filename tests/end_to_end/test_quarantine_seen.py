"""What came in and could not be read is seen by people, not only by those who know the settlement list."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from console.commands.look import cases_command
from core.desk.cases import CaseRow
from core.model.lifecycle import CaseKind
from core.store.tx import Tx
from tests.end_to_end.servicekit import desk
from tests.end_to_end.test_service_reads import cases
from tests.store.deskdata import Seed


def _quarantine(tx: Tx, items: list[tuple[str, str, str]]) -> list[None]:
    for n, (ext_id, field, why) in enumerate(items):
        tx.run(
            "INSERT INTO quarantine(id, shop, ext_id, field, why, raw, print, at, seen) VALUES(?, 1, ?, ?, ?, x'', ?, ?, 3)",
            (tx.new_id(), ext_id, field, why, str(n).encode(), tx.now),
        )
    return [None for _ in items]


async def test_orders_that_could_not_be_read_are_a_kind_of_their_own(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1, ext_id="T1")]) as d:
        for one in (("Q1", "trade.payment", "not a number"), ("", "trade", "no id"), ("T1", "trade.x", "known order")):
            await d.writer.do(_quarantine, one)
        await d.writer.do(cases, [CaseRow(1, 1, CaseKind.POISON_PAYLOAD)])
        groups = {g["kind"]: g for g in (await d.client.get("/v1/cases/groups"))["groups"]}
        assert groups["quarantine"]["count"] == 2, "that of a known order is its case"
        assert groups["quarantine"]["oldest_at"] > 0
        first = await d.client.get("/v1/cases", kind="quarantine", limit=1)
        (item,) = first["cases"]
        assert (item["ext_id"], item["shop"], item["kind"]) == ("Q1", "taobao-main", "quarantine")
        assert item["fact"] == {"field": "trade.payment", "why": "not a number", "seen": 3}
        assert (item["decisions"], item["row"], item["order_id"]) == ([], None, 0)
        rest = await d.client.get("/v1/cases", kind="quarantine", limit=5, after=first["next"])
        assert [c["ext_id"] for c in rest["cases"]] == [""]
        assert rest["next"] is None


async def test_the_command_line_shows_them_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async with desk(tmp_path, []) as d:
        await d.writer.do(_quarantine, ("Q1", "trade.payment", "not a number"))

        def run(*args: str) -> str:
            result = CliRunner().invoke(cases_command, ["--socket", str(d.path), *args], standalone_mode=False)
            assert result.exception is None, result.exception
            return result.output

        assert "quarantine" in await asyncio.to_thread(run)
        shown = await asyncio.to_thread(run, "--kind", "quarantine")
        assert "Q1" in shown
        assert "trade.payment" in shown
        assert "nothing of it is delivered" in shown
        line = json.loads((await asyncio.to_thread(run, "--kind", "quarantine", "--json")).splitlines()[0])
        assert line["fact"]["why"] == "not a number"
