"""The back office's calls over a real socket: stock and imports, rules and their back-test, what was set aside, the doctor."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.commands.examine import RunningSettings, examined
from core.desk.cases import CaseRow
from core.model.clock import HOUR
from core.model.lifecycle import CaseKind
from core.pipeline.judging import FACTS
from core.rules.backtest import newest
from core.rules.book import RuleBook
from core.rules.facts import FIELDS
from core.rules.rulefile import load_rules
from core.service.office import RuleDesk
from core.service.options import Options
from core.settings import load
from core.store.tx import Tx
from tests.end_to_end.servicekit import Desk, desk, lines
from tests.end_to_end.test_connect_health import _set_aside
from tests.end_to_end.test_service_reads import cases
from tests.store.deskdata import Seed, query

RULES = """
[[rules]]
name = "big"
when = "amount >= 2000"
priority = 5
tag = "BIG"
"""
OTHER = """
version = 2
[[rules]]
name = "big"
when = "amount >= 1000"
priority = 5
tag = "BIG"

[[rules]]
name = "wang"
when = "buyer == 'wang'"
hold = "call"
"""


async def _import(d: Desk, text: str) -> dict[str, Any]:
    query = {"product": "steam-50", "name": "a.txt"}
    seen = (await d.client.http.post("/v1/keys/preview", params=query, content=text.encode())).json()
    told = await lines(d.client, "POST", "/v1/keys/import", {"token": seen["token"]})
    return {**seen, **told[-1]}


async def test_stock_names_products_that_never_had_a_key_and_who_waits(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1), Seed(2)]) as d:
        (row,) = (await d.client.get("/v1/stock/products"))["products"]
        assert (row["id"], row["free"], row["waiting"]) == ("steam-50", 0, 0)
        assert (await d.client.get("/v1/stock"))["products"] == [], "the desk's line and the alerts are of kept stock"
        await d.writer.do(cases, [CaseRow(i, 1, CaseKind.NO_STOCK, "steam-50") for i in (1, 2)])
        (row,) = (await d.client.get("/v1/stock/products"))["products"]
        assert row["waiting"] == 2


class _Titles:
    """A catalogue in which the merchant has renamed a product since its first keys came."""

    ids = ("steam-50",)

    def title_of(self, product: str) -> str:
        return {"steam-50": "Steam 充值卡 50 元"}.get(product, product)

    def product_of(self, shop: str, sku: str) -> str:
        return ""

    def is_hot(self, product: str) -> bool:
        return False


async def test_stock_bears_the_titles_of_the_catalogue(tmp_path: Path) -> None:
    """The one that was kept with the first keys stays for products that the catalogue does not know any more."""
    async with desk(tmp_path, [Seed(1)], catalogue=_Titles()) as d:
        for row in (("steam-50", "old title"), ("gone", "left over")):
            await d.writer.do(_named, row)
        told = (await d.client.get("/v1/stock"))["products"]
        assert {one["id"]: one["title"] for one in told} == {"steam-50": "Steam 充值卡 50 元", "gone": "left over"}


def _named(tx: Tx, items: list[tuple[str, str]]) -> list[None]:
    for product, title in items:
        tx.run("INSERT INTO product(id, title, kind) VALUES(?, ?, 'key')", (product, title))
        tx.run("INSERT INTO stock(product, free, sold, suspect, burnt, withdrawn) VALUES(?, 1, 0, 0, 0, 0)", (product,))
    return [None for _ in items]


async def test_batches_are_told_with_what_is_left_of_them(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        first = await _import(d, "AAAA-1111-1\nAAAA-1111-2\n")
        second = await _import(d, "BBBB-2222-1\n")
        assert first["sample"] == [{"line": 1, "mask": "AA-****-1"}, {"line": 2, "mask": "AA-****-2"}]
        await d.writer.do(_bind_one, first["batch"])
        told = await d.client.get("/v1/stock/batches", product="steam-50")
        assert [(b["id"], b["size"], b["free"]) for b in told["batches"]] == [
            (second["batch"], 1, 1),
            (first["batch"], 2, 1),
        ]
        assert told["next"] is None
        page = await d.client.get("/v1/stock/batches", product="steam-50", limit=1)
        rest = await d.client.get("/v1/stock/batches", product="steam-50", limit=1, after=page["next"])
        assert [b["id"] for b in page["batches"] + rest["batches"]] == [second["batch"], first["batch"]]
        await d.client.post("/v1/keys/undo", {"batch": second["batch"]})
        newest_batch = (await d.client.get("/v1/stock/batches", product="steam-50"))["batches"][0]
        assert (newest_batch["free"], newest_batch["undone_at"] is not None) == (0, True)
        again = await _import(d, "BBBB-2222-1\n")
        told = await d.client.get("/v1/stock/batches", product="steam-50")
        assert [(b["id"], b["free"]) for b in told["batches"]][:2] == [(again["batch"], 1), (second["batch"], 0)]
        assert (await d.client.fails("GET", "/v1/stock/batches"))[0] == 400


def _bind_one(tx: Tx, items: list[int]) -> list[None]:
    for batch in items:
        sql = "UPDATE key SET state = 1, order_id = 1, line = '1', slot = 1 WHERE id = (SELECT min(id) FROM key WHERE batch = ?)"
        tx.run(sql, (batch,))
    return [None for _ in items]


def _follow(d: Desk, file: Path, text: str = RULES) -> RuleBook:
    file.write_text(text, encoding="utf-8")
    d.service.setup.rules = load_rules(file)
    book = RuleBook(file, d.service.setup, d.service.clock, lambda *_: None)
    d.service.rules = RuleDesk(d.service, book)
    return book


async def test_rules_in_force_are_told_with_how_many_of_the_newest_orders_they_fit(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1, due=3000), Seed(2), Seed(3, due=2000)]) as d:
        assert (await d.client.fails("GET", "/v1/rules"))[1]["code"] == "no_rules"
        file = tmp_path / "rules.toml"
        _follow(d, file)
        told = await d.client.get("/v1/rules")
        assert [r["name"] for r in told["rules"]] == ["big"]
        assert told["mark"] == told["on_disk"] != ""
        assert told["recent"]["rules"] == {"big": {"hits": 2, "failed": 0}}
        assert told["recent"]["sample"] == 3
        file.write_text(RULES.replace("2000", "amuont"), encoding="utf-8")
        status, error = await d.client.fails("POST", "/v1/rules/reload")
        assert (status, error["code"]) == (409, "bad_rules")
        assert "amuont" in error["message"]
        told = await d.client.get("/v1/rules")
        assert (told["rules"][0]["when"], told["refused"]["why"]) == ("amount >= 2000", error["message"])
        assert told["on_disk"] != told["mark"]
        file.write_text(OTHER, encoding="utf-8")
        assert (await d.client.post("/v1/rules/reload"))["mark"]
        told = await d.client.get("/v1/rules")
        assert (told["version"], told["refused"], len(told["rules"])) == (2, None, 2)
        assert told["recent"]["rules"]["big"]["hits"] == 3


async def test_a_file_is_tried_against_what_is_in_force(tmp_path: Path) -> None:
    seeds = [Seed(1, due=3000, buyer="wang"), Seed(2), Seed(3, due=500)]
    async with desk(tmp_path, seeds) as d:
        file = tmp_path / "rules.toml"
        _follow(d, file)
        answer = await d.client.http.post("/v1/rules/try", params={"name": "new.toml"}, content=OTHER.encode())
        told = answer.json()
        assert (told["ok"], told["same"]) == (True, False)
        assert told["diff"] == {
            "added": ["wang"],
            "removed": [],
            "changed": [{"name": "big", "parts": [{"part": "when", "was": "amount >= 2000", "now": "amount >= 1000"}]}],
            "moved": False,
        }
        test = told["backtest"]
        assert test["rules"] == {"big": {"hits": 2, "failed": 0}, "wang": {"hits": 1, "failed": 0}}
        assert test["changed"] == {"orders": 2, "held": 1, "let_go": 0, "priority": 1, "tag": 1, "failed": 0}
        (held,) = [one for one in test["orders"] if one["now"]["held"]]
        assert (held["was"], held["now"]) == (
            {"priority": 5, "tag": "BIG", "held": []},
            {"priority": 5, "tag": "BIG", "held": ["rule"]},
        )
        own = (await d.client.http.post("/v1/rules/try")).json()
        assert (own["same"], own["backtest"]["changed"]["orders"]) == (True, 0)
        bad = (await d.client.http.post("/v1/rules/try", params={"name": "n.toml"}, content=b"\xff\xfe")).json()
        assert (bad["ok"], "not UTF-8" in bad["errors"][0]) == (False, True)
        assert [r.name for r in d.service.setup.rules.rules] == ["big"], "trying changes nothing"  # type: ignore[attr-defined]


async def test_the_backtest_knows_every_fact_and_counts_a_buyers_orders_back(tmp_path: Path) -> None:
    seeds = [Seed(i, buyer="wang", due=1000 * i, paid=1000, age=7 * HOUR) for i in (1, 2, 3)]
    async with desk(tmp_path, seeds) as d:
        await d.writer.do(_buyer, ("wang", 5, 9000))
        found = await newest(d.service.reader, d.service.setup)
        assert all(set(facts) == set(FIELDS) for facts in found.facts)
        assert all(type(facts[name]) is field.type for facts in found.facts for name, field in FIELDS.items())
        (created,) = {row[0] for row in query(d.writer.path, "SELECT created_at FROM orders")}
        placed = SimpleNamespace(created_at=created)
        for name in ("hour", "weekday"):
            assert found.facts[0][name] == FACTS[name](placed, None), "as intake tells it to the rules"  # type: ignore[arg-type]
        assert [(f["buyer_orders"], f["buyer_spent"], f["first_order"]) for f in found.facts] == [
            (5, 9000, False),
            (4, 8000, False),
            (3, 7000, False),
        ]


def _buyer(tx: Tx, items: list[tuple[str, int, int]]) -> list[None]:
    for name, orders, spent in items:
        tx.run("INSERT INTO buyer(id, orders, spent, first_at) VALUES(?, ?, ?, 1)", (name, orders, spent))
    return [None for _ in items]


@pytest.mark.parametrize(
    ("role", "refused"),
    [("viewer", ["/v1/rules/try", "/v1/rules/reload"]), ("operator", ["/v1/rules/reload"]), ("supervisor", [])],
)
async def test_who_may_try_and_who_may_reload(tmp_path: Path, role: str, refused: Sequence[str]) -> None:
    async with desk(tmp_path, options=Options("test", role_of=lambda user, owner: role)) as d:
        _follow(d, tmp_path / "rules.toml")
        for path in ("/v1/rules/try", "/v1/rules/reload"):
            answer = await d.client.http.post(path)
            assert answer.status_code == (403 if path in refused else 200), (path, answer.text)


async def test_what_a_shop_could_not_read_is_told_by_field_and_reason(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        for _ in range(3):
            await d.writer.do(_one_aside, ("order.total", "T1"))
        await d.writer.do(_one_aside, ("order.state", ""))
        await d.writer.do(_set_aside, (1, "of.another.shop"))
        told = await d.client.get("/v1/quarantine", shop="pdd-main")
        assert [(g["field"], g["n"], g["seen"], g["orders"]) for g in told["groups"]] == [
            ("order.total", 3, 6, ["T1"]),
            ("order.state", 1, 2, []),
        ]
        assert told["whole"] is True
        assert (await d.client.fails("GET", "/v1/quarantine", shop="who"))[0] == 400


def _one_aside(tx: Tx, items: list[tuple[str, str]]) -> list[None]:
    for field, ext_id in items:
        number = tx.new_id()
        tx.run(
            "INSERT INTO quarantine(id, shop, ext_id, field, why, raw, print, at, seen) VALUES(?, 2, ?, ?, 'w', x'', ?, ?, 2)",
            (number, ext_id, field, number.to_bytes(8, "big"), tx.now),
        )
    return [None for _ in items]


SETTINGS = '[core]\ndata_dir = "data"\n[roles]\nwang = "operator"\n'


async def test_the_doctor_tells_of_database_and_settings(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    running = RunningSettings(load(file=file))
    async with desk(tmp_path) as d:
        assert (await d.client.fails("GET", "/v1/doctor"))[1]["code"] == "no_doctor"
        d.service.examine = running.examine
        told = await d.client.get("/v1/doctor")
        found = {one["subject"]: (one["state"], one["code"]) for one in told["checks"]}
        assert (found["database"], found["settings"]) == (("ok", "database_new"), ("ok", "settings"))
        assert {"key": "roles.wang", "value": "operator", "from": str(file)} in told["settings"]
        file.write_text(SETTINGS + '[shops.x]\nplatform = "taobaoo"\n', encoding="utf-8")
        told = await d.client.get("/v1/doctor")
        (one,) = [one for one in told["checks"] if one["subject"] == "settings"]
        assert (one["state"], one["code"]) == ("bad", "settings_refused")
        assert "taobaoo" in one["facts"]["why"]
        file.write_text(SETTINGS + "# a word\n", encoding="utf-8")
        told = await d.client.get("/v1/doctor")
        assert [o["state"] for o in told["checks"] if o["subject"] == "settings"] == ["warn"]


async def test_settings_are_shown_to_supervisors_alone(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    loaded = load(file=file)
    async with desk(tmp_path, options=Options("test", role_of=lambda user, owner: "operator")) as d:
        d.service.examine = lambda: examined(loaded)
        told = await d.client.get("/v1/doctor")
        assert told["settings"] == []
        assert told["checks"]


async def test_the_doctor_names_a_shop_whose_platform_does_not_answer(tmp_path: Path) -> None:
    """A configuration without fault is no health: who looks for what is wrong must find it here."""
    states = [
        {"name": "pdd-main", "state": "failing", "error": "platform: HTTP 503"},
        {"name": "indie", "state": "ok", "error": None},
    ]
    loaded = load(file=_written(tmp_path))
    async with desk(tmp_path, shop_states=lambda: states) as d:
        d.service.examine = lambda: examined(loaded)
        told = (await d.client.get("/v1/doctor"))["checks"]
        assert [(o["subject"], o["state"], o["facts"]) for o in told if o["code"].startswith("shop_")] == [
            ("pdd-main", "bad", {"error": "platform: HTTP 503"})
        ]


def _written(folder: Path) -> Path:
    file = folder / "settings.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    return file
