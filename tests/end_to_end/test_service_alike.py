"""One argument for several orders must be right for each: an address is one buyer's, a mapping is one article's."""

from pathlib import Path
from typing import Any

import pytest

from core.model.lifecycle import Stage
from core.store.tx import Tx
from tests.end_to_end.servicekit import Desk, desk
from tests.end_to_end.test_service_batches import _product
from tests.store.deskdata import Seed, query

ADDRESS = {"contact": "new@example.org"}


async def refused(d: Desk, action: str, args: dict[str, Any], *orders: int) -> bool:
    """Whether the set is refused for not being alike; when it is, nothing is frozen that could be applied."""
    before = len(d.service.jobs._tokens)
    body = {"action": action, "args": args, "orders": list(orders)}
    answer = await d.client.http.post("/v1/preview", json=body)
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_alike")
    assert len(d.service.jobs._tokens) == before
    return True


@pytest.mark.parametrize(
    ("buyer", "other", "shop", "no"),
    [
        ("zhang", "zhang", 1, False),
        ("zhang", "li", 1, True),
        ("zhang", "zhang", 2, True),
        ("", "", 1, True),
        ("zh**g", "zh**g", 1, True),
        ("张＊＊", "张＊＊", 1, True),
        ("匿名用户", "匿名用户", 1, True),
    ],
)
async def test_one_address_is_for_the_orders_of_one_buyer(
    tmp_path: Path, buyer: str, other: str, shop: int, no: bool
) -> None:
    """The same name in another shop, no name, or one that the platform hides, is not known to be the same buyer."""
    async with desk(tmp_path, [Seed(1, buyer=buyer), Seed(2, shop, buyer=other)]) as d:
        assert await refused(d, "fix_contact", ADDRESS, 1, 2) is no
        assert not await refused(d, "fix_contact", ADDRESS, 1)
        assert not await refused(d, "fix_contact", ADDRESS, 2, 2), "twice the same order is one order"
        assert not await refused(d, "hold", {}, 1, 2)
        body = {"action": "fix_contact", "args": ADDRESS, "view": "work", "filter": ""}
        assert (await d.client.http.post("/v1/preview", json=body)).status_code == (409 if no else 200)


def _sku(tx: Tx, items: list[tuple[int, str]]) -> list[None]:
    tx.many("UPDATE line SET sku = ? WHERE order_id = ?", [(sku, order) for order, sku in items])
    return [None for _ in items]


async def test_one_mapping_is_for_orders_of_one_article(tmp_path: Path) -> None:
    """Orders that wait for nothing of the kind are left out by their own reason, not by this one."""
    raw = [Seed(i, stage=Stage.RECEIVED, product="") for i in (1, 2, 3)]
    async with desk(tmp_path, [*raw, Seed(4), Seed(5, 2, stage=Stage.RECEIVED, product="")]) as d:
        await d.writer.do(_product, "steam-50")
        await d.writer.do(_sku, (3, "sku-other"))
        args = {"product": "steam-50"}
        assert await refused(d, "map_sku", args, 1, 2, 3)
        assert await refused(d, "map_sku", args, 1, 5), "another shop's article of the same number"
        assert not await refused(d, "map_sku", args, 1, 2, 4)
        job = await d.client.act("map_sku", [1, 2, 4], product="steam-50")
        assert {i["order_id"]: i["why"] for i in job["items"]} == {1: "", 2: "", 4: "nothing_unmapped"}
        assert query(d.writer.path, "SELECT product FROM orders WHERE id IN (1, 2, 3) ORDER BY id") == [
            ("steam-50",), ("steam-50",), ("",),
        ]  # fmt: skip


def _second(tx: Tx, items: list[tuple[int, str]]) -> list[None]:
    tx.many("INSERT INTO line VALUES(?, '2', ?, '', '', 1, 0)", items)
    return [None for _ in items]


async def test_orders_that_each_wait_for_two_articles_are_not_of_one(tmp_path: Path) -> None:
    """Nor does a name with a space in it look like two names."""
    raw = [Seed(i, stage=Stage.RECEIVED, product="") for i in (1, 2, 3)]
    async with desk(tmp_path, raw) as d:
        for order in (1, 2):
            await d.writer.do(_second, (order, "sku-2"))
        await d.writer.do(_sku, (3, "sku-1 sku-2"))
        assert await refused(d, "map_sku", {"product": "steam-50"}, 1, 2)
        assert await refused(d, "map_sku", {"product": "steam-50"}, 2, 3)


async def test_orders_that_ceased_to_be_alike_since_the_preview_are_refused(tmp_path: Path) -> None:
    """A buyer may change an order in the minutes that the preview stands on a screen."""
    raw = [Seed(i, stage=Stage.RECEIVED, product="") for i in (1, 2)]
    async with desk(tmp_path, raw) as d:
        await d.writer.do(_product, "steam-50")
        seen = await d.client.post(
            "/v1/preview", {"action": "map_sku", "args": {"product": "steam-50"}, "orders": [1, 2]}
        )
        await d.writer.do(_sku, (2, "sku-other"))
        status, error = await d.client.fails(
            "POST", "/v1/apply", {"token": seen["token"], "reason": "", "number": None}
        )
        assert (status, error["code"]) == (409, "not_alike")
        assert query(d.writer.path, "SELECT count(*) FROM job") == [(0,)]


async def test_an_order_that_became_another_article_since_the_preview_is_refused(tmp_path: Path) -> None:
    """Still alike, but no more what the person saw."""
    async with desk(tmp_path, [Seed(1, stage=Stage.RECEIVED, product="")]) as d:
        await d.writer.do(_product, "steam-50")
        body = {"action": "map_sku", "args": {"product": "steam-50"}, "orders": [1]}
        seen = await d.client.post("/v1/preview", body)
        await d.writer.do(_sku, (1, "sku-other"))
        apply = {"token": seen["token"], "reason": "", "number": None}
        status, error = await d.client.fails("POST", "/v1/apply", apply)
        assert (status, error["code"]) == (409, "stale_preview")


async def test_an_order_that_changes_while_its_job_waits_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long job, or one that another core resumes, reaches an order long after it was looked at."""
    raw = [Seed(i, stage=Stage.RECEIVED, product="") for i in (1, 2)]
    async with desk(tmp_path, raw) as d:
        await d.writer.do(_product, "steam-50")
        with monkeypatch.context() as patch:
            patch.setattr(d.service.jobs, "_start", lambda job: None)
            body = {"action": "map_sku", "args": {"product": "steam-50"}, "orders": [1, 2]}
            seen = await d.client.post("/v1/preview", body)
            started = await d.client.post("/v1/apply", {"token": seen["token"], "reason": "", "number": None})
        await d.writer.do(_sku, (2, "sku-other"))
        assert await d.service.jobs.resume() == 1
        job = await d.client.finished(started["job"])
        assert {i["order_id"]: i["why"] for i in job["items"]} == {1: "", 2: "changed_since"}
        assert query(d.writer.path, "SELECT product FROM line WHERE order_id = 2") == [("",)]
        assert "alike" not in str(job["args"]), "how that is known is no argument of the act"


async def test_one_order_with_two_unknown_articles_takes_no_single_product(tmp_path: Path) -> None:
    """Both lines would get it, and one of them the wrong keys; the catalogue maps them one by one."""
    async with desk(tmp_path, [Seed(1, stage=Stage.RECEIVED, product="")]) as d:
        await d.writer.do(_product, "steam-50")
        await d.writer.do(_second, (1, "sku-2"))
        job = await d.client.act("map_sku", [1], product="steam-50")
        assert [item["why"] for item in job["items"]] == ["several_articles"]
        assert query(d.writer.path, "SELECT DISTINCT product FROM line") == [("",)]
