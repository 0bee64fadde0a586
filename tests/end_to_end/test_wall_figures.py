"""The wall's figures through the real service, against a day whose answers were counted by hand."""

from pathlib import Path
from typing import Any

import pytest

from core.model.clock import SECOND
from core.service.options import Options
from tests.end_to_end.servicekit import desk
from tests.store.deskdata import writer_on
from tests.store.walldata import fill_day

NO_SPANS = {"n": 0, "median": None, "p95": None}


async def wall_of(folder: Path, **query: Any) -> dict[str, Any]:
    writer = await writer_on(folder)
    await writer.do(fill_day, None)
    async with desk(folder, writer=writer) as at:
        answer: dict[str, Any] = await at.client.get("/v1/wall", **query)
    await writer.stop()
    return answer


def span(n: int, median: float, p95: float) -> dict[str, int]:
    return {"n": n, "median": int(median * SECOND), "p95": int(p95 * SECOND)}


async def test_the_day_as_a_whole(tmp_path: Path) -> None:
    got = await wall_of(tmp_path)
    assert (got["in"], got["delivered"], got["failed"], got["backlog"], got["late"]) == (11, 9, 1, 2, 1)
    assert got["error_rate"] == 0.1
    assert got["auto"] == {"machine": 2, "by_hand": 1}
    assert got["sample"]["orders"] == 5, "the order of two days ago is not of the day"
    assert got["queue_seen"] == {"orders": 2, "whole": True}
    measured = got["measured"]
    assert measured["by_machine"] == span(2, 10, 20)
    assert measured["by_hand"] == span(1, 600, 600)
    assert measured["hands_on"] == span(1, 500, 500)
    assert measured["collection"] == span(5, 20, 40)
    assert measured["notification"] == span(3, 30, 630)


async def test_by_shop_product_person_and_channel(tmp_path: Path) -> None:
    got = await wall_of(tmp_path)
    first, second = got["shops"]
    assert [first[k] for k in ("name", "in", "delivered", "failed", "backlog", "late")] == [
        "taobao-main",
        9,
        7,
        1,
        1,
        0,
    ]
    assert (first["late_sent"], first["due_sent"], first["auto"]) == (1, 2, 2)
    assert first["handling"] == span(2, 10, 20)
    assert first["sample"] == {"delivered": 2}
    assert [second[k] for k in ("name", "in", "delivered", "failed", "backlog", "late")] == ["pdd-main", 2, 2, 0, 1, 1]
    assert second["auto"] == 0
    steam, qq = got["products"]
    assert [steam[k] for k in ("name", "in", "delivered", "failed", "backlog", "late")] == ["steam-50", 3, 2, 1, 1, 0]
    assert steam["error_rate"] == 0.3333
    assert [qq[k] for k in ("name", "in", "delivered", "failed", "backlog", "late")] == ["qq-10", 2, 1, 0, 1, 1]
    amei, bo = got["operators"]
    assert [amei[k] for k in ("name", "in", "delivered", "backlog", "acts", "holds")] == ["amei", 1, 1, 0, 2, 0]
    assert amei["hands_on"] == span(1, 500, 500)
    assert [bo[k] for k in ("name", "in", "delivered", "backlog", "failed", "acts", "holds")] == [
        "bo",
        1,
        0,
        1,
        1,
        1,
        1,
    ]
    assert bo["hands_on"] == NO_SPANS
    email, pdd = got["channels"]
    assert (email["auto"], pdd["auto"]) == (2, 0)
    assert [email[k] for k in ("name", "in", "delivered", "backlog", "failed")] == ["email", 3, 2, 1, 1]
    assert [pdd[k] for k in ("name", "in", "delivered", "backlog", "failed")] == ["pdd-main", 1, 1, 0, 0]


async def test_history_stock_and_health_stand_beside_them(tmp_path: Path) -> None:
    got = await wall_of(tmp_path)
    assert (sum(got["series"]["delivered"]), len(got["series"]["delivered"])) == (9, 96)
    assert [(one["id"], one["free"]) for one in got["stock"]] == [("steam-50", 7)]
    assert [one["name"] for one in got["health"]] == ["taobao-main", "pdd-main"]
    assert {"state", "error_kind", "lag_s", "set_aside"} <= set(got["health"][0])


@pytest.mark.parametrize(
    ("role", "query", "seen", "hidden"),
    [
        ("supervisor", {}, ["amei", "bo"], 0),
        ("admin", {}, ["amei", "bo"], 0),
        ("operator", {}, ["bo"], 1),
        ("viewer", {}, [], 2),
        ("supervisor", {"names": "no"}, [], 2),
    ],
)
async def test_whose_figures_one_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, query: dict[str, str], seen: list[str], hidden: int
) -> None:
    import os
    import pwd

    person = pwd.getpwuid(os.getuid())
    monkeypatch.setattr("pwd.getpwuid", lambda _: pwd.struct_passwd(("bo", *person[1:])))
    writer = await writer_on(tmp_path)
    await writer.do(fill_day, None)
    options = Options("test", owner=None, role_of=lambda user, owner: role)
    async with desk(tmp_path, writer=writer, options=options) as at:
        got = await at.client.get("/v1/wall", **query)
    await writer.stop()
    assert ([one["name"] for one in got["operators"]], got["operators_hidden"]) == (seen, hidden)
    assert got["in"] == 11, "the rest is for everybody"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("came<24h", ["W1", "W2", "W5", "W4", "W3"]),
        ("sent<1h", ["W1", "W2", "W3"]),
        ("late:yes", ["W2", "W4"]),
        ("late:yes -sent<24h", ["W4"]),
        ("by:any", ["W5", "W3"]),
        ("by:amei", ["W3"]),
        ("by:none sent<24h", ["W1", "W2"]),
        ("error:any", ["W5"]),
        ("error:none came<24h", ["W1", "W2", "W4", "W3"]),
        ("via:email came<24h", ["W1", "W2", "W5"]),
        ('shop="pdd-main"', ["W4", "W3"]),
    ],
)
async def test_the_orders_behind_a_figure_can_be_listed(tmp_path: Path, text: str, found: list[str]) -> None:
    writer = await writer_on(tmp_path)
    await writer.do(fill_day, None)
    async with desk(tmp_path, writer=writer) as at:
        window = await at.client.get("/v1/queue", view="all", filter=text)
        assert [row["ext_id"] for row in window["rows"]] == found
        assert (await at.client.get("/v1/count", view="all"))["count"] == 6
    await writer.stop()
